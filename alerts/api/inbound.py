"""``/act/pagerduty/<receiver>`` and ``/act/slack/<receiver>``: acknowledged there is acknowledged here.

A request is read as far as it may be large, checked by its signature and only then looked at. The same one
again acts once; what somebody has acknowledged stays his; an acknowledgement of before an incident came back
is none of it now.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from alerts.access.typed_text import TypedText
from alerts.api.request import read_body
from alerts.errors import NotPossible, Unavailable
from alerts.inbound import acknowledgements, signatures
from alerts.inbound.acknowledgements import OLDEST_S, Acknowledgement
from alerts.incident_service import IncidentService
from alerts.notify.http_post import HttpPost
from alerts.notify.secrets import read_secret
from infra.clock import NS_PER_S, Clock
from infra.errors import Defect, Misconfigured
from infra.settings import Settings

logger = logging.getLogger(__name__)

PAGERDUTY, SLACK = "pagerduty", "slack"
MAX_BODY = 256 * 1024
"""Bytes of a request; Slack sends the whole message back."""
READ_S = 10.0
"""How long a request may take to arrive."""
MAX_SEEN = 4096
"""Requests that are remembered."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What receivers' requests are signed with, by the kind and name of the receiver."""

    by_receiver: Mapping[tuple[str, str], bytes]

    @classmethod
    def of(cls, settings: Settings) -> Secrets:
        """Read the files that receivers name.

        Raises
        ------
        Misconfigured
            If one cannot be read.
        """
        found = {}
        for r in settings.receiver:
            files = ((PAGERDUTY, "webhook_secret_file"), (SLACK, "signing_secret_file"))
            for kind, key in files:
                path = getattr(r, key)
                if path:
                    try:
                        found[kind, r.name] = read_secret(path, key)
                    except Misconfigured as error:
                        raise Misconfigured(f"receiver {r.name}: {error}") from error
        return cls(found)


def post_answer(url: str, body: bytes, clock: Clock) -> None:
    """Tell a person in Slack what became of the press; one that cannot be told is not."""
    door = HttpPost(url, clock, connect_s=2.0, read_s=3.0)
    try:
        outcome = door.post(body)
    finally:
        door.close()
    if outcome.reason:
        logger.info("who pressed a button in Slack was not answered: %s", outcome.reason)


class Inbound:
    """The two endpoints, of receivers whose secret is known; ``key`` signs links, ``answer`` asks Slack.

    ``secrets`` gives those of the receivers that there are now.
    """

    def __init__(
        self,
        desk: IncidentService,
        secrets: Callable[[], Secrets],
        key: bytes,
        typed: TypedText,
        clock: Clock,
        answer: Callable[[str, bytes, Clock], None] = post_answer,
    ) -> None:
        self._desk, self._secrets, self._key = desk, secrets, key
        self._typed, self._clock, self._answer = typed, clock, answer
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def routes(self) -> list[Route]:
        """Where they are asked; of a receiver without a secret there is nothing there."""
        return [
            Route("/act/pagerduty/{receiver}", self.pagerduty, methods=["POST"]),
            Route("/act/slack/{receiver}", self.slack, methods=["POST"]),
        ]

    async def pagerduty(self, request: Request) -> Response:
        """A webhook of PagerDuty."""
        body = await read_body(request, MAX_BODY, READ_S)
        secret = self._secrets().by_receiver.get((PAGERDUTY, request.path_params["receiver"]))
        header = request.headers.get(signatures.PAGERDUTY, "")
        if secret is None or body is None:
            return _refused(secret)
        if not signatures.is_from_pagerduty(body, header, secret):
            return PlainTextResponse("the signature is not that of the body\n", 401)
        found = acknowledgements.of_pagerduty(body)
        if found is None:
            return PlainTextResponse("nothing to do\n")
        return await self._acted(found)

    async def slack(self, request: Request) -> Response:
        """A press of a button in Slack."""
        receiver = request.path_params["receiver"]
        body = await read_body(request, MAX_BODY, READ_S)
        secret = self._secrets().by_receiver.get((SLACK, receiver))
        if secret is None or body is None:
            return _refused(secret)
        time = request.headers.get(signatures.SLACK_TIME, "")
        header, now_ns = request.headers.get(signatures.SLACK, ""), self._clock.now_ns()
        if not signatures.is_from_slack(body, time, header, secret, now_ns // NS_PER_S):
            return PlainTextResponse("the signature is not that of the body, or too old\n", 401)
        found = acknowledgements.of_slack(body, receiver, self._key, now_ns)
        if found is None:
            return PlainTextResponse("")
        return await self._acted(found)

    async def _acted(self, found: Acknowledgement) -> Response:
        status, said = await run_in_threadpool(self._act, found)
        if not found.response_url:
            return PlainTextResponse(f"{said}\n", status)
        body = {"response_type": "ephemeral", "replace_original": False, "text": said}
        answer = BackgroundTask(
            self._answer, found.response_url, json.dumps(body, ensure_ascii=True).encode(), self._clock
        )
        return PlainTextResponse("", status, background=answer)

    def _act(self, found: Acknowledgement) -> tuple[int, str]:
        """Acknowledge; the status, and what became of it in words without anything of records."""
        with self._lock:  # two at once are two in a row
            if found.once in self._seen:
                return 200, "this was done before"
            try:
                done = self._acknowledge(found)
            except NotPossible:
                done = f"Incident {found.incident_id} cannot be acknowledged now."
            except (Unavailable, Defect, OSError):
                return 503, "Nothing was changed: the service cannot store it now. Try again."
            self._seen[found.once] = None
            while len(self._seen) > MAX_SEEN:
                self._seen.popitem(last=False)
            return 200, done

    def _acknowledge(self, found: Acknowledgement) -> str:
        incident = self._desk.find(found.incident_id)
        if incident is None:
            return f"Incident {found.incident_id} is not in memory any more."
        age_ns = self._clock.now_ns() - found.at_ns
        came_back = incident.reopened > 0 and found.at_ns < incident.since_ns
        if came_back or not -signatures.WINDOW_S <= age_ns / NS_PER_S <= OLDEST_S:
            return f"Incident {found.incident_id}: that was before it came back, or too long ago."
        if incident.acknowledged_by is not None:
            return f"Somebody has acknowledged incident {found.incident_id} already."
        person = self._typed.actor(incident.place.tenant, found.person)
        where = found.person.partition(":")[0]
        self._desk.act(incident.incident_id, "acknowledge", person, f"acknowledged in {where}")
        return f"You have acknowledged incident {found.incident_id}."


def _refused(secret: bytes | None) -> Response:
    if secret is None:
        return PlainTextResponse("no such receiver\n", 404)
    return PlainTextResponse(f"a body may have {MAX_BODY} bytes and arrive within {READ_S:g} s\n", 413)
