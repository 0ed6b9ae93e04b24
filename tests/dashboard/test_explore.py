"""What explore computes and hands out: both sides, rules, statements, files."""

from __future__ import annotations

import csv
import io
import tomllib
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import exports
from dashboard.estimates import levels, readings, sides
from dashboard.measures.measures import MEDIAN
from dashboard.measures.scores import known
from dashboard.queries.catalogue import Frozen
from dashboard.queries.series import Bucket, Half, SliceCounts
from dashboard.queries.statement import literal
from dashboard.queries.store import SeriesKey
from dashboard.tables import explore_rows
from dashboard.views.explore import rule_text
from detectors.scorers import SPECS
from detectors.scorers.registry import BUILT_IN
from infra.settings import of_tables
from ingest.detection_settings import rules_of
from ingest.settings_check import checked

END = datetime(2026, 3, 17, 3, 13, tzinfo=UTC)
END_S = int(END.timestamp())
FROZEN = Frozen(
    "watching", "learned", END - timedelta(days=60), END - timedelta(days=46), "v12", 0.02, 12, 0.4
)


def half(n: int, hits: int) -> Half:
    return Half(n, float(hits), ((0, n - hits), (1, hits)), ())


def test_the_frozen_baseline_is_what_was_learned_before_the_series_was_watched() -> None:
    found = sides.sides(END_S, sides.DAY, sides.FROZEN, FROZEN)
    compare = found.compare
    assert (compare.to_s, compare.to_s - compare.after_s) == (END_S, sides.DAY)
    assert compare.before_s - compare.from_s == 14 * sides.DAY
    assert found.name == "baseline v12 of 16 Jan to 30 Jan"
    assert found.instead == ""


@pytest.mark.parametrize(
    ("frozen", "said"),
    [
        (None, "no frozen baseline"),
        (Frozen("learning", "", END, None, None, None, None, None), "no frozen baseline"),
        (
            Frozen("watching", "adopted", END - timedelta(9), END - timedelta(8), "v", 1, 1, 1),
            "another lineage",
        ),
        (Frozen("watching", "", END - timedelta(9), END + timedelta(1), "v", 1, 1, 1), "after this period"),
    ],
)
def test_without_a_baseline_to_compare_with_the_period_before_stands_in_and_says_so(
    frozen: Frozen | None, said: str
) -> None:
    found = sides.sides(END_S, sides.DAY, sides.FROZEN, frozen)
    assert said in found.instead
    assert found.compare == sides.sides(END_S, sides.DAY, sides.BEFORE, frozen).compare


@given(st.sampled_from(list(sides.PERIODS.values())), st.sampled_from(sides.AGAINST), st.integers(0, 120))
def test_sides_never_overlap_and_never_lie_ahead(period: int, against: str, days: int) -> None:
    since = END - timedelta(days=days)
    frozen = Frozen("watching", "", since - timedelta(14), since, "v", 0.1, 1, 1)
    c = sides.sides(END_S, period, against, frozen).compare
    assert c.from_s < c.before_s <= c.after_s < c.to_s == END_S
    if against == sides.WEEKS:
        assert (c.after_s - c.from_s) % sides.WEEK == 0


def test_rows_of_a_dimension_hold_together_and_few_is_no_number() -> None:
    measure = readings.measure(known("refusal"), "")
    slices = [
        SliceCounts("all", half(9_000, 180), half(3_000, 120)),
        SliceCounts("language=de", half(3_000, 60), half(1_000, 80)),
        SliceCounts("language=a%2Cb", half(3_000, 60), half(1_000, 21)),
        SliceCounts("language=ja", half(3_000, 60), half(7, 3)),
        SliceCounts("language=de,release=1", half(3_000, 60), half(900, 3)),
    ]
    rows = explore_rows.by_value(measure, slices, "language")
    assert [(r.value, r.verdict) for r in rows] == [
        ("a,b", "no clear change"),
        ("de", "▲ above"),
        ("ja", "few"),
    ]
    assert explore_rows.level_text(measure, rows[2].level) == "few"
    alone = levels.change(measure, slices[1].before, slices[1].after)
    assert alone is not None
    assert rows[1].effect is not None
    assert rows[1].effect.low < alone.low  # two compared: each interval is wider
    assert explore_rows.dimensions([s.slice for s in slices]) == ["language"]


