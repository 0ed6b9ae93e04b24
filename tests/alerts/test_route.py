"""Who hears of an incident."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.incidents.book import Book
from alerts.notify.route import router
from detectors.finding import Finding
from infra.settings import ReceiverSettings, RouteSettings, Settings
from tests.alerts.invented import TIMING, lengths, refusals

RECEIVERS = tuple(ReceiverSettings(name) for name in ("first", "second", "third"))


def told(finding: Finding, *routes: RouteSettings, **changes: Any) -> tuple[str, ...]:
    settings = Settings(receiver=changes.get("receiver", RECEIVERS), route=routes)
    return router(settings)(Book(TIMING).apply(finding)[0].incident)


@pytest.mark.parametrize(
    ("finding", "routes", "receivers"),
    [
        (refusals(), [RouteSettings("first"), RouteSettings("second")], ("first",)),
        (refusals(), [RouteSettings("first", severities=("ticket",)), RouteSettings("second")], ("second",)),
        (refusals(), [RouteSettings("first", services=("support-*",))], ("first",)),
        (refusals(), [RouteSettings("first", services=("billing",))], ()),
        (refusals(lineage="demo-1"), [RouteSettings("first")], ()),
        (refusals(lineage="demo-1"), [RouteSettings("first", lineages=("live", "demo-*"))], ("first",)),
        (refusals(lineage="import-1"), [RouteSettings("first", lineages=())], ("first",)),
        (lengths(), [RouteSettings("first", severities=("page", "ticket"))], ("first",)),
    ],
)
def test_the_first_route_that_matches(
    finding: Finding, routes: list[RouteSettings], receivers: tuple[str, ...]
) -> None:
    assert told(finding, *routes) == receivers


def test_without_routes_live_goes_to_the_first_receiver_and_without_receivers_to_the_terminal() -> None:
    assert told(refusals()) == ("first",)
    assert told(refusals(lineage="demo-1")) == ()
    assert told(refusals(), receiver=()) == ("terminal",)


def test_whoever_was_told_hears_how_it_goes_on() -> None:
    routes = (RouteSettings("first", severities=("ticket",)), RouteSettings("second", severities=("page",)))
    book = Book(TIMING, route=router(Settings(receiver=RECEIVERS, route=routes)))
    rows = [r for f in (lengths(), refusals()) for c in book.apply(f) for r in c.rows if r.notify]
    assert [(r.notify, r.receivers) for r in rows] == [
        ("opened", ("first",)),
        ("raised", ("first", "second")),
    ]
