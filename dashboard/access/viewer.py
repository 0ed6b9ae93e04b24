"""Who is looking: tenant, role and name. Tenant and role are part of every cached answer.

Where there is a sign-in, both follow from its claims by ``[[access]]`` of the settings. Without one, on one's
own machine, they are given by whoever runs the dashboard, in ``LIGHTSHIP_TENANT`` and ``LIGHTSHIP_ROLE``.
They are never taken from the browser: an address may only choose among tenants that are granted.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from infra.dashboard_sections import ROLES, AccessSettings, LoginSettings
from infra.errors import Misconfigured

MAX_NAME = 100
"""Characters of a name that are kept in records."""

MAX_AHEAD = timedelta(minutes=2)
"""How far in the future a sign-in may lie: by how much clocks may differ."""

VIEWER, ANALYST, RESPONDER, ADMIN = ROLES


class SignInNeeded(Exception):
    """Nobody has signed in, or (``expired``) too long ago."""

    def __init__(self, *, expired: bool = False) -> None:
        super().__init__()
        self.expired = expired


class NothingGranted(Exception):
    """Who signed in is given nothing by the settings; ``str`` of it is the name."""


class NotAllowed(Exception):
    """What was asked for needs another role; ``needs`` names the least one."""

    def __init__(self, needs: str) -> None:
        super().__init__(f"needs the role {needs}")
        self.needs = needs


@dataclass(frozen=True, slots=True)
class Viewer:
    """``name`` goes into the record of whatever this person does.

    ``until`` is when they have to sign in again; ``tenants`` are those they may choose among.
    """

    tenant: str
    role: str
    name: str
    until: datetime | None = None
    tenants: tuple[str, ...] = ()

    def is_at_least(self, role: str) -> bool:
        """Whether this person may do what ``role`` may."""
        return ROLES.index(self.role) >= ROLES.index(role)

    @property
    def may_read_text(self) -> bool:
        """Whether redacted interactions are shown."""
        return self.is_at_least(ANALYST)

    @property
    def may_act(self) -> bool:
        """Whether incidents may be acknowledged, ended, silenced and annotated."""
        return self.is_at_least(RESPONDER)

    @property
    def may_set(self) -> bool:
        """Whether what is watched may be changed: rules added and removed."""
        return self.is_at_least(ADMIN)


def grants(claims: Mapping[str, object], access: Sequence[AccessSettings]) -> dict[str, str]:
    """The strongest role in each tenant, by the claims of a sign-in.

    An e-mail address grants nothing unless the provider calls it verified (``email_verified`` is true, OpenID
    Connect Core, section 5.1): anybody may have typed it.
    """
    out: dict[str, str] = {}
    for one in access:
        if one.claim == "email" and claims.get("email_verified") is not True:
            continue
        if one.value in _values(claims.get(one.claim)):
            known = out.get(one.tenant, VIEWER)
            out[one.tenant] = max(known, one.role, key=ROLES.index)
    return out


def _values(claim: object) -> tuple[str, ...]:
    if isinstance(claim, str):
        return (claim,)
    return tuple(v for v in claim if isinstance(v, str)) if isinstance(claim, (list, tuple)) else ()


def signed_in(
    claims: Mapping[str, object],
    login: LoginSettings,
    access: Sequence[AccessSettings],
    now: datetime,
    tenant: str = "",
) -> Viewer:
    """The viewer behind the claims of a sign-in; ``tenant`` chooses one where several are granted.

    Raises
    ------
    SignInNeeded
        If nobody signed in, or longer ago than a session lasts, or it is not told when.
    NothingGranted
        If the settings grant nothing to these claims.
    """
    if claims.get("is_logged_in") is not True:
        raise SignInNeeded
    said = claims.get("iat")
    if isinstance(said, bool) or not isinstance(said, (int, float)):
        raise SignInNeeded(expired=True)
    try:
        since = datetime.fromtimestamp(said, UTC)
        until = since + timedelta(minutes=login.session_minutes)
    except (OverflowError, ValueError, OSError):  # no time that a calendar has
        raise SignInNeeded(expired=True) from None
    if now >= until or since > now + MAX_AHEAD:
        raise SignInNeeded(expired=True)
    name = _name(claims, login.name_claim)
    granted = grants(claims, access)
    if not granted:
        raise NothingGranted(name)
    names = tuple(sorted(granted))
    chosen = tenant if tenant in granted else names[0]
    return Viewer(chosen, granted[chosen], name, until, names)


def _name(claims: Mapping[str, object], claim: str) -> str:
    for found in (claims.get(claim), claims.get("sub")):
        if isinstance(found, str) and found.strip():
            return found.strip()[:MAX_NAME]
    return "somebody without a name"


def from_environment(environ: Mapping[str, str], *, loopback: bool = True) -> Viewer:
    """The viewer where there is no sign-in.

    Where the dashboard is reachable from other machines (not ``loopback``) only numbers are shown unless
    whoever runs it says otherwise: it cannot be known who looks.

    Raises
    ------
    Misconfigured
        If ``LIGHTSHIP_ROLE`` is not a role.
    """
    role = environ.get("LIGHTSHIP_ROLE") or (RESPONDER if loopback else VIEWER)
    if role not in ROLES:
        raise Misconfigured(f"LIGHTSHIP_ROLE = {role!r} is not a role: give one of {', '.join(ROLES)}")
    return Viewer(environ.get("LIGHTSHIP_TENANT") or "default", role, _account())


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user database
        return "dashboard"
