"""OTLP out: what was found as ``gen_ai.evaluation.result`` events, to any receiver of OTLP/HTTP logs.

One event a message: the score that leads the incident with its current value, what happened in words, and a
link back. The event and its attributes are those of the OpenTelemetry GenAI conventions; what they do not
know stands under ``lightship.``. The resource has the name of the service, so that it lies beside its traces.
"""

from __future__ import annotations

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from alerts.briefs import words
from alerts.briefs.render import label, render_text
from alerts.notify.http_post import HttpPost
from alerts.notify.protocol import GAVE_UP, SENT, Delivery, Outcome
from infra.clock import Clock, to_ns

PATH = "/v1/logs"
EVENT = "gen_ai.evaluation.result"
SCOPE = "lightship.alerts"
PROTOBUF = "application/x-protobuf"
MAX_NAME = 200
SEVERITIES = {
    "page": SeverityNumber.SEVERITY_NUMBER_ERROR,
    "ticket": SeverityNumber.SEVERITY_NUMBER_WARN,
    "info": SeverityNumber.SEVERITY_NUMBER_INFO,
}

Value = str | float | int | None


def render(delivery: Delivery, observed_ns: int) -> ExportLogsServiceRequest:
    """The request: one log record of one resource. Its time is that of the telemetry, ns since 1970."""
    brief, place = delivery.brief, delivery.place
    what = brief.what
    attributes: dict[str, Value] = {
        "gen_ai.evaluation.name": words.plain(what.score, MAX_NAME),
        "gen_ai.evaluation.score.value": what.current_value,
        "gen_ai.evaluation.score.label": delivery.kind,
        "gen_ai.evaluation.explanation": brief.headline,
        "lightship.incident.id": delivery.incident_id,
        "lightship.incident.url": brief.do.dashboard or None,
        "lightship.incident.state": label(brief),
        "lightship.incident.severity": brief.severity,
        "lightship.incident.ending": brief.ending,
        "lightship.dedup_key": delivery.dedup_key,
        "lightship.slice": brief.where.slice,
        "lightship.lineage": words.plain(place.lineage, MAX_NAME),
        "lightship.tenant": words.plain(place.tenant, MAX_NAME),
        "lightship.baseline_value": what.baseline_value,
        "lightship.effect": what.effect,
        "lightship.effect.low": what.effect_low,
        "lightship.effect.high": what.effect_high,
        "lightship.effect.unit": what.effect_unit and words.plain(what.effect_unit),
        "lightship.onset_unix_nano": to_ns(brief.when.onset),
    }
    record = LogRecord(
        time_unix_nano=to_ns(brief.at),
        observed_time_unix_nano=observed_ns,
        severity_number=SEVERITIES[brief.severity],
        event_name=EVENT,
        body=AnyValue(string_value=render_text(brief)),
        attributes=_attributes(attributes),
    )
    resource: dict[str, Value] = {
        "service.name": words.plain(place.service, MAX_NAME),
        "deployment.environment.name": words.plain(place.environment or "", MAX_NAME) or None,
    }
    scope = ScopeLogs(scope=InstrumentationScope(name=SCOPE), log_records=[record])
    logs = ResourceLogs(resource=Resource(attributes=_attributes(resource)), scope_logs=[scope])
    return ExportLogsServiceRequest(resource_logs=[logs])


def _attributes(values: dict[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any(value)) for key, value in values.items() if value is not None]


def _any(value: str | float) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(double_value=value)


class OtlpNotifier:
    """A channel to an OTLP/HTTP receiver, whose address is that before ``/v1/logs``."""

    def __init__(self, door: HttpPost, clock: Clock) -> None:
        self._door = door
        self._clock = clock

    def send(self, delivery: Delivery) -> Outcome:
        """Export one event. One that is taken and then rejected is given up, as the protocol asks."""
        body = render(delivery, self._clock.now_ns()).SerializeToString()
        outcome, answer = self._door.exchange(body, {"content-type": PROTOBUF}, path=PATH)
        if outcome.outcome == SENT and _rejected(answer):
            return Outcome(GAVE_UP, "the receiver rejected the record", outcome.code)
        return outcome

    def close(self) -> None:
        """Close connections."""
        self._door.close()


def _rejected(answer: bytes) -> bool:
    """Whether an answer says that the record was not taken (OTLP, partial success)."""
    try:
        return ExportLogsServiceResponse.FromString(answer).partial_success.rejected_log_records > 0
    except Exception:  # noqa: BLE001 - what is no such answer rejects nothing; protobuf raises what it likes
        return False
