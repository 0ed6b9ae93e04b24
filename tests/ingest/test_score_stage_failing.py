"""Stage 1 meets a record on which its own code raises: that record is put aside, and all others go on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from detectors.scorers.protocol import Scores, ScoreSpec
from detectors.scorers.registry import Tally, score_each
from infra.kafka import DEAD_LETTERS
from ingest.agents.score.stage import ScoreStage
from ingest.errors import Unavailable
from ingest.interaction import Interaction
from ingest.messages import Output, RawMessage
from ingest.repository.stage_store import MemoryStore, Refused
from ingest.repository.tables import INTERACTIONS, LEDGER, Row, Table
from ingest.topics import dead_letter as dead_letters
from tests.ingest.raw import HASH_KEY, SCORING, SETTINGS, marks, observations, raw
from tests.ingest.telemetry import chat, span, traces
from tests.ingest.test_bad_numbers import fits

KINDS = (AssertionError, NotImplementedError, StopIteration, OSError, ZeroDivisionError)


def batch(poison: frozenset[tuple[int, int]]) -> list[RawMessage]:
    """Three messages of three calls; ``poison`` are those with a text that something fails on."""
    return [
        raw(
            "otlp_spans",
            0,
            offset,
            traces(
                *(
                    span(
                        chat("poison" if (offset, n) in poison else "hello"),
                        span_id=n + 1,
                        trace=f"{offset + 1:032x}",
                    )
                    for n in range(3)
                )
            ),
        )
        for offset in range(3)
    ]


def letters(outputs: Sequence[Output]) -> list[tuple[str, int, int | None, str]]:
    found = [dead_letters.read(o.value) for o in outputs if o.topic == DEAD_LETTERS.name]
    return [(x.kind, x.source.offset, x.ordinal, x.reason.partition(":")[0]) for x in found]


def account(store: MemoryStore) -> list[tuple[int, int, int]]:
    rows = [dict(zip(LEDGER.names, row, strict=True)) for row in store.rows(LEDGER)]
    return [(r["received"], r["stored"], r["dead_lettered"]) for r in rows]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("poison", [{(1, 2)}, {(0, 0), (2, 1), (2, 2)}, {(1, 0), (1, 1), (1, 2)}])
def test_whatever_computing_raises_costs_the_records_it_is_raised_on(
    kind: type[Exception], poison: set[tuple[int, int]]
) -> None:
    def look_again(interaction: Interaction) -> Interaction:
        if interaction.input_text == "poison":
            raise kind(interaction.input_text)
        return interaction

    store, messages = MemoryStore(), batch(frozenset(poison))
    on = ScoreStage(store, SCORING, SETTINGS, HASH_KEY, look_again=look_again)
    outputs = on.process(messages)
    on.acknowledged(messages)
    assert letters(outputs) == [("decoder_failed", *place, kind.__name__) for place in sorted(poison)]
    lost = [sum(offset == n for offset, _ in poison) for n in range(3)]
    assert account(store) == [(3, 3 - n, n) for n in lost]
    assert sum(len(o.minutes) for o in observations(outputs)) == 9 - len(poison)
    assert max(mark.next_offset for _, mark in marks(outputs)) == 3  # the clock goes on over it
    again = ScoreStage(store, SCORING, SETTINGS, HASH_KEY, look_again=look_again).process(messages)
    assert letters(again) == letters(outputs)  # who does it again comes to the same


class Breaking(MemoryStore):
    """Raises on rows of some table that hold a poisonous text, or on every row."""

    def __init__(self, table: Table, error: Exception, text: str) -> None:
        super().__init__()
        self.table, self.error, self.text = table, error, text

    def insert(self, table: Table, rows: Sequence[Row]) -> list[Refused]:
        if table is self.table and any(self.text in map(str, row) or not self.text for row in rows):
            raise self.error
        return super().insert(table, rows)


def test_what_shows_only_while_rows_are_stored_costs_its_message() -> None:
    store = Breaking(INTERACTIONS, RuntimeError("no"), "poison")
    outputs = ScoreStage(store, SCORING, SETTINGS, HASH_KEY).process(batch(frozenset({(1, 2)})))
    assert letters(outputs) == [("decoder_failed", 1, n, "RuntimeError") for n in range(3)]
    assert account(store) == [(3, 3, 0), (3, 0, 3), (3, 3, 0)]


@pytest.mark.parametrize("error", [RuntimeError("of the whole"), Unavailable("away"), MemoryError()])
def test_what_no_record_is_to_blame_for_is_raised_and_nothing_is_put_aside(error: Exception) -> None:
    store = Breaking(LEDGER, error, "")
    with pytest.raises(type(error)):
        ScoreStage(store, SCORING, SETTINGS, HASH_KEY).process(batch(frozenset()))
    assert store.rows(LEDGER) == []


@pytest.mark.parametrize("value", [b"\xff no OTLP", b""])
@pytest.mark.parametrize("records", [2**32 - 1, 2**32, 2**63 - 1, 2**64])
def test_however_many_records_a_message_says_it_has_its_account_can_be_stored(
    value: bytes, records: int
) -> None:
    store = MemoryStore()
    ScoreStage(store, SCORING, SETTINGS, HASH_KEY).process([raw("otlp_spans", 0, 0, value, records=records)])
    (row,) = store.rows(LEDGER)
    assert all(fits(type_, cell) for (_, type_), cell in zip(LEDGER.columns, row, strict=True))
    assert max(row[LEDGER.index["reasons"]].values(), default=0) < 2**32


class Odd:
    """A scorer whose values are what they should not be on some items."""

    name, version = "odd", "1"
    specs: tuple[ScoreSpec, ...] = ()

    def __init__(self, given: object) -> None:
        self.given = given

    def score(self, items: Sequence[str], /) -> list[Scores]:
        odd: list[Scores] = [self.given if item == "odd" else {"good": 1.0} for item in items]  # type: ignore[misc]
        return odd


@pytest.mark.parametrize("given", [None, [], "ab", {"good": None}, {"good": [1.0]}, 7])
def test_values_that_are_none_cost_one_measure_of_one_record(given: object) -> None:
    tally = Tally()
    scores = score_each(["a", "odd", "b"], [Odd({"good": 2.0}), Odd(given)], tally)
    assert scores == [{"good": 1.0}, {"good": 2.0}, {"good": 1.0}]
    assert tally.failures == {("odd", "TypeError"): 1}
