"""Rules of the settings through stage 2: from the log to a page, and computed again from what is stored."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from detectors.finding import Finding
from infra.errors import Misconfigured
from infra.settings import KafkaSettings, RuleSettings, Settings, of_tables
from ingest.detect.run_config import RunConfig, engine
from ingest.detect.stage import DetectStage
from ingest.settings_check import check as check_settings
from ingest.watching import rules_of
from tests.alerts.lives import World as Desk
from tests.detectors.drift.traffic import START, Row, World
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
