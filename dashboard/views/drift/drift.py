"""The drift page, whose question is: how does this score differ from its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import streamlit as st

from dashboard import formats, strings
from dashboard.charts import change as change_charts
from dashboard.charts.change import Change
from dashboard.charts.trend import Span
from dashboard.estimates import levels, readings, sides
from dashboard.measures.measures import CATEGORY, FLAG, MEDIAN
from dashboard.measures.scores import known
from dashboard.queries import catalogue, releases, series
from dashboard.queries.catalogue import Frozen
from dashboard.queries.releases import Marked
from dashboard.queries.series import Bucket, Comparison, SliceCounts, Window
from dashboard.queries.store import SeriesKey
from dashboard.safe_text import clean, escape
from dashboard.shared import analysis_panels, data, elements, score_choice, session
from dashboard.shared.data import Reading
from dashboard.shared.score_choice import Chosen
from dashboard.shared.session import Session
from dashboard.tables import explore_rows, incident_picture
from dashboard.tables.explore_rows import SliceRow
from dashboard.views.drift import drift_query, evidence, greatest_change
from dashboard.views.drift import evidence_chart as evidence_charts
from dashboard.views.drift.drift_query import Found
from dashboard.wording import comparison as words

POINTS = 72
LOOK_DAYS = 30
LOOK_BUCKET_S = 6 * 3600
MOST_DAYS = 7
WARM_UP_S = 86_400
"""The detector starts so long before the period, so that a change at its begin finds it running."""


def render() -> None:
    """The page."""
    seen = session.current()
    top = st.container()
    chosen = score_choice.choose(seen, opens=lambda key: _opens(seen, key))
    if chosen is None:
        with top:
            elements.header(strings.DRIFT, words.QUESTION, seen, [], "")
        return
    values = chosen.measure.what != FLAG
    compared = data.read(
        seen.viewer, series.slices, seen.scope, chosen.key, chosen.sides.compare, values=values
    )
    window = incident_picture.in_buckets(
        chosen.sides.end - analysis_panels.period(chosen), chosen.sides.end, POINTS
    )
    buckets = data.read(seen.viewer, series.ticks, seen.scope, chosen.key, window, values=values)
    found = data.read(seen.viewer, drift_query.findings, seen.scope, chosen.key, window.from_s, window.to_s)
    frozen = data.read(seen.viewer, catalogue.baseline, seen.scope, chosen.key)
    marked = data.read(seen.viewer, releases.marked, seen.scope, chosen.key, window.from_s, window.to_s)
    with top:
        all_read: list[Reading[object]] = [*chosen.readings, compared, buckets, found, frozen, marked]
        elements.header(strings.DRIFT, words.QUESTION, seen, all_read, chosen.sides.name)
    if chosen.sides.instead:
        elements.secondary(chosen.sides.instead)
    whole = explore_rows.whole(chosen.measure, compared.value, chosen.key.slice)
    if whole is None or not buckets.value:
        score_choice.write(chosen.address)
        analysis_panels.nothing(chosen)
        return
    own = next(s for s in compared.value if s.slice == chosen.key.slice)
    _ways(chosen)
    with elements.Panel(strings.PANEL_FACTS):
        analysis_panels.facts(chosen, whole)
    left, right = st.columns([2.1, 1])
    with left, st.container(border=True, height="stretch"):
        with elements.Panel(strings.PANEL_CHANGE):
            _change(chosen, window, buckets.value, whole, found.value, marked.value)
        with elements.Panel(strings.PANEL_EVIDENCE):
            _evidence(seen, chosen, window, own, frozen.value, found.value)
    with right, st.container(border=True, height="stretch"):
        with elements.Panel(strings.PANEL_SHAPE):
            analysis_panels.shape(chosen, own, whole)
        with elements.Panel(strings.PANEL_FOUND):
            _found(found.value, seen.now)
    dims = explore_rows.dimensions([s.slice for s in compared.value])
    with elements.Panel(strings.PANEL_TABLE):
        analysis_panels.table(chosen, compared.value, dims)
    score_choice.write(chosen.address)


def _opens(seen: Session, key: SeriesKey) -> datetime | None:
    """The end of the period that shows the greatest change of the last days; nothing if none was clear."""
    frozen = data.read(seen.viewer, catalogue.baseline, seen.scope, key).value
    score = known(key.score)
    measure = readings.measure(score, next(iter(readings.offered(score, ())), ""))
    if frozen is None or frozen.since is None or not frozen.is_known or measure.what == CATEGORY:
        return None
    now_s = -(-seen.scope.now_s // LOOK_BUCKET_S) * LOOK_BUCKET_S
    window = Window(now_s - LOOK_DAYS * 86_400, now_s, LOOK_BUCKET_S)
    values = measure.what != FLAG
    buckets = data.read(seen.viewer, series.ticks, seen.scope, key, window, values=values).value
    learned = Comparison(int(frozen.first.timestamp()), int(frozen.since.timestamp()), window.from_s, now_s)
    compared = data.read(seen.viewer, series.slices, seen.scope, key, learned, values=values).value
    own = next((s for s in compared if s.slice == key.slice), None)
    reference = None if own is None else levels.level(measure, own.before)
    start = greatest_change.change(measure, buckets, reference)
    if start is None:
        return None
    day = timedelta(seconds=sides.PERIODS[sides.USUAL])
    end = greatest_change.until(start, timedelta(seconds=LOOK_BUCKET_S), day, seen.scope.at)
    if seen.scope.at - end < timedelta(hours=1):
        return None  # now shows it as well
    return end.replace(tzinfo=None)


def _ways(chosen: Chosen) -> None:
    """The same choice on the other pages."""
    asked = {k: v for k, v in chosen.address.items() if v}
    with st.container(horizontal=True, gap="small"):
        for page, label in (("outputs", words.OUTPUTS), ("explore", words.EXPLORE)):
            st.page_link(
                f"views/{page}/{page}.py", label=label, icon=":material/arrow_forward:", query_params=asked
            )


def _changes(found: Sequence[Found]) -> list[Change]:
    return [Change(f.onset, f.low, f.high, f.made) for f in found]


def _change(
    chosen: Chosen,
    window: Window,
    buckets: Sequence[Bucket],
    whole: SliceRow,
    found: Sequence[Found],
    marked: Sequence[Marked],
) -> None:
    """The score over the period: around the onset of the latest finding, where there is one."""
    measure, width = chosen.measure, timedelta(seconds=window.bucket_s)
    ticks = incident_picture.points(measure, buckets, window.bucket_s)
    title = words.TITLE.format(title=analysis_panels.titled(chosen), step=formats.span(width))
    span = Span(incident_picture.at(window.from_s), incident_picture.at(window.to_s))
    inside = [c for c in _changes(found) if ticks and ticks[0].time < c.onset < span.last]
    if inside:
        elements.section(title, words.NOTE)
        level = None if whole.before is None else whole.before.value
        drawing = change_charts.change_over_time(
            ticks,
            inside[0],
            incident_picture.reference(measure, ticks, inside[0].onset, level),
            elements.colors(),
            marks=incident_picture.recorded(marked),
            title=title,
            scale=measure.scale,
            ends=span.last,
        )
    else:
        elements.section(title, words.NOTE_QUIET.format(reference=chosen.sides.name))
        apart = explore_rows.apart(measure, buckets, window.bucket_s, whole.before)
        drawing = analysis_panels.trend(chosen, window, ticks, apart, whole, title)
    elements.show(drawing, key="change")


def _evidence(
    seen: Session,
    chosen: Chosen,
    window: Window,
    own: SliceCounts,
    frozen: Frozen | None,
    found: Sequence[Found],
) -> None:
    """How the detector's evidence grew, computed again; or why it cannot be."""
    what = words.OF_MEDIAN if chosen.measure.what == MEDIAN else words.OF_HITS
    if window.to_s - window.from_s > (MOST_DAYS + 1) * 86_400:
        elements.section(words.EVIDENCE)
        elements.nothing(words.EVIDENCE_NONE, words.EVIDENCE_LONG.format(days=MOST_DAYS))
        return
    width_s, points = _computed(seen, chosen, window, own, frozen)
    if not points:
        elements.section(words.EVIDENCE)
        elements.nothing(words.EVIDENCE_NONE, words.EVIDENCE_LITTLE.format(n=evidence.LEAST_TICKS))
        return
    step = formats.span(timedelta(seconds=width_s))
    elements.section(words.EVIDENCE, words.EVIDENCE_NOTE.format(what=what, step=step))
    threshold = None
    if frozen is not None and frozen.threshold is not None:
        threshold = frozen.threshold / evidence.LOG10
    drawing = evidence_charts.growth(
        [(p.at, p.value) for p in points],
        threshold,
        elements.colors(),
        span=Span(incident_picture.at(window.from_s), incident_picture.at(window.to_s)),
        changes=_changes(found),
    )
    elements.show(drawing, key="evidence")


