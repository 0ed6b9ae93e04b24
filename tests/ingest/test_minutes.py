"""What is told within minutes, through stage 2 as it runs: gross rises, and who does not cause one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pytest

from detectors.declared_limits import Limit
from detectors.finding import Finding
from detectors.observation import Column, Mark, Observation, SourcePosition, encode
from infra.kafka import FINDINGS
from ingest.agents.detect.stage import DetectStage
from ingest.messages import RawMessage
from tests.at_length import at_length
from tests.detectors.traffic import DAY, KEY, SPECS, START, config
from tests.ingest.test_detect_stage import LATENESS_NS, Kept

PER_HOUR = 240
SERVICE = replace(KEY, lineage="live")
CALLS = {name: SPECS[name] for name in ("refusal", "secrets")}


@dataclass
class Line:
    """A service in the observation log: calls come in, findings come out of the stage that reads it."""

    store: Kept
    limits: tuple[Limit, ...] = ()
    offset: int = 0
    source: int = 0

    def __post_init__(self) -> None:
        settings = config(specs=CALLS, limits=self.limits)
        self.stage = DetectStage(self.store, settings, 1, LATENESS_NS)

    def put(self, message: Observation | Mark) -> list[Finding]:
        raw = RawMessage("observations", 0, self.offset, encode(message))
        self.offset += 1
        outputs = [o for o in self.stage.process([raw]) if o.topic == FINDINGS.name]
        return [Finding.from_dict(_json(o.value)) for o in outputs]

    def calls(self, minute: int, refused: list[bool], who: list[int], user: int = 0) -> list[Finding]:
        """One message of the calls of a minute, and the mark behind it; many people without a ``user``."""
        n = len(refused)
        source = SourcePosition("otlp_spans", 0, self.source)
        self.source += 1
        o = Observation(
            SERVICE,
            source,
            "interaction",
            (minute,) * n,
            {"language": Column(("en", "de"), tuple(w % 2 for w in who))},
            {
                "refusal": Column((), tuple(map(int, refused))),
                "secrets": Column((), (0,) * n),
                "error": Column((), (0,) * n),
            },
            {"refusal": 1, "secrets": 1, "error": 1},
            tuple(user or w % 1009 + 1 for w in who),
            tuple(who),
        )
        return (self.put(o) if n else []) + self.mark(minute)

    def mark(self, minute: int, *, idle: bool = False) -> list[Finding]:
        at_ns = minute * 60_000_000_000
        return self.put(Mark("default", "live", "otlp_spans", 0, self.source, at_ns, idle=idle))

    def traffic(
        self,
        first: int,
        minutes: int,
        rate: float,
        draw: np.random.Generator,
        per_hour: float = PER_HOUR,
        every: int = 1,
    ) -> Iterator[Finding]:
        """Calls of conversations of their own, refused at ``rate``, told ``every`` so many minutes."""
        for minute in range(first, first + minutes, every):
            n = int(draw.poisson(per_hour / 60 * every))
            who = [int(w) for w in draw.integers(1, 2**62, n)]
            yield from self.calls(minute, list(draw.random(n) < rate), who)

    def resumed(self) -> Line:
        """Another reader that goes on from the last snapshot."""
        return Line(self.store, self.limits, self.offset, self.source)


def _json(value: bytes | None) -> dict[str, object]:
    found: dict[str, object] = json.loads(value or b"{}")
    return found


@pytest.fixture(scope="module")
def learned() -> Line:
    """A service with fourteen days of history at 2 % refusals, and its snapshot."""
    line = Line(Kept())
    findings = list(line.traffic(START, 14 * DAY, 0.02, np.random.default_rng(1), every=5))
    assert findings == []
    line.stage.snapshot()
    return line


def _delay(found: Iterator[Finding], change: int) -> float:
    """Minutes from the change to the first page."""
    first = next(f for f in found if f.severity == "page")
    assert (first.score, first.direction) == ("refusal", "rise")
    assert first.status == "provisional" or first.alert_kind == "fast"
    at = datetime.fromtimestamp(change * 60, UTC)
    return (first.made_at - at).total_seconds() / 60


def _delays(line: Line, start: int, rate: float, seeds: int) -> list[float]:
    out = []
    for seed in range(seeds):
        draw = np.random.default_rng([seed, 5])
        running = line.resumed()
        before = 30 + int(draw.integers(0, 5))
        assert list(running.traffic(start, before, 0.02, draw)) == []
        out.append(_delay(running.traffic(start + before, 180, rate, draw), start + before))
    return out


@pytest.mark.parametrize(("rate", "minutes"), at_length([(0.2, 18), (0.6, 6)]))
def test_a_gross_rise_in_a_learned_service_pages_within_minutes(
    learned: Line, rate: float, minutes: int
) -> None:
    assert np.median(_delays(learned, START + 14 * DAY, rate, 9)) <= minutes


@pytest.mark.parametrize(("rate", "minutes"), [(0.2, 20), (0.6, 6)])
def test_a_gross_rise_pages_on_the_first_day_over_a_declared_limit(rate: float, minutes: int) -> None:
    line = Line(Kept(), (Limit("refusal", 0.02, ("de*",)),))
    assert np.median(_delays(line, START, rate, 9)) <= minutes


@pytest.mark.parametrize("several", [True, False], ids=["conversations", "no-conversation"])
def test_one_user_repeating_a_refused_request_pages_nobody(learned: Line, several: bool) -> None:
    draw = np.random.default_rng(3)
    for line in (learned.resumed(), Line(Kept(), (Limit("refusal", 0.02),))):
        start = START + 14 * DAY if line.source else START
        findings = list(line.traffic(start, 60, 0.02, draw))
        for minute in range(start + 60, start + 110):
            who = [int(w) for w in draw.integers(1, 2**62, 10)] if several else [0] * 10
            findings += line.calls(minute, [True] * 10, who, user=7)
            findings += line.traffic(minute, 1, 0.02, draw)
        findings += line.traffic(start + 110, 30, 0.02, draw)
        assert [f for f in findings if f.alert_kind == "fast"] == []
        assert [f for f in findings if f.severity == "page"] == []


def _quiet(line: Line, first: int, minutes: int) -> list[Finding]:
    """No calls; the partition marks the time."""
    return [f for minute in range(first, first + minutes) for f in line.mark(minute, idle=True)]


def test_traffic_that_stops_is_reported_within_its_expected_gap_and_once(learned: Line) -> None:
    line, start = learned.resumed(), START + 14 * DAY
    assert list(line.traffic(start, 120, 0.02, np.random.default_rng(8))) == []
    (said,) = _quiet(line, start + 120, 90)
    assert (said.alert_kind, said.severity, said.score) == ("silence", "page", "volume")
    assert (said.made_at - datetime.fromtimestamp((start + 120) * 60, UTC)).total_seconds() <= 8 * 60
    (ended,) = line.traffic(start + 210, 5, 0.0, np.random.default_rng(9))
    assert (ended.finding_id, ended.ended_at is None) == (said.finding_id, False)


def test_a_service_that_goes_dark_on_its_first_day_is_told_within_ten_minutes() -> None:
    line, draw = Line(Kept()), np.random.default_rng(11)
    assert list(line.traffic(START, 75, 0.0, draw, per_hour=900)) == []
    found = _quiet(line.resumed() if line.stage.snapshot() else line, START + 75, 30)
    (said,) = found
    assert (said.alert_kind, said.severity, said.service) == ("silence", "page", SERVICE.service)
    waited = (said.made_at - datetime.fromtimestamp((START + 75) * 60, UTC)).total_seconds()
    assert waited + LATENESS_NS / 1e9 <= 600


@pytest.mark.long
def test_a_quiet_night_is_not_reported() -> None:
    line, draw = Line(Kept()), np.random.default_rng(10)
    findings: list[Finding] = []
    for hour in range(20 * 24):
        per_hour = 40 if 7 <= hour % 24 < 22 else 0.3
        findings += line.traffic(START + hour * 60, 60, 0.02, draw, per_hour)
    assert findings == []
    (said,) = _quiet(line, START + 20 * DAY, 9 * 60)
    assert said.alert_kind == "silence"
    assert said.made_at.hour in (7, 8)
