"""What calls cost, and how fast answers come."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from detectors.record import Record
from detectors.scorers.cost import COST, Cost
from detectors.scorers.prices import SHIPPED, PriceTable, shipped
from detectors.scorers.speed import SPEED

MAY_2025, JULY_2025 = 1_746_403_200, 1_751_673_600


@pytest.mark.parametrize(
    ("model", "row"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("openai/gpt-4.1-mini", "gpt-4.1-mini"),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("projects/p/locations/l/publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("Claude-3-5-Sonnet-Latest", "claude-3-5-sonnet"),
    ],
)
def test_a_model_is_known_by_how_its_name_begins(model: str, row: str) -> None:
    found = shipped().of(model)
    assert found is not None
    assert found.model == row


@pytest.mark.parametrize(
    "model",
    ["gpt-4o-audio-preview", "gpt-5.1", "o3-pro", "gpt-4-vision-preview", "llama-3", "", "gpt", "-1" * 200],
)
def test_an_unknown_model_has_no_price(model: str) -> None:
    assert shipped().of(model) is None
    assert COST.score([Record(model=model, input_tokens=10, output_tokens=10)]) == [{}]


def test_the_price_of_the_day_counts() -> None:
    call: dict[str, Any] = {"model": "o3", "input_tokens": 1000, "output_tokens": 500}
    before, after, today = COST.score(
        [Record(**call, ended_s=MAY_2025), Record(**call, ended_s=JULY_2025), Record(**call)]
    )
    assert before["cost_usd"] == pytest.approx(0.01 + 0.02)
    assert after["cost_usd"] == pytest.approx(0.002 + 0.004)
    assert today == after
    assert COST.score([Record(**call, ended_s=0)]) == [before]


def test_cached_tokens_are_part_of_the_input_and_cost_less() -> None:
    fresh, cached, all_cached = COST.score(
        [Record(model="gpt-4o", input_tokens=10**6, cached_tokens=n) for n in (0, 400_000, 2 * 10**6)]
    )
    assert fresh["cost_usd"] == pytest.approx(2.5)
    assert cached["cost_usd"] == pytest.approx(0.6 * 2.5 + 0.4 * 1.25)
    assert all_cached["cost_usd"] == pytest.approx(1.25)


def test_no_tokens_no_cost() -> None:
    assert (
        COST.score([Record(model="gpt-4o"), Record(input_tokens=5), Record(model="gpt-4o", input_tokens=-1)])
        == [{}] * 3
    )


def test_a_table_of_ones_own() -> None:
    own = PriceTable(
        {"version": 7, "price": [{"model": "ours", "since": "2025-01-01", "input": 1, "output": 2}]}
    )
    scorer = Cost(own)
    (scores,) = scorer.score(
        [Record(model="ours-v2", input_tokens=10**6, cached_tokens=10**6, output_tokens=10**6)]
    )
    assert scores == {"cost_usd": 3.0}
    assert "7" in scorer.version


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"since": "2025-01-01", "input": 1, "output": 2}, "model is missing"),
        ({"model": "a", "since": "2025-01-01", "input": "1", "output": 2}, "input"),
        ({"model": "a", "since": "2025-01-01", "input": -1, "output": 2}, "0 to a million"),
        ({"model": "a", "since": "soon", "input": 1, "output": 2}, "soon"),
        ({"model": "a", "since": "2025-01-01", "input": 1, "output": 2, "euro": 3}, "euro"),
        ("a", "is a table"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(row: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        PriceTable({"price": [row]})
    with pytest.raises(ValueError, match="list"):
        PriceTable({})


def test_the_shipped_table_is_dated_and_without_doubles() -> None:
    data = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    rows = [(row["model"], row["since"]) for row in data["price"]]
    assert len(set(rows)) == len(rows) > 30
    assert max(since for _, since in rows) <= data["known_until"]


def test_tokens_a_second_count_from_the_first_chunk() -> None:
    def speed(**facts: Any) -> float | str | None:
        return SPEED.score([Record(**facts)])[0].get("tokens_per_second")

    assert speed(output_tokens=101, duration_s=3.0, time_to_first_chunk_s=1.0) == 50
    assert speed(output_tokens=100, duration_s=4.0) == 25
    assert speed(output_tokens=100, duration_s=4.0, time_to_first_chunk_s=4.0) == 25
    for left_out in (
        {"output_tokens": 3, "duration_s": 1.0},
        {"output_tokens": 100, "duration_s": 0.0},
        {"output_tokens": 100, "duration_s": 1e-9},
        {"output_tokens": 100, "duration_s": float("nan")},
        {"output_tokens": 100, "duration_s": 2.0, "error": True},
        {"duration_s": 2.0},
    ):
        assert speed(**left_out) is None
