"""Stored text scored again: observations of a lineage of its own, learned from as an import is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from detectors.baselines import adopt
from detectors.engine.snapshot import services, unpack
from detectors.observation import Mark, Observation, SourcePosition, decode
from detectors.record import Record
from detectors.scorers import SPECS, Scores
from infra.kafka import OBSERVATIONS
from ingest.agents.detect.stage import DetectStage
from ingest.interaction import Interaction
from ingest.messages import Output, RawMessage
from ingest.operations.rescoring.job import DAY_NS, Rescore, outputs
from ingest.repository.interaction import StoredInteraction
from tests.detectors.traffic import config
from tests.ingest.test_detect_stage import LATENESS_NS, Kept, said

NS = 1_000_000_000
FROM_NS = 20_500 * DAY_NS
RENEWED = {**SPECS, "refusal": replace(SPECS["refusal"], generation=2)}
JOB = Rescore("default", "desk", None, frozenset({"refusal"}), FROM_NS, FROM_NS + 15 * DAY_NS)


def row(k: int, every_s: int) -> StoredInteraction:
    start_ns = FROM_NS + k * every_s * NS
    refused = k % 20 == 0
    interaction = Interaction(
        trace_id=f"{k:032x}", span_id=f"{k:016x}", kind="inference", start_ns=start_ns,
        end_ns=start_ns + 2 * NS, tenant="default", lineage="live", service="desk",
        input_text="Where is my parcel?", request_model="m-1",
        output_text="I'm sorry, I can't help with that." if refused else "It arrives on Monday.",
    )  # fmt: skip
    position = SourcePosition("otlp_spans", k % 3, k)
    scores: Scores = {"refusal": 0.0, "language": "en", "output_length": 20.0}
    return StoredInteraction(interaction, position, start_ns, observed=True, scores=scores)


def score(records: Sequence[Record]) -> list[Scores]:
    return [{"refusal": float("sorry" in (r.output or "")), "output_length": 1.0} for r in records]


def sent(job: Rescore, rows: int, every_s: int = 1000) -> list[Output]:
    lists = outputs(job, (row(k, every_s) for k in range(rows)), RENEWED, score, 2)
    return [o for batch in lists for o in batch]


def test_only_the_scores_asked_for_come_in_their_new_generation_and_without_people() -> None:
    messages = [decode(o.value) for o in sent(JOB, 300)]
    seen = [m for m in messages if isinstance(m, Observation)]
    assert {name for o in seen for name in o.scores} == {"refusal"}
    assert {o.generations["refusal"] for o in seen} == {2}
    assert {o.key.text() for o in seen} == {f"default/{JOB.lineage(RENEWED)}//desk"}
    assert sum(len(o.minutes) for o in seen) == 300
    assert sum(cell for o in seen for cell in o.scores["refusal"].rows) == 15  # not the stored 0.0
    assert {v for o in seen for v in o.dimensions["language"].values} == {"en"}
    assert not any(any(o.users) or any(o.conversations) for o in seen)


def test_marks_move_and_end_the_lineage_in_every_shard() -> None:
    out = sent(JOB, 300)
    assert {o.topic for o in out} == {OBSERVATIONS.name}
    marks = [(o.partition, decode(o.value)) for o in out if o.partition is not None]
    for shard in (0, 1):
        mine = [m for s, m in marks if s == shard and isinstance(m, Mark)]
        assert {m.partition for m in mine if m.ended} == {0, 1}
        times = [m.event_ns for m in mine if m.partition == 0]
        assert times == sorted(times)
    assert sent(JOB, 0) == []


def test_the_same_job_has_the_same_lineage_and_another_generation_another() -> None:
    assert JOB.lineage(SPECS) == JOB.lineage(SPECS) != JOB.lineage(RENEWED)
    assert JOB.lineage(SPECS) != replace(JOB, service="other").lineage(SPECS)


@pytest.mark.parametrize("repeated", [False, True])
def test_stage_2_learns_from_it_what_a_live_service_can_adopt(repeated: bool) -> None:
    out = sent(JOB, 15 * 240, every_s=360)
    stream = [*out, *out] if repeated else out
    store = Kept()
    stage = DetectStage(store, config(specs={"refusal": RENEWED["refusal"]}), 2, LATENESS_NS)
    for shard in (0, 1):
        mine = [o for o in stream if (o.partition is None and shard == 0) or o.partition == shard]
        raw = [RawMessage(OBSERVATIONS.name, shard, i, o.value) for i, o in enumerate(mine)]
        assert said(stage.process(raw)) == set()
    stage.snapshot()
    found = store.latest_snapshot(0)
    assert found is not None
    ((_, state, arrays),) = services(*unpack(found.blob))
    learned = {k.key.slice: k for k in adopt.kept_in(state, arrays, RENEWED)}
    assert learned["all"].generation == 2
    assert float(learned["all"].baselines[0].level[0]) == pytest.approx(0.05, abs=0.005)
