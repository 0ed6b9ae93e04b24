"""An evaluator whose scores fall is noticed: raw messages through both stages, in process."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors.finding import ALL, Finding
from detectors.observation import decode
from detectors.scorers.judgement import WithJudgements
from infra.kafka import OBSERVATIONS
from ingest.agents.detect.shard import Shard
from ingest.agents.score.stage import ScoreStage
from ingest.otlp.assembly.assemble import EVALUATION_EVENT
from ingest.repository.stage_store import MemoryStore
from tests.detectors.traffic import config
from tests.ingest.raw import HASH_KEY, PARTITIONS, SCORING, SETTINGS, SPECS, raw
from tests.ingest.telemetry import START_NS, chat, log, logs, span, traces

DAY_S = 86_400
BATCH = 40
LINEAGE = "evaluation-judge"


def stream(seed: int, per_day: int, days: int, before: float, after: float) -> Iterator[tuple[str, Message]]:
    """Requests in order: interactions, and what an evaluator says of them; less on the last day."""
    draw = np.random.default_rng([seed, 11])
    at_s = np.sort(draw.uniform(0, days * DAY_S, per_day * days))
    for first in range(0, len(at_s), BATCH):
        spans, judged = ExportTraceServiceRequest(), ExportLogsServiceRequest()
        for n, second in enumerate(at_s[first : first + BATCH], first):
            name = f"{n + 1:032x}"
            spans.MergeFrom(traces(span(chat(), trace=name, start_s=second)))
            fit = after if second > (days - 1) * DAY_S else before
            said = {
                "gen_ai.evaluation.name": "faithfulness",
                "gen_ai.evaluation.score.value": float(np.clip(draw.beta(fit * 12, (1 - fit) * 12), 0, 1)),
            }
            judged.MergeFrom(logs(log(EVALUATION_EVENT, attributes=said, trace=name, at_s=second + 2)))
        yield "otlp_spans", spans
        yield "otlp_logs", judged


def watched(seed: int, before: float, after: float) -> list[Finding]:
    """Findings of a stream over 15 days."""
    stage = ScoreStage(MemoryStore(), SCORING, SETTINGS, HASH_KEY)
    shard = Shard(config(specs=WithJudgements(SPECS)), PARTITIONS, 120 * 10**9)
    offsets = {"otlp_spans": 0, "otlp_logs": 0}
    log_offset = 0
    for topic, request in stream(seed, 240, 15, before, after):
        if topic == "otlp_spans":
            stage = ScoreStage(
                MemoryStore(), SCORING, SETTINGS, HASH_KEY
            )  # what is long past is not asked for
        message = raw(topic, 0, offsets[topic], request, lineage=LINEAGE)
        offsets[topic] += 1
        for output in stage.process([message]):
            if output.topic == OBSERVATIONS.name and output.partition in (None, 0):
                shard.apply(log_offset, decode(output.value))
                log_offset += 1
        stage.acknowledged([message])
    for partition in range(PARTITIONS):
        end = raw(
            "otlp_spans",
            partition,
            10**6,
            b"",
            records=0,
            lineage=LINEAGE,
            more={"lightship-lineage-end": b"1"},
        )
        for output in stage.process([end]):
            if output.topic == OBSERVATIONS.name and output.partition in (None, 0):
                shard.apply(log_offset, decode(output.value))
                log_offset += 1
    return [f for f, _ in shard.findings]


@pytest.mark.parametrize("seed", [1])
def test_an_evaluators_scores_that_fall_are_found(seed: int) -> None:
    findings = watched(seed, before=0.8, after=0.6)
    (found,) = [f for f in findings if f.slice == ALL and f.ended_at is None]
    assert (found.score, found.unit, found.severity) == ("judgement:faithfulness", "interaction", "ticket")
    assert found.direction == "fall"
    assert found.onset_low is not None
    assert found.onset_high is not None
    onset_s = START_NS / 1e9 + 14 * DAY_S
    assert found.onset_low.timestamp() - 300 <= onset_s <= found.onset_high.timestamp() + 300
    assert found.effect is not None
    assert found.effect < 0
    assert {f.score for f in findings} == {"judgement:faithfulness"}


@pytest.mark.long
def test_an_evaluator_that_goes_on_as_before_raises_nothing() -> None:
    assert watched(3, before=0.8, after=0.8) == []
