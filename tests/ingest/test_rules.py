"""Rules of the settings through stage 2: from the log to a page, and computed again from what is stored."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lightship
from alerts.briefs.render import render_text
from detectors.finding import Finding
from detectors.observation import ServiceKey
from infra.errors import Misconfigured
from infra.settings import KafkaSettings, RuleSettings, Settings, SloSettings, of_tables
from ingest.agents.detect.run_config import RunConfig, engine
from ingest.agents.detect.stage import DetectStage
from ingest.detection_settings import rules_of, slos_of
from ingest.operations.rules import TICKS, Ask, show_tried, tried_over
from ingest.settings_check import check as check_settings
from tests.alerts.lifecycles import World as Desk
from tests.detectors.traffic import KEY, START, Row, World
from tests.ingest.test_detect_stage import Kept, log_of, raw, said
from tests.ingest.test_verify import check

RULE = RuleSettings("refusal", "rate", ">", 0.2, window_s=900, severity="page")
SLO = SloSettings("refusal", 0.98)
SETTINGS = Settings(kafka=KafkaSettings(partitions=2), rule=(RULE,), slo=(SLO,))
RUN = RunConfig.of(SETTINGS)
HOUR = 60


def refusing(row: Row, draw: np.random.Generator) -> Row:
    """Every second call is refused once the service is an hour old, for an hour."""
    if START + HOUR <= row.minute < START + 2 * HOUR and draw.random() < 0.5:
        return replace(row, scores={**row.scores, "refusal": 1.0})
    return row


@pytest.fixture(scope="module")
def kept() -> tuple[Kept, list[Finding]]:
    """What stage 2 stored and sent of a service's first three hours, with a snapshot now and then."""
    stream = raw(log_of(World(seed=4, per_day=8000, days=3 / 24, refusal=0.01, change=refusing)))
    store, sent = Kept(), set[bytes]()
    e = engine(SETTINGS)
    running = DetectStage(store, e.config, e.partitions, e.lateness_ns, e.limits, run=RUN)
    for at in range(0, len(stream), 20):
        sent |= said(running.process(stream[at : at + 20]))
        running.snapshot()
    findings = [Finding.from_dict(json.loads(value)) for value in sent]
    return store, sorted(findings, key=lambda f: (f.made_at, f.ended_at is not None))


def test_a_service_of_one_hour_pages_within_a_window_of_the_crossing(
    kept: tuple[Kept, list[Finding]],
) -> None:
    stated = [f for f in kept[1] if f.alert_kind == "rule"]
    assert [f.ended_at is None for f in stated] == [True, False]
    first, over = stated
    crossing_s = (START + HOUR) * 60
    assert crossing_s < first.made_at.timestamp() <= crossing_s + RULE.window_s
    assert over.ended_at is not None
    calm_s = (START + 2 * HOUR) * 60
    assert calm_s < over.ended_at.timestamp() <= calm_s + RULE.window_s
    assert (first.severity, first.config_hash) == ("page", SETTINGS.config_hash())
    desk = Desk(*(replace(f, lineage="live") for f in stated))
    (incident,) = desk.run().desk.all()
    assert [d.kind for d in desk.channel.got] == ["opened"]
    assert (incident.primary_finding.alert_kind, incident.severity) == ("rule", "page")


def test_an_objective_files_a_ticket_and_pages_once_its_budget_burns_that_fast(
    kept: tuple[Kept, list[Finding]],
) -> None:
    """Half of all calls are bad from the second hour on: of 1 % before, 2 % may be."""
    stated = [f for f in kept[1] if f.alert_kind == "slo"]
    begun = {f.severity: f for f in stated if f.ended_at is None}
    ends = {f.severity: f for f in stated if f.ended_at is not None}
    crossing_s = (START + HOUR) * 60
    ticket_s, page_s = (begun[s].made_at.timestamp() - crossing_s for s in ("ticket", "page"))
    assert 0 < ticket_s < page_s <= 30 * 60
    assert [len(stated), list(ends)] == [
        3,
        ["page"],
    ]  # the ticket goes on: a third of the day's calls were bad
    assert ends["page"].ended_at is not None
    calm_s = ends["page"].ended_at.timestamp() - (START + 2 * HOUR) * 60
    assert 0 < calm_s <= 35 * 60  # the longest short window, and a tick
    page = begun["page"]
    assert page.notes[0] == "objective refusal: at most 2 % over 30 days"
    assert "times over 30 min; the limit is 6 times" in page.notes[1]
    assert page.notes[2].startswith("the budget of 30 days is spent")
    assert (page.baseline_value, page.detector, page.config_hash) == (0.02, "slo.1", SETTINGS.config_hash())
    desk = Desk(*(replace(f, lineage="live") for f in stated))
    (incident,) = desk.run().desk.all()
    assert [d.kind for d in desk.channel.got] == ["opened", "raised"]
    assert page.notes[1] in render_text(desk.channel.got[1].brief)
    assert (incident.primary_finding.alert_kind, incident.severity) == ("slo", "page")


