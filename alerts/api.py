"""The alerts API: what is open, and what people decide. Served on the loopback interface.

``GET /healthz`` and ``/readyz`` and ``/metrics`` are open. Everything under ``/incidents`` and ``/baselines``
needs the token (``Authorization: Bearer ...``). A request whose ``Host`` is not ours is refused: a web page
could send it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from alerts.desk import ACTIONS, Desk
from alerts.errors import NotPossible, Unavailable
from alerts.headline import headline
from alerts.incident import DETECTOR, OPEN, STATES, Incident
from alerts.keys import is_allowed
from alerts.level_routes import FILTERS, MAX_NAME, Levels
from alerts.log import Moment
from alerts.metrics import Metrics
from alerts.render import render_json
from alerts.wire import incident_to_dict
from detectors.finding import rfc3339
from infra.clock import to_datetime

MAX_BODY = 16 * 1024
MAX_ACTOR = 100
MAX_REASON = 1000
MAX_LISTED = 500
REASONED = ("false-alarm", "accept", "note")
"""Actions that are refused without a reason."""

Problems = Callable[[], list[str]]
"""What keeps the service from being ready; empty when it is."""

History = Callable[[str, str], Sequence[Moment]]


class _Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def build(
    desk: Desk,
    history: History,
    problems: Problems,
    metrics: Metrics,
    token: str,
    hosts: Sequence[str] = (),
    levels: Levels | None = None,
) -> Starlette:
    """The application. ``hosts`` are accepted beside the names of the loopback interface."""
    api = _Api(desk, history, problems, metrics, token)
    people = _LevelsApi(levels, token)
    routes = [
        Route("/healthz", api.healthz),
        Route("/readyz", api.readyz),
        Route("/metrics", api.metrics),
        Route("/incidents", api.listed),
        Route("/incidents/{incident_id}", api.one),
        Route("/incidents/{incident_id}/{action}", api.act, methods=["POST"]),
        Route("/baselines", people.listed),
        Route("/baselines/{action}", people.act, methods=["POST"]),
    ]
    allowed = ["127.0.0.1", "localhost", "[::1]", *hosts]
    return Starlette(
        routes=routes,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=allowed)],
        exception_handlers={_Refused: _refuse},
    )


async def _refuse(_: Request, error: Exception) -> Response:
    if not isinstance(error, _Refused):
        raise error
    return JSONResponse({"error": error.message}, error.status)


class _Api:
    """Handlers."""

    def __init__(
        self, desk: Desk, history: History, problems: Problems, metrics: Metrics, token: str
    ) -> None:
        self._desk, self._history, self._problems = desk, history, problems
        self._metrics, self._token = metrics, token

    async def healthz(self, _: Request) -> Response:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        """It reads findings and can store what they lead to; 503 with the reasons otherwise."""
        problems = await run_in_threadpool(self._problems)
        return JSONResponse({"ready": not problems, "problems": problems}, 503 if problems else 200)

    async def metrics(self, _: Request) -> Response:
        """Numbers about the service."""
        return PlainTextResponse(self._metrics.text(), media_type="text/plain; version=0.0.4")

    async def listed(self, request: Request) -> Response:
        """Incidents, newest first. ``state`` may be a state or ``open``."""
        self._check(request)
        asked = dict(request.query_params)
        unknown = sorted(set(asked) - {"tenant", "lineage", "service", "environment", "state", "limit"})
        if unknown:
            raise _Refused(400, f"unknown filter {unknown[0]!r}")
        state = asked.get("state", "")
        if state not in ("", "open", *STATES):
            raise _Refused(400, f"state {state!r} is none of open, {', '.join(STATES)}")
        limit = asked.get("limit", "100")
        if not (limit.isdecimal() and 1 <= int(limit[:6]) <= MAX_LISTED):
            raise _Refused(400, f"limit must be 1 to {MAX_LISTED}")
        incidents = await run_in_threadpool(self._desk.all)
        chosen = [i for i in incidents if _is_asked_for(i, asked, state)]
        rows = [_summary(i) for i in chosen[: int(limit)]]
        return JSONResponse({"v": 1, "total": len(chosen), "incidents": rows})

    async def one(self, request: Request) -> Response:
        """One incident: its state, its brief and its history."""
        self._check(request)
        incident = await run_in_threadpool(self._desk.find, request.path_params["incident_id"])
        if incident is None:
            raise _Refused(404, "there is no such incident")
        return JSONResponse(await run_in_threadpool(self._whole, incident))

    async def act(self, request: Request) -> Response:
        """Acknowledge, end or annotate: ``{"actor": ..., "reason": ...}``."""
        self._check(request)
        action = request.path_params["action"]
        if action not in ACTIONS:
            raise _Refused(404, f"{action!r} is none of {', '.join(ACTIONS)}")
        actor, reason = await _said(request)
        if not reason and action in REASONED:
            raise _Refused(422, f"{action} needs a reason")
        try:
            incident = await run_in_threadpool(
                self._desk.act, request.path_params["incident_id"], action, actor, reason
            )
        except NotPossible as error:
            raise _Refused(409, str(error)) from error
        except Unavailable as error:
            raise _Refused(503, f"nothing was changed: {error}") from error
        if incident is None:
            raise _Refused(404, "there is no such incident")
        return JSONResponse(_summary(incident))

    def _check(self, request: Request) -> None:
        _check_token(request, self._token)

    def _whole(self, incident: Incident) -> dict[str, Any]:
        try:
            moments = self._history(incident.place.tenant, incident.incident_id)
            history: list[dict[str, Any]] | None = [_moment(m) for m in moments]
        except Unavailable:
            history = None
        whole = {k: v for k, v in incident_to_dict(incident).items() if k != "exact"}
        return {**whole, "brief": render_json(self._desk.brief(incident)), "history": history}


class _LevelsApi:
    """Handlers about baselines."""

    def __init__(self, levels: Levels | None, token: str) -> None:
        self._levels, self._token = levels, token

    async def listed(self, request: Request) -> Response:
        """Learned levels, as proposals."""
        levels = self._open(request)
        asked = dict(request.query_params)
        unknown = sorted(set(asked) - set(FILTERS))
        if unknown:
            raise _Refused(400, f"unknown filter {unknown[0]!r}: use {', '.join(FILTERS)}")
        try:
            rows = await run_in_threadpool(levels.listed, asked)
        except Unavailable as error:
            raise _Refused(503, str(error)) from error
        return JSONResponse({"v": 1, "baselines": rows})

    async def act(self, request: Request) -> Response:
        """Accept levels: ``{"service": ..., "score": ..., "actor": ..., "reason": ...}``."""
        levels = self._open(request)
        action = request.path_params["action"]
        if action not in levels.actions:
            raise _Refused(404, f"{action!r} is none of {', '.join(levels.actions)}")
        names, act = levels.actions[action]
        actor, reason, asked = await _asked(request, names)
        if not reason:
            raise _Refused(422, f"{action} needs a reason")
        try:
            return JSONResponse(await run_in_threadpool(act, asked, actor, reason))
        except NotPossible as error:
            raise _Refused(409, str(error)) from error
        except Unavailable as error:
            raise _Refused(503, str(error)) from error

    def _open(self, request: Request) -> Levels:
        _check_token(request, self._token)
        if self._levels is None:
            raise _Refused(404, "this service keeps no baselines")
        return self._levels


def _check_token(request: Request, token: str) -> None:
    if not is_allowed(request.headers.get("authorization", ""), token):
        raise _Refused(401, "the token is missing or wrong: Authorization: Bearer <token>")


def _is_asked_for(incident: Incident, asked: dict[str, str], state: str) -> bool:
    place = incident.place
    return all(
        asked.get(name, value) == value
        for name, value in (
            ("tenant", place.tenant),
            ("lineage", place.lineage),
            ("service", place.service),
            ("environment", place.environment or ""),
        )
    ) and (not state or incident.state in (OPEN if state == "open" else (state,)))


def _summary(incident: Incident) -> dict[str, Any]:
    data = incident_to_dict(incident)
    whole = {k: v for k, v in data.items() if k not in ("exact", "findings")}
    return {**whole, "headline": headline(incident)}


def _moment(moment: Moment) -> dict[str, Any]:
    return {
        "seq": moment.seq,
        "at": rfc3339(to_datetime(moment.at_us * 1000)),
        "what": moment.what,
        "state": moment.state,
        "evidence": moment.evidence,
        "ending": moment.ending,
        "severity": moment.severity,
        "actor": moment.actor,
        "reason": moment.reason,
        "finding_id": moment.finding_id,
    }


async def _said(request: Request) -> tuple[str, str]:
    """Actor and reason of a body, checked."""
    actor, reason, _ = await _asked(request, ())
    return actor, reason


async def _asked(request: Request, names: Collection[str]) -> tuple[str, str, dict[str, str]]:
    """Actor and reason of a body and what else it may name, checked."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise _Refused(413, f"a body may have {MAX_BODY} bytes")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Refused(400, "the body must be JSON") from error
    if not isinstance(data, dict) or set(data) - {"actor", "reason", *names}:
        raise _Refused(422, f"the body may hold {', '.join((*names, 'actor'))} and reason, nothing else")
    actor, reason = data.get("actor"), data.get("reason") or ""
    actor = actor.strip() if isinstance(actor, str) else ""
    if not 0 < len(actor) <= MAX_ACTOR or actor == DETECTOR:
        raise _Refused(422, f"actor must be the name of a person, 1 to {MAX_ACTOR} characters")
    if not isinstance(reason, str) or len(reason) > MAX_REASON:
        raise _Refused(422, f"reason may have {MAX_REASON} characters")
    asked = {name: data[name] for name in names if data.get(name) is not None}
    if any(not isinstance(value, str) or len(value) > MAX_NAME for value in asked.values()):
        raise _Refused(422, f"{', '.join(names)} are texts of at most {MAX_NAME} characters")
    return actor, reason.strip(), asked
