"""How long each kind of incident takes to end once its cause is gone: what docs/oncall.md says holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerts.incidents.identity import LIVE
from alerts.state.incident_state import Change, IncidentState
from alerts.state.policy_quiet import quieten
from alerts.state.ports import Closed
from detectors.change.recovery import Recovery
from detectors.engine.baseline import FLAG
from detectors.finding import Finding
from infra.clock import to_ns
from tests.alerts.invented import TIMING, at, overall, refusals, secret

DOCS = Path(__file__).parents[2] / "docs" / "oncall.md"
TICK_S, LATENESS_S = 300, 120
START = at("12:00")
N_PER_S = 2.0
PHASES_S = range(0, TICK_S, 20)
"""When in a tick a cause ends."""

Over = Callable[[float], tuple[float, float]]
"""From when a cause is gone to when its finding ended and when that is said; seconds since `START`."""


def by_tick(gone_s: float) -> tuple[float, float]:
    """A change that detection sees end by the tick."""
    recovery = Recovery.begin(FLAG, 0.01, 0.3, event_var=1.0, kappa=1.0, tick_s=TICK_S)
    tick = int(gone_s // TICK_S)
    while True:
        bad_s = min(max(gone_s - tick * TICK_S, 0.0), TICK_S)
        hits = N_PER_S * (0.4 * bad_s + 0.01 * (TICK_S - bad_s))
        tick += 1
        if recovery.update(N_PER_S * TICK_S, hits):
            return tick * TICK_S, tick * TICK_S + LATENESS_S


def by_minute(gone_s: float) -> tuple[float, float]:
    """A gross rise of the fast path, whose end is said when its tick closes."""
    recovery = Recovery.begin(FLAG, 0.01, 0.3, event_var=1.0, kappa=1.0, tick_s=TICK_S).by_minute(None)
    minute = int(gone_s // 60)
    while True:
        bad_s = min(max(gone_s - minute * 60, 0.0), 60.0)
        minute += 1
        if recovery.update(N_PER_S * 60, N_PER_S * (0.4 * bad_s + 0.01 * (60 - bad_s))):
            return minute * 60, -(-minute * 60 // TICK_S) * TICK_S + LATENESS_S


def by_window(window_s: int) -> Over:
    """A limit on a window of whole ticks: over with the first tick whose window holds nothing of it."""

    def over(gone_s: float) -> tuple[float, float]:
        end_s = -(-gone_s // TICK_S) * TICK_S + window_s
        return end_s, end_s + LATENESS_S

    return over


def on_a_call(gone_s: float) -> tuple[float, float]:
    """Silence, which a call ends; minutes are over for detection once nothing late can come of them."""
    return gone_s, gone_s + LATENESS_S + 60


def closes(after_s: float) -> Iterator[float]:
    """Ends of ticks that close from a time on."""
    tick_s = int((after_s - LATENESS_S) // TICK_S) * TICK_S
    while True:
        tick_s += TICK_S
        if tick_s + LATENESS_S > after_s:
            yield tick_s


def moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told_s(found: Finding, ended_s: float, said_s: float) -> float:
    """When people hear that an incident ended, whose finding ended then and says so then."""
    book = IncidentState(TIMING, route=lambda _: ("hook",))
    book.apply(found)
    over = replace(found, ended_at=moment(ended_s))
    book.apply(over)
    (incident,) = book.all()
    assert incident.state == "recovering"
    for end_s in closes(said_s):
        if to_ns(moment(end_s - TICK_S)) <= incident.since_ns:
            continue
        seen = Closed(0, 0, to_ns(moment(end_s - TICK_S))).to_its_end(incident.since_ns, TICK_S)
        changes = book.elapse(lambda _, upto_ns=seen.upto_ns: upto_ns)  # type: ignore[misc]
        if any(row.notify == "resolved" for change in changes for row in change.rows):
            return max(end_s + LATENESS_S, said_s)
    raise AssertionError


def minutes(over: Over, found: Finding, window_s: int = 0) -> tuple[int, int]:
    """The least and the most it takes, less the window."""
    took = [told_s(found, *over(gone_s)) - gone_s - window_s for gone_s in PHASES_S]
    return int(min(took) // 60), int(-(-max(took) // 60))


def of_policy() -> tuple[int, int]:
    """Of hits: an hour without, in traffic enough, as the desk looks at it."""
    took = []
    for hit_s in PHASES_S:
        book = IncidentState(TIMING, route=lambda _: ("hook",))
        book.apply(secret("h1", made_at=moment(hit_s), onset=moment(hit_s), lineage=LIVE))
        (incident,) = book.all()
        for end_s in closes(hit_s):
            seen = Closed(500, 0, to_ns(moment(end_s)))
            changes = quieten(book, incident, seen, seen.upto_ns) if incident.hits.active else []
            changes += book.elapse(lambda _, upto_ns=seen.upto_ns: upto_ns)  # type: ignore[misc]
            (incident,) = book.all()
            if not incident.is_open:
                took.append(end_s + LATENESS_S - hit_s)
                break
    return int(min(took) // 60), int(-(-max(took) // 60))


CHANGE = refusals(made_at=moment(-600), onset=moment(-900), onset_low=moment(-900), onset_high=moment(-600))
SILENT = replace(CHANGE, alert_kind="silence", score="volume", slice="all")

MEASURED: dict[str, Callable[[], tuple[int, int]]] = {
    "a gross rise": lambda: minutes(by_minute, CHANGE),
    "a rate, a level": lambda: minutes(by_tick, CHANGE),
    "a rule": lambda: minutes(by_window(1800), CHANGE, 1800),
    "an objective": lambda: minutes(by_window(300), CHANGE, 300),
    "a service that sent nothing": lambda: minutes(on_a_call, SILENT),
    "a policy hit": of_policy,
}


def stated() -> dict[str, str]:
    """The first and last column of the table in the documentation, by the beginning of the first."""
    text = DOCS.read_text(encoding="utf-8").partition("## How long it takes to end")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line
    ]
    return {row[0]: row[-1] for row in rows[2:]}


@pytest.mark.parametrize("kind", MEASURED)
def test_what_is_written_of_ends_is_what_happens(kind: str) -> None:
    (text,) = (said for name, said in stated().items() if name.startswith(kind))
    least, most = MEASURED[kind]()
    numbers = [int(n) for n in re.findall(r"\d+", text)]
    assert numbers == ([most] if "up to" in text else [least, most])


def test_every_row_but_that_of_lightship_itself_is_measured() -> None:
    others = [name for name in stated() if not any(name.startswith(kind) for kind in MEASURED)]
    assert [name.partition(":")[0] for name in others] == ["of Lightship itself"]


def life(on_s: int, off_s: int, hours: int) -> list[str]:
    """What is told of a cause that comes and goes, seen within two minutes, by the fast path's ends."""
    book, told, at_s, number = IncidentState(TIMING, route=lambda _: ("hook",)), list[str](), 0.0, 0
    while at_s < hours * 3600:
        number += 1
        seen_s, gone_s = at_s + 120, at_s + on_s
        found = overall(f"b{number}", made_at=moment(seen_s), onset=moment(at_s), onset_low=moment(at_s - 60))
        found = replace(found, onset_high=moment(seen_s), alert_kind="fast")
        events = [(seen_s, found)]
        ended_s, said_s = by_minute(gone_s)
        if ended_s <= gone_s + off_s:
            events.append((said_s, replace(found, ended_at=moment(ended_s))))
        for said_at_s, finding in events:
            closed_ns = to_ns(moment((said_at_s - LATENESS_S) // TICK_S * TICK_S))
            told += of(book.elapse(lambda _, closed_ns=closed_ns: closed_ns))  # type: ignore[misc]
            told += of(book.apply(finding))
        at_s = gone_s + off_s
    return told


def of(changes: list[Change]) -> list[str]:
    return [row.notify for change in changes for row in change.rows if row.notify]


def test_a_cause_that_bounces_within_the_calm_is_told_once() -> None:
    assert life(480, 480, 6) == ["opened"]


def test_a_cause_that_bounces_slowly_is_told_anew_once_and_then_goes_on() -> None:
    assert life(1200, 1500, 6) == ["opened", "resolved", "reopened"]


def test_conversations_counted_after_their_calls_recovered_keep_nothing_open() -> None:
    book = IncidentState(TIMING, route=lambda _: ("hook",))
    book.apply(CHANGE)
    book.apply(replace(CHANGE, ended_at=moment(0)))
    echo = replace(CHANGE, finding_id="echo", unit="conversation", score="refused_share", slice="all")
    assert not of(book.apply(replace(echo, made_at=moment(300), severity="ticket")))
    assert of(book.elapse(lambda _: to_ns(moment(600)))) == ["resolved"]
    late = replace(echo, finding_id="later", made_at=moment(1500), severity="ticket")
    assert not of(book.apply(late))
    (incident,) = book.all()
    assert (incident.ending, len(incident.findings)) == ("recovered", 3)
    assert of(book.elapse(lambda _: to_ns(moment(600 + 3600)))) == ["reopened"]  # they show it still


def burst(number: str, score: str, began_s: float) -> Finding:
    begins, ends = moment(began_s), moment(began_s + 300)
    found = replace(
        CHANGE, finding_id=number, alert_kind="anomaly", severity="ticket", score=score, slice="all"
    )
    return replace(found, made_at=moment(3300), onset=begins, onset_low=begins, onset_high=ends)


def test_a_burst_of_something_else_while_an_incident_goes_on_is_part_of_it() -> None:
    book = IncidentState(TIMING, route=lambda _: ("hook",))
    book.apply(CHANGE)
    assert not of(book.apply(burst("during", "cost_usd", 3000)))
    assert len(book.all()) == 1
    assert of(book.apply(burst("before", "latency_s", -9000))) == ["opened"]


def test_a_burst_is_filed_when_its_incident_is_over_and_opens_it_no_more() -> None:
    book = IncidentState(TIMING, route=lambda _: ("hook",))
    book.apply(CHANGE)
    book.apply(replace(CHANGE, status="withdrawn", made_at=moment(-300)))
    assert of(book.elapse(lambda _: to_ns(moment(300)))) == ["resolved"]
    late = replace(burst("late", CHANGE.score, -900), made_at=moment(600), onset_high=moment(0))
    assert not of(book.apply(late))
    assert not of(book.apply(replace(late, made_at=moment(900), ended_at=moment(900))))
    assert not book.elapse(lambda _: to_ns(moment(9000)))
    assert [i.state for i in book.all()] == ["resolved"]
    assert of(book.apply(burst("after", CHANGE.score, 2400))) == ["opened"]


def test_conversations_that_are_well_again_by_then_open_nothing() -> None:
    book = IncidentState(TIMING, route=lambda _: ("hook",))
    book.apply(CHANGE)
    book.apply(replace(CHANGE, ended_at=moment(0)))
    echo = replace(CHANGE, finding_id="echo", unit="conversation", score="refused_share", severity="ticket")
    book.apply(replace(echo, made_at=moment(300)))
    book.elapse(lambda _: to_ns(moment(600)))
    book.apply(replace(echo, made_at=moment(300), ended_at=moment(2400)))
    assert not book.elapse(lambda _: to_ns(moment(6000)))
