"""One cause, one message: what detection says of a slow rise, from its calls to the message."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from alerts.incidents.timing import Timing
from alerts.state.incident_state import Change, IncidentState
from detectors.engine.snapshot import pack, unpack
from detectors.finding import Finding
from detectors.watch.watcher import ServiceWatcher
from tests.detectors.traffic import DAY, KEY, START, Row, World, config, observation

TICK_MIN = 5
LEARNED = config(learn=DAY // TICK_MIN)
CALM = World(per_day=10_000, days=1.02, seed=4)


@pytest.fixture(scope="module")
def learned() -> tuple[bytes, int]:
    """A service whose refusals are learned to be one in a hundred, and the tick that is open."""
    watcher = ServiceWatcher(KEY, LEARNED, START // TICK_MIN)
    rows = list(CALM.rows())
    for first in range(0, len(rows), 64):
        batch = rows[first : first + 64]
        watcher.observe(observation(batch, first), first)
        watcher.advance((batch[-1].minute - 2) // TICK_MIN, first)
    watcher.advance(START // TICK_MIN + int(1.02 * DAY / TICK_MIN), len(rows))
    return pack(*watcher.state()), watcher.next_tick


def calls(minute: int, n: int, refused: int) -> list[Row]:
    """Calls of one minute, the refused ones first."""
    draw = np.random.default_rng(minute)
    lengths = np.exp(draw.normal(6, 0.6, n))
    steps = draw.choice([1, 2, 3], n, p=[0.5, 0.35, 0.15])
    usual: dict[str, float | str] = {"secrets": 0.0, "finish_reason": "stop"}
    return [
        Row(
            minute,
            {},
            {
                **usual,
                "refusal": float(i < refused),
                "output_length": float(lengths[i]),
                "steps": float(steps[i]),
            },
        )
        for i in range(n)
    ]


class Told:
    """Detection and incidents of one service, tick by tick: which messages there were."""

    def __init__(self, learned: tuple[bytes, int]) -> None:
        state, self.tick = learned
        self.watcher = ServiceWatcher.restore(KEY, LEARNED, *unpack(state))
        self.book = IncidentState(Timing(), route=lambda _: ("hook",))
        self.words: list[str] = []
        self.offset = 1_000_000
        self.seen: list[Finding] = []
        self.closed_ns = 0

    def run(self, *batches: Sequence[Row]) -> Told:
        """One tick: its batches in the order of the log, then its end."""
        for batch in batches:
            self.offset += 1
            self.watcher.observe(observation(list(batch), self.offset), self.offset)
            self._take(self.watcher.peek(self.offset))
        self.tick += 1
        self._take(self.watcher.advance(self.tick, self.offset).findings)
        self._note(self.book.elapse(lambda _: self.closed_ns))  # it sees what had closed before
        self.closed_ns = self.tick * 300 * 1_000_000_000
        return self

    def _take(self, findings: Sequence[Finding]) -> None:
        self.seen += findings
        for finding in findings:
            self._note(self.book.apply(finding))

    def _note(self, changes: Sequence[Change]) -> None:
        self.words += [row.notify for change in changes for row in change.rows if row.notify]

    def now(self) -> int:
        """First minute of the tick that is open."""
        return self.tick * TICK_MIN

    def doubtful(self) -> Told:
        """A tick that begins with what is found, and goes on so well that this is taken back."""
        return self.run(calls(self.now(), 40, 17), calls(self.now(), 200, 0))

    def calm(self, ticks: int) -> Told:
        """Ticks as they were learned."""
        for _ in range(ticks):
            self.run(calls(self.now(), 70, 1))
        return self

    def stated(self) -> list[tuple[str, str]]:
        """Kind and status of what was found, in order."""
        return [(f.alert_kind, "ended" if f.ended_at else f.status) for f in self.seen]


SEEN, TAKEN_BACK, FOUND = ("fast", "provisional"), ("fast", "withdrawn"), ("fast", "confirmed")


def test_what_its_tick_takes_back_and_the_next_one_finds_again_is_told_once(
    learned: tuple[bytes, int],
) -> None:
    told = Told(learned).doubtful().doubtful()
    assert told.stated() == [SEEN, TAKEN_BACK, SEEN, FOUND]
    assert (told.words, len(told.book.all())) == (["opened"], 1)


def test_what_does_not_come_back_is_over_ten_minutes_later(learned: tuple[bytes, int]) -> None:
    told = Told(learned).doubtful().calm(6)
    assert told.stated() == [SEEN, TAKEN_BACK, ("anomaly", "confirmed"), ("anomaly", "ended")]
    assert (told.words, len(told.book.all())) == (["opened", "resolved"], 1)  # a burst is no other incident
