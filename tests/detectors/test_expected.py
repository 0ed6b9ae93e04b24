"""A boundary that was announced: what begins with it is the new level; what pages is not, unless named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from detectors.baselines.expected import HOLDS_S, Announced, Boundary, expect_body, informed
from detectors.finding import Finding
from detectors.observation import Control
from tests.alerts.invented import refusals
from tests.detectors.hourly import DAY, FIRST, weeks
from tests.detectors.test_review import whole
from tests.detectors.traffic import KEY


def announced(hour: int, *scores: str) -> Control:
    return Control(KEY, "expect", FIRST + hour, dict(expect_body(scores, "Ada", "release 7")))


def step(hour: int) -> float:
    return 0.05 if hour < 16 * DAY else 0.4


def told_once(findings: list[Finding]) -> bool:
    """Whether all is said of one finding that pages; the engine retells what the fast path said first."""
    return {f.severity for f in findings} == {"page"} and len({f.finding_id for f in findings}) == 1


def test_an_expected_change_is_told_for_information_and_is_the_level() -> None:
    watcher, findings = weeks(step, 20, controls=(announced(16 * DAY, "refusal"),))
    (told,) = findings
    assert (told.severity, told.notes[-1]) == ("info", "expected: the new level")
    assert told.ended_at is not None
    state = whole(watcher)
    assert (state.origin, state.accepted_by, state.state) == ("expected", "Ada", "accepted")


def test_harm_that_pages_is_not_expected_unless_its_score_is_named() -> None:
    plain = weeks(step, 18)[1]
    for controls in ((announced(16 * DAY),), (announced(16 * DAY, "output_length"),)):
        _, findings = weeks(step, 18, controls=controls)
        assert told_once(findings)
        assert findings == plain


def test_another_time_is_not_the_boundary() -> None:
    for hour in (10 * DAY, 16 * DAY + 60):
        assert told_once(weeks(step, 18, controls=(announced(hour, "refusal"),))[1])


hours = st.integers(-400, 400)


@given(hours, st.integers(0, 200), st.integers(0, 30), st.booleans())
def test_a_boundary_covers_what_began_with_it_for_a_week(
    low: int, found: int, width: int, named: bool
) -> None:
    base = datetime(2026, 3, 17, tzinfo=UTC)
    at = [base + timedelta(hours=h) for h in (low, low + width, low + width + found)]
    stated = refusals(onset=at[0], onset_low=at[0], onset_high=at[1], made_at=at[2], severity="ticket")
    tick = int(base.timestamp()) // 3600
    boundary = Boundary(tick, ("refusal",) if named else (), "Ada", "")
    held = low - 1 <= 0 <= low + width + 1 and low + width + found <= HOLDS_S // 3600
    assert boundary.covers(stated, 3600) == held
    both = Announced()
    for record in (announced(0, "refusal"), announced(0, "refusal"), announced(5)):
        both.add(record)
    other = Announced()
    other.restore(both.state())
    assert other.state() == both.state()
    assert len(both.state()) == 2
    assert informed(stated, tick, 3600).severity == "info"
