"""The part of the alerts API about silences: of what nobody is told, and until when.

``GET /silences`` lists those in force (``state=all``: and those that ended lately), ``POST /silences`` makes
one, ``POST /silences/{id}/lift`` ends one, ``POST /silences/apply`` does both for a file of silences. Who
silences or lifts gives a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alerts.api.apply_request import application, applied
from alerts.api.request import RESPONDER, TENANT, Refused, act_fields, check_token, filters
from alerts.errors import NotPossible, Unavailable
from alerts.incident_service import IncidentService
from alerts.silences.plan import planned, row
from alerts.silences.silence import MATCHERS, requested_silence
from detectors.files.rows import parse_span_s
from infra.clock import Clock, to_ns


class SilenceApi:
    """Handlers."""

    def __init__(self, desk: IncidentService, token: str, clock: Clock) -> None:
        self._desk, self._token, self._clock = desk, token, clock

    async def listed(self, request: Request) -> Response:
        """Silences, oldest first."""
        check_token(request, self._token)
        asked = filters(request, ("tenant", "state"))
        state = asked.get("state", "in_force")
        if state not in ("in_force", "all"):
            raise Refused(400, f"state {state!r} is none of in_force, all")
        silences = await run_in_threadpool(self._desk.silences)
        rows = [
            s.to_dict()
            for s in silences
            if (s.in_force or state == "all") and s.tenant == asked.get("tenant", s.tenant)
        ]
        return JSONResponse({"v": 1, "silences": rows})

    async def made(self, request: Request) -> Response:
        """Silence: ``{"service": ..., "lasts": "2h", "begins": ..., "actor": ..., "reason": ...}``."""
        check_token(request, self._token, RESPONDER)
        actor, reason, asked = await act_fields(request, (*MATCHERS, "tenant", "lasts", "begins", "role"))
        if not reason:
            raise Refused(422, "a silence needs a reason")
        lasts_s = parse_span_s(asked.get("lasts", ""))
        if lasts_s is None:
            raise Refused(422, f"lasts = {asked.get('lasts', '')!r} must be a span such as 30m, 2h or 3d")
        begins_ns = _begins_ns(asked.get("begins", ""))
        tenant, now_ns = asked.get("tenant", TENANT), self._clock.now_ns()
        try:
            silence = requested_silence(tenant, asked, actor, reason, now_ns, lasts_s, begins_ns)
            await run_in_threadpool(self._desk.silence, silence)
        except NotPossible as error:
            raise Refused(409, str(error)) from error
        except Unavailable as error:
            raise Refused(503, f"nothing was changed: {error}") from error
        covered = [i for i in await run_in_threadpool(self._desk.all) if i.silence == silence.silence_id]
        rows = [i.incident_id for i in covered]
        return JSONResponse({"v": 1, "silence": silence.to_dict(), "covers": rows}, 201)

    async def applied(self, request: Request) -> Response:
        """Apply (`alerts.api.apply_request`)."""
        check_token(request, self._token, RESPONDER)
        return await applied(request, "silences", self._apply)

    def _apply(
        self, tables: Sequence[object], asked: Mapping[str, str], actor: str, reason: str
    ) -> dict[str, Any]:
        by = application(asked, actor, reason, self._clock.now_ns())
        plan = planned(tables, self._desk.silences(), by, prune="prune" in asked)
        applied = "plan" not in asked
        for step in plan.to_do if applied else ():
            if step.new is not None:  # before what it replaces is lifted: nobody is told in between
                self._desk.silence(step.new)
            if step.old is not None:
                self._desk.lift(step.old.silence_id, actor, reason, by_file=True)
        return plan.report(by, map(row, plan.steps), applied=applied)

    async def lifted(self, request: Request) -> Response:
        """End a silence: ``{"actor": ..., "reason": ...}``."""
        check_token(request, self._token, RESPONDER)
        silence_id = request.path_params["silence_id"]
        known = next(
            (s for s in await run_in_threadpool(self._desk.silences) if s.silence_id == silence_id), None
        )
        tenant = TENANT if known is None else known.tenant
        actor, reason, asked = await act_fields(request, ("tenant", "role"), tenant=tenant)
        if not reason:
            raise Refused(422, "lifting a silence needs a reason")
        if known is not None and asked.get("tenant", known.tenant) != known.tenant:
            raise Refused(404, f"there is no silence {silence_id!r}: GET /silences lists them")
        try:
            over = await run_in_threadpool(self._desk.lift, silence_id, actor, reason)
        except NotPossible as error:
            raise Refused(409, str(error)) from error
        except Unavailable as error:
            raise Refused(503, f"nothing was changed: {error}") from error
        if over is None:
            raise Refused(404, f"there is no silence {silence_id!r}: GET /silences lists them")
        return JSONResponse({"v": 1, "silence": over.to_dict()})


def _begins_ns(said: str) -> int | None:
    """A time with its zone; ``None`` for now."""
    if not said:
        return None
    try:
        return to_ns(datetime.fromisoformat(said))
    except (ValueError, OverflowError) as error:
        raise Refused(
            422, f"begins = {said[:64]!r} is not a time with its zone, such as 2026-11-27T09:30:00Z"
        ) from error
