"""Both stages: eight services on one model that silently changes, over two shards of the observation log."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from detectors.budgets.allocation import allot
from detectors.budgets.budget import FLEET_SHARES
from detectors.budgets.service_budget import ServiceBudget
from detectors.closed_ticks import BEGINNING, Entry, Report, SharedRow, decode, encode
from detectors.finding import SEVERAL, Finding
from detectors.observation import Control, Mark, Message, ServiceKey, SourcePosition, WrongFormat
from detectors.observation import encode as encode_observation
from infra.kafka import DEAD_LETTERS, FINDINGS, TICKS
from infra.settings import BudgetSettings, KafkaSettings, Settings
from ingest.agents.detect.run_config import RunConfig
from ingest.agents.detect.stage import DetectStage
from ingest.agents.fleet.shard import FleetShard
from ingest.agents.fleet.stage import FleetStage
from ingest.detection_settings import fleet_config
from ingest.errors import Unavailable
from ingest.messages import Output, RawMessage
from ingest.operations.verify.check import Check
from ingest.operations.verify.logs import CLOSED
from ingest.topics.dead_letter import read as read_letter
from tests.at_length import at_length
from tests.detectors.traffic import DAY, SPECS, START, Row, config, observation
from tests.ingest.test_detect_stage import LATENESS_NS, NS_PER_MIN, Kept
from tests.ingest.test_verify import Memory, claims

FLEET = ServiceBudget(1.0, 2.0)
VOLUMES = {"a": 60, "b": 90, "c": 120, "d": 160, "e": 220, "f": 300, "g": 400, "h": 550}
"""Interactions a day."""
CHANGE = START + 14 * DAY + 240
BEFORE, AFTER = 0.02, 0.07
SHARDS = 2
WINDOW = 30
"""Minutes of a service's traffic in one message."""
REFUSALS = config(specs={"refusal": SPECS["refusal"]})


def rows_of(service: str, days: float) -> list[Row]:
    draw = np.random.default_rng(list(service.encode()))
    count = int(draw.poisson(VOLUMES[service] * days))
    minutes = START + np.sort(draw.integers(0, round(days * DAY), count))
    hits = draw.random(count) < np.where(minutes >= CHANGE, AFTER, BEFORE)
    dimensions = {"request_model": "m-1", "provider": "acme"}
    return [Row(int(m), dimensions, {"refusal": float(x)}) for m, x in zip(minutes, hits, strict=True)]


