"""Who hears of an incident."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.incidents.codec import incident_from_json, incident_to_json
from alerts.incidents.incident import Incident
from alerts.notify.route import business_of, router
from alerts.notify.route_warnings import route_warnings
from alerts.state.incident_state import IncidentState
from detectors.finding import ALERT_KINDS, Finding
from detectors.internal_finding import internal_finding
from infra.routing import _KINDS
from infra.rule_section import RuleSettings
from infra.settings import ReceiverSettings, RouteSettings, Settings
from tests.alerts.invented import TIMING, at, lengths, refusals, secret

RECEIVERS = tuple(ReceiverSettings(name) for name in ("first", "second", "third"))


def told(finding: Finding, *routes: RouteSettings, **changes: Any) -> tuple[str, ...]:
    settings = Settings(receiver=changes.get("receiver", RECEIVERS), route=routes)
    return router(settings)(IncidentState(TIMING).apply(finding)[0].incident)


@pytest.mark.parametrize(
    ("finding", "routes", "receivers"),
    [
        (refusals(), [RouteSettings("first"), RouteSettings("second")], ("first",)),
        (refusals(), [RouteSettings("first", severities=("ticket",)), RouteSettings("second")], ("second",)),
        (refusals(), [RouteSettings("first", services=("support-*",))], ("first",)),
        (refusals(), [RouteSettings("first", services=("billing",))], ()),
        (
            refusals(service="shop of [email:3f2a]"),
            [RouteSettings("first", services=("shop of [email:3f2a]",))],
            ("first",),
        ),
        (refusals(lineage="demo-1"), [RouteSettings("first")], ()),
        (refusals(lineage="demo-1"), [RouteSettings("first", lineages=("live", "demo-*"))], ("first",)),
        (refusals(lineage="import-1"), [RouteSettings("first", lineages=())], ("first",)),
        (lengths(), [RouteSettings("first", severities=("page", "ticket"))], ("first",)),
        (refusals(), [RouteSettings(receivers=("second", "first", "second"))], ("second", "first")),
        (refusals(), [RouteSettings("first", continue_=True), RouteSettings("second")], ("first", "second")),
        (
            refusals(),
            [RouteSettings("first", continue_=True), RouteSettings("second"), RouteSettings("third")],
            ("first", "second"),
        ),
        (refusals(), [RouteSettings("first", scores=("leng*",)), RouteSettings("second")], ("second",)),
        (refusals(), [RouteSettings("first", scores=("refus*",)), RouteSettings("second")], ("first",)),
        (secret(), [RouteSettings("first", alert_kinds=("policy",))], ("first",)),
        (refusals(), [RouteSettings("first", alert_kinds=("policy",))], ()),
        (refusals(tenant="acme"), [RouteSettings("first", tenants=("ac?e",))], ("first",)),
        (refusals(tenant="acme"), [RouteSettings("first", tenants=("default",))], ()),
        (refusals(environment="prod"), [RouteSettings("first", environments=("prod",))], ("first",)),
        (refusals(environment=None), [RouteSettings("first", environments=("prod",))], ()),
        (refusals(environment=None), [RouteSettings("first", environments=("",))], ("first",)),
    ],
)
def test_the_routes_that_match(
    finding: Finding, routes: list[RouteSettings], receivers: tuple[str, ...]
) -> None:
    assert told(finding, *routes) == receivers


def test_without_routes_live_goes_to_the_first_receiver_and_without_receivers_to_the_terminal() -> None:
    assert told(refusals()) == ("first",)
    assert told(refusals(lineage="demo-1")) == ()
    assert told(refusals(), receiver=()) == ("terminal",)


def test_whoever_was_told_hears_how_it_goes_on() -> None:
    routes = (RouteSettings("first", severities=("ticket",)), RouteSettings("second", severities=("page",)))
    book = IncidentState(TIMING, route=router(Settings(receiver=RECEIVERS, route=routes)))
    rows = [r for f in (lengths(), refusals()) for c in book.apply(f) for r in c.rows if r.notify]
    assert [(r.notify, r.receivers) for r in rows] == [
        ("opened", ("first",)),
        ("raised", ("first", "second")),
    ]


BY_SCORE = (
    RouteSettings("first", scores=("refusal",)),
    RouteSettings("second", scores=("other",)),
    RouteSettings("third"),
)


def notified(*findings: Finding) -> list[tuple[str, tuple[str, ...]]]:
    """Why people are told, and who."""
    book = IncidentState(TIMING, route=router(Settings(receiver=RECEIVERS, route=BY_SCORE)))
    return [(r.notify, r.receivers) for f in findings for c in book.apply(f) for r in c.rows if r.notify]


def test_who_is_called_for_a_score_that_joins_is_told_once_and_a_lesser_finding_calls_nobody() -> None:
    other = refusals("f2", score="other")
    assert notified(refusals(), other, refusals("f3", score="other", slice="release=4")) == [
        ("opened", ("first",)),
        ("opened", ("second",)),
    ]
    assert notified(refusals(), lengths()) == [("opened", ("first",))]  # a ticket in a page


def test_a_graver_finding_that_joins_tells_its_people_by_that_alone() -> None:
    assert notified(lengths(), refusals()) == [("opened", ("third",)), ("raised", ("third", "first"))]


def test_kinds_of_findings_are_those_that_routes_may_name() -> None:
    assert _KINDS == ALERT_KINDS


@pytest.mark.parametrize(
    ("routes", "warned"),
    [
        (
            [RouteSettings("first", severities=("page",)), RouteSettings("second", severities=("page",))],
            ["route[1] to second can never match: route[0] to first before it takes all it would"],
        ),
        ([RouteSettings("first", continue_=True), RouteSettings("second")], []),
        ([RouteSettings("first", severities=("page",)), RouteSettings("second")], []),
        (
            [
                RouteSettings("first", severities=("page",)),
                RouteSettings("third", severities=("ticket",)),
                RouteSettings("second"),
            ],
            ["route[2] to second can never match: route[0] to first and route[1] to third before it take"],
        ),
        (
            [
                RouteSettings("first", services=("support-*",)),
                RouteSettings("second", services=("support-a",)),
            ],
            ["route[1] to second"],
        ),
        (
            [RouteSettings("first", services=("support-*",)), RouteSettings("second", services=("sup*",))],
            [],
        ),
        (
            [RouteSettings("first", services=("sup*",)), RouteSettings("second", services=("support-?",))],
            ["route[1] to second"],
        ),
        ([RouteSettings("first"), RouteSettings("second", lineages=("demo-*",))], []),
        (
            [RouteSettings("first", lineages=()), RouteSettings("second", lineages=("demo-*",))],
            ["route[1] to"],
        ),
        (
            [RouteSettings("first", severities=("info",)), RouteSettings("second")],
            ["route[0] to first can never match: incidents are pages or tickets, none is info"],
        ),
        ([RouteSettings("first")], ["receiver 'second' is told of nothing: no route names it"]),
    ],
)
def test_routes_that_can_never_match_are_named(routes: list[RouteSettings], warned: list[str]) -> None:
    found = route_warnings(Settings(receiver=RECEIVERS[:2], route=tuple(routes)))
    assert len(found) == len(warned)
    for text, begins in zip(found, warned, strict=True):
        assert text.startswith(begins)
        assert "remedy: " in text


def test_what_is_shadowed_is_never_told() -> None:
    patterns = ("support-*", "sup*", "support-assistant", "billing")
    cases = [
        (RouteSettings("first", services=one, severities=grave), RouteSettings("second", services=two))
        for one in [(p,) for p in patterns] + [()]
        for two in [(p,) for p in patterns] + [()]
        for grave in ((), ("page",), ("page", "ticket"))
    ]
    findings = [
        make(f"{n}{make.__name__}", service=n)
        for n in ("support-assistant", "support-desk", "supper", "billing", "z")
        for make in (refusals, lengths)
    ]
    for routes in cases:
        shadowed = any("route[1]" in w for w in route_warnings(Settings(receiver=RECEIVERS, route=routes)))
        hears = any("second" in told(f, *routes) for f in findings)
        assert not (shadowed and hears), routes


def test_a_digest_is_about_every_route_that_names_the_receiver() -> None:
    routes = (RouteSettings(receivers=("first", "second"), severities=("page",), scores=("refusal",)),)
    mine = business_of(Settings(receiver=RECEIVERS, route=routes))
    (opened,) = IncidentState(TIMING).apply(refusals(severity="ticket"))
    (length,) = IncidentState(TIMING).apply(lengths())
    assert [mine(name, opened.incident) for name in ("first", "second", "third")] == [True, True, True]
    assert [mine(name, length.incident) for name in ("first", "second")] == [False, False]


def test_of_two_receivers_of_a_route_the_one_that_is_up_hears_that_the_other_is_down() -> None:
    found = internal_finding("receiver_down", at=at("04:00"), onset=at("03:50"), severity="page",
        detector="self-watch", note="down", slice_="receiver=first")  # fmt: skip
    others = ("second", "third", "terminal")
    assert told(found, RouteSettings(receivers=("first", "second"))) == others
    assert told(found, RouteSettings("first")) == others


def of_rule(finding_id: str = "r1", **changes: Any) -> Finding:
    """A page of a rule that names receivers."""
    given = {"alert_kind": "rule", "detector": "rule.1", "receivers": ("third",), **changes}
    return refusals(finding_id, **given)


@pytest.mark.parametrize(
    ("finding", "receivers"),
    [
        (of_rule(), ("third",)),
        (of_rule(receivers=("third", "second")), ("third", "second")),
        (of_rule(receivers=("gone", "second")), ("second",)),
        (of_rule(receivers=("gone",)), ("first",)),  # routes decide where none is configured any more
        (of_rule(receivers=()), ("first",)),
        (of_rule(severity="ticket"), ("third",)),
        (of_rule(lineage="import-1"), ()),
    ],
)
def test_receivers_of_a_rule_take_the_place_of_those_of_a_route(
    finding: Finding, receivers: tuple[str, ...]
) -> None:
    assert told(finding, RouteSettings("first")) == receivers


def test_what_joins_a_rule_and_a_rule_that_joins_tell_each_their_receivers_once_and_so_after_a_restart() -> (
    None
):
    settings = Settings(receiver=RECEIVERS, route=(RouteSettings("first"),))
    over = of_rule(status="withdrawn", made_at=at("05:00"))
    later = refusals(status="withdrawn", made_at=at("05:10"))  # time passes
    cases = (
        ([of_rule(), refusals()], [("opened", ("third",)), ("opened", ("first",))]),
        ([refusals(), of_rule()], [("opened", ("first",)), ("opened", ("third",))]),
        ([refusals(), of_rule(severity="ticket")], [("opened", ("first",)), ("opened", ("third",))]),
        ([of_rule(severity="ticket"), refusals()], [("opened", ("third",)), ("raised", ("third", "first"))]),
        ([of_rule(), over, later], [("opened", ("third",)), ("resolved", ("third",))]),
        (
            [of_rule(), of_rule("r2", receivers=("second",))],
            [("opened", ("third",)), ("opened", ("second",))],
        ),
    )
    for findings, expected in cases:
        kept: list[Incident] = []
        rows = []
        for finding in (*findings, *findings):  # each is read twice, as after a crash
            book = IncidentState(
                TIMING, [incident_from_json(incident_to_json(i)) for i in kept], router(settings)
            )
            rows += [r for change in book.apply(finding) for r in change.rows if r.notify]
            kept = book.all()
        assert [(r.notify, r.receivers) for r in rows] == expected


def test_a_receiver_that_a_rule_names_is_told_of_something() -> None:
    rule = RuleSettings("refusal", "rate", limit=0.1, receivers=("second",))
    settings = Settings(receiver=RECEIVERS[:2], route=(RouteSettings("first"),), rule=(rule,))
    assert route_warnings(settings) == []
