"""Doors for JSON: feedback, Langfuse scores, recorded changes.

Judgements become log records (`ingest.requests.evaluation`) and take the way of all telemetry: redacted,
grouped, acknowledged. Changes go to the topic ``actions``. Answers to Langfuse's SDK are those of its public
API: an id for one score, 202 or counts with 207 for a list of them (SDK 5), 207 with an outcome for every
event of a batch (older SDKs).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import orjson

from infra import kafka
from ingest.errors import BadRecord, TooLarge
from ingest.gateway import metrics
from ingest.gateway.http_answer import Answer, as_json
from ingest.gateway.intake import Intake
from ingest.gateway.metrics import Metrics
from ingest.gateway.receiver import Admitted
from ingest.requests.change_events import read_markers
from ingest.requests.evaluation import Sent, to_request
from ingest.requests.feedback import read_feedback
from ingest.requests.json_fields import Fields
from ingest.requests.langfuse_scores import read_score

FEEDBACK, CHANGES = "/v1/feedback", "/v1/changes"
SCORES, INGESTION = "/api/public/scores", "/api/public/ingestion"
PATHS = (FEEDBACK, CHANGES, SCORES, INGESTION)
"""What is posted to."""
HEALTH, PROJECTS = "/api/public/health", "/api/public/projects"
"""What Langfuse's SDK asks for to see whether anybody is there and whether its keys are right."""

MOST_EVENTS = 1000
MOST_BYTES = 4 << 20
"""Of a body, decompressed: reading JSON holds the event loop, some ten milliseconds for so much."""
_SCORE, _LOG = "score-create", "sdk-log"


class JsonEndpoints:
    """Takes parsed bodies."""

    def __init__(self, intake: Intake, counters: Metrics) -> None:
        self._intake = intake
        self._metrics = counters

    async def handle(self, path: str, body: bytes, admitted: Admitted) -> Answer:
        """A request to one of `PATHS`, answered when it is durable.

        Raises
        ------
        BadRecord
            If the body is not what the path takes; names the field and the remedy.
        Unavailable
            If it is not acknowledged.
        """
        self._metrics.add(metrics.BODY_BYTES, n=len(body))
        if len(body) > MOST_BYTES:
            raise TooLarge(
                f"a body of {len(body)} bytes is over the limit of {MOST_BYTES}: send less at once"
            )
        try:
            tree = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise BadRecord(f"not JSON: {error}") from error
        if path == CHANGES:
            return await self._changes(tree, len(body), admitted)
        if path == INGESTION:
            return await self._ingestion(tree, len(body), admitted)
        if path == SCORES:
            return await self._scores(tree, len(body), admitted)
        sent = read_feedback(tree)
        await self._judge(sent, len(body), admitted)
        return as_json(200, {"accepted": len(sent), "ids": [s.uid for s in sent]})

    async def _judge(self, sent: Sequence[Sent], size: int, admitted: Admitted) -> None:
        with admitted.charged(len(sent), size):
            await self._intake.accept(to_request(sent, self._intake.now_ns()), admitted.origin)
        for one in sent:
            self._metrics.add(metrics.JUDGEMENTS, one.judgement.evaluation.source or "")

    async def _scores(self, tree: Any, size: int, admitted: Admitted) -> Answer:
        if not isinstance(tree, list):
            score = read_score(tree)
            await self._judge([score], size, admitted)
            return as_json(200, {"id": score.uid})
        _check_number(tree, "scores")
        good: list[Sent] = []
        errors: list[dict[str, Any]] = []
        for i, one in enumerate(tree):
            try:
                good.append(read_score(one, f"[{i}]."))
            except BadRecord as error:
                errors.append({"index": i, "message": str(error)})
        if good:
            await self._judge(good, size, admitted)
        if not errors:
            return as_json(202, {"message": "Accepted"})
        return as_json(207, {"accepted": len(good), "rejected": len(errors), "errors": errors})

    async def _changes(self, tree: Any, size: int, admitted: Admitted) -> Answer:
        origin = admitted.origin
        entries = read_markers(tree, origin.tenant, origin.lineage, self._intake.now_ns())
        with admitted.charged(len(entries), size):
            for entry in entries:
                await self._intake.record(kafka.ACTIONS.name, str(entry["marker_id"]), entry, origin)
                self._metrics.add(metrics.CHANGES, origin.tenant)
        return as_json(200, {"accepted": len(entries), "ids": [e["marker_id"] for e in entries]})

    async def _ingestion(self, tree: Any, size: int, admitted: Admitted) -> Answer:
        events = Fields(tree).raw("batch")
        if not isinstance(events, list):
            raise BadRecord("batch is missing: send a list of events")
        _check_number(events, "events")
        good: list[Sent] = []
        successes: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for i, event in enumerate(events):
            fields = Fields(event, f"batch[{i}].")
            event_id, kind = fields.text("id") or "", fields.raw("type")
            if kind == _SCORE:
                try:
                    good.append(read_score(fields.raw("body"), f"batch[{i}].body."))
                except BadRecord as error:
                    errors.append(_error(event_id, 400, str(error)))
                    continue
            elif kind != _LOG:
                errors.append(_error(event_id, 400, _not_taken(kind)))
                continue
            successes.append({"id": event_id, "status": 201})
        if good:
            await self._judge(good, size, admitted)
        return as_json(207, {"successes": successes, "errors": errors})


def _check_number(items: Sequence[Any], what: str) -> None:
    if len(items) > MOST_EVENTS:
        raise BadRecord(f"{len(items)} {what} in one request: send at most {MOST_EVENTS}")


def _error(event_id: str, status: int, message: str) -> dict[str, Any]:
    return {"id": event_id, "status": status, "message": message, "error": message}


def _not_taken(kind: Any) -> str:
    said = repr(kind)[:60]
    return (
        f"events of type {said} are not taken here, only {_SCORE}: send traces as OTLP to "
        "/api/public/otel/v1/traces (Langfuse SDK 3 or later does)"
    )


def langfuse_page(path: str, tenant: str) -> Answer:
    """What Langfuse's SDK reads: that we are there, and which project a key belongs to."""
    if path == HEALTH:
        return as_json(200, {"status": "OK", "version": _version()})
    organisation = {"id": "lightship", "name": "Lightship"}
    project = {"id": tenant, "name": tenant, "organization": organisation, "metadata": {}}
    return as_json(200, {"data": [project]})


def _version() -> str:
    try:
        return version("lightship")
    except PackageNotFoundError:
        return "0"
