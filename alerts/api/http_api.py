"""The alerts API: what is open, and what people decide. Served on the loopback interface.

``GET /healthz`` and ``/readyz`` and ``/metrics`` are open. Everything under ``/incidents``, ``/silences``,
``/allow``, ``/rules`` and ``/baselines`` needs a token (``Authorization: Bearer ...``) and its role: reading
that of a viewer, acting that of a responder, changing what is watched that of an admin. A request whose
``Host`` is not ours is refused: a web page could send it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from alerts.access.typed_text import TypedText
from alerts.api.allow_rules import AllowApi, Allowing
from alerts.api.baselines import FILTERS, BaselinesApi
from alerts.api.receivers import ReceiverApi
from alerts.api.request import (
    ADMIN,
    RESPONDER,
    TENANT,
    VIEWER,
    Refused,
    act_fields,
    check_token,
    filters,
    refuse,
)
from alerts.api.rules import RuleApi, Rules
from alerts.api.silences import SilenceApi
from alerts.briefs.brief import Brief
from alerts.briefs.headline import headline
from alerts.briefs.render import render_json, render_text
from alerts.errors import NotPossible, Unavailable, Unstorable
from alerts.incident_service import IncidentService
from alerts.incidents.codec import incident_to_dict
from alerts.incidents.identity import LIVE
from alerts.incidents.incident import OPEN, STATES, Incident
from alerts.incidents.incident_metrics import give_ups, open_incidents
from alerts.incidents.oncall_health import health
from alerts.legal_hold.evidence import Bound
from alerts.metrics import Metrics
from alerts.repository.incidents import Moment
from alerts.state.actions import ACTIONS, REASONED, UNDO
from alerts.state.undo import Undone, undone_of
from detectors.finding import rfc3339
from infra.clock import Clock, SystemClock, to_datetime
from infra.http_hosts import AllowedHosts, CheckedHosts
from infra.instance import identity
from infra.metrics_key import MetricsKey

MAX_LISTED = 500
MIN_DAYS, MAX_DAYS = 0.1, 395.0
"""How far back it is told how being on call was."""
_MISSING = "there is no incident {!r} in memory: `lightship incidents list --state all` names them"
Problems = Callable[[], list[str]]
"""What keeps the service from being ready; empty when it is."""

History = Callable[[str, str], Sequence[Moment]]
Held = Callable[[str, str], Sequence[Bound]]
"""What is kept of a tenant's incident."""
Figures = Callable[[Brief, Incident], Brief]
"""Gives the brief of an incident what was counted up to now."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How the process is: threads that have ended, and what was set aside lately, each in a line.

    ``config`` says why the settings file is not in force, if it is not.
    """

    ended: Callable[[], list[str]] = list
    set_aside: Callable[[], list[str]] = list
    config: Callable[[], str | None] = lambda: None


def build(
    desk: IncidentService,
    history: History,
    problems: Problems,
    metrics: Metrics,
    token: str,
    hosts: Sequence[str] = (),
    levels: BaselinesApi | None = None,
    clock: Clock | None = None,
    held: Held = lambda *_: (),
    rules: Rules | None = None,
    typed: TypedText | None = None,
    condition: Condition | None = None,
    took: Callable[[str], bool] | None = None,
    metrics_key: MetricsKey | None = None,
    allowing: Allowing | None = None,
    figures: Figures = lambda brief, _: brief,
) -> Starlette:
    """The application. ``hosts`` are accepted beside the names of the loopback interface.

    ``typed`` redacts what people type; without it that is done under keys that nobody keeps. ``took`` is
    called with the name of a receiver that works again; ``metrics_key`` shows all of ``/metrics``;
    ``figures`` gives a brief what was counted up to now.
    """
    clock = clock or SystemClock()
    key = metrics_key or MetricsKey()
    about = condition or Condition()
    api = _Api(desk, history, problems, metrics, token, clock, held, about, key, figures)
    people = _LevelsApi(levels, token)
    quiet = SilenceApi(desk, token, clock)
    own = RuleApi(rules, token)
    allow = AllowApi(allowing, token)
    routes = [
        Route("/healthz", api.healthz),
        Route("/readyz", api.readyz),
        Route("/metrics", api.metrics),
        Route("/incidents", api.listed),
        Route("/oncall", api.fared),
        Route("/incidents/{incident_id}", api.one),
        Route("/incidents/{incident_id}/held", api.held),
        Route("/incidents/{incident_id}/{action}", api.act, methods=["POST"]),
        Route("/silences", quiet.listed),
        Route("/silences", quiet.made, methods=["POST"]),
        Route("/silences/apply", quiet.applied, methods=["POST"]),
        Route("/silences/{silence_id}/lift", quiet.lifted, methods=["POST"]),
        Route("/allow", allow.listed),
        Route("/allow", allow.made, methods=["POST"]),
        Route("/allow/preview", allow.previewed, methods=["POST"]),
        Route("/allow/{rule_id}/remove", allow.removed, methods=["POST"]),
        Route("/rules", own.listed),
        Route("/rules", own.added, methods=["POST"]),
        Route("/rules/apply", own.applied, methods=["POST"]),
        Route("/rules/{rule_id}/remove", own.removed, methods=["POST"]),
        Route("/receivers/{name}/works", ReceiverApi(took, token).works, methods=["POST"]),
        Route("/baselines", people.listed),
        Route("/baselines/{action}", people.act, methods=["POST"]),
    ]
    allowed = AllowedHosts(named=hosts, setting="alerts.allowed_hosts")
    app = Starlette(
        routes=routes,
        middleware=[Middleware(CheckedHosts, allowed=allowed)],
        exception_handlers={Refused: refuse, Unstorable: _unstorable},
    )
    app.state.typed = typed or TypedText.under_random_keys()
    return app


