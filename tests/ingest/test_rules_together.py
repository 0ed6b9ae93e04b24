"""A rule over all services together: whatever the order in which shards report, and tried over history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from alerts.briefs.render import render_text
from alerts.errors import NotPossible
from alerts.rules.added_rule import read
from alerts.rules.file_rules import FileRules
from detectors.closed_ticks import Report, decode
from detectors.finding import SEVERAL, Finding
from detectors.observation import Control, Mark, Message, ServiceKey, SourcePosition
from infra.errors import Misconfigured
from infra.kafka import TICKS as CLOSED_TICKS
from infra.rule_section import ConditionSettings
from infra.settings import KafkaSettings, RuleSettings, Settings, of_tables
from ingest.agents.detect.run_config import RunConfig, engine
from ingest.agents.detect.stage import DetectStage
from ingest.agents.fleet.stage import FleetStage
from ingest.detection_settings import fleet_config, rules_of
from ingest.operations.rules import TICKS, Ask, show_tried, tried_over
from ingest.operations.verify.check import Check
from ingest.operations.verify.logs import CLOSED
from ingest.settings_check import check as check_settings
from tests.alerts.lifecycles import World as Desk
from tests.detectors.traffic import START, Row, observation
from tests.ingest.test_detect_stage import LATENESS_NS, NS_PER_MIN, Kept
from tests.ingest.test_fleet_stage import batches, findings_of, interleaved, messages, placeless, raw
from tests.ingest.test_verify import Memory, claims

RULE = RuleSettings(
    "refusal", "sum", ">", 12.0, window_s=900, least_n=1, services=("shop-*",), severity="page", together=True
)
ALONE = replace(RULE, together=False)
BOTH = replace(
    ALONE,
    measure="rate",
    limit=0.4,
    services=("shop-a",),
    and_=(ConditionSettings("refusal", "count", 14.0),),
)
SETTINGS = Settings(kafka=KafkaSettings(partitions=2), rule=(RULE, ALONE, BOTH))
SERVICES = ("shop-a", "shop-b", "other")
KEYS = {name: ServiceKey("default", "live", "", name) for name in SERVICES}


def log_of(services: Sequence[str]) -> list[Message]:
    """A call a minute for two hours, of which 3 in 5 are refused from minute 30 to 60; all in ``other``."""
    out: list[Message] = []
    for minute in range(120):
        for name in services:
            refused = name == "other" or (30 <= minute < 60 and minute % 5 < 3)
            o = observation([Row(START + minute, {}, {"refusal": float(refused)})], minute)
            scores = {"refusal": o.scores["refusal"]}
            source = SourcePosition("otlp_spans", 0, minute)
            out.append(replace(o, key=KEYS[name], source=source, scores=scores, generations={"refusal": 1}))
        out.append(Mark("default", "live", "otlp_spans", 0, minute + 1, (START + minute + 1) * NS_PER_MIN))
    return out


Counted = tuple[list[Kept], list[list[Report]], list[Finding]]


@pytest.fixture(scope="module")
def counted() -> Counted:
    """What two shards stored, what they report of closed ticks, and what services stated by themselves."""
    return counted_under(SETTINGS)


def counted_under(settings: Settings, told: Sequence[Control] = ()) -> Counted:
    """The same under other settings, after control records."""
    config, stores, reports, alone = engine(settings).config, [], [], []
    for partition, services in enumerate((SERVICES[:1], SERVICES[1:])):
        stage = DetectStage(stored := Kept(), config, 1, LATENESS_NS)
        log = [*(c for c in told if c.key.service in services), *log_of(services)]
        sent = [o for some in batches(messages(log, partition), 50) for o in stage.process(some)]
        ticks = [decode(o.value) for o in sent if o.topic == CLOSED_TICKS.name]
        reports.append([r for r in ticks if isinstance(r, Report)])
        stores.append(stored)
        alone += findings_of(sent)
    return stores, reports, alone


def stage_of(store: Kept, settings: Settings = SETTINGS) -> FleetStage:
    return FleetStage(store, fleet_config(settings), 2, RunConfig.of(settings))


def stated(
    reports: list[list[Report]],
    seed: int,
    size: int = 1,
    settings: Settings = SETTINGS,
    told: Sequence[tuple[int, Control]] = (),
) -> tuple[Kept, list[Finding]]:
    """What is stated of the reports in some order, with a restart after every batch.

    ``told`` are control records, each with its place among the reports.
    """
    store, found = Kept(), list[Finding]()
    log: list[Report | Control] = [*interleaved(reports, seed)]
    for at, record in told:
        log.insert(at, record)
    for some in batches(raw(log), size):
        stage = stage_of(store, settings)
        found += findings_of(stage.process(some))
        stage.snapshot()
    return store, [f for f in found if f.alert_kind == "rule"]


def test_the_sum_over_services_breaks_a_limit_that_none_breaks_alone(
    counted: tuple[list[Kept], list[list[Report]], list[Finding]],
) -> None:
    _, reports, alone = counted
    assert {f.measure for f in alone if f.alert_kind == "rule"} == {"rate"}
    store, (first, over) = stated(reports, 0)
    assert (first.service, first.slice, first.current_value, first.n) == (SEVERAL, "all", 18.0, 30)
    assert over.finding_id == first.finding_id
    assert over.ended_at is not None
    assert first.notes[0].startswith("rule refusal of all services together: sum over 15 min > 12")
    for quick in (100_000, 10):
        verdicts = Check(CLOSED, Memory(store), 0, claims(store), quick=quick).run()
        assert [v.difference for v in verdicts] == [None]
    again = [placeless(f) for f in stated(reports, 1, 7)[1]]
    assert again == [placeless(first), placeless(over)]
    desk = Desk(first, over)
    desk.run()
    text = render_text(desk.channel.got[0].brief).replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "all services together: refusals 18 in all in 15 min, limit 12" in text


def test_who_accepts_it_is_left_alone_until_it_is_clearly_worse(
    counted: tuple[list[Kept], list[list[Report]], list[Finding]],
) -> None:
    shard = stage_of(Kept())._loaded()
    at = 0
    for report in interleaved(counted[1], 3):
        shard.apply(at, report)
        at += 1
        rules = [f for f, _ in shard.findings if f.alert_kind == "rule"]
        if len(rules) == 1:
            f = rules[0]
            body = {"unit": f.unit, "score": f.score, "slice": f.slice, "finding_id": f.finding_id}
            shard.apply(at, Control(ServiceKey("default", "live", "", SEVERAL), "accept", 0, body))
            at += 1
    _, over = [f for f, _ in shard.findings if f.alert_kind == "rule"]
    assert over.notes[-1] == "accepted at 18"


def file_says(settings: Settings) -> list[Control]:
    """What services, and what watches them together, are told of a changed file."""
    told: list[Control] = []
    with TemporaryDirectory() as home:
        file = FileRules(Settings(home=Path(home)), told.extend)
        file.use(replace(settings, home=Path(home)))
        file.send_new(KEYS.values)
    return told


def rows_of(reports: list[list[Report]]) -> list[list[Any]]:
    """What shards count of ticks, wherever it stands in their logs."""
    return [[(e.until, e.rows) for report in of for e in report.entries] for of in reports]


def rule_notes(findings: Sequence[Finding]) -> list[Any]:
    """What rules state."""
    return [(f.notes, f.made_at, f.ended_at) for f in findings if f.alert_kind == "rule"]


def test_rules_together_of_a_changed_file_hold_from_then_on_and_are_verified(counted: Counted) -> None:
    before = replace(SETTINGS, rule=(replace(RULE, limit=17.0),))
    told = file_says(SETTINGS)
    (fleet,) = [record for record in told if record.key.service == SEVERAL]
    _, reports, alone = counted_under(replace(SETTINGS, rule=()), told)
    assert rows_of(reports) == rows_of(counted[1])
    assert rule_notes(alone) == rule_notes(counted[2])
    _, expected = stated(reports, 0)
    store, found = stated(reports, 0, settings=before, told=[(0, fleet)])
    assert [f.notes for f in found] == [f.notes for f in expected]
    verdicts = Check(CLOSED, Memory(store), 0, claims(store), quick=100_000).run()
    assert [v.difference for v in verdicts] == [None]
    (gone,) = [record for record in file_says(before) if record.key.service == SEVERAL]
    shard, fired_at = stage_of(Kept())._loaded(), 0
    for at, report in enumerate(interleaved(reports, 0)):
        shard.apply(at, report)
        if not shard.findings:
            fired_at = at + 2  # after it, and the record in front
    _, (first, over) = stated(reports, 0, settings=before, told=[(0, fleet), (fired_at + 1, gone)])
    assert over.finding_id == first.finding_id
    assert over.notes[-1] == "over: the rule is not in the settings any more"


def answers(stores: list[Kept]) -> Ask:
    """What the table of cells answers, of what the shards stored."""

    def ask(sql: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
        assert sql == TICKS
        rows = []
        for (key, *_), cell in [item for kept in stores for item in kept.cells.items()]:
            assert isinstance(key, ServiceKey)
            series = (cell.series.unit, cell.series.score, cell.series.slice)
            if not cell.part and series == (given["unit"], given["score"], given["slice"]):
                held = (cell.generation, cell.n, cell.total, cell.cells, cell.counts)
                rows.append((key.service, key.environment, cell.start_s, *held))
        return sorted(rows, key=lambda row: row[:3])

    return ask


def test_it_is_tried_over_history_as_the_stream_decides(
    counted: tuple[list[Kept], list[list[Report]], list[Finding]],
) -> None:
    stores, reports, _ = counted
    together, alone, _ = tried_over(SETTINGS, answers(stores), "default", "live", 0)["rules"]
    (service,) = together["services"]
    first, over = (f.to_dict() for f in stated(reports, 0)[1])
    (fired,) = service["fired"]
    assert (fired["at"], fired["ended"]) == (first["made_at"], over["ended_at"])
    assert (fired["value"], fired["n"]) == (first["current_value"], first["n"])
    assert [one["fired"] for one in alone["services"]] == [[], []]
    assert "  all together: 1 times in" in show_tried({"rules": [together]})


def test_two_conditions_are_tried_over_history_as_the_stream_decides(
    counted: tuple[list[Kept], list[list[Report]], list[Finding]],
) -> None:
    assert rules_of(RunConfig.of(SETTINGS).settings()) == rules_of(SETTINGS)
    stores, _, alone = counted
    (service,) = tried_over(SETTINGS, answers(stores), "default", "live", 0)["rules"][2]["services"]
    first, over = [f.to_dict() for f in alone if f.alert_kind == "rule"]
    (fired,) = service["fired"]
    assert (fired["at"], fired["ended"]) == (first["made_at"], over["ended_at"])
    assert first["conditions"][0] == {
        "score": "refusal",
        "measure": "count",
        "direction": "rise",
        "factor": None,
        "value": 15.0,
        "limit": 14.0,
    }


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"and": [{"score": "refusel", "measure": "rate", "limit": 0.1}]}, r"score in rule\[0\].and\[0\]"),
        ({"together": False, "and": [{"score": "error", "measure": "rate", "limit": 0.1}]}, None),
        ({"and": [{"score": "error", "measure": "rate", "limit": 0.1}]}, "leave together out"),
        ({"and": [{"score": "error", "measure": "rate"}]}, r"rule\[0\].and\[0\].limit is missing"),
        ({"by": "language"}, "together and by"),
        ({"measure": "absent"}, "together and measure = 'absent'"),
        ({"together": "yes"}, "must be true or false"),
        ({}, None),
    ],
)
def test_what_cannot_be_added_up_is_refused(table: dict[str, Any], words: str | None) -> None:
    plain = {"score": "refusal", "measure": "sum", "limit": 12.0, "together": True, **table}
    if words is None:
        check_settings(of_tables({"rule": [plain]}, {}))
        return
    with pytest.raises(Misconfigured, match=words):
        check_settings(of_tables({"rule": [plain]}, {}))


def test_it_belongs_into_the_settings() -> None:
    toml = '[[rule]]\nscore = "refusal"\nmeasure = "sum"\nlimit = 12.0\ntogether = true\n'
    with pytest.raises(NotPossible, match=r"belongs into lightship.toml"):
        read(toml, Settings())
    assert "together" not in {k: v for k, v in asdict(ALONE).items() if v}
