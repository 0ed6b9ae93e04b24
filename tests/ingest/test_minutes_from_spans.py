"""From spans to a page within minutes: raw messages through both stages, in process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from detectors.declared_limits import Limit
from detectors.finding import Finding
from detectors.observation import decode
from infra.kafka import OBSERVATIONS
from ingest.agents.detect.shard import Shard
from ingest.agents.score.stage import ScoreStage
from ingest.repository.stage_store import MemoryStore
from tests.detectors.traffic import config
from tests.ingest.raw import HASH_KEY, PARTITIONS, SCORING, SETTINGS, SPECS, raw
from tests.ingest.telemetry import START_NS, chat, span, traces

LIMITS = (Limit("refusal", 0.02),)
REFUSED, ANSWERED = "I can't help with that.", "Of course: it is a ship that is a lighthouse."
BATCH_S = 15


class Asked(NamedTuple):
    """A call of a user."""

    at_s: float
    refused: bool
    user: str
    conversation: str | None

    def span(self, number: int) -> Span:
        said = {**chat(answered=REFUSED if self.refused else ANSWERED), "user.id": self.user}
        if self.conversation is not None:
            said["gen_ai.conversation.id"] = self.conversation
        return span(said, trace=f"{number:032x}", start_s=self.at_s)


def findings(calls: Iterable[Asked]) -> list[Finding]:
    """What is found when calls come in messages of a quarter of a minute; a minute later time has passed."""
    stage = ScoreStage(MemoryStore(), SCORING, SETTINGS, HASH_KEY)
    shard = Shard(config(specs=SPECS, limits=LIMITS), PARTITIONS, 120 * 10**9)
    log_offset = 0
    batches: dict[int, list[Span]] = {}
    for number, call in enumerate(calls, 1):
        batches.setdefault(int(call.at_s // BATCH_S), []).append(call.span(number))
    for offset, (_, spans) in enumerate(sorted(batches.items())):
        for partition in range(PARTITIONS):
            request = traces(*spans[partition::PARTITIONS])
            message = raw("otlp_spans", partition, offset, request, lineage="demo-minutes")
            for output in stage.process([message]):
                if output.topic == OBSERVATIONS.name and output.partition in (None, 0):
                    shard.apply(log_offset, decode(output.value))
                    log_offset += 1
            stage.acknowledged([message])
    return [f for f, _ in shard.findings]


def traffic(draw: np.random.Generator, minutes: float, change: float, rate: float) -> Iterator[Asked]:
    """240 conversations an hour by people, refused at 2 % and from minute ``change`` on at ``rate``."""
    for i, at_s in enumerate(np.sort(draw.uniform(0, minutes * 60, int(minutes * 4)))):
        p = rate if at_s >= change * 60 else 0.02
        yield Asked(float(at_s), bool(draw.random() < p), f"user-{draw.integers(200)}", f"conversation-{i}")


def test_a_gross_rise_over_a_declared_limit_pages_on_the_first_day() -> None:
    delays = []
    for seed in range(5):
        found = findings(traffic(np.random.default_rng(seed), 100, 40, 0.2))
        page = found[0]
        assert (page.alert_kind, page.score, page.severity) == ("fast", "refusal", "page")
        delays.append(page.made_at.timestamp() / 60 - START_NS / 60e9 - 40)
    assert np.median(delays) <= 20


def test_a_user_who_repeats_one_refused_request_pages_nobody() -> None:
    for conversation in ("one", None):
        draw = np.random.default_rng(7)
        people = list(traffic(draw, 100, 100, 0.02))
        loop = [Asked(2400 + 3.0 * i, True, "user-x", conversation) for i in range(500)]
        found = findings(sorted(people + loop, key=lambda c: c.at_s))
        assert [f for f in found if f.severity == "page"] == []