def test_an_objective_tried_over_history_fires_when_the_stream_did(kept: tuple[Kept, list[Finding]]) -> None:
    report = tried_over(SETTINGS, answers(kept[0]), "default", KEY.lineage, 0)
    stated = [f.to_dict() for f in kept[1] if f.alert_kind == "slo"]
    for service in report["rules"][1]["services"]:
        mine = [f for f in stated if f["severity"] == service["severity"]]
        (fired,) = service["fired"]
        assert (fired["at"], fired["n"]) == (mine[0]["made_at"], mine[0]["n"])
        assert fired["ended"] == mine[-1]["ended_at"]
    assert "pages: 1 times in" in show_tried(report)


@pytest.mark.parametrize("quick", [2_000, 10])
def test_what_a_rule_said_is_computed_again_from_what_is_stored(
    kept: tuple[Kept, list[Finding]], quick: int
) -> None:
    """From the beginning of the log, and from the snapshot before it."""
    verdicts = check(kept[0], quick=quick)
    assert {v.finding.alert_kind for v in verdicts if v.finding} >= {"rule", "slo"}
    assert [v.difference for v in verdicts] == [None] * len(verdicts)


def answers(kept: Kept) -> Ask:
    """What the table of cells answers to the question of `rules test`, from the cells that were stored."""

    def ask(sql: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
        assert sql == TICKS
        rows: dict[int, tuple[Any, ...]] = {}
        for (key, *_), cell in kept.cells.items():
            assert isinstance(key, ServiceKey)
            series = cell.series
            if cell.part or cell.start_s < given["since"] or series.slice not in ("all", given["slice"]):
                continue
            mine = (series.unit, series.score, series.slice) == tuple(
                given[n] for n in ("unit", "score", "slice")
            )
            held = (cell.generation, cell.n, cell.total, cell.cells, cell.counts)
            if mine or cell.start_s not in rows:
                rows[cell.start_s] = (
                    key.service,
                    key.environment,
                    cell.start_s,
                    *(held if mine else (0, 0, 0.0, [], [])),
                )
        return [rows[at] for at in sorted(rows)]

    return ask


def test_a_rule_tried_over_history_fires_when_the_stream_did(kept: tuple[Kept, list[Finding]]) -> None:
    report = tried_over(SETTINGS, answers(kept[0]), "default", KEY.lineage, 0)
    (service,) = report["rules"][0]["services"]
    stated = [f.to_dict() for f in kept[1] if f.alert_kind == "rule"]
    (fired,) = service["fired"]
    assert (fired["at"], fired["ended"]) == (stated[0]["made_at"], stated[1]["ended_at"])
    assert (fired["value"], fired["n"]) == (stated[0]["current_value"], stated[0]["n"])
    assert f"until {fired['ended']}" in show_tried(report)
    longest = replace(RULE, measure="quantile", score="output_length", limit=700.0, severity="ticket")
    other = replace(SETTINGS, rule=(replace(longest, services=("nobody-*",)), longest))
    first, second, _ = tried_over(other, answers(kept[0]), "default", KEY.lineage, 0)["rules"]
    assert (first["services"], first["unseen"], second["unseen"]) == ([], ["nobody-*"], [])
    assert "  warning: nothing came from 'nobody-*' in this time" in show_tried({"rules": [first]})
    assert len(second["services"][0]["fired"]) >= 1
    later = tried_over(SETTINGS, answers(kept[0]), "default", KEY.lineage, (START + 150) * 60)
    assert later["rules"][0]["services"][0]["fired"] == []


def test_the_rules_are_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            lightship.main(["rules", *words])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    assert call("check") == (0, "there is no [[rule]] and no [[slo]] in the settings\n", "")
    assert call("test")[0] == 2
    rule = "[[rule]]\nscore = 'refusal'\nmeasure = 'rate'\nop = '>'\nlimit = 0.05\nservices = ['desk-*']\n"
    (tmp_path / "lightship.toml").write_text(rule)
    assert call("check")[1] == "ticket  refusal: rate over 30 min > 0.05 (of at least 20)  in desk-*\n"
    assert json.loads(call("check", "--json")[1])["rules"][0]["severity"] == "ticket"
    (tmp_path / "lightship.toml").write_text("[[slo]]\nscore = 'latency_s'\nobjective = 0.9\nabove = 8\n")
    assert call("check")[1].splitlines() == [
        "page    latency_s over 8: at most 10 % over 30 days  in every service",
        "  page    never over 1 h and 5 min: it would take more than all",
        "  page    more than 60 % bad over 6 h and 30 min, of at least 20",
        "  ticket  more than 30 % bad over 1 d and 2 h, of at least 20",
        "  ticket  more than 10 % bad over 3 d and 6 h, of at least 50",
    ]
    (tmp_path / "lightship.toml").write_text(f"{rule}window_s = 400\n")
    code, _, err = call("check")
    assert (code, "multiple of detection.tick_s = 300" in err) == (2, True)


def test_what_ran_is_kept_with_its_rules_and_named_by_them() -> None:
    assert rules_of(RUN.settings()) == rules_of(SETTINGS)
    assert slos_of(RUN.settings()) == slos_of(SETTINGS) != ()
    assert RUN.own_hash() == RUN.config_hash == SETTINGS.config_hash()
    other = replace(SETTINGS, rule=(replace(RULE, limit=0.3),))
    assert RunConfig.of(other).digest != RUN.digest
    assert other.config_hash() != SETTINGS.config_hash()
    assert '"rule"' not in RunConfig.of(Settings()).body


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, None),
        ({"score": "refusel"}, "score in slo"),
        ({"objective": 0.3}, "0.5 to"),
        ({"above": 3.0}, "is for scores with values"),
        ({"score": "latency_s"}, "above is missing"),
        ({"score": "latency_s", "above": 8.0}, None),
        ({"score": "latency_s", "above": 8.0, "slice": "language=es"}, "for all traffic"),
        ({"score": "finish_reason"}, "names for values"),
        ({"score": "tool_loop"}, "measured per trace"),
    ],
)
def test_an_objective_that_cannot_work_is_refused_in_words(
    table: dict[str, object], words: str | None
) -> None:
    with nullcontext() if words is None else pytest.raises(Misconfigured, match=words):
        check_settings(of_tables({"slo": [{"score": "refusal", "objective": 0.99, **table}]}, {}))


def test_the_same_rule_twice_is_one() -> None:
    assert len(rules_of(replace(SETTINGS, rule=(RULE, RULE)))) == 1


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, None),
        ({"score": "refusel"}, "did you mean 'refusal'"),
        ({"measure": "median"}, "'median' is none of rate"),
        ({"op": "=="}, "'==' is none of"),
        ({"window_s": 450}, "multiple of detection.tick_s"),
        ({"window_s": 30}, "60 to 86_400"),
        ({"score": "output_length"}, "is for flags"),
        ({"score": "tool_loop"}, "measured per trace"),
        ({"score": "tool_loop", "unit": "trace"}, None),
        ({"least": 3}, "did you mean 'least_n'"),
        ({"severity": "info"}, "'info' is none of page"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_in_words(table: dict[str, object], words: str | None) -> None:
    rule = {"score": "refusal", "measure": "rate", "op": ">", "limit": 0.2, **table}

    def tried() -> None:
        check_settings(of_tables({"rule": [rule]}, {}))

    if words is None:
        tried()
        return
    with pytest.raises(Misconfigured, match=words):
        tried()
