from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.charts import change, pair, risk, small, trend, where
from dashboard.charts.change import Change, Mark, Reference, Tick
from dashboard.charts.frame import MAX_MARKS, Drawing, chart
from dashboard.charts.risk import Cell
from dashboard.charts.small import Week
from dashboard.charts.where import Bar, Bin
from dashboard.measures.intervals import Interval
from dashboard.measures.scale import Scale
from dashboard.palette import DARK, LIGHT, Palette
from dashboard.queries.releases import Marked
from dashboard.tables import incident_picture
from dashboard.views.drift import evidence_chart
from dashboard.views.fleet import overview_chart

START = datetime(2026, 3, 17, 0, 0, tzinfo=UTC)
ONSET = START + timedelta(hours=2)
END = START + timedelta(hours=3)
BAND = Interval(0.004, 0.044)


def ticks(n: int = 36) -> list[Tick]:
    at = [START + timedelta(minutes=5 * i) for i in range(n)]
    return [Tick(t, 0.02 if t < ONSET else 0.07, 0.01, 0.09, 140) for t in at]


def over_time(palette: Palette = LIGHT, *, silent: bool = False, marks: tuple[Mark, ...] = ()) -> Drawing:
    return change.change_over_time(
        ticks(),
        Change(ONSET, ONSET - timedelta(minutes=4), ONSET + timedelta(minutes=4)),
        Reference(0.021, BAND),
        palette,
        marks=marks,
        title="Refusals",
        scale=Scale(share=True),
        ends=END,
        silent=silent,
    )


WEEKS = [START - timedelta(weeks=k) for k in (2, 1, 0)]


def cell(category: str, week: datetime, rate: float, n: int = 50_000, base: float | None = 0.001) -> Cell:
    half = 0.0003
    return Cell(category, week, rate, Interval(max(0.0, rate - half), rate + half), base, n, few=n < 500)


def heat(palette: Palette = LIGHT) -> Drawing:
    cells = [cell("Refusal", w, r) for w, r in zip(WEEKS, (0.001, 0.0011, 0.002), strict=True)]
    cells += [cell("Secret in output", w, 0.0005, n=40, base=None) for w in WEEKS]
    return risk.heat_map(cells, palette)


def weeks(base: float | None = 0.02) -> list[Week]:
    return [Week(w, 0.03, Interval(0.025, 0.035), base, 9_000) for w in WEEKS]


BARS = [Bar("language = de", 14.4, 11.0, 17.0, 0.71), Bar("language = en", 0.2, -0.4, 0.8, None)]
BINS = [Bin(10.0 * 1.3**i, 0.1, 0.05 + 0.01 * i) for i in range(10)]


def level(palette: Palette = LIGHT, held: bool = True) -> Drawing:
    return trend.level_over_time(
        [t for t in ticks() if not ONSET <= t.time < ONSET + timedelta(minutes=20)],
        trend.ComparisonLevel(0.021, Interval(0.02, 0.022), "baseline v12") if held else None,
        palette,
        apart={ticks()[-1].time},
        span=trend.Span(START, END),
        width=timedelta(minutes=5),
        title="Refusals",
        scale=Scale(share=held, unit="" if held else "s"),
    )


def growth(threshold: float | None, palette: Palette = LIGHT) -> Drawing:
    onset = Change(ONSET, ONSET, ONSET, ONSET + timedelta(minutes=20))
    points = [(t.time, 0.1 * k) for k, t in enumerate(ticks())]
    span = trend.Span(START, END)
    return evidence_chart.growth(points, threshold, palette, span=span, changes=[onset] if threshold else [])


SIDES = (pair.Side("reference", 0.021, 0.02, 0.022, 9_000), pair.Side("period", 0.03, 0.025, 0.035, 900))


def drawings(palette: Palette = LIGHT) -> list[Drawing]:
    scale = Scale(share=True)
    return [
        over_time(palette, marks=(Mark(ONSET, "prompt v18"),)),
        over_time(palette),
        over_time(palette, silent=True),
        overview_chart.overview(ticks(), ONSET, BAND, palette, ends=END, silent=False, scale=scale),
        overview_chart.overview(ticks(20), ONSET, BAND, palette, ends=END, silent=True, scale=scale),
        where.ranking(BARS, palette, "percentage points"),
        where.distribution_shift(BINS, palette, "words", log=True),
        where.distribution_shift(BINS, palette, "", log=False, moved=False, narrow=True),
        level(palette),
        level(palette, held=False),
        pair.level_pair(*SIDES, palette, scale, moved=True),
        growth(5.3, palette),
        growth(None, palette),
        heat(palette),
        small.panel(weeks(), "de", 0.05, palette),
        small.panel(weeks(None), "de", 0.05, palette),
        small.sparkline(weeks(), "Refusal", palette),
    ]


