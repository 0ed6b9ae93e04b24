"""Since when: an incident never began after it was noticed, nor the change its headline is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.briefs.brief import brief_of
from alerts.briefs.headline import headline
from alerts.incidents.incident import Incident
from alerts.state.incident_state import IncidentState
from detectors.finding import Finding
from infra.clock import to_ns
from tests.alerts.invented import TIMING, at, lengths, refusals, secret


def incident(*findings: Finding) -> Incident:
    book = IncidentState(TIMING)
    for finding in findings:
        book.apply(finding)
    return book.all()[0]


def dated(finding_id: str, made_at: str, onset: str, low: str, high: str, **more: object) -> Finding:
    return refusals(
        finding_id, made_at=at(made_at), onset=at(onset), onset_low=at(low), onset_high=at(high), **more
    )


def test_a_later_finding_of_the_same_change_does_not_date_it_after_its_page() -> None:
    """A swap at 00:00 that was told at 01:55, and that the whole of the traffic dates to 03:40."""
    early = dated("early", "01:55", "00:05", "00:00", "01:30")
    later = dated("later", "04:10", "03:40", "03:20", "03:55", slice="all", effect=0.6, evidence=99.0)
    known = incident(early, later)
    assert known.spokesman.finding_id in ("early", "later")
    assert known.onset_ns == to_ns(at("00:05"))
    when = brief_of(known).when
    assert when.fired is not None
    assert when.onset <= when.onset_high <= when.fired
    assert when.delay_s is not None
    assert when.delay_s >= 0
    assert "since 00:05" in headline(known)


def test_a_graver_change_that_joins_later_has_a_beginning_of_its_own() -> None:
    begins = lengths(
        "long", made_at=at("01:55"), onset=at("01:00"), onset_low=at("01:00"), onset_high=at("01:10")
    )
    joins = dated("refused", "04:10", "03:40", "01:05", "03:55")
    known = incident(begins, joins)
    assert known.spokesman.finding_id == "refused"
    assert known.onset_ns <= known.opened_ns
    assert "since 03:40" in headline(known)


def test_hits_of_a_policy_began_with_the_first_of_them_in_whatever_order_they_came() -> None:
    known = incident(secret("late", made_at=at("04:20")), secret("early", made_at=at("04:07")))
    assert "since 04:07" in headline(known)
    assert known.onset_ns == to_ns(at("04:07"))


minutes = st.integers(0, 600)


@given(st.lists(st.tuples(minutes, minutes, minutes, minutes, st.booleans()), min_size=1, max_size=6))
def test_whatever_findings_say_an_incident_began_before_it_was_noticed(
    stated: list[tuple[int, int, int, int, bool]],
) -> None:
    book = IncidentState(TIMING)
    for k, (made, *times, whole) in enumerate(sorted(stated)):
        low, onset, high = (at("00:00") + timedelta(minutes=m) for m in sorted(times))
        finding = replace(
            refusals(f"f{k}", slice="all" if whole else "language=es", effect=0.1 * k + 0.1),
            made_at=at("00:00") + timedelta(minutes=made),
            onset=onset,
            onset_low=low,
            onset_high=high,
        )
        book.apply(finding)
    for known in book.all():
        when = brief_of(known).when
        assert when.onset_low <= when.onset <= when.onset_high <= when.first_finding
        assert when.delay_s is None or when.delay_s >= 0
