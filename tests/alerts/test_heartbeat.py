"""The beat: there as long as people would be paged, and not a moment longer."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

import pytest

from alerts.errors import Unavailable
from alerts.faults import Faults
from alerts.metrics import Metrics
from alerts.monitoring.heartbeat import Heartbeat
from alerts.notify.protocol import RETRY, SENT, Outcome
from alerts.notify.self_monitoring import STALLED_S
from infra.clock import NS_PER_S
from tests.alerts.memory import HandClock


@dataclass
class Place:
    """What the beat hangs on, and what arrived."""

    problems: list[str] = field(default_factory=list)
    age_s: float | None = 20.0
    clock: HandClock = field(default_factory=HandClock)
    away: bool = False
    outcome: Outcome = field(default_factory=lambda: Outcome(SENT))
    got: list[bytes] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    metrics: Metrics = field(default_factory=Metrics)

    def heart(self, every_s: float = 60.0) -> Heartbeat:
        faults = Faults(self.clock)
        return Heartbeat(
            self.post, lambda: self.problems, self.detected_ns, self.clock, every_s, self.metrics, faults
        )

    def detected_ns(self) -> int | None:
        if self.away:
            raise Unavailable("ClickHouse does not answer")
        return None if self.age_s is None else self.clock.now_ns() - int(self.age_s * NS_PER_S)

    def post(self, body: bytes) -> Outcome:
        self.got.append(body)
        self.arrived.set()
        return self.outcome


def test_it_beats_while_all_is_well_on_its_own_thread() -> None:
    place = Place()
    heart = place.heart(0.01)
    heart.start()
    assert place.arrived.wait(10)
    heart.stop(10)
    assert place.metrics.get("beats") >= 1


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"problems": ["the log of findings is not assigned"]}, "not assigned"),
        ({"age_s": STALLED_S + 1}, "detection has made no progress for 3 min"),
        ({"age_s": None}, "never"),
        ({"away": True}, "ClickHouse does not answer"),
    ],
)
def test_it_is_withheld_when_nobody_would_be_paged_and_says_why_once(
    broken: dict[str, object], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    place = Place(**broken)  # type: ignore[arg-type]
    heart = place.heart()
    with caplog.at_level(logging.INFO):
        assert [heart.beat(), heart.beat()] == [False, False]
        assert place.got == []
        assert [why in r.getMessage() for r in caplog.records] == [True]
        place.problems, place.age_s, place.away = [], 1.0, False
        assert heart.beat()
        assert caplog.records[-1].getMessage() == "the heart beats again"
    assert place.metrics.get("beats") == 1


def test_a_beat_that_does_not_arrive_is_said_and_is_no_beat(caplog: pytest.LogCaptureFixture) -> None:
    place = Place(outcome=Outcome(RETRY, "hc.example: time-out"))
    assert not place.heart().beat()
    assert "hc.example: time-out" in caplog.text
    assert place.metrics.get("beats") == 0