def nodes(value: Any, data: Any = None) -> Iterator[dict[str, Any]]:
    """Every object of a specification; layers carry the data they inherit."""
    if isinstance(value, dict):
        data = value.get("data", data) if "layer" in value or "mark" in value else data
        yield {**value, "data": data} if "mark" in value else value
        for inner in value.values():
            yield from nodes(inner, data)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner, data)


def rows_of(spec: dict[str, Any], layer: dict[str, Any]) -> list[dict[str, Any]]:
    return list(spec["datasets"][layer["data"]["name"]])


def layers(spec: dict[str, Any], mark: str) -> list[dict[str, Any]]:
    return [n for n in nodes(spec) if isinstance(n.get("mark"), dict) and n["mark"]["type"] == mark]


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_every_drawing_says_what_it_shows_and_is_a_valid_chart(palette: Palette) -> None:
    for drawing in drawings(palette):
        spec = drawing.chart.to_dict()
        assert len(drawing.alt) > 30
        assert drawing.alt.endswith(".")
        assert spec["background"] == "transparent"
        assert "legend" not in json.dumps(spec["layer"])


def test_no_layer_is_empty() -> None:
    # a layer without rows becomes a group without a name, which a screen reader announces as a picture
    for drawing in drawings():
        spec = drawing.chart.to_dict()
        for node in nodes(spec):
            if "mark" in node and "data" in node:
                assert rows_of(spec, node), node["mark"]


def test_times_carry_their_zone_and_every_time_axis_is_utc() -> None:
    for drawing in drawings():
        spec = drawing.chart.to_dict()
        for node in nodes(spec):
            scale = node.get("scale")
            if node.get("type") == "temporal" and isinstance(scale, dict):
                assert scale["type"] == "utc"
                assert all(at.endswith("Z") for at in scale.get("domain", []))
        assert all(
            row["time"].endswith("Z")
            for rows in spec["datasets"].values()
            for row in rows
            if isinstance(row.get("time"), str)
        )


def test_a_change_has_a_zero_based_axis_and_marks_on_both_sides_of_its_onset() -> None:
    spec = over_time().chart.to_dict()
    domains = [n["domain"] for n in nodes(spec) if isinstance(n.get("domain"), list) and n["domain"][0] == 0]
    assert domains
    assert all(top > 0.09 for _, top in domains)
    (dots,) = layers(spec, "circle")
    periods = [row["period"] for row in rows_of(spec, dots)]
    assert periods == ["before"] * 24 + ["after"] * 12
    assert dots["encoding"]["color"]["scale"]["range"] == [LIGHT.baseline, LIGHT.changed]


def test_after_silence_nothing_is_drawn_and_the_rule_says_so() -> None:
    spec = over_time(silent=True).chart.to_dict()
    words = [n["encoding"]["text"].get("value") for n in layers(spec, "text")]
    assert "no data since 02:00" in words
    (line,) = layers(spec, "line")[1:]
    assert all(row["value"] > 0 for row in rows_of(spec, line))


def test_names_of_releases_are_data_never_part_of_an_expression() -> None:
    evil = "'); alert(1); ('"
    spec = over_time(marks=(Mark(ONSET, evil),)).chart.to_dict()
    assert evil not in json.dumps({k: v for k, v in spec.items() if k != "datasets"})


def test_names_of_releases_that_stand_close_do_not_overlap() -> None:
    near = Mark(ONSET - timedelta(minutes=1), "system prompt ab12")
    far = Mark(ONSET - timedelta(minutes=80), "release 7.4.1")
    spec = over_time(marks=(Mark(ONSET, "prompt v18"), near, far)).chart.to_dict()
    (names,) = [n for n in layers(spec, "text") if n["encoding"]["text"].get("field") == "name"]
    assert [row["name"] for row in rows_of(spec, names)] == ["prompt v18", "", "release 7.4.1"]


