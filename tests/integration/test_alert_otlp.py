"""Findings as OTLP events: what a receiver of logs is sent, and what it may answer."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from alerts.notify.http_post import HttpPost
from alerts.notify.otlp import OtlpNotifier, render
from alerts.notify.protocol import GAVE_UP, RETRY, SENT
from infra.clock import SystemClock, to_ns
from tests.alerts.deliveries import delivery
from tests.alerts.invented import at, refusals, secret
from tests.loopback import Answer, Loopback, cut, half_open, says

pytestmark = pytest.mark.integration

TAKEN = ExportLogsServiceResponse().SerializeToString()
REJECTED = ExportLogsServiceResponse(
    partial_success=ExportLogsPartialSuccess(rejected_log_records=1, error_message="no")
).SerializeToString()


def notifier(url: str, read_s: float = 5.0) -> OtlpNotifier:
    door = HttpPost(url, SystemClock(), headers={"authorization": "Bearer invented"}, read_s=read_s)
    return OtlpNotifier(door, SystemClock())


def attributes(holder: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in holder.attributes}


def test_a_message_is_one_evaluation_with_a_link_back() -> None:
    sent = delivery()
    with Loopback(says(200, TAKEN)) as server:
        assert notifier(server.url).send(sent).outcome == SENT
    (request,) = server.got
    assert request.path == "/v1/logs"
    assert request.headers["content-type"] == "application/x-protobuf"
    assert request.headers["authorization"] == "Bearer invented"
    (logs,) = ExportLogsServiceRequest.FromString(request.body).resource_logs
    assert attributes(logs.resource) == {
        "service.name": "support-assistant",
        "deployment.environment.name": "production",
    }
    (record,) = logs.scope_logs[0].log_records
    said = attributes(record)
    assert record.event_name == "gen_ai.evaluation.result"
    assert said["gen_ai.evaluation.name"] == "refusal"
    assert said["gen_ai.evaluation.score.value"] == 0.58
    assert said["gen_ai.evaluation.score.label"] == "opened"
    assert said["gen_ai.evaluation.explanation"] == sent.brief.headline
    assert said["lightship.incident.url"] == sent.brief.do.dashboard
    assert said["lightship.onset_unix_nano"] == to_ns(at("04:05"))
    assert record.time_unix_nano == to_ns(sent.brief.at)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (says(200), SENT),
        (says(200, b"\xff\xff"), SENT),
        (says(200, REJECTED), GAVE_UP),
        (says(400), GAVE_UP),
        (says(404), GAVE_UP),
        (says(429, retry_after="5"), RETRY),
        (says(503), RETRY),
        (cut, RETRY),
    ],
)
def test_every_answer_is_judged(answer: Answer, outcome: str) -> None:
    with Loopback(answer) as server:
        result = notifier(server.url).send(delivery())
    assert result.outcome == outcome
    assert len(server.got) == 1


def test_silence_is_tried_again() -> None:
    with half_open() as url:
        assert notifier(url, read_s=0.3).send(delivery()).outcome == RETRY


def test_what_has_no_value_says_none_and_odd_names_are_taken() -> None:
    (logs,) = render(delivery(secret(environment=None)), 1).resource_logs
    assert "gen_ai.evaluation.score.value" not in attributes(logs.scope_logs[0].log_records[0])
    assert list(attributes(logs.resource)) == ["service.name"]
    assert render(delivery(refusals(service="\x00\u202e" * 500)), 1).SerializeToString()
