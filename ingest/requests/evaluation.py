"""A judgement as a log record: what the doors for feedback and scores put on ``otlp_logs``.

It is the event ``gen_ai.evaluation.result`` of the OpenTelemetry GenAI conventions, in the partition of the
judged trace. So an application that emits the event itself and one that posts feedback are read by the same
code (`ingest.otlp.assembly.assemble`).

=====================================================  ==================================================
``trace_id``, ``span_id``                              the judged interaction; a trace alone: the answer
                                                       its user saw, the last one
``time_unix_nano``, ``observed_time_unix_nano``        when it was judged; when it came in. Equal where the
                                                       sender named no time
scope name                                             the door (`FEEDBACK`, ...), which becomes
                                                       ``Evaluation.source``
``gen_ai.evaluation.name``                             always there
``gen_ai.evaluation.score.value``                      a number; true and false are 1 and 0
``gen_ai.evaluation.score.label``                      a category, or what a number is called
``gen_ai.evaluation.explanation``                      the comment
``gen_ai.response.id``                                 the judged answer, for those who know only its id
``log.record.uid``                                     the judgement's own id, equal for every retry; another
                                                       judgement with the same id corrects the first
``user.id``                                            who judged; pseudonymised like every user id
``session.id``                                         the judged conversation, where no trace is named;
                                                       pseudonymised as on spans
=====================================================  ==================================================

Sources: OpenTelemetry GenAI events; ``log.record.uid``, ``user.id`` and ``session.id`` of its registry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ScopeLogs

from ingest.otlp.assembly.assemble import EVALUATION_EVENT, Judgement

FEEDBACK, LANGFUSE, JUDGE = "feedback", "langfuse", "judge"
"""Doors that judgements come through."""

NAME = "gen_ai.evaluation.name"
VALUE = "gen_ai.evaluation.score.value"
LABEL = "gen_ai.evaluation.score.label"
EXPLANATION = "gen_ai.evaluation.explanation"
RESPONSE_ID = "gen_ai.response.id"
UID = "log.record.uid"
WHO = "user.id"
CONVERSATION = "session.id"


@dataclass(frozen=True, slots=True)
class Sent:
    """A judgement as it came in. ``time_ns`` is when it was judged, if the sender said so."""

    judgement: Judgement
    id: str | None = None
    who: str | None = None
    conversation_id: str | None = None
    time_ns: int | None = None

    @property
    def uid(self) -> str:
        """The sender's id, else 32 hexadecimal digits of SHA-256 over what was judged, how and by whom."""
        if self.id:
            return self.id
        j, e = self.judgement, self.judgement.evaluation
        content = [
            j.trace_id, j.span_id, j.response_id, self.conversation_id, self.who, self.time_ns,
            e.source, e.name, e.score, e.label, e.explanation,
        ]  # fmt: skip
        return hashlib.sha256(orjson.dumps(content)).hexdigest()[:32]


def to_record(sent: Sent, received_ns: int) -> LogRecord:
    """The log record of a judgement, whose ids must be hexadecimal or absent."""
    j, e = sent.judgement, sent.judgement.evaluation
    record = LogRecord(
        time_unix_nano=received_ns if sent.time_ns is None else sent.time_ns,
        observed_time_unix_nano=received_ns,
        event_name=EVALUATION_EVENT,
        trace_id=bytes.fromhex(j.trace_id or ""),
        span_id=bytes.fromhex(j.span_id or ""),
    )
    texts = {
        NAME: e.name,
        LABEL: e.label,
        EXPLANATION: e.explanation,
        RESPONSE_ID: j.response_id,
        UID: sent.uid,
        WHO: sent.who,
        CONVERSATION: sent.conversation_id,
    }
    for key, text in texts.items():
        if text:
            record.attributes.add(key=key).value.string_value = text
    if e.score is not None:
        record.attributes.add(key=VALUE).value.double_value = e.score
    return record


def to_request(sent: Iterable[Sent], received_ns: int) -> ExportLogsServiceRequest:
    """A request with the records of judgements, under a scope for each door."""
    request = ExportLogsServiceRequest()
    scopes = request.resource_logs.add().scope_logs
    by_door: dict[str, ScopeLogs] = {}
    for one in sent:
        door = one.judgement.evaluation.source or ""
        if door not in by_door:
            by_door[door] = scopes.add()
            by_door[door].scope.name = door
        by_door[door].log_records.append(to_record(one, received_ns))
    return request