def test_a_gap_is_not_joined_and_points_apart_are_strong() -> None:
    drawing = level()
    spec = drawing.chart.to_dict()
    (line,) = (n for n in layers(spec, "line") if "detail" in n["encoding"])
    assert {row["run"] for row in rows_of(spec, line)} == {0, 1}
    (dots,) = layers(spec, "circle")
    assert dots["encoding"]["color"]["condition"]["value"] == LIGHT.changed
    assert [row["apart"] for row in rows_of(spec, dots)].count(True) == 1
    assert "1 of 32 points lie apart" in drawing.alt
    assert line["encoding"]["y"]["scale"]["domain"][0] == 0


def test_numbers_far_from_zero_are_not_flattened_and_unmoved_shapes_are_not_painted() -> None:
    far = [t._replace(value=2.1, low=2.0, high=2.2) for t in ticks()]
    cut = trend.level_over_time(
        far,
        None,
        LIGHT,
        apart=(),
        span=trend.Span(START, END),
        width=timedelta(minutes=5),
        title="Latency",
        scale=Scale(share=False, unit="s"),
    )
    (line,) = layers(cut.chart.to_dict(), "line")
    assert 1.5 < line["encoding"]["y"]["scale"]["domain"][0] < 2.0
    still = where.distribution_shift(BINS, LIGHT, "s", log=True, moved=False)
    assert LIGHT.changed not in json.dumps(still.chart.to_dict())


def test_slices_are_sorted_by_effect_and_grey_where_the_interval_includes_zero() -> None:
    drawing = where.ranking([BARS[1], BARS[0]], LIGHT, "percentage points")
    spec = drawing.chart.to_dict()
    (bar,) = layers(spec, "bar")
    assert [row["slice"] for row in rows_of(spec, bar)] == ["language = de", "language = en"]
    assert [row["clear"] for row in rows_of(spec, bar)] == [True, False]
    assert drawing.alt.startswith("Largest change in language = de: +14")
    assert "1 of 2 show no clear change" in drawing.alt


def test_the_heat_map_paints_what_the_interval_supports_and_nothing_else() -> None:
    at_baseline, near, off = (cell("Refusal", WEEKS[0], r) for r in (0.001, 0.0012, 0.002))
    assert at_baseline.shade == 0
    assert 0 < near.shade < 0.15  # inside its interval: noise
    assert off.shade == pytest.approx(0.99, abs=0.02)
    assert cell("Refusal", WEEKS[0], 0.0005).shade < -0.9
    assert cell("Refusal", WEEKS[0], 0.002, base=None).shade == 0
    assert (near.clear, off.clear) == (False, True)


def test_too_few_outputs_leave_a_word_and_no_number() -> None:
    spec = heat().chart.to_dict()
    words = [n for n in layers(spec, "text") if n["encoding"]["text"].get("value") == "few"]
    assert len(rows_of(spec, words[0])) == 3
    numbers = [n for n in layers(spec, "text") if n["encoding"]["text"].get("field") == "rate_text"]
    assert {row["category"] for row in rows_of(spec, numbers[0])} == {"Refusal"}
    assert "Refusal above baseline" in heat().alt


def test_a_latest_week_off_its_baseline_is_strong() -> None:
    moved = small.panel(weeks(0.02), "de", 0.05, LIGHT).chart.to_dict()
    calm = small.panel(weeks(0.03), "de", 0.05, LIGHT).chart.to_dict()
    assert layers(moved, "line")[0]["mark"]["color"] == LIGHT.changed
    assert layers(calm, "line")[0]["mark"]["color"] == LIGHT.current


def test_more_marks_than_a_browser_draws_quickly_are_refused() -> None:
    chart([{"a": 1}] * MAX_MARKS)
    with pytest.raises(ValueError, match="aggregate them in the store"):
        chart([{"a": 1}] * (MAX_MARKS + 1))


def test_recorded_changes_are_few_rules_with_names_that_cannot_steer() -> None:
    found = [Marked("flag_on", f"\u202e{n}", ONSET) for n in range(9)]
    drawn = incident_picture.recorded(found)
    assert [mark.name for mark in drawn] == [
        f"flag on [U+202E]{n}" for n in range(incident_picture.MOST_MARKS)
    ]
    assert incident_picture.recorded([]) == []
