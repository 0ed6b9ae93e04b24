"""Retries, back-off, breaker and order of deliveries, on a clock that the test moves."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from alerts.briefs.brief import brief_of
from alerts.errors import Unavailable
from alerts.notify.breaker import CAP_S, MAX_ASKED_S, Breaker, backoff_s
from alerts.notify.pipeline import GIVE_UP_S, Attempt, Pipeline
from alerts.notify.protocol import GAVE_UP, RETRY, SENDING, SENT, Delivery, Outcome
from alerts.state.incident_state import IncidentState
from tests.alerts.invented import TIMING, refusals
from tests.alerts.memory import Channel, HandClock

BOOK = IncidentState(TIMING)
INCIDENT = BOOK.apply(refusals())[0].incident
BRIEF = brief_of(INCIDENT)
DOWN = Outcome(RETRY, "invented", 503)


def delivery(incident_id: str = "a" * 16, seq: int = 2, kind: str = "opened") -> Delivery:
    dedup_key = f"{incident_id}-{seq}"
    return Delivery(dedup_key, "default", incident_id, seq, "hook", kind, BRIEF, INCIDENT.place)


class Log:
    """A delivery log that sometimes does not answer."""

    def __init__(self) -> None:
        self.rows: list[Attempt] = []
        self.down = False

    def record_attempt(self, attempt: Attempt) -> None:
        if self.down:
            raise Unavailable("no store")
        self.rows.append(attempt)

    @property
    def outcomes(self) -> list[tuple[int, str]]:
        return [(a.number, a.outcome) for a in self.rows]


class Bench:
    """A pipeline with everything around it."""

    def __init__(self, *answers: Outcome, chance: float = 0.5) -> None:
        self.channel, self.log, self.clock = Channel(answers=list(answers)), Log(), HandClock()
        self.pipeline = Pipeline(self.channel, self.log, self.clock, lambda: chance)

    def run_for(self, seconds: float) -> None:
        end = self.clock.ns + int(seconds * 1e9)
        while self.pipeline.waiting and self.clock.ns < end:
            self.clock.sleep(max(self.pipeline.run(), 0.001))


def test_an_intent_is_stored_before_and_the_outcome_after_an_attempt() -> None:
    bench = Bench()
    bench.pipeline.add(delivery())
    bench.run_for(1)
    assert bench.log.outcomes == [(1, SENDING), (1, SENT)]
    assert bench.pipeline.waiting == 0


def test_a_known_key_is_never_sent_again() -> None:
    bench = Bench()
    bench.pipeline.finished([delivery(seq=3).dedup_key])
    for _ in range(3):
        bench.pipeline.add(delivery())
        bench.pipeline.add(delivery(seq=3))
        bench.run_for(1)
    assert [d.seq for d in bench.channel.got] == [2]


def test_nothing_is_lost_while_the_channel_is_down_for_an_hour() -> None:
    bench = Bench(*[DOWN] * 10_000)
    due = [delivery(c * 16, seq) for c in "abcd" for seq in (2, 5)]
    for one in due:
        bench.pipeline.add(one)
    bench.run_for(3600)
    assert bench.pipeline.waiting == len(due)
    tried = len(bench.channel.got)
    assert tried < 4 * 3600 / 10  # the breaker and the back-off hold back
    bench.channel.answers.clear()
    bench.run_for(2 * CAP_S + 60)
    assert bench.pipeline.waiting == 0
    arrived = bench.channel.got[tried:]
    assert Counter(d.dedup_key for d in arrived) == {d.dedup_key: 1 for d in due}


def test_messages_about_one_incident_arrive_in_order() -> None:
    bench = Bench(DOWN, DOWN)
    for one in (delivery(seq=7, kind="resolved"), delivery(seq=2), delivery("b" * 16)):
        bench.pipeline.add(one)
    bench.run_for(120)
    arrived = [d.seq for d in bench.channel.got[2:] if d.incident_id == "a" * 16]
    assert arrived == [2, 7]


def test_what_is_refused_for_good_is_given_up_at_once_and_blocks_nothing() -> None:
    bench = Bench(Outcome(GAVE_UP, "hook: 400", 400))
    bench.pipeline.add(delivery())
    bench.pipeline.add(delivery(seq=3))
    bench.run_for(10)
    assert bench.log.outcomes == [(1, SENDING), (1, GAVE_UP), (1, SENDING), (1, SENT)]


def test_after_a_day_it_is_given_up() -> None:
    bench = Bench(*[DOWN] * 100_000)
    bench.pipeline.add(delivery())
    bench.run_for(GIVE_UP_S + 2 * CAP_S)
    assert bench.pipeline.waiting == 0
    assert bench.log.rows[-1].outcome == GAVE_UP


def test_without_its_log_nothing_is_sent() -> None:
    bench = Bench()
    bench.log.down = True
    bench.pipeline.add(delivery())
    bench.run_for(60)
    assert bench.channel.got == []
    bench.log.down = False
    bench.run_for(60)
    assert len(bench.channel.got) == 1


def test_an_outcome_that_could_not_be_stored_is_stored_later_and_not_sent_again() -> None:
    bench = Bench()
    bench.pipeline.add(delivery())
    send = bench.channel.steps

    def log_goes_down(name: str) -> None:
        bench.log.down = name == "after send"

    assert callable(send)
    bench.channel.steps = log_goes_down  # type: ignore[assignment]
    bench.run_for(30)
    assert bench.log.outcomes == [(1, SENDING)]
    bench.log.down = False
    bench.run_for(30)
    assert bench.log.outcomes == [(1, SENDING), (1, SENT)]
    assert len(bench.channel.got) == 1


def test_what_is_forgotten_is_left_to_another_process_until_it_comes_back() -> None:
    bench = Bench(DOWN)
    bench.pipeline.add(delivery())
    bench.pipeline.run()
    bench.pipeline.forget()
    bench.run_for(60)
    assert len(bench.channel.got) == 1
    bench.pipeline.add(delivery(), attempts=1)
    bench.run_for(60)
    assert bench.log.outcomes[-2:] == [(2, SENDING), (2, SENT)]


def test_a_delivery_from_the_log_goes_on_counting_its_attempts() -> None:
    bench = Bench()
    bench.pipeline.add(delivery(), attempts=4)
    bench.run_for(1)
    assert bench.log.outcomes == [(5, SENDING), (5, SENT)]


@given(st.integers(1, 2000), st.floats(0, 1), st.none() | st.floats(0, 1e9))
def test_the_wait_is_bounded_on_both_sides(attempt: int, chance: float, asked: float | None) -> None:
    wait = backoff_s(attempt, chance, asked)
    assert 0.5 <= wait <= max(CAP_S, MAX_ASKED_S)
    if asked is not None:
        assert wait >= min(asked, MAX_ASKED_S)


def test_the_breaker_opens_after_failures_in_a_row_and_lets_one_through() -> None:
    breaker, now = Breaker(limit=3, rest_s=30), 10**9
    for _ in range(2):
        breaker.failed(now)
    breaker.succeeded()
    for _ in range(3):
        assert breaker.allows(now)
        breaker.failed(now)
    assert not breaker.allows(now + 29 * 10**9)
    later = now + 30 * 10**9
    assert breaker.allows(later)
    breaker.failed(later)  # the one attempt failed: closed again
    assert not breaker.allows(later + 10**9)
