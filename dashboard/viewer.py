"""Who is looking: tenant, role and name. Both are part of every cached answer.

Identity comes from the sign-in of the deployment (OIDC through Streamlit) where there is one; on one's own
machine it is the account that runs the dashboard. Tenant and role are given by whoever runs it, in
``LIGHTSHIP_TENANT`` and ``LIGHTSHIP_ROLE``, and never by the browser.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass

from infra.errors import Misconfigured

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

ROLES = ("viewer", "analyst", "responder", "admin")
"""Each may do what those before it may: numbers; redacted text; acting on incidents; settings."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """``name`` goes into the audit record of whatever this person does."""

    tenant: str
    role: str
    name: str

    @property
    def may_read_text(self) -> bool:
        """Whether redacted interactions are shown."""
        return ROLES.index(self.role) >= ROLES.index("analyst")

    @property
    def may_act(self) -> bool:
        """Whether incidents may be acknowledged, ended and annotated."""
        return ROLES.index(self.role) >= ROLES.index("responder")


def from_environment(
    environ: Mapping[str, str], signed_in_as: str | None = None, *, loopback: bool = True
) -> Viewer:
    """The viewer of this process; ``signed_in_as`` is the name the sign-in gave, if there is one.

    Where the dashboard is reachable from other machines (not ``loopback``) and nobody signed in, only numbers
    are shown unless whoever runs it says otherwise: it cannot be known who looks.

    Raises
    ------
    Misconfigured
        If ``LIGHTSHIP_ROLE`` is not a role.
    """
    role = environ.get("LIGHTSHIP_ROLE") or ("responder" if loopback or signed_in_as else "viewer")
    if role not in ROLES:
        raise Misconfigured(f"LIGHTSHIP_ROLE = {role!r} is not a role: give one of {', '.join(ROLES)}")
    return Viewer(environ.get("LIGHTSHIP_TENANT") or "default", role, signed_in_as or _account())


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user database
        return "dashboard"
