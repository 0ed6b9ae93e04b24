"""Figures up to now are counted once for all messages of a moment; without a store those found are left."""

from __future__ import annotations

from alerts.briefs.brief import brief_of
from alerts.briefs.stored import Found
from alerts.briefs.tally import Tally
from alerts.errors import Unavailable
from alerts.incidents.incident import Incident
from alerts.notify.counts import FRESH_S, Counts
from tests.alerts.deliveries import incident_of
from tests.alerts.invented import at
from tests.alerts.memory import HandClock


def test_messages_of_one_moment_are_counted_once_and_later_ones_anew() -> None:
    clock, asked = HandClock(), list[str]()

    def count(incident: Incident) -> Found:
        asked.append(incident.incident_id)
        return Tally(at("04:05"), at("04:40"), "answers", 60 + len(asked), 200, 9), (
            "errors: timeout in 3 calls",
        )

    counts, incident = Counts(count, clock), incident_of()
    brief = counts.into(brief_of(incident), incident)
    assert brief.tally is not None
    assert (brief.tally.hits, brief.what.particulars) == (61, ("errors: timeout in 3 calls",))
    assert counts.into(brief_of(incident), incident) == brief
    clock.sleep(FRESH_S + 1)
    again = counts.into(brief_of(incident), incident).tally
    assert again is not None
    assert again.hits == 62
    assert len(asked) == 2


def test_a_store_that_is_away_leaves_the_figures_of_the_findings() -> None:
    def away(_: Incident) -> Found:
        raise Unavailable("ClickHouse: no")

    incident = incident_of()
    brief = brief_of(incident)
    assert brief.tally is not None
    assert Counts(away, HandClock()).into(brief, incident) == brief
    assert Counts(away, HandClock()).into(brief, None) == brief
