"""What every handler of the alerts API checks: the token, and a body that says who acts and why.

Whatever a person typed leaves `said` redacted; no handler sees it otherwise.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alerts.access.keys import granted
from alerts.access.typed_text import TypedText
from alerts.incidents.incident import DETECTOR
from infra.dashboard_sections import ROLES
from infra.errors import Defect
from infra.tenant_keys import is_tenant

TENANT = "default"
VIEWER, _, RESPONDER, ADMIN = ROLES
MAX_BODY = 16 * 1024
MAX_ACTOR = 100
MAX_REASON = 1000
MAX_NAME = 200
NO_LONGER: Mapping[str, int] = {}


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


async def refuse(_: Request, error: Exception) -> Response:
    """The answer to a refused request."""
    if not isinstance(error, Refused):
        raise error
    return JSONResponse({"error": error.message}, error.status)


def check_token(request: Request, token: str, least: str = VIEWER) -> None:
    """Check that a request carries a token whose role is ``least`` or more.

    Role and tenant are kept with the request, for `said` and `filters`.

    Raises
    ------
    Refused
        If it does not.
    """
    found = granted(request.headers.get("authorization", ""), token)
    if found is None:
        raise Refused(401, "the token is missing or wrong: Authorization: Bearer <token>")
    request.state.role, request.state.tenant = found
    request.state.least = least
    _check_role(found[0], least)


def _check_role(role: str, least: str) -> None:
    if ROLES.index(role) < ROLES.index(least):
        raise Refused(403, f"the role {role} may not do this: it needs {least}")


def _check_claims(request: Request, asked: dict[str, str]) -> None:
    """Check a role and a tenant that a request names by what its token proves; fill in what it leaves out.

    Raises
    ------
    Refused
        If it names more than its token proves, or too little for what it wants.
    """
    role, tenant = request.state.role, request.state.tenant
    named = asked.get("role") or None
    if named is not None:
        if named not in ROLES:
            raise Refused(422, f"role {named!r} is none of {', '.join(ROLES)}")
        _check_role(role, named)
        _check_role(named, request.state.least)
    if tenant is not None:
        asked["role"] = named or role
        if asked.setdefault("tenant", tenant) != tenant:
            raise Refused(403, f"the token is for tenant {tenant!r} alone")


def filters(request: Request, known: Iterable[str]) -> dict[str, str]:
    """The filters of a query.

    Raises
    ------
    Refused
        If one is not known.
    """
    asked, names = dict(request.query_params), list(known)
    unknown = sorted(set(asked) - set(names))
    if unknown:
        raise Refused(400, f"unknown filter {unknown[0]!r}: use {', '.join(names)}")
    tenant = request.state.tenant
    if tenant is not None and asked.setdefault("tenant", tenant) != tenant:
        raise Refused(403, f"the token is for tenant {tenant!r} alone")
    return asked


async def read_body(request: Request, most: int, within_s: float | None = None) -> bytes | None:
    """The body of a request; ``None`` if it has more than ``most`` bytes, or takes longer to arrive."""
    body = b""
    try:
        async with asyncio.timeout(within_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    return None
    except TimeoutError:
        return None
    return body


async def act_fields(
    request: Request,
    names: Collection[str] = (),
    longest: Mapping[str, int] = NO_LONGER,
    tenant: str = TENANT,
    most: int = MAX_BODY,
) -> tuple[str, str, dict[str, str]]:
    """Actor and reason of a body and what else it may name, checked and redacted.

    ``longest`` holds lengths where `MAX_NAME` is short. ``tenant`` is whose key and policy redact, if the
    body names none; ``most`` is how many bytes the body may have.

    Raises
    ------
    Refused
        If it is not of that form, or too large.
    """
    body = await read_body(request, most)
    if body is None:
        raise Refused(413, f"a body may have {most} bytes")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "the body must be JSON") from error
    if not isinstance(data, dict) or set(data) - {"actor", "reason", *names}:
        raise Refused(422, f"the body may hold {', '.join((*names, 'actor'))} and reason, nothing else")
    actor, reason = data.get("actor"), data.get("reason") or ""
    actor = actor.strip() if isinstance(actor, str) else ""
    if not 0 < len(actor) <= MAX_ACTOR or actor == DETECTOR:
        raise Refused(422, f"actor must be the name of a person, 1 to {MAX_ACTOR} characters")
    if not isinstance(reason, str) or len(reason) > MAX_REASON:
        raise Refused(422, f"reason may have {MAX_REASON} characters")
    asked = {name: data[name] for name in names if data.get(name) is not None}
    for name, value in asked.items():
        most = longest.get(name, MAX_NAME)
        if not isinstance(value, str) or len(value) > most:
            raise Refused(422, f"{', '.join(names)} are texts, {name} of at most {most} characters")
    _check_claims(request, asked)
    return await run_in_threadpool(
        _redacted, request.app.state.typed, asked.get("tenant", tenant), actor, reason.strip(), asked
    )


def _redacted(
    typed: TypedText, tenant: str, actor: str, reason: str, asked: Mapping[str, str]
) -> tuple[str, str, dict[str, str]]:
    if not is_tenant(tenant):
        raise Refused(422, "tenant must be lower-case letters, digits, - and _")
    try:
        names = {name: typed.name(tenant, value) for name, value in asked.items()}
        return typed.actor(tenant, actor), typed.text(tenant, reason), names
    except (Defect, OSError) as error:
        raise Refused(503, f"nothing was changed: the tenant's key cannot be used: {error}") from error
