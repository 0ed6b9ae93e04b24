"""Rules in a service: stated in event time, ended on data alone, the same after a restart."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest

from detectors.finding import Finding
from detectors.observation import Column, Control
from detectors.rule_watch.service_rules import MOST_ADDED
from detectors.rules import NO_LIMIT, Rule
from detectors.watch.watcher import ServiceWatcher
from detectors.watch_config import WatchConfig
from tests.detectors.traffic import KEY, START, Row, config, observation

FIRST = START // 5
RULE = Rule("refusal", "rate", 900, ">", 0.1, severity="page")


class Service:
    """A watcher that is given ticks of so many calls with so many refusals."""

    def __init__(self, *rules: Rule, settings: WatchConfig | None = None) -> None:
        self.settings = settings or config(rules=rules)
        self.watcher = ServiceWatcher(KEY, self.settings, FIRST)
        self.offset = 0
        self.findings: list[Finding] = []

    def say(self, tick: int, n: int, k: int, language: str = "es") -> Service:
        rows = [
            Row(START + tick * 5, {"language": language}, {"refusal": float(i < k), "output_length": 100.0})
            for i in range(n)
        ]
        self.watcher.observe(observation(rows, self.offset), self.offset)
        self.offset += 1
        return self

    def close(self, tick: int) -> Service:
        """Close the ticks before this one."""
        self.findings += self.watcher.advance(FIRST + tick, self.offset).findings
        return self

    def restart(self, settings: WatchConfig | None = None) -> Service:
        facts, arrays = self.watcher.state()
        self.settings = settings or self.settings
        kept = json.loads(json.dumps(facts))
        self.watcher = ServiceWatcher.restore(KEY, self.settings, kept, arrays)
        return self

    @property
    def said(self) -> list[tuple[str, int, int | None]]:
        """Of every statement of a rule: the score, and the tick at whose end it was made, and over."""
        return [
            (f.score, tick_of(f.made_at), None if f.ended_at is None else tick_of(f.ended_at))
            for f in self.findings
            if f.alert_kind == "rule"
        ]


def tick_of(at: Any) -> int:
    return int(at.timestamp()) // 300 - FIRST


CASES: list[tuple[str, list[tuple[int, int, int]], int, list[tuple[str, int, int | None]]]] = [
    ("calm", [(0, 40, 1), (1, 40, 2)], 9, []),
    ("crossed in the first tick there is", [(0, 40, 20)], 9, [("refusal", 1, None)]),
    (
        "crossed, and over when the window holds enough that is fine",
        [(0, 40, 20), (1, 40, 0), (2, 40, 0), (3, 40, 0)],
        9,
        [("refusal", 1, None), ("refusal", 1, 4)],
    ),
    ("no data never ends it", [(0, 40, 20)], 500, [("refusal", 1, None)]),
    ("too few never end it", [(0, 40, 20), (5, 19, 0)], 9, [("refusal", 1, None)]),
    ("enough end it", [(0, 40, 20), (5, 20, 0)], 9, [("refusal", 1, None), ("refusal", 1, 6)]),
    ("too few never raise it", [(0, 19, 19)], 9, []),
    (
        "once while it lasts, again when it comes back",
        [(0, 40, 20), (1, 40, 20), (5, 40, 0), (6, 40, 40)],
        9,
        [("refusal", 1, None), ("refusal", 1, 6), ("refusal", 7, None)],
    ),
]


@pytest.mark.parametrize(("ticks", "until", "said"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
@pytest.mark.parametrize("how", ["tick by tick", "at once", "with a restart at every tick"])
def test_when_a_rule_speaks(
    ticks: list[tuple[int, int, int]], until: int, said: list[tuple[str, int, int | None]], how: str
) -> None:
    service = Service(RULE)
    for tick, n, k in ticks:
        service.say(tick, n, k)
        if how != "at once":
            service.close(tick + 1)
        if how == "with a restart at every tick":
            service.restart()
    service.close(until)
    assert service.said == said


def accepted(service: Service, tick: int) -> Service:
    """A person accepts what was said last; detection hears of it before this tick closes."""
    body = {"finding_id": service.findings[-1].finding_id, "actor": "ana", "reason": "known"}
    service.watcher.control(Control(KEY, "accept", FIRST + tick, body))
    return service


ACCEPTED: list[tuple[str, list[int], list[tuple[str, int, int | None]]]] = [
    ("as it was, it is quiet", [8, 8, 8, 8, 8, 8], []),
    ("a little worse, it is quiet", [8, 11, 11, 11, 11], []),
    ("twice as far off, it speaks, once", [8, 8, 30, 30, 30], [("refusal", 4, None)]),
    ("kept to and broken again, it speaks", [0, 0, 0, 12, 12], [("refusal", 6, None)]),
]


@pytest.mark.parametrize(("hits", "said"), [c[1:] for c in ACCEPTED], ids=[c[0] for c in ACCEPTED])
@pytest.mark.parametrize("restarts", [False, True])
def test_what_was_accepted_is_quiet_until_it_is_clearly_worse_or_was_kept_to(
    hits: list[int], said: list[tuple[str, int, int | None]], restarts: bool
) -> None:
    service = accepted(Service(RULE).say(0, 40, 8).close(1), 1)
    for tick, k in enumerate(hits, 1):
        service.say(tick, 40, k).close(tick + 1)
        if restarts:
            service.restart()
    assert service.said == [("refusal", 1, None), ("refusal", 1, 1), *said]
    assert service.findings[1].notes[-1] == "accepted at 0.2"


def test_what_became_worse_says_than_what_and_began_then() -> None:
    service = accepted(Service(RULE).say(0, 40, 8).close(1), 1).say(1, 40, 8).close(2).say(2, 40, 40).close(3)
    worse = service.findings[-1]
    assert worse.ended_at is None
    assert worse.notes[-1] == "worse than 0.2, which was accepted"
    assert tick_of(worse.onset_low) == 2
    assert worse.finding_id != service.findings[0].finding_id


def test_what_is_accepted_is_how_it_stands_then_and_a_repeated_record_changes_nothing() -> None:
    service = Service(RULE).say(0, 40, 8).close(1)
    said = service.findings[-1]
    service.say(1, 40, 40).close(2)  # 60 % by now
    accepted(service, 2).say(2, 40, 40).close(3)
    assert service.findings[-1].notes[-1] == "accepted at 0.6"
    service.findings.append(said)
    accepted(service, 3).say(3, 40, 40).close(4)  # all hits: 100 %, not twice as far off as 60 %
    assert [f.finding_id for f in service.findings] == [said.finding_id] * 3


def test_a_record_about_something_else_ends_nothing() -> None:
    service = Service(RULE).say(0, 40, 8).close(1)
    body = {"finding_id": "another", "actor": "ana", "reason": "known"}
    service.watcher.control(Control(KEY, "accept", FIRST, body))
    service.say(1, 40, 8).close(2)
    assert service.said == [("refusal", 1, None)]


def test_late_rows_are_in_no_window() -> None:
    service = Service(RULE).say(0, 40, 0).close(1).say(0, 400, 400).close(2).say(2, 40, 0).close(3)
    assert service.said == []


def test_a_rule_about_a_slice_hears_of_that_slice_alone() -> None:
    service = Service(replace(RULE, slice="language=fr"))
    service.say(0, 40, 40, "es").say(0, 40, 0, "fr").close(1)
    assert service.said == []
    service.say(1, 40, 40, "fr").close(2)
    (stated,) = service.findings
    assert (stated.slice, stated.current_value, stated.n) == ("language=fr", 0.5, 80)


def test_a_finding_says_what_was_measured_and_by_which_rule() -> None:
    (stated,) = Service(RULE).say(0, 40, 10).close(1).findings
    assert (stated.alert_kind, stated.status, stated.severity, stated.unit) == (
        "rule",
        "confirmed",
        "page",
        "interaction",
    )
    assert (stated.current_value, stated.baseline_value, stated.effect) == (0.25, 0.1, 0.15)
    assert (stated.direction, stated.effect_unit, stated.n) == ("rise", "rate", 40)
    assert stated.notes == ("rule refusal: rate over 15 min > 0.1 (of at least 20)",)
    assert Finding.from_dict(json.loads(stated.to_json())) == stated


def test_a_rule_for_other_services_says_nothing_here() -> None:
    assert Service(replace(RULE, services=("other-*",))).say(0, 40, 40).close(1).said == []


def test_what_a_rule_said_that_is_gone_is_over_with_the_next_tick() -> None:
    service = Service(RULE).say(0, 40, 40).close(1)
    other = config(rules=(replace(RULE, limit=0.9),))
    service.restart(other).restart(other).say(1, 40, 0).close(2)
    assert service.said == [("refusal", 1, None), ("refusal", 1, 2)]
    assert "not in the settings any more" in service.findings[-1].notes[-1]


def test_rules_spend_no_budget() -> None:
    """What is watched otherwise is stated the same with and without them."""
    plain, ruled = Service(), Service(RULE)
    for service in (plain, ruled):
        for tick in range(30):
            service.say(tick, 40, 0 if tick < 15 else 30).close(tick + 1)
    kept = [f for f in ruled.findings if f.alert_kind != "rule"]
    assert kept == plain.findings
    assert ruled.said == [("refusal", 16, None)]


def added(service: Service, tick: int, rule: object = RULE) -> Service:
    """A person adds a rule before this tick closes."""
    body = {"rule": asdict(rule) if isinstance(rule, Rule) else rule, "actor": "ada", "reason": "watch"}
    service.watcher.control(Control(KEY, "rule", FIRST + tick, body))
    return service


def removed(service: Service, tick: int, rule: Rule = RULE) -> Service:
    service.watcher.control(Control(KEY, "rule_over", FIRST + tick, {"rule_id": rule.rule_id}))
    return service


@pytest.mark.parametrize("restarts", [False, True])
def test_an_added_rule_speaks_from_then_on_until_it_is_removed(*, restarts: bool) -> None:
    service = Service()
    for tick in range(6):
        if tick == 2:
            added(added(service, tick), tick)  # the same twice
        if tick == 4:
            removed(service, tick)
        service.say(tick, 40, 20).close(tick + 1)
        if restarts:
            service.restart()
    assert service.said == [("refusal", 3, None), ("refusal", 3, 4)]
    assert service.findings[-1].notes[-1] == "over: the rule was removed"
    assert service.findings[0].onset_low == service.findings[0].made_at - timedelta(minutes=5)


def test_an_added_rule_is_one_of_the_settings_as_soon_as_they_have_it() -> None:
    service = added(Service(), 0).say(0, 40, 20).close(1)
    service.restart(config(rules=(RULE,)))
    removed(service, 1).say(1, 40, 0).say(2, 40, 0).say(3, 40, 0).close(4)
    assert service.said == [("refusal", 1, None), ("refusal", 1, 4)]
    assert service.findings[-1].notes[-1] != "over: the rule was removed"


@pytest.mark.parametrize(
    "rule",
    [
        None,
        {"score": "refusal"},
        asdict(RULE) | {"limit": "much"},
        asdict(RULE) | {"limit": float("nan")},
        asdict(RULE) | {"services": 5},
        replace(RULE, score="unheard-of"),
        replace(RULE, window_s=299),
        replace(RULE, score="output_length"),  # no flag: it has no rate
        replace(RULE, services=("another",)),
    ],
)
def test_what_can_never_be_decided_is_not_added(rule: object) -> None:
    service = added(Service(), 0, rule).say(0, 40, 20).close(1)
    assert service.said == []
    assert service.watcher.state()[0]["rules"] == []


def test_a_service_watches_only_so_many_added_rules() -> None:
    service = Service()
    for n in range(MOST_ADDED):
        added(service, 0, replace(RULE, least_n=1000 + n))
    added(service, 0).say(0, 40, 20).close(1)
    assert service.said == []
    removed(service, 1, replace(RULE, least_n=1000))
    added(service, 1).say(1, 40, 20).close(2)
    assert service.said == [("refusal", 2, None)]


def test_a_breach_is_stated_once_it_has_lasted_and_a_calm_tick_starts_its_time_anew() -> None:
    rule = replace(RULE, window_s=300, for_s=600)
    for restarts in (False, True):
        service = Service(rule)
        for tick, k in enumerate([20, 20, 0, 20, 20, 20, 20, 0]):
            service.say(tick, 40, k).close(tick + 1)
            if restarts:
                service.restart()
        assert service.said == [("refusal", 6, None), ("refusal", 6, 8)]


def test_at_the_limit_is_beyond_it_where_the_rule_says_so() -> None:
    for op, said in ((">", []), (">=", [("refusal", 1, None)])):
        assert Service(replace(RULE, op=op)).say(0, 40, 4).close(1).said == said


def test_each_value_of_a_dimension_is_decided_by_itself_and_new_ones_join() -> None:
    service = Service(replace(RULE, by="language", window_s=300, name="Refusals", receivers=("chat", "mail")))
    service.say(0, 40, 30, "es").say(0, 40, 1, "de").close(1).restart()
    service.say(1, 40, 30, "fr").say(1, 40, 0, "es").close(2)
    stated = [(f.slice, f.ended_at is None) for f in service.findings if f.alert_kind == "rule"]
    assert stated == [("language=es", True), ("language=es", False), ("language=fr", True)]
    first = service.findings[0]
    assert (first.rule_name, first.receivers) == ("Refusals", ("chat", "mail"))
    assert Finding.from_dict(json.loads(first.to_json())) == first
    assert first.notes[0].startswith("rule refusal in language=es: rate over 5 min > 0.1")


def added_rule(service: Service, rule: Rule, tick: int) -> None:
    body = {"rule": rule.to_dict(), "actor": "ana", "reason": "agreed"}
    service.watcher.control(Control(KEY, "rule", FIRST + tick, body))


def test_a_rule_by_a_dimension_that_is_added_and_removed_ends_for_all_values() -> None:
    service, rule = Service(), replace(RULE, by="language", window_s=300)
    added_rule(service, rule, 0)
    service.say(0, 40, 30, "es").say(0, 40, 30, "de").close(1).restart()
    service.watcher.control(Control(KEY, "rule_over", FIRST + 1, {"rule_id": rule.rule_id}))
    service.close(2)
    assert sorted((f.slice, f.ended_at is None) for f in service.findings) == [
        ("language=de", False),
        ("language=de", True),
        ("language=es", False),
        ("language=es", True),
    ]
    service.say(2, 40, 30, "es").close(3)
    assert len(service.findings) == 4


def test_the_labels_of_an_added_rule_change_while_its_window_stays() -> None:
    service = Service()
    added_rule(service, replace(RULE, owner="search"), 0)
    service.say(0, 19, 10).close(1)
    added_rule(service, replace(RULE, owner="payments", severity="ticket"), 1)
    service.restart().say(1, 10, 0).close(2)
    (said,) = service.findings
    assert (said.owner, said.severity, said.n) == ("payments", "ticket", 29)


ABSENT = Rule("volume", "absent", 600, ">", NO_LIMIT, severity="page")
SPANISH = replace(ABSENT, slice="language=es", name="The Spanish shop")


def minutes(service: Service, first: int, last: int, languages: str = "", *, at_once: bool = False) -> None:
    """Minutes of a call for each two-letter language; the clock follows two minutes behind, or at the end."""
    for minute in range(first, last):
        for language in languages.split():
            rows = [Row(START + minute, {"language": language}, {"refusal": 0.0})]
            o = replace(observation(rows, minute), key=service.watcher.key)
            error = {"error": Column((), (0,))}
            service.watcher.observe(replace(o, scores=o.scores | error), minute)
        if not at_once:
            service.findings += service.watcher.pass_time(START + minute - 1, minute)
    service.findings += service.watcher.pass_time(START + last - 2, last)


def heard(service: Service) -> list[tuple[str, int, int | None]]:
    def minute(at: Any) -> int:
        return int(at.timestamp()) // 60 - START

    return [
        (f.slice, minute(f.made_at), None if f.ended_at is None else minute(f.ended_at))
        for f in service.findings
    ]


@pytest.mark.parametrize("restarts", [False, True])
def test_what_does_not_come_is_stated_after_so_many_minutes_once_and_ends_with_the_next(
    restarts: bool,
) -> None:
    service = Service(ABSENT, SPANISH)
    for first, last, languages in ((0, 30, "es de"), (30, 60, "de"), (60, 62, "es de"), (62, 100, "")):
        minutes(service, first, last, languages)
        if restarts:
            service.restart()
    assert heard(service) == [
        ("language=es", 40, None),
        ("language=es", 40, 60),
        ("all", 72, None),
        ("language=es", 72, None),
    ]
    said = service.findings[0]
    assert (said.alert_kind, said.severity, said.measure, said.rule_name) == (
        "rule",
        "page",
        "absent",
        "The Spanish shop",
    )
    assert said.notes == ("rule no call in language=es for 10 min",)
    assert (said.baseline_value, said.current_value, said.effect_unit) == (10.0, 10.0, "minutes without one")


def test_a_slice_that_never_came_is_missed_from_when_the_rule_began() -> None:
    service = Service(settings=config())
    minutes(service, 0, 20, "de")
    added_rule(service, SPANISH, 0)
    service.close(1)
    minutes(service, 20, 40, "de")
    assert heard(service) == [("language=es", 29, None)]
    service.watcher.control(Control(KEY, "rule_over", FIRST, {"rule_id": SPANISH.rule_id}))
    service.close(8)
    assert heard(service)[-1] == ("language=es", 29, 29)


def test_a_pause_of_lightship_is_not_the_services() -> None:
    live = replace(KEY, lineage="live")
    for pause, said in ((False, [("all", 40, None)]), (True, [])):
        service = Service(ABSENT)
        service.watcher = ServiceWatcher(live, service.settings, FIRST)
        minutes(service, 0, 30, "de")
        minutes(service, 30, 45, at_once=pause)
        assert heard(service) == said


def test_who_accepts_an_absence_is_told_of_the_next_one() -> None:
    service = Service(ABSENT)
    minutes(service, 0, 30, "de")
    minutes(service, 30, 45)
    accepted(service, 0).close(9)
    assert service.findings[-1].notes[-1] == "accepted"
    minutes(service, 45, 90)
    assert len(service.findings) == 2
    minutes(service, 90, 91, "de")
    minutes(service, 91, 110)
    assert heard(service)[-1] == ("all", 101, None)
