"""A request of the alerts API that applies the tables of a file: ``POST /rules/apply``, ``/silences/apply``.

Body: ``{"tables": "[{...}]", "set": ..., "prune": ..., "plan": ..., "actor": ..., "reason": ...}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alerts.api.request import TENANT, Refused, act_fields
from alerts.apply_plan import DEFAULT_SET, Application
from alerts.errors import NotPossible, Unavailable

MAX_APPLIED = 256 * 1024
"""Bytes of the tables of a file that is applied."""
_ASKED = ("tables", "set", "prune", "plan", "whole", "tenant", "role")

Apply = Callable[[Sequence[object], Mapping[str, str], str, str], dict[str, Any]]
"""Applies tables as was asked by an actor for a reason, and reports; raises `NotPossible`, `Unavailable`."""


async def applied(request: Request, what: str, apply: Apply) -> Response:
    """The answer to a request whose sender may apply; ``what`` the tables hold.

    Raises
    ------
    Refused
        If the body cannot be used, or it cannot be done.
    """
    actor, reason, asked = await act_fields(
        request, _ASKED, longest={"tables": MAX_APPLIED}, most=MAX_APPLIED
    )
    tables = _tables_of(asked)
    if not reason:
        raise Refused(422, f"{what} need a reason")
    try:
        return JSONResponse(await run_in_threadpool(apply, tables, asked, actor, reason))
    except NotPossible as error:
        raise Refused(409, str(error)) from error
    except Unavailable as error:
        raise Refused(503, f"{error}; to apply it again is safe") from error


def application(asked: Mapping[str, str], actor: str, reason: str, now_ns: int) -> Application:
    """What a request says of who applies what."""
    return Application(asked.get("tenant", TENANT), asked.get("set", DEFAULT_SET), actor, reason, now_ns)


def _tables_of(asked: Mapping[str, str]) -> list[object]:
    try:
        tables = json.loads(asked.get("tables", ""))
    except (ValueError, RecursionError) as error:
        raise Refused(422, "tables must hold a JSON list of tables, as text") from error
    if not isinstance(tables, list):
        raise Refused(422, "tables must hold a JSON list of tables, as text")
    return tables