def test_points_are_apart_only_when_all_together_allow_it() -> None:
    measure = readings.measure(known("refusal"), "")
    at = [END - timedelta(minutes=5 * k) for k in range(100)]
    buckets = [Bucket(t, 100, 2.0) for t in at[1:]] + [Bucket(at[0], 100, 20.0)]
    reference = levels.level(measure, half(90_000, 1_800))
    found = explore_rows.apart(measure, buckets, 300, reference)
    assert found == {at[0] + timedelta(seconds=150)}


def test_every_suggested_rule_is_one_that_rules_check_accepts() -> None:
    made: list[tuple[SeriesKey, str]] = []
    for name in sorted(BUILT_IN):
        score = known(name, SPECS[name].kind)
        before = len(made)
        for slice_ in ("all", 'release="x\\y"\x7f'):
            key = SeriesKey('bot [*] "quoted" \\ \u202e', "production", score.counts, name, slice_)
            for way in readings.offered(score, ["a"])[:2] or [""]:
                measure = readings.measure(score, way)
                cells = () if score.grid is None else tuple((score.grid.cell(v), 40) for v in (0.0, 1.0))
                level = levels.level(measure, Half(80, 40.0, cells, ()))
                for per_hour in (0.0, 40_000.0):
                    found = rule_text.suggestion(key, measure, level, 0.5, per_hour)
                    assert found.why
                    made += [(key, found.toml)] if found.toml else []
        assert len(made) > before or score.kind == "category"
    settings = checked(of_tables(tomllib.loads("\n".join(toml for _, toml in made)), {}))
    assert [(r.score, r.slice) for r in settings.rule] == [(key.score, key.slice) for key, _ in made]
    assert all(rule.is_for(made[0][0].service) and not rule.is_for("bot") for rule in rules_of(settings))


def test_a_median_above_zero_is_watched_from_one_and_a_half_times() -> None:
    measure = readings.measure(known("latency_s"), readings.MIDDLE)
    assert measure.what == MEDIAN
    key = SeriesKey("bot", "", "interaction", "latency_s")
    found = rule_text.suggestion(key, measure, levels.Level(2.0, 1.9, 2.1), 2.4, 400.0)
    table = tomllib.loads(found.toml)["rule"][0]
    assert (table["measure"], table["quantile"], table["limit"]) == ("quantile", 0.5, 3.0)


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n=", "＝"])
def test_a_spreadsheet_computes_nothing(begin: str) -> None:
    rows = [{"name": f'{begin}cmd|" /C calc"!A1', "n": -3, "value": -0.5, "none": None}]
    (read,) = csv.DictReader(io.StringIO(exports.as_csv(rows).decode(), newline=""))
    assert read["name"] == f"'{rows[0]['name']}"
    assert (read["n"], read["value"], read["none"]) == ("-3", "-0.5", "")
    (kept,) = pq.read_table(io.BytesIO(exports.as_parquet(rows))).to_pylist()
    assert kept == rows[0]


def test_no_rows_are_a_file_as_well() -> None:
    assert exports.as_csv([]) == b"\n"
    assert pq.read_table(io.BytesIO(exports.as_parquet([]))).num_rows == 0


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_literal_ends_where_it_began(text: str) -> None:
    written = literal(text)
    inside = written[1:-1].replace("\\\\", "").replace("\\'", "")
    assert written[0] == written[-1] == "'"
    assert "'" not in inside
    assert "\n" not in written
