"""Whether the dashboard may start as the settings say, and what Streamlit's sign-in needs to know.

Streamlit speaks OpenID Connect (`st.login`) through Authlib: authorisation code flow with state, nonce and,
where the provider offers it, PKCE; ID tokens are checked against the provider's published keys, and as
`dashboard.access.openid_client` demands beyond that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alerts.access.keys import read_token
from dashboard.access.openid_client import TIMEOUT_S
from infra.errors import Misconfigured
from infra.settings import LOOPBACK, LoginSettings, Settings

COOKIE_FILE = Path("keys") / "dashboard.cookie"
LEAST_COOKIE_CHARACTERS = 32


def check_start(settings: Settings) -> None:
    """Refuse to serve what anybody on the network could read.

    Raises
    ------
    Misconfigured
        If it would listen beyond loopback without a sign-in, or its sign-in cannot work.
    """
    host, login = settings.dashboard.host, settings.dashboard.login
    if login.metadata_url:
        _read("client_secret_file", login.client_secret_file, 1)
        if login.cookie_secret_file:
            _read("cookie_secret_file", login.cookie_secret_file, LEAST_COOKIE_CHARACTERS)
    elif host not in LOOPBACK and not settings.dashboard.open:
        raise Misconfigured(
            f"dashboard.host = {host!r} can be reached from other machines and nobody signs in: set "
            '[dashboard.login] and [[access]], or host = "127.0.0.1"; dashboard.open = true lets everybody in'
        )


def secrets(settings: Settings) -> dict[str, Any]:
    """Streamlit's section ``auth``; empty without a sign-in.

    Raises
    ------
    Misconfigured
        If a secret cannot be read, or is too short to protect anything.
    """
    login = settings.dashboard.login
    if not login.metadata_url:
        return {}
    return {
        "auth": {
            "redirect_uri": login.redirect_url,
            "cookie_secret": _cookie_secret(settings.home, login),
            "client_id": login.client_id,
            "client_secret": _read("client_secret_file", login.client_secret_file, 1),
            "server_metadata_url": login.metadata_url,
            "client_kwargs": {"scope": login.scope, "timeout": TIMEOUT_S, "follow_redirects": False},
        }
    }


def _cookie_secret(home: Path, login: LoginSettings) -> str:
    if not login.cookie_secret_file:
        return read_token(home, COOKIE_FILE)
    return _read("cookie_secret_file", login.cookie_secret_file, LEAST_COOKIE_CHARACTERS)


def _read(key: str, file: str, least: int) -> str:
    try:
        secret = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise Misconfigured(f"dashboard.login.{key} cannot be read: {error}") from error
    if len(secret) < least:
        raise Misconfigured(f"dashboard.login.{key}: {file} holds fewer than {least} characters")
    return secret