def _computed(
    seen: Session, chosen: Chosen, window: Window, own: SliceCounts, frozen: Frozen | None
) -> tuple[int, list[evidence.Point]]:
    measure = chosen.measure
    if frozen is None or frozen.since is None or not frozen.is_known:
        return 0, []
    if measure.what == MEDIAN:
        usual = levels.level(measure, own.before)
        grid = measure.score.grid
        if usual is None or grid is None:
            return 0, []
        measure = replace(measure, cell=grid.cell(usual.value))
    first, since = int(frozen.first.timestamp()), int(frozen.since.timestamp())
    start = max(since, window.from_s - WARM_UP_S)
    longest = max(since - first, window.to_s - start)
    if longest <= 0 or start >= window.to_s:
        return 0, []
    width = evidence.width(data.settings().detection.tick_s, longest)
    learn = (first // width, since // width)
    watch = (start // width, min(window.to_s, seen.scope.now_s) // width)
    if learn[1] <= learn[0] or watch[1] <= watch[0]:
        return 0, []
    key, scope = chosen.key, seen.scope
    learned = data.read(
        seen.viewer, drift_query.hits, scope, key, measure, width, learn[0] * width, learn[1] * width
    ).value
    watched = data.read(
        seen.viewer, drift_query.hits, scope, key, measure, width, watch[0] * width, watch[1] * width
    ).value
    points = evidence.over_time(learned, watched, learn, watch, width)
    shown = [p for p in points if p.at.timestamp() >= window.from_s]
    return width, _thinned(shown)


def _thinned(points: Sequence[evidence.Point], most: int = 600) -> list[evidence.Point]:
    """At most so many points, each the highest of its neighbours: a crossing must not be left out."""
    step = -(-len(points) // most) if points else 1
    return [max(points[i : i + step], key=lambda p: p.value) for i in range(0, len(points), step)]


def _found(found: Sequence[Found], now: datetime) -> None:
    elements.section(words.FOUND, words.FOUND_NOTE if found else "")
    if not found:
        elements.nothing(words.FOUND_NONE, words.FOUND_NONE_NEXT)
        return
    for one in found[:6]:
        said = words.FOUND_LINE.format(
            kind=clean(one.alert_kind, 20),
            status=clean(one.status, 20),
            made=formats.moment(one.made, now),
            onset=formats.moment(one.onset, now),
            low=formats.moment(one.low, now),
            high=formats.moment(one.high, now),
        )
        st.markdown(escape(said, 200))


render()