class _Api:
    """Handlers."""

    def __init__(
        self,
        desk: IncidentService,
        history: History,
        problems: Problems,
        metrics: Metrics,
        token: str,
        clock: Clock,
        held: Held,
        condition: Condition,
        metrics_key: MetricsKey,
        figures: Figures,
    ) -> None:
        self._metrics_key = metrics_key
        self._condition = condition
        self._desk, self._history, self._problems = desk, history, problems
        self._metrics, self._token, self._clock = metrics, token, clock
        self._held, self._figures = held, figures

    async def healthz(self, _: Request) -> Response:
        """The process answers, and none of its threads has ended; 503 with their names otherwise."""
        if ended := self._condition.ended():
            return JSONResponse({"status": "broken", "problems": ended}, 503, headers=identity())
        return JSONResponse({"status": "ok"}, headers=identity())

    async def readyz(self, _: Request) -> Response:
        """It reads findings and can store what they lead to; 503 with the reasons otherwise.

        ``set_aside`` is what its own code failed on lately: the rest goes on. ``config`` is why a changed
        settings file is not in force.
        """
        problems = await run_in_threadpool(self._problems)
        body = {
            "ready": not problems,
            "problems": problems,
            "set_aside": self._condition.set_aside(),
            "config": self._condition.config(),
        }
        return JSONResponse(body, 503 if problems else 200, headers=identity())

    async def metrics(self, request: Request) -> Response:
        """Numbers about the service; tenants and services are named to whoever has the key of the metrics."""
        whole = self._metrics_key.is_in(request.headers.get("authorization", ""))
        incidents = await run_in_threadpool(self._desk.all)
        parts = (
            self._metrics.text(),
            open_incidents(incidents, whole=whole),
            give_ups(self._metrics.by_receiver),
        )
        return PlainTextResponse("".join(parts), media_type="text/plain; version=0.0.4")

    async def listed(self, request: Request) -> Response:
        """Incidents, newest first. ``state`` may be a state or ``open``."""
        self._check(request)
        asked = filters(request, ("tenant", "lineage", "service", "environment", "state", "limit"))
        state = asked.get("state", "")
        if state not in ("", "open", *STATES):
            raise Refused(400, f"state {state!r} is none of open, {', '.join(STATES)}")
        limit = asked.get("limit", "100")
        if not (limit.isdecimal() and 1 <= int(limit[:6]) <= MAX_LISTED):
            raise Refused(400, f"limit must be 1 to {MAX_LISTED}")
        incidents = await run_in_threadpool(self._desk.all)
        chosen = [i for i in incidents if _is_asked_for(i, asked, state)]
        rows = [_summary(i) for i in chosen[: int(limit)]]
        return JSONResponse({"v": 1, "total": len(chosen), "incidents": rows})

    async def fared(self, request: Request) -> Response:
        """How being on call was: ``days`` (28), ``lineage`` (live), ``tenant``."""
        self._check(request)
        asked = filters(request, ("tenant", "lineage", "days"))
        try:
            days = float(asked.get("days", "28"))
        except ValueError:
            days = 0.0
        if not MIN_DAYS <= days <= MAX_DAYS:
            raise Refused(400, f"days = {asked.get('days', '')!r} must be {MIN_DAYS:g} to {MAX_DAYS:g}")
        incidents = await run_in_threadpool(self._desk.all)
        place = asked.get("tenant", TENANT), asked.get("lineage", LIVE)
        return JSONResponse({"v": 1, **health(incidents, *place, days, self._clock.now_ns())})

    async def one(self, request: Request) -> Response:
        """One incident: its state, its brief and its history."""
        self._check(request)
        incident = await self._asked_for(request)
        return JSONResponse(await run_in_threadpool(self._whole, incident))

    async def held(self, request: Request) -> Response:
        """What is kept of an incident from expiring, table by table, and what the bound on size kept out."""
        self._check(request)
        incident = await self._asked_for(request)
        try:
            found = await run_in_threadpool(self._held, incident.place.tenant, incident.incident_id)
        except Unavailable as error:
            raise Refused(503, str(error)) from error
        rows = [{**asdict(bound), "cut": bound.cut} for bound in found]
        facts = {k: v for k, v in incident_to_dict(incident).items() if k in ("incident_id", "tenant")}
        return JSONResponse({"v": 1, **facts, "held_by": incident.held_by, "sources": rows})

    async def _asked_for(self, request: Request) -> Incident:
        incident_id = request.path_params["incident_id"]
        incident = await run_in_threadpool(self._desk.find, incident_id)
        tenant = request.state.tenant
        if incident is None or (tenant is not None and tenant != incident.place.tenant):
            raise Refused(404, _MISSING.format(incident_id))
        return incident

    async def act(self, request: Request) -> Response:
        """Acknowledge, end or annotate: ``{"actor": ..., "reason": ...}``; a ``tenant`` must be its own."""
        self._check(request, RESPONDER)
        action = request.path_params["action"]
        if action not in ACTIONS:
            raise Refused(404, f"{action!r} is none of {', '.join(ACTIONS)}")
        incident_id = request.path_params["incident_id"]
        known = await run_in_threadpool(self._desk.find, incident_id)
        tenant = TENANT if known is None else known.place.tenant
        actor, reason, asked = await act_fields(request, ("tenant", "role"), tenant=tenant)
        if not reason and action in REASONED:
            raise Refused(422, f"{action} needs a reason")
        if known is not None and asked.get("tenant", known.place.tenant) != known.place.tenant:
            raise Refused(404, _MISSING.format(incident_id))
        role = asked.get("role", "")
        undone = self._undone(known) if action == UNDO else None
        try:
            incident = await run_in_threadpool(self._desk.act, incident_id, action, actor, reason, role)
        except NotPossible as error:
            raise Refused(409, str(error)) from error
        except Unavailable as error:
            raise Refused(503, f"nothing was changed: {error}") from error
        if incident is None:
            raise Refused(404, _MISSING.format(incident_id))
        return JSONResponse(_summary(incident) | ({"undone": undone.to_dict()} if undone else {}))

    def _undone(self, incident: Incident | None) -> Undone | None:
        if incident is None:
            return None
        return undone_of(incident, self._desk.allow_rules().all, self._clock.now_ns())

    def _check(self, request: Request, least: str = VIEWER) -> None:
        check_token(request, self._token, least)

    def _whole(self, incident: Incident) -> dict[str, Any]:
        try:
            moments = self._history(incident.place.tenant, incident.incident_id)
            history: list[dict[str, Any]] | None = [_moment(m) for m in moments]
        except Unavailable:
            history = None
        whole = {k: v for k, v in incident_to_dict(incident).items() if k != "exact"}
        brief = self._figures(self._desk.brief(incident), incident)
        return {**whole, "brief": render_json(brief), "text": render_text(brief), "history": history}


