"""Settings of the dashboard: where it listens, how people sign in, and who may see and do what."""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.sections import TCP, about

ROLES = ("viewer", "analyst", "responder", "admin")
"""Of people. Each may do what those before it may: see numbers; redacted text; act on incidents; settings."""


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """Sign-in through OpenID Connect. Nobody sees anything before it; `[[access]]` says who sees what."""

    metadata_url: str = field(
        default="",
        metadata=about("`https://id.example.org/.well-known/openid-configuration`; empty: no sign-in"),
    )
    client_id: str = field(default="", metadata=about("what the provider calls this dashboard"))
    client_secret_file: str = field(default="", metadata=about("file with the secret that goes with it"))
    redirect_url: str = field(
        default="",
        metadata=about("where people reach the dashboard, and `/oauth2callback`; known to the provider"),
    )
    cookie_secret_file: str = field(
        default="",
        metadata=about(
            "file with what signs cookies, 32 characters or more, the same for all processes; empty: one is "
            "made under `LIGHTSHIP_HOME/keys`"
        ),
    )
    scope: str = field(default="openid email profile", metadata=about("what the provider is asked to tell"))
    name_claim: str = field(
        default="email", metadata=about("claim with the name that stands in records; else `sub`")
    )
    session_minutes: int = field(
        default=480, metadata=about("minutes after which people sign in again", within=(1, 43_200))
    )


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """The dashboard, and where links in messages point."""

    host: str = field(default="127.0.0.1", metadata=about("address to listen on"))
    port: int = field(default=8501, metadata=about("port", within=TCP))
    allowed_hosts: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "names beside loopback and that of `redirect_url` under which it is reached (`Host`); empty "
            "with `host` `0.0.0.0` and no sign-in: any"
        ),
    )
    open: bool = field(
        default=False,
        metadata=about(
            "serve beyond loopback without a sign-in: for a container whose port is published to loopback "
            "alone; shows numbers only unless `LIGHTSHIP_ROLE` says otherwise"
        ),
    )
    login: LoginSettings = field(default_factory=LoginSettings)

    @property
    def address(self) -> str:
        """Where people reach it: with a sign-in, where the provider sends them back to."""
        return self.login.redirect_url.removesuffix("/oauth2callback") or f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Who may see and do what on the dashboard, by a claim of their sign-in. Without a match: nothing.

    Where several match, the strongest role holds in each tenant.
    """

    value: str = field(metadata=about("value the claim has, or that is in its list"))
    role: str = field(
        metadata=about("numbers; and redacted text; and acting on incidents; and settings", one_of=ROLES)
    )
    claim: str = field(default="groups", metadata=about("name of the claim"))
    tenant: str = field(default="default", metadata=about("whose data"))