def logs(days: float = 18) -> list[list[Message]]:
    """The observation log of each shard: budgets, then services in turn, and marks for all."""
    windows: dict[int, dict[str, list[Row]]] = {}
    for service in VOLUMES:
        for row in rows_of(service, days):
            windows.setdefault(row.minute // WINDOW, {}).setdefault(service, []).append(row)
    keys = {service: ServiceKey("default", "demo-t", "", service) for service in VOLUMES}
    granted = allot(FLEET, {}, list(keys.values()), 50)
    records = [granted[key].control(key) for key in keys.values()]
    out: list[list[Message]] = [list(records[i::SHARDS]) for i in range(SHARDS)]
    for offset, window in enumerate(sorted(windows)):
        for i, service in enumerate(VOLUMES):
            if service in windows[window]:
                source = SourcePosition("otlp_spans", 0, offset)
                o = observation(windows[window][service], offset)
                refusals = {"refusal": o.scores["refusal"]}
                o = replace(o, key=keys[service], source=source, scores=refusals, generations={"refusal": 1})
                out[i % SHARDS].append(o)
        at_ns = (window + 1) * WINDOW * NS_PER_MIN
        for shard in out:
            shard.append(Mark("default", "demo-t", "otlp_spans", 0, offset + 1, at_ns))
    return out


def messages(log: Sequence[Message], partition: int) -> list[RawMessage]:
    return [RawMessage("observations", partition, i, encode_observation(m)) for i, m in enumerate(log)]


def batches(stream: Sequence[RawMessage], size: int) -> Iterator[Sequence[RawMessage]]:
    for first in range(0, len(stream), size):
        yield stream[first : first + size]


def findings_of(outputs: Sequence[Output]) -> list[Finding]:
    return [Finding.from_dict(json.loads(o.value)) for o in outputs if o.topic == FINDINGS.name]


@pytest.fixture(scope="module")
def said() -> tuple[list[list[Report]], list[Finding]]:
    """What each shard told the fleet shard, and what it found by itself."""
    reports: list[list[Report]] = []
    alone: list[Finding] = []
    for partition, log in enumerate(logs()):
        stage = DetectStage(Kept(), REFUSALS, 1, LATENESS_NS)
        outputs = [o for some in batches(messages(log, partition), 500) for o in stage.process(some)]
        told = [decode(o.value) for o in outputs if o.topic == TICKS.name]
        reports.append([r for r in told if isinstance(r, Report)])
        alone += findings_of(outputs)
    return reports, alone


def placeless(finding: Finding) -> str:
    """A finding without its place in the log, which interleaving moves."""
    return json.dumps({k: v for k, v in finding.to_dict().items() if not k.startswith("log_")})


def fleet_stage(store: Kept) -> FleetStage:
    return FleetStage(store, replace(REFUSALS, pages=FLEET.pages.part(FLEET_SHARES["fleet"])), SHARDS)


def interleaved(reports: Sequence[Sequence[Report]], seed: int) -> list[Report]:
    draw, left = random.Random(seed), [list(r) for r in reports]
    out = []
    while any(left):
        out.append(draw.choice([r for r in left if r]).pop(0))
    return out


def raw(log: Sequence[Report | Control]) -> list[RawMessage]:
    values = [encode(m) if isinstance(m, Report) else encode_observation(m) for m in log]
    return [RawMessage(TICKS.name, 0, i, value) for i, value in enumerate(values)]


def test_one_finding_comes_from_the_fleet_before_the_median_service_alone(
    said: tuple[list[list[Report]], list[Finding]],
) -> None:
    reports, alone = said
    found = findings_of(fleet_stage(Kept()).process(raw(interleaved(reports, 0))))
    (one,) = [f for f in found if f.ended_at is None]
    assert (one.service, one.score, one.slice) == (SEVERAL, "refusal", "request_model=m-1")
    assert set(one.services_hit) <= set(VOLUMES)
    assert one.services_spared == ()
    at = datetime.fromtimestamp(CHANGE * 60, UTC)
    never = datetime.max.replace(tzinfo=UTC)
    first = {s: min((f.made_at for f in alone if f.service == s), default=never) for s in VOLUMES}
    half = sorted(first.values())[len(first) // 2 - 1]
    assert at < one.made_at < half


@pytest.mark.parametrize("seed", at_length(range(3)))
def test_interleaving_repeats_restarts_and_a_store_that_fails_change_nothing(
    said: tuple[list[list[Report]], list[Finding]], seed: int
) -> None:
    reports, _ = said
    expected = {placeless(f) for f in findings_of(fleet_stage(Kept()).process(raw(interleaved(reports, 0))))}
    draw = random.Random(seed)
    cut = [
        [Report(r.partition, (e,)) for report in mine for r in [report] for e in report.entries]
        for mine in reports
    ]
    stream = interleaved(cut, seed)
    for _ in range(200):  # a shard went back to its last snapshot and told again
        at = draw.randrange(len(stream))
        stream.insert(draw.randrange(at, len(stream)), stream[at])
    store, found, at = Kept(), set[str](), 0
    sent = raw(stream)
    running = fleet_stage(store)
    while at < len(sent):
        size = draw.randrange(1, 2000)
        store.failures = draw.randrange(2)
        try:
            outputs = running.process(sent[at : at + size])
        except Unavailable:
            outputs = running.process(sent[at : at + size])
        found |= {placeless(f) for f in findings_of(outputs)}
        at += size
        if draw.random() < 0.5:
            running.snapshot()
        if draw.random() < 0.3:
            running = fleet_stage(store)
            last = store.latest_snapshot(0)
            at = last.next_offset if last else 0
    assert found == expected


def test_bytes_that_are_no_report_become_a_dead_letter() -> None:
    bad = RawMessage(TICKS.name, 0, 0, b"\x09nothing")
    (dead,) = fleet_stage(Kept()).process([bad])
    letter = read_letter(dead.value)
    assert (dead.topic, letter.source.topic, letter.value) == (DEAD_LETTERS.name, TICKS.name, b"\x09nothing")
    assert letter.reason


def test_reports_survive_the_wire_and_others_are_refused() -> None:
    row = SharedRow("", "a", 7, "interaction", "refusal", "provider=acme", (0, 1), (5, 2))
    report = Report(1, (Entry(9, -1, "default", "live", 8, (row,)), Entry(12, 9, "default", "live", 9, ())))
    assert decode(encode(report)) == report
    with pytest.raises(WrongFormat, match="counts"):
        decode(encode(Report(1, (Entry(9, -1, "d", "l", 8, (replace(row, counts=(1,)),)),))))
    mark = Mark("default", "live", "otlp_spans", 0, 1, 1)
    for data in (b"", encode(report)[:-3], b"\x09" + encode(report)[1:], encode_observation(mark)):
        with pytest.raises(WrongFormat):
            decode(data)


def test_a_control_record_for_the_fleet_moves_its_threshold(
    said: tuple[list[list[Report]], list[Finding]],
) -> None:
    reports, _ = said
    key = ServiceKey("default", "demo-t", "", SEVERAL)
    record = encode_observation(ServiceBudget(100.0, 100.0).control(key))
    stream = [RawMessage(TICKS.name, 0, 0, record)]
    stream += [replace(m, offset=m.offset + 1) for m in raw(interleaved(reports, 0))]
    plain = findings_of(fleet_stage(Kept()).process(raw(interleaved(reports, 0))))
    generous = findings_of(fleet_stage(Kept()).process(stream))
    assert generous[0].made_at < plain[0].made_at


def test_environments_are_watched_apart_and_have_budgets_of_their_own() -> None:
    row = SharedRow("", "a", 7, "interaction", "refusal", "provider=acme", (0, 1), (5, 2))
    shard = FleetShard(REFUSALS, 1)
    staging = ServiceKey("default", "live", "staging", SEVERAL)
    shard.apply(0, ServiceBudget(0.5, 0.7).control(staging))
    rows = (row, replace(row, environment="staging"))
    shard.apply(1, Report(0, (Entry(9, BEGINNING, "default", "live", 8, rows),)))
    assert shard.watchers[staging].config.pages.pages == 0.5
    production = shard.watchers[replace(staging, environment="")]
    assert production.config.pages.pages == REFUSALS.pages.pages / 2
    again = FleetShard.unpack(shard.pack(), REFUSALS, 1)
    assert again.watchers.keys() == shard.watchers.keys()
    assert again.pack() == shard.pack()


@pytest.mark.long
def test_a_finding_of_the_fleet_follows_from_the_log_of_closed_ticks(
    said: tuple[list[list[Report]], list[Finding]],
) -> None:
    reports, _ = said
    settings = Settings(budget=BudgetSettings(pages_per_month=50), kafka=KafkaSettings(partitions=SHARDS))
    store = Kept()
    running = FleetStage(store, fleet_config(settings), SHARDS, RunConfig.of(settings))
    for some in batches(raw(interleaved(reports, 0)), 4):
        running.process(some)
        running.snapshot()
    assert store.findings
    for quick in (100_000, 10):
        verdicts = Check(CLOSED, Memory(store), 0, claims(store), quick=quick).run()
        assert [v.difference for v in verdicts] == [None] * len(verdicts)
        assert {v.path.start for v in verdicts if v.path} == {"beginning" if quick > 10 else "snapshot"}
    last = max(place for place in store.log if place[1] < claims(store)[0].last.version)
    forged = replace(store.log[last], blob=store.log[last].blob[:-1] + b"\x07")
    store.log[last] = forged
    (first, *_) = Check(CLOSED, Memory(store), 0, claims(store)).run()
    assert first.difference is not None
    assert (first.difference.table, first.difference.column) == ("closed_ticks", "blob")
    assert f"offset {last[1]}" in first.difference.row
