"""Rules of the settings that change while a service is watched: told by control records, kept as state."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from detectors.declared_limits import Limit
from detectors.observation import Control
from detectors.rules import Rule
from detectors.slo import Slo
from tests.detectors.test_rule_watch import FIRST, RULE, Service, added, removed, tick_of
from tests.detectors.traffic import KEY, config


def of_settings(service: Service, tick: int, *rules: Rule) -> Service:
    """The settings have these rules before this tick closes."""
    told = [rule.to_dict() for rule in rules]
    service.watcher.control(Control(KEY, "rules_of_settings", FIRST + tick, {"rules": told}))
    return service


@pytest.mark.parametrize("restarts", [False, True])
def test_rules_of_settings_that_changed_hold_from_then_on(*, restarts: bool) -> None:
    other = replace(RULE, limit=0.3)
    service = Service(RULE)
    for tick in range(9):
        if tick == 2:
            of_settings(of_settings(service, tick, other), tick, other)  # the same twice
        if tick == 4:
            of_settings(service, tick, other, replace(RULE, severity="ticket"))
        service.say(tick, 40, 20 if tick < 6 else 0).close(tick + 1)
        if restarts:
            service.restart(config(rules=(RULE,)))
    gone = replace(RULE, severity="ticket")
    assert [(f.notes[0], f.severity, f.ended_at is not None) for f in service.findings] == [
        (f"rule {RULE.text()}", "page", False),
        (f"rule {RULE.text()}", "page", True),
        (f"rule {other.text()}", "page", False),
        (f"rule {gone.text()}", "ticket", False),
        (f"rule {other.text()}", "page", True),
        (f"rule {gone.text()}", "ticket", True),
    ]
    assert "not in the settings any more" in service.findings[1].notes[-1]


def test_a_worker_that_reads_other_settings_goes_by_those() -> None:
    other, third = replace(RULE, limit=0.3), replace(RULE, limit=0.9)
    service = of_settings(Service(RULE), 0, other).say(0, 40, 20).close(1)
    service.restart(config(rules=(third,), config_hash="other")).say(1, 40, 20).close(2)
    assert service.said == [("refusal", 1, None), ("refusal", 1, 2)]
    service.say(2, 40, 40).say(3, 400, 400).close(4)
    assert service.findings[-1].notes[0] == f"rule {third.text()}"


def test_a_rule_people_added_goes_over_to_the_settings_and_of_bad_rules_nothing_is_taken() -> None:
    service = added(Service(), 0).say(0, 40, 20).close(1)
    of_settings(service, 1, RULE, replace(RULE, score="unheard-of"), replace(RULE, services=("x",)))
    removed(service, 1).say(1, 40, 20).close(2)
    assert service.said == [("refusal", 1, None)]  # it is not theirs to remove
    body: dict[str, Any] = {"rules": []}
    service.watcher.control(Control(KEY, "rules_of_settings", FIRST + 2, body))
    service.say(2, 40, 20).close(3)
    assert service.said == [("refusal", 1, None), ("refusal", 1, 2)]


SLO = Slo("refusal", 0.9, least_n=20)
BODY = {"rules": [], "slos": [asdict(SLO)], "limits": [asdict(Limit("refusal", 0.4))]}


def told(service: Service, tick: int, **body: Any) -> Service:
    """The settings say this before this tick closes."""
    service.watcher.control(Control(KEY, "rules_of_settings", FIRST + tick, body))
    return service


@pytest.mark.parametrize("restarts", [False, True])
def test_objectives_of_settings_that_changed_hold_and_those_that_stay_keep_what_they_know(
    *, restarts: bool
) -> None:
    service = told(Service(), 0, **BODY)
    ticket = replace(SLO, severity="ticket")
    for tick in range(8):
        if tick == 5:
            told(service, tick, **{**BODY, "slos": [asdict(ticket), {"score": "refusal"}, "none"]})
        if tick == 6:
            told(service, tick, slos=[])
        service.say(tick, 60, 60).close(tick + 1)
        if restarts:
            service.restart()
    said = [
        (f.severity, f.ended_at and tick_of(f.ended_at)) for f in service.findings if f.detector == "slo.1"
    ]
    assert said == [("page", None), ("ticket", None), ("page", 6), ("ticket", 6)]
    assert service.findings[-1].notes[-1] == "over: it is not in the settings any more"


@pytest.mark.parametrize("restarts", [False, True])
def test_a_limit_of_settings_that_changed_decides_what_is_gross(*, restarts: bool) -> None:
    service = Service(settings=config(limits=(Limit("refusal", 0.4),)))
    for tick in range(8):
        if tick == 3:
            told(service, tick, limits=[asdict(Limit("refusal", 0.02)), asdict(Limit("unheard-of", 0.1))])
        service.say(tick, 100, 30).close(tick + 1)
        if restarts:
            service.restart()
    assert [tick_of(f.made_at) for f in service.findings if f.alert_kind == "fast"] == [3]


def test_what_settings_said_is_over_when_a_worker_is_started_with_others() -> None:
    service = told(Service(), 0, **BODY).say(0, 60, 60).close(1)
    service.restart(config(config_hash="other"))
    assert service.watcher._config.slos == ()
    assert service.watcher._config.limits == ()
