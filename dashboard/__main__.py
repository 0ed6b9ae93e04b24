"""``python -m dashboard``: serve the dashboard on the configured address, in this process.

Reads ``[dashboard]``, ``[[access]]``, ``[store]`` and ``[alerts]`` of the settings. Listens beyond loopback
only with a sign-in; on loopback it is opened by ``lightship dashboard link``. The theme is found beside this
file whatever the working directory is.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from altair.utils import schemapi
from starlette.middleware import Middleware
from streamlit.starlette import App

from dashboard.access import openid_client, sign_in_failures
from dashboard.access.headers import SecurityHeaders
from dashboard.access.local_session import LocalSession, applies
from dashboard.access.sign_in_failures import SignInFailures
from dashboard.access.signing_in import check_start, secrets
from infra.clock import SystemClock
from infra.errors import Misconfigured
from infra.settings import LOOPBACK, Settings, load

ROOT = Path(__file__).resolve().parent


def options(settings: Settings) -> dict[str, Any]:
    """Streamlit's options for these settings."""
    host, port = settings.dashboard.host, settings.dashboard.port
    chosen: dict[str, Any] = {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "logger.hideWelcomeMessage": True,  # the address alone does not sign in
        "server.fileWatcherType": "none",
        "browser.serverAddress": host,
    }
    public = urlsplit(settings.dashboard.login.redirect_url).hostname
    named = settings.dashboard.allowed_hosts
    if host in LOOPBACK or public or named:
        # a page elsewhere that resolves its own name to this machine must not talk to the dashboard
        chosen["server.allowedHosts"] = sorted({*LOOPBACK, *named, *([public] if public else [])})
    return chosen


def application(settings: Settings) -> App:
    """The dashboard with its sign-in, or the door of one's own machine, and its headers."""
    before = [Middleware(SecurityHeaders)]
    if applies(settings):
        before.append(Middleware(LocalSession, settings, SystemClock().now_ns))
    if settings.dashboard.login.metadata_url:
        openid_client.install()
        sign_in_failures.install()
        before.append(Middleware(SignInFailures))
    return App(ROOT / "main.py", secrets=secrets(settings) or None, middleware=before)


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until a signal says stop."""
    parser = argparse.ArgumentParser(prog="python -m dashboard", description=__doc__)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file instead of lightship.toml")
    chosen = parser.parse_args(argv)
    try:
        settings = load(chosen.config)
        check_start(settings)
        app = application(settings)
    except Misconfigured as error:
        sys.stderr.write(f"dashboard: {error}\n")
        sys.exit(2)
    if chosen.config:
        os.environ["LIGHTSHIP_CONFIG"] = str(chosen.config.absolute())  # pages read them anew
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    for name in ("httpx", "httpx2", "uvicorn", "watchdog"):
        logging.getLogger(name).setLevel(logging.WARNING)
    schemapi.disable_debug_mode()  # charts are not checked against their schema as they are built: tests do
    app.run(config=options(settings))


if __name__ == "__main__":
    main()
