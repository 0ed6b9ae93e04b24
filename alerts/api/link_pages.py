"""The pages behind links in messages: GET shows what would be done, POST does it.

Programs that look at links before people do (previews, scanners of mail) GET them, so GET never acts. A page
holds fixed words and the incident's id alone: nothing that came with telemetry, nor from whoever asked.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from alerts.errors import NotPossible, Unavailable
from alerts.incident_service import IncidentService
from alerts.incidents.incident import Incident
from alerts.links import signed as signed_links
from alerts.silences.silence import requested_silence
from infra.clock import NS_PER_S, Clock
from infra.http_hosts import AllowedHosts, CheckedHosts

PREFIX = "/act/"
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "referrer-policy": "no-referrer",  # the address is the permission
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Lightship</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><h1>{title}</h1><p>{says}</p>{form}</body></html>
"""
_FORM = '<form method="post"><button type="submit">{name}</button></form>'


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    title: str
    says: str
    button: str = ""


_NOT_OURS = _Answer(404, "No such link", "This link is not one of ours, or it was cut.")
_EXPIRED = _Answer(
    410, "This link has expired", "Links act for a day. Open the incident in the dashboard instead."
)
_GONE = _Answer(404, "No such incident", "The incident of this link is not in memory any more.")
_LATER = _Answer(503, "Not now", "Nothing was changed: the service cannot store it now. Try again.")


def build(
    desk: IncidentService, key: bytes, clock: Clock, hosts: Sequence[str], inbound: Sequence[Route] = ()
) -> Starlette:
    """The application; ``hosts`` are the names it is asked under, beside those of loopback.

    ``inbound`` are what services ask that people acknowledge in.
    """
    pages = _Pages(desk, key, clock)
    return Starlette(
        routes=[
            *inbound,
            Route(PREFIX + "{token:path}", pages.shown, methods=["GET"]),
            Route(PREFIX + "{token:path}", pages.done, methods=["POST"]),
        ],
        middleware=[Middleware(CheckedHosts, allowed=AllowedHosts(named=hosts, setting="alerts.public_url"))],
    )


def beside(app: ASGIApp, pages: ASGIApp) -> ASGIApp:
    """Pages behind links, which are asked for under a public name, beside the API, which never is."""

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        chosen = pages if scope.get("path", "").startswith(PREFIX) else app
        await chosen(scope, receive, send)

    return choose


class _Pages:
    """Handlers."""

    def __init__(self, desk: IncidentService, key: bytes, clock: Clock) -> None:
        self._desk, self._key, self._clock = desk, key, clock
        self._lock = threading.Lock()

    async def shown(self, request: Request) -> Response:
        """What the link would do, with a button that does it."""
        return _page(await run_in_threadpool(self._look, request.path_params["token"]))

    async def done(self, request: Request) -> Response:
        """Do it; a second time changes nothing."""
        return _page(await run_in_threadpool(self._act, request.path_params["token"]))

    def _read(self, token: str) -> tuple[signed_links.Opened, Incident] | _Answer:
        opened = signed_links.read(token, self._key, self._clock.now_ns() // NS_PER_S)
        if opened is None:
            return _NOT_OURS
        if opened.expired:
            return _EXPIRED
        incident = self._desk.find(opened.link.incident_id)
        return _GONE if incident is None else (opened, incident)

    def _look(self, token: str) -> _Answer:
        found = self._read(token)
        if isinstance(found, _Answer):
            return found
        opened, incident = found
        action = opened.link.action
        if action == signed_links.OPEN:
            return _Answer(200, "Incident", _words(incident))
        name = signed_links.NAMES[action]
        return _Answer(200, f"{name}?", _words(incident), name)

    def _act(self, token: str) -> _Answer:
        with self._lock:  # two clicks at once are two in a row
            found = self._read(token)
            if isinstance(found, _Answer):
                return found
            opened, incident = found
            try:
                if opened.link.action == signed_links.ACKNOWLEDGE:
                    return self._acknowledge(opened.link, incident)
                if opened.link.action in signed_links.SILENCES:
                    return self._silence(opened, incident)
            except NotPossible:
                return _Answer(409, "Nothing to do", f"{_words(incident)} This cannot be done with it now.")
            except Unavailable:
                return _LATER
        return _Answer(405, "Nothing to do", "This link only shows how the incident stands.")

    def _acknowledge(self, link: signed_links.Link, incident: Incident) -> _Answer:
        """What somebody has taken stays his."""
        if incident.acknowledged_by is None:
            self._desk.act(incident.incident_id, "acknowledge", link.actor, "by a link in a message")
        return _Answer(200, "Acknowledged", f"Somebody is on incident {incident.incident_id}.")

    def _silence(self, opened: signed_links.Opened, incident: Incident) -> _Answer:
        """One link makes one silence, also when that has ended or was lifted meanwhile."""
        reason = f"by a link in a message ({opened.token_id})"
        if not any(s.reason == reason for s in self._desk.silences()):
            lasts_s = signed_links.SILENCES[opened.link.action]
            like = {"service": incident.place.service, "score": incident.score, "slice": incident.slice}
            now_ns, tenant = self._clock.now_ns(), incident.place.tenant
            self._desk.silence(requested_silence(tenant, like, opened.link.actor, reason, now_ns, lasts_s))
        return _Answer(200, "Silenced", f"Nobody is told of what is like incident {incident.incident_id}.")


def _words(incident: Incident) -> str:
    """How an incident stands, in words of ours."""
    taken = "acknowledged" if incident.acknowledged_by else "not acknowledged"
    return f"Incident {incident.incident_id} ({incident.severity}) is {incident.state}; {taken}."


def _page(answer: _Answer) -> Response:
    form = _FORM.format(name=answer.button) if answer.button else ""
    body = _PAGE.format(title=answer.title, says=answer.says, form=form)
    return HTMLResponse(body, answer.status, headers=HEADERS)
