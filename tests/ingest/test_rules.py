"""Rules of the settings through stage 2: from the log to a page, and computed again from what is stored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lightship
from detectors.finding import Finding
from detectors.observation import ServiceKey
from infra.errors import Misconfigured
from infra.settings import KafkaSettings, RuleSettings, Settings, of_tables
from ingest.detect.run_config import RunConfig, engine
from ingest.detect.stage import DetectStage
from ingest.rules_command import TICKS, Ask, show_tried, tried_over
from ingest.settings_check import check as check_settings
from ingest.watching import rules_of
from tests.alerts.lives import World as Desk
from tests.detectors.drift.traffic import KEY, START, Row, World
from tests.ingest.test_detect_stage import Kept, log_of, raw, said
from tests.ingest.test_verify import check

RULE = RuleSettings("refusal", "rate", ">", 0.2, window_s=900, severity="page")
SETTINGS = Settings(kafka=KafkaSettings(partitions=2), rule=(RULE,))
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
    assert (incident.lead.alert_kind, incident.severity) == ("rule", "page")


@pytest.mark.parametrize("quick", [2_000, 10])
def test_what_a_rule_said_is_computed_again_from_what_is_stored(
    kept: tuple[Kept, list[Finding]], quick: int
) -> None:
    """From the beginning of the log, and from the snapshot before it."""
    verdicts = check(kept[0], quick=quick)
    assert {v.finding.alert_kind for v in verdicts if v.finding} >= {"rule"}
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
    ((service,),) = [r["services"] for r in report["rules"]]
    stated = [f.to_dict() for f in kept[1] if f.alert_kind == "rule"]
    (fired,) = service["fired"]
    assert (fired["at"], fired["ended"]) == (stated[0]["made_at"], stated[1]["ended_at"])
    assert (fired["value"], fired["n"]) == (stated[0]["current_value"], stated[0]["n"])
    assert f"until {fired['ended']}" in show_tried(report)
    longest = replace(RULE, measure="quantile", score="output_length", limit=700.0, severity="ticket")
    other = replace(SETTINGS, rule=(replace(longest, services=("nobody-*",)), longest))
    first, second = tried_over(other, answers(kept[0]), "default", KEY.lineage, 0)["rules"]
    assert first["services"] == []
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

    assert call("check") == (0, "there is no [[rule]] in the settings\n", "")
    assert call("test")[0] == 2
    rule = "[[rule]]\nscore = 'refusal'\nmeasure = 'rate'\nop = '>'\nlimit = 0.05\nservices = ['desk-*']\n"
    (tmp_path / "lightship.toml").write_text(rule)
    assert call("check")[1] == "ticket  refusal: rate over 30 min > 0.05 (of at least 20)  in desk-*\n"
    assert json.loads(call("check", "--json")[1])["rules"][0]["severity"] == "ticket"
    (tmp_path / "lightship.toml").write_text(f"{rule}window_s = 400\n")
    code, _, err = call("check")
    assert (code, "multiple of detection.tick_s = 300" in err) == (2, True)


def test_what_ran_is_kept_with_its_rules_and_named_by_them() -> None:
    assert rules_of(RUN.settings()) == rules_of(SETTINGS)
    assert RUN.own_hash() == RUN.config_hash == SETTINGS.config_hash()
    other = replace(SETTINGS, rule=(replace(RULE, limit=0.3),))
    assert RunConfig.of(other).digest != RUN.digest
    assert other.config_hash() != SETTINGS.config_hash()
    assert '"rule"' not in RunConfig.of(Settings()).body


def test_the_same_rule_twice_is_one() -> None:
    assert len(rules_of(replace(SETTINGS, rule=(RULE, RULE)))) == 1


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, None),
        ({"score": "refusel"}, "did you mean 'refusal'"),
        ({"measure": "median"}, "'median' is none of rate"),
        ({"op": ">="}, "'>=' is none of"),
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
