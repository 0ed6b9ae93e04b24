"""One cause, one page: what becomes of findings as they arrive, and arrive again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.incidents.events import Acknowledge, Elapsed, End
from alerts.incidents.grouping import MAX_FINDINGS
from alerts.incidents.identity import fingerprint
from alerts.incidents.incident import FIRING, RECOVERING, RESOLVED, Incident
from alerts.incidents.timing import Timing
from alerts.state.incident_state import Change, IncidentState
from detectors.finding import Finding
from infra.clock import to_ns
from tests.alerts.invented import TIMING, at, lengths, overall, refusals, secret


class Desk:
    """A book with what people would have been told."""

    def __init__(self, timing: Timing = TIMING) -> None:
        self.book = IncidentState(timing)
        self.told: list[tuple[str, str]] = []

    def take(self, *findings: Finding) -> Desk:
        for finding in findings:
            draft = self.book.draft()
            changes = draft.apply(finding)
            self.book.merge(changes)
            self.told += [(c.incident.incident_id, r.notify) for c in changes for r in c.rows if r.notify]
        return self

    def time(self, clock: str) -> None:
        """Ticks were closed up to a time."""
        changes = self.book.draft().elapse(lambda _: to_ns(at(clock)))
        self.book.merge(changes)
        self.told += [(c.incident.incident_id, r.notify) for c in changes for r in c.rows if r.notify]

    @property
    def incidents(self) -> list[Incident]:
        return self.book.all()

    @property
    def only(self) -> Incident:
        assert len(self.incidents) == 1
        return self.incidents[0]

    @property
    def words(self) -> list[str]:
        return [word for _, word in self.told]


def ended(finding: Finding, clock: str, **changes: Any) -> Finding:
    return replace(finding, status="confirmed", ended_at=at(clock), made_at=at(clock), **changes)


def test_one_change_seen_three_ways_is_one_page() -> None:
    desk = Desk().take(refusals(), overall(), lengths())
    assert desk.words == ["opened"]
    assert desk.only.slice == "language=es"
    assert desk.only.score == "refusal"
    assert (desk.only.onset.low_ns, desk.only.onset.high_ns) == (to_ns(at("04:00")), to_ns(at("04:10")))
    assert [s.value for s in desk.only.suspects] == ["v18"]


def test_the_order_of_arrival_does_not_change_what_is_said() -> None:
    seen = {
        (i.slice, i.score, i.onset_ns, i.severity)
        for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0))
        for i in [Desk().take(*[(refusals(), overall(), lengths())[k] for k in order]).only]
    }
    assert len(seen) == 1


def test_a_ticket_that_turns_out_to_hurt_is_raised_in_place_once() -> None:
    desk = Desk().take(lengths(), refusals(), overall())
    assert desk.words == ["opened", "raised"]
    assert (desk.only.severity, desk.only.score) == ("page", "refusal")


def test_a_worse_incident_does_not_get_milder() -> None:
    assert Desk().take(refusals(), lengths()).only.severity == "page"


def test_two_causes_hours_apart_are_two_incidents() -> None:
    later = lengths(
        made_at=at("09:30"), onset=at("09:05"), onset_low=at("09:00"), onset_high=at("09:10"), severity="page"
    )
    desk = Desk().take(refusals(), later)
    assert len(desk.incidents) == 2
    assert desk.words == ["opened", "opened"]


def test_a_late_consequence_of_the_first_cause_joins_it() -> None:
    late = lengths(made_at=at("09:30"), onset_low=at("03:00"), onset_high=at("04:40"))
    assert Desk().take(refusals(), late).words == ["opened"]


def test_onsets_are_compared_with_two_ticks_of_slack() -> None:
    near = lengths(onset=at("04:25"), onset_low=at("04:20"), onset_high=at("04:30"))
    far = lengths(onset=at("04:25"), onset_low=at("04:20:01"), onset_high=at("04:30"))
    assert len(Desk().take(refusals(), near).incidents) == 1
    assert len(Desk().take(refusals(), far).incidents) == 2


def test_the_same_score_joins_while_the_incident_is_open() -> None:
    other = refusals("f9", slice="release=4", made_at=at("07:20"), onset=at("07:05"), onset_low=at("07:00"))
    assert Desk().take(refusals(), other).words == ["opened"]


def test_of_two_open_incidents_the_one_that_began_at_the_same_time_takes_it() -> None:
    loop = refusals("l", score="tool_loop", made_at=at("14:20"), onset=at("14:05"))
    loop = replace(loop, onset_low=at("14:00"), onset_high=at("14:10"), slice="all")
    shorter = lengths("s1")
    longer = lengths(
        "s2", made_at=at("14:30"), onset=at("14:04"), onset_low=at("13:55"), onset_high=at("14:15")
    )
    desk = Desk().take(refusals(), shorter, loop, longer)
    second, first = desk.incidents
    assert [f.finding_id for f in second.findings] == ["l", "s2"]
    assert [f.finding_id for f in first.findings] == ["f1", "s1"]


def test_the_same_score_after_the_end_is_another_cause() -> None:
    other = refusals(
        "f9",
        slice="release=4",
        made_at=at("06:20"),
        onset=at("06:05"),
        onset_low=at("06:00"),
        onset_high=at("06:10"),
    )
    desk = Desk().take(refusals(), ended(refusals(), "05:30"), other)
    assert len(desk.incidents) == 2


@pytest.mark.parametrize("field", ["tenant", "lineage", "environment", "service"])
def test_nothing_is_grouped_across_places(field: str) -> None:
    assert len(Desk().take(refusals(), overall(**{field: "another"})).incidents) == 2


def test_updates_of_one_finding_are_never_new_pages() -> None:
    confirmed = refusals(status="confirmed", made_at=at("04:25"), effect=0.55)
    desk = Desk().take(refusals(), confirmed, confirmed, refusals())
    assert desk.words == ["opened"]
    assert desk.only.primary_finding.effect == 0.55
    assert [f.status for f in desk.only.findings] == ["confirmed"]


def test_a_confirmation_at_a_graver_level_raises() -> None:
    desk = Desk().take(refusals(severity="ticket"), refusals(status="confirmed", severity="page"))
    assert desk.words == ["opened", "raised"]


def test_a_withdrawn_finding_resolves_what_nothing_else_supports() -> None:
    desk = Desk().take(refusals(), refusals(status="withdrawn", made_at=at("04:25")))
    assert (desk.only.state, desk.words) == (RECOVERING, ["opened"])  # the next tick may say it again
    desk.time("04:35")
    assert (desk.only.state, desk.only.ending) == (RESOLVED, "withdrawn")
    assert desk.words == ["opened", "resolved"]


def test_a_withdrawn_finding_leaves_an_incident_that_others_support() -> None:
    desk = Desk().take(refusals(), lengths(), refusals(status="withdrawn", made_at=at("04:25")))
    assert desk.only.state == FIRING
    assert desk.only.score == "output_length"
    assert desk.words == ["opened"]


def test_what_was_withdrawn_before_it_was_seen_opens_nothing() -> None:
    assert Desk().take(refusals(status="withdrawn")).incidents == []


@pytest.mark.parametrize(
    ("back", "words"), [("04:30", ["opened"]), ("04:40", ["opened", "resolved", "reopened"])]
)
def test_a_change_that_comes_back_after_a_withdrawal_is_the_same_incident(
    back: str, words: list[str]
) -> None:
    again = refusals("f9", made_at=at(back), onset=at("04:10"))
    desk = Desk().take(refusals(), refusals(status="withdrawn", made_at=at("04:25")), again)
    assert desk.words == words
    assert desk.only.state == FIRING


def test_it_recovers_when_all_its_changes_have_ended_and_not_before() -> None:
    desk = Desk().take(refusals(), lengths(), ended(refusals(), "05:30"))
    assert desk.only.state == FIRING
    desk.take(ended(lengths(), "06:00"))
    assert desk.only.state == RECOVERING
    desk.book.merge(desk.book.draft().elapse(lambda _: to_ns(at("06:10"))))
    assert (desk.only.state, desk.only.ending) == (RESOLVED, "recovered")
    assert desk.only.resolved_ns == to_ns(at("06:10"))


def test_the_end_is_when_it_ended_though_the_statement_keeps_its_first_time() -> None:
    desk = Desk().take(refusals(), replace(refusals(), status="confirmed", ended_at=at("05:30")))
    assert (desk.only.state, desk.only.since_ns) == (RECOVERING, to_ns(at("05:30")))


def test_a_later_message_shows_that_the_wait_is_over() -> None:
    later = lengths(
        "f8", made_at=at("09:30"), onset=at("09:05"), onset_low=at("09:00"), onset_high=at("09:10")
    )
    desk = Desk().take(refusals(), ended(refusals(), "05:30"), later)
    assert [i.state for i in desk.incidents] == [FIRING, RESOLVED]
    assert desk.words == ["opened", "resolved", "opened"]


def test_what_is_said_late_is_not_lost_in_what_is_over_for_good() -> None:
    desk = Desk().take(refusals(), ended(refusals(), "05:30"))
    desk.book.merge(desk.book.draft().elapse(lambda _: to_ns(at("09:00"))))
    desk.take(lengths(made_at=at("05:50")))
    assert [i.state for i in desk.incidents] == [FIRING, RESOLVED]


def test_the_same_change_soon_after_the_end_reopens() -> None:
    again = refusals(
        "f9", made_at=at("06:00"), onset=at("05:50"), onset_low=at("05:45"), onset_high=at("05:55")
    )
    desk = Desk().take(refusals(), ended(refusals(), "05:30"), again)
    assert desk.words == ["opened", "resolved", "reopened"]
    assert len(desk.incidents) == 1


def test_the_same_change_much_later_is_a_new_incident_even_from_the_same_tick() -> None:
    again = refusals("f9", made_at=at("09:00"))
    desk = Desk().take(refusals(), ended(refusals(), "05:30"), again)
    assert len(desk.incidents) == 2
    assert desk.incidents[0].fingerprint == desk.incidents[1].fingerprint == fingerprint(again)


def test_what_a_person_judged_takes_consequences_quietly() -> None:
    desk = Desk().take(refusals())
    draft = desk.book.draft()
    change = draft.act(desk.only.incident_id, End("false_alarm", "ana", "load test"), to_ns(at("04:30")))
    assert change is not None
    desk.book.merge([change])
    desk.take(lengths(made_at=at("04:40")))
    assert desk.words == ["opened"]
    assert (desk.only.state, desk.only.ending, len(desk.only.findings)) == (RESOLVED, "false_alarm", 2)


def test_but_something_graver_pages_anew() -> None:
    desk = Desk().take(lengths())
    change = desk.book.draft().act(desk.only.incident_id, End("accepted", "ana", "known"), to_ns(at("04:30")))
    assert change is not None
    desk.book.merge([change])
    desk.take(refusals(made_at=at("04:40")))
    assert desk.words == ["opened", "opened"]


def rule(finding_id: str, clock: str, **changes: Any) -> Finding:
    """What a rule says at the end of a tick."""
    began = {"onset": at(clock) - timedelta(minutes=5), "onset_low": at(clock) - timedelta(minutes=5)}
    given = {"alert_kind": "rule", "status": "confirmed", "onset_high": at(clock), "made_at": at(clock)}
    return refusals(finding_id, **{**began, **given, **changes})


@pytest.mark.parametrize("again", ["04:36", "05:30", "12:00"])
def test_a_rule_that_breaks_anew_after_it_was_accepted_is_an_incident_of_its_own(again: str) -> None:
    desk = Desk().take(rule("r1", "04:20"))
    change = desk.book.draft().act(desk.only.incident_id, End("accepted", "ana", "known"), to_ns(at("04:30")))
    assert change is not None
    desk.book.merge([change])
    desk.take(rule("r1", "04:20", ended_at=at("04:30"), notes=("accepted at 0.58",)))
    assert desk.words == ["opened"]
    assert (desk.only.ending, desk.only.active) == ("accepted", False)
    worse = rule("r2", again)
    desk.take(worse, worse)
    assert desk.words == ["opened", "opened"]
    assert [i.ending for i in desk.incidents] == [None, "accepted"]


def test_what_a_rule_said_before_it_was_accepted_is_judged_with_it() -> None:
    desk = Desk().take(rule("r1", "04:20"))
    change = desk.book.draft().act(desk.only.incident_id, End("accepted", "ana", "known"), to_ns(at("04:30")))
    assert change is not None
    desk.book.merge([change])
    desk.take(rule("r2", "04:25"))
    assert desk.words == ["opened"]


def test_policy_hits_are_counted_not_paged_one_by_one() -> None:
    hits = [secret(f"h{k}", n=5 if k == 3 else 1, made_at=at("04:07:00")) for k in range(30)]
    desk = Desk().take(*hits, *hits)
    assert desk.words == ["opened"]
    assert desk.only.hits.count == 30 + 4
    assert len(desk.only.findings) == 1


def test_a_leak_pages_beside_a_drift_that_began_at_the_same_time() -> None:
    assert len(Desk().take(refusals(), secret()).incidents) == 2
    assert len(Desk().take(secret(), refusals()).incidents) == 2


def test_a_rise_of_the_leaked_score_joins_the_leak() -> None:
    desk = Desk().take(secret(), refusals("f9", score="secrets", slice="all"))
    assert desk.words == ["opened"]


def test_a_leak_recovers_only_when_there_was_traffic_without_it() -> None:
    desk = Desk().take(secret())
    assert desk.book.draft().elapse(lambda _: to_ns(at("23:00"))) == []
    desk.book.merge([desk.book.draft().end_quiet(desk.only, 1_234)])
    assert desk.only.state == RECOVERING
    desk.take(secret("h2", made_at=at("05:10")))
    assert (desk.only.state, desk.only.hits.count) == (FIRING, 2)


def test_policy_quiet_said_by_the_detector() -> None:
    desk = Desk().take(secret(), ended(secret(), "05:30"))
    assert desk.only.state == RECOVERING


def test_nothing_recovers_while_the_service_is_silent() -> None:
    silence = refusals(
        "s1",
        alert_kind="silence",
        score="volume",
        slice="all",
        made_at=at("05:33"),
        onset=at("05:31"),
        onset_low=at("05:30"),
        onset_high=at("05:33"),
    )
    desk = Desk().take(refusals(), ended(refusals(), "05:30"), silence)
    drift = next(i for i in desk.incidents if i.score == "refusal")
    desk.book.merge(desk.book.draft().elapse(lambda _: to_ns(at("09:00"))))
    assert (desk.book.get(drift.incident_id) or drift).state == RECOVERING
    desk.take(
        ended(silence, "09:00"), lengths("x", made_at=at("09:20"), onset=at("09:15"), onset_low=at("09:14"))
    )
    assert (desk.book.get(drift.incident_id) or drift).state == RESOLVED


def test_a_storm_becomes_one_incident() -> None:
    storm = [
        refusals(
            f"s{k}",
            score=f"score_{k}",
            made_at=at("04:20") + timedelta(seconds=k),
            onset=at("00:00") + timedelta(hours=k),
            onset_low=None,
            onset_high=None,
        )
        for k in range(20)
    ]
    desk = Desk().take(*storm)
    assert len(desk.incidents) == TIMING.storm_findings
    assert max(len(i.findings) for i in desk.incidents) == 20 - TIMING.storm_findings + 1
    assert len(Desk().take(*storm, secret()).incidents) == TIMING.storm_findings + 1  # a leak still pages


def test_an_incident_keeps_a_bounded_number_of_findings_and_the_grave_ones() -> None:
    many = [lengths(f"m{k}", score=f"score_{k}") for k in range(60)]
    desk = Desk().take(*many, refusals(), *many)
    assert desk.words == ["opened", "raised"]
    assert len(desk.only.findings) == MAX_FINDINGS
    assert desk.only.score == "refusal"
    assert desk.only.beyond == 60 + 1 - MAX_FINDINGS


def test_information_opens_nothing() -> None:
    assert Desk().take(refusals(severity="info")).incidents == []
    assert len(Desk().take(refusals(), lengths(severity="info")).only.findings) == 2


def test_a_draft_that_is_dropped_has_changed_nothing() -> None:
    desk = Desk().take(refusals())
    before = desk.only
    draft = desk.book.draft()
    draft.apply(lengths())
    draft.act(before.incident_id, Acknowledge("ana"), before.clock_ns)
    assert desk.book.all() == [before]
    assert desk.book.act("nobody", Elapsed(), 0) is None


POOL = [
    refusals(),
    refusals(status="confirmed", made_at=at("04:25")),
    ended(refusals(), "05:30"),
    overall(),
    overall(status="withdrawn", made_at=at("04:30")),
    lengths(),
    ended(lengths(), "06:30"),
    secret(),
    secret("h2", made_at=at("04:09")),
    refusals("z", made_at=at("09:20"), onset=at("09:05"), onset_low=at("09:00"), onset_high=at("09:10")),
]


def possible(log: list[Finding]) -> list[Finding]:
    """Leave out what a detector cannot have said: an end or a withdrawal of what it never stated."""
    stated: set[str] = set()
    out = []
    for finding in log:
        if finding.ended_at is None and finding.status != "withdrawn":
            stated.add(finding.finding_id)
        if finding.finding_id in stated:
            out.append(finding)
    return out


@given(st.lists(st.sampled_from(POOL), max_size=25).map(possible), st.integers(0, 25))
def test_a_log_read_again_tells_nobody_anything(log: list[Finding], start: int) -> None:
    once = Desk().take(*log)
    once.take(*log)  # what was due at the time of the last finding has happened
    again = Desk()
    again.book.merge([Change(incident, ()) for incident in once.incidents])  # a restart
    again.take(*log[start:])
    assert again.told == []
    assert [(i.incident_id, i.state, i.hits) for i in again.incidents] == [
        (i.incident_id, i.state, i.hits) for i in once.incidents
    ]


@given(st.permutations(POOL))
def test_the_same_log_gives_the_same_incidents(log: list[Finding]) -> None:
    first, second = Desk().take(*log), Desk().take(*log)
    assert first.incidents == second.incidents
    assert first.told == second.told