async def _unstorable(_: Request, error: Exception) -> Response:
    """What people sent holds values that no row can hold."""
    return JSONResponse({"error": f"nothing was changed: {error}"}, 422)


class _LevelsApi:
    """Handlers about baselines."""

    def __init__(self, levels: BaselinesApi | None, token: str) -> None:
        self._levels, self._token = levels, token

    async def listed(self, request: Request) -> Response:
        """Learned levels, as proposals."""
        levels = self._open(request)
        asked = filters(request, FILTERS)
        try:
            rows = await run_in_threadpool(levels.listed, asked)
        except Unavailable as error:
            raise Refused(503, str(error)) from error
        return JSONResponse({"v": 1, "baselines": rows})

    async def act(self, request: Request) -> Response:
        """Accept levels: ``{"service": ..., "score": ..., "actor": ..., "reason": ...}``."""
        action = request.path_params["action"]
        levels = self._open(request, ADMIN if action == "adopt" else RESPONDER)
        if action not in levels.actions:
            raise Refused(404, f"{action!r} is none of {', '.join(levels.actions)}")
        names, act = levels.actions[action]
        actor, reason, asked = await act_fields(request, (*names, "role"))
        if not reason:
            raise Refused(422, f"{action} needs a reason")
        try:
            return JSONResponse(await run_in_threadpool(act, asked, actor, reason))
        except NotPossible as error:
            raise Refused(409, str(error)) from error
        except Unavailable as error:
            raise Refused(503, str(error)) from error

    def _open(self, request: Request, least: str = VIEWER) -> BaselinesApi:
        check_token(request, self._token, least)
        if self._levels is None:
            raise Refused(404, "this service keeps no baselines")
        return self._levels


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
