"""Control records in the observation log, through stage 2: obeyed from the log alone, whatever restarts."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import pytest

from detectors.baselines import adopt
from detectors.engine.snapshot import services, unpack
from detectors.finding import Finding
from detectors.observation import Control, Mark, Observation, ServiceKey, encode
from ingest.messages import RawMessage
from tests.at_length import at_length
from tests.detectors.test_accept import accepted
from tests.detectors.test_watcher import refusals_in_spanish
from tests.detectors.traffic import KEY, SPECS, World
from tests.ingest.test_detect_stage import Kept, log_of, said, stage

LIVE = ServiceKey(KEY.tenant, "live", "", KEY.service)
Log = list[Observation | Mark | Control]


def findings(outputs: set[bytes]) -> list[dict[str, object]]:
    return sorted((json.loads(f) for f in outputs), key=lambda f: (f["finding_id"], str(f["ended_at"])))


@pytest.fixture(scope="module")
def log() -> Log:
    """Refusals in Spanish rise; each finding is accepted a few messages after it was made."""
    out: Log = [*log_of(World(seed=1, per_day=150, days=15, refusal=0.01, change=refusals_in_spanish))]
    store = Kept()
    stage(store).process(raw(out))
    said_at = sorted((json.loads(one)["log_to"], one) for one in store.findings.values())
    for at, one in reversed(said_at):  # from the end, so that the places before stay what they are
        record = accepted(Finding.from_dict(json.loads(one)))
        out[at + 4 : at + 4] = [record] if record is not None else []
    assert len([m for m in out if isinstance(m, Control)]) > 0
    return out


def raw(log: Sequence[Observation | Mark | Control], start: int = 0) -> list[RawMessage]:
    return [RawMessage("observations", 0, start + i, encode(m)) for i, m in enumerate(log)]


def run(log: Sequence[Observation | Mark | Control], seed: int | None = None) -> tuple[Kept, set[bytes]]:
    """Read the log, whole, or in batches with kills between them."""
    store, sent, stream = Kept(), set[bytes](), raw(log)
    running = stage(store)
    if seed is None:
        sent |= said(running.process(stream))
    else:
        draw, at, kills = random.Random(seed), 0, 0
        while at < len(stream):
            size = draw.randrange(1, 300)
            sent |= said(running.process(stream[at : at + size]))
            at += size
            if draw.random() < 0.3:
                running.snapshot()
            if draw.random() < 0.2 and kills < 5:
                kills += 1
                found = store.latest_snapshot(0)
                at, running = found.next_offset if found else 0, stage(store)
    running.snapshot()
    return store, sent


@pytest.mark.parametrize("seed", at_length(range(3)))
def test_an_acceptance_is_obeyed_at_its_place_in_the_log(log: Log, seed: int) -> None:
    whole, sent = run(log)
    again, cut = run(log, seed)
    assert findings(sent) == findings(cut)
    ended = [f for f in findings(sent) if f["ended_at"] is not None]
    assert ended
    assert all("accepted as the new level" in f["notes"] for f in ended)  # type: ignore[operator]
    assert whole.latest_snapshot(0).blob == again.latest_snapshot(0).blob  # type: ignore[union-attr]
    accepted_rows = {s.slice for s in whole.series if s.score == "refusal" and s.state == "accepted"}
    assert {str(f["slice"]) for f in ended} <= accepted_rows
    assert {s.accepted_by for s in whole.series if s.state == "accepted"} == {"Ada"}


def test_a_live_service_watches_by_what_an_import_learned_before_it_sends_anything(log: Log) -> None:
    store, _ = run(log)
    facts, arrays = unpack(store.latest_snapshot(0).blob)  # type: ignore[union-attr]
    ((_, state, mine),) = services(facts, arrays)
    body = {"baselines": adopt.pack(adopt.kept_in(state, mine, SPECS)), "actor": "Ada", "reason": "same app"}
    minute = 30_000_000
    live: Log = [Control(LIVE, "adopt", 0, body)]
    live += [Mark(LIVE.tenant, "live", "otlp_spans", p, 1, minute * 60_000_000_000) for p in range(2)]
    live += [Mark(LIVE.tenant, "live", "otlp_spans", p, 1, (minute + 60) * 60_000_000_000) for p in range(2)]
    running = stage(store)
    running.process(raw(live, start=len(log)))
    running.snapshot()
    watched = [s for s in store.series if s.origin == "adopted"]
    assert {s.score for s in watched if s.slice == "all"} >= {"refusal", "secrets", "output_length"}
    assert {s.state for s in watched} == {"accepted"}
