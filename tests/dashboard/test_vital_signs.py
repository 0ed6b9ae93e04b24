from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard import palette
from dashboard.palette import DARK, LIGHT, Palette
from dashboard.queries.pipeline import Accounts, Disk, Holes, Hour, Late, Partition, SetAside, Source
from dashboard.tables import vital_signs
from dashboard.tables.vital_signs import Listener, Sign, signs
from dashboard.views.pipeline.records_chart import by_hour
from tests.dashboard.made import NOW
from tests.dashboard.test_charts import layers, rows_of

FINE = Hour(NOW.replace(minute=0, second=0), 100, 90, 10, 0, 0, 100)
LESS = timedelta(seconds=5)


def parts(age: timedelta = LESS, event: timedelta = LESS, room: str = "detect") -> list[Partition]:
    moves = Partition("score", "otlp_spans", 0, 10, NOW - LESS, NOW - LESS)
    return [moves, Partition(room, "observations", 3, 10, NOW - event, NOW - age)]


CAME = Accounts((FINE,), (), (Source("otlp_spans", 0, 9, NOW - LESS, 10, 100, 0, 0),))


def found(**changed: Any) -> list[Sign]:
    given: dict[str, Any] = {"parts": parts(), "accounts": CAME, "late": (), "disks": ()}
    given |= {"holes": Holes(0, None), "live": True, "tick_s": 420} | changed
    return signs(**given, now=NOW)


def test_nothing_is_wrong_where_rooms_move_and_everything_is_accounted_for() -> None:
    assert found() == []
    assert found(late=[Late("a", "", 3, 1000)], disks=[Disk("a", 50, 100)]) == []


@pytest.mark.parametrize(
    ("changed", "what", "then"),
    [
        ({"parts": parts(age=timedelta(minutes=4))}, "detect has stopped: 1 of 1", "python -m ingest.worker"),
        (
            {"parts": parts(timedelta(hours=1), room="fleet")},
            "fleet has stopped",
            "ingest.agents.fleet.worker",
        ),
        ({"parts": parts(event=timedelta(minutes=9))}, "1 partitions are behind", "more workers"),
        (
            {"accounts": Accounts((Hour(NOW, 90, 90, 0, 0, 0, 100),), (), ())},
            "10 received records are unaccounted for",
            "lightship ledger",
        ),
        (
            {"accounts": Accounts((Hour(NOW, 100, 93, 0, 0, 7, 100),), (), ())},
            "7 records could not be processed",
            "dead-letters list",
        ),
        ({"holes": Holes(4, NOW)}, "4 offsets", "cannot be had back"),
        ({"late": [Late("bot", "", 90, 1000)]}, "9.0\u202f% of the outputs of bot", "lateness_s"),
        ({"disks": [Disk("default", 9, 100)]}, "Disk default of the store has 9\u202f% left", "text_days"),
        (
            {"set_aside": [SetAside("bot", "prod", NOW, "KeyError", "detectors.x:1 in f")]},
            "bot · prod is not watched, only counted: detection failed with KeyError at detectors.x:1 in f",
            "lightship quarantine release bot",
        ),
        ({"parts": []}, "No process has ever reported", "lightship up"),
    ],
)
def test_each_trouble_is_a_sign_with_what_to_do_next(changed: dict[str, Any], what: str, then: str) -> None:
    (sign,) = found(**changed)
    assert what in sign.what
    assert then in sign.next
    assert sign.state is not palette.OK


def test_a_few_late_outputs_of_few_prove_nothing() -> None:
    assert found(late=[Late("bot", "", 1, 8)]) == []


def test_other_lineages_have_clocks_of_their_own() -> None:
    assert found(parts=parts(event=timedelta(days=200)), live=False) == []


def test_where_nothing_comes_nobody_is_behind() -> None:
    """Clocks of rooms move with records and, for a day after the last one, with the wall."""
    old = parts(event=timedelta(days=2))
    assert "behind" in found(parts=old)[0].what
    assert found(parts=old, accounts=Accounts((), (), ())) == []


def test_who_has_read_nothing_yet_is_not_half_a_century_behind() -> None:
    never = Partition("detect", "observations", 1, 0, datetime(1970, 1, 1, tzinfo=UTC), NOW - LESS)
    assert found(parts=[*parts(), never]) == []


def test_who_reads_whole_ticks_is_as_old_as_one() -> None:
    assert found(parts=parts(event=timedelta(minutes=11), room="fleet")) == []
    assert "fleet" in found(parts=parts(event=timedelta(minutes=13), room="fleet"))[0].what


def test_since_when_is_told_where_it_is_known() -> None:
    early = Hour(NOW - timedelta(hours=5), 10, 8, 0, 0, 2, 10)
    late = Hour(NOW - timedelta(hours=1), 10, 8, 0, 0, 2, 10)
    (sign,) = found(accounts=Accounts((FINE, early, late), (), ()))
    assert sign.since == early.at


def test_a_room_that_waits_says_for_what_and_one_that_is_away_that_it_is() -> None:
    rooms = [
        Listener("alerts", answers=True, ready=True, problem=""),
        Listener("worker", answers=True, ready=False, problem="the store refuses rows: disk full"),
        Listener("gateway", answers=False, ready=False, problem="ConnectError"),
    ]
    waits, away = vital_signs.unready(rooms)
    assert waits.what == "worker waits: the store refuses rows: disk full."
    assert away.what == "gateway does not answer (ConnectError)."


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("dead_letter:not_otlp", ("dead letter", "not otlp")),
        ("not_genai", ("rejected", "not genai")),
        ("retried", ("sent again", "records of dead letters that were retried")),
        ("dead_letter:<b>\u202e", ("dead letter", "<b>[U+202E]")),
    ],
)
def test_reasons_are_words(reason: str, said: tuple[str, str]) -> None:
    assert vital_signs.reason_words(reason) == said


@pytest.mark.parametrize("mode", [LIGHT, DARK])
def test_hours_are_bars_from_zero_and_trouble_is_marked_with_its_number(mode: Palette) -> None:
    bad = Hour(FINE.at - timedelta(hours=1), 100, 80, 0, 0, 15, 105)
    drawn = by_hour([bad, FINE], bad.at, NOW, mode)
    spec = drawn.chart.to_dict()
    (bars,), (marks,) = layers(spec, "bar"), layers(spec, "point")
    assert bars["encoding"]["y2"] == {"datum": 0}
    assert [row["received"] for row in rows_of(spec, bars)] == [100, 100]
    assert [row["n"] for row in rows_of(spec, marks)] == [25]
    assert drawn.alt == "200 records in 2 hours; 15 became dead letters, 10 were lost."
    assert not layers(by_hour([FINE], FINE.at, NOW, mode).chart.to_dict(), "point")
