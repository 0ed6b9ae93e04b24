"""The panels of the incident page: each asks for what it draws and says so where there is nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import streamlit as st

from dashboard import formats, palette, strings
from dashboard.charts import change as change_charts
from dashboard.charts import where as where_charts
from dashboard.estimates import levels, sides
from dashboard.measures.measures import ABOVE, BELOW, CATEGORY, FLAG, MEDIAN, Measure
from dashboard.measures.scale import Scale
from dashboard.queries import catalogue, examples, series
from dashboard.queries.examples import Example, Wanted
from dashboard.queries.fleet import COUNTING_SCORES
from dashboard.queries.incidents import Moment
from dashboard.queries.series import SliceCounts, Window
from dashboard.safe_text import clean, escape
from dashboard.shared import data, elements
from dashboard.shared.data import Reading
from dashboard.shared.session import Session
from dashboard.tables import cards, incident_picture
from dashboard.tables.incident import Incident
from dashboard.views.incident import evaluating, legal_hold_query, timeline
from dashboard.views.incident import incident_text as words
from dashboard.wording import comparison

EXAMPLES = 3
BASELINE_REACH_S = 86_400
MAX_NAMES = 12


def _measure(incident: Incident, seen: Session) -> Measure:
    """What is measured; of rare values taken together, the one whose share rose most."""
    measure = incident.measure
    if measure.what != CATEGORY or measure.name:
        return measure
    own = next((s for s in compared(incident, seen) if s.slice == incident.own_slice), None)
    name = "" if own is None else levels.moved_category(own.before, own.after)
    return replace(measure, name=name)


def change(incident: Incident, seen: Session) -> None:
    """The score before and after its onset."""
    window = incident_picture.window(incident, seen.scope.at)
    step = formats.span(timedelta(seconds=window.bucket_s))
    if incident.about_volume:
        buckets = data.read(
            seen.viewer, series.volume, seen.scope, incident.key, window, COUNTING_SCORES
        ).value
        ticks = incident_picture.volumes(
            incident_picture.complete(buckets, window, incident, seen.now), window.bucket_s
        )
        reference = incident_picture.volume_reference(ticks, incident.onset)
        scale, title = Scale(share=False, unit="outputs"), strings.CHANGE_VOLUME_TITLE.format(step=step)
        elements.section(title, strings.CHANGE_VOLUME_NOTE)
    else:
        measure = _measure(incident, seen)
        buckets = data.read(
            seen.viewer, series.ticks, seen.scope, incident.key, window, values=measure.what != FLAG
        ).value
        ticks = incident_picture.points(measure, buckets, window.bucket_s)
        known = incident.baseline_value if measure == incident.measure else None
        reference = incident_picture.reference(measure, ticks, incident.onset, known)
        scale, title = measure.scale, strings.CHANGE_TITLE.format(title=measure.title, step=step)
        if measure.what == MEDIAN:
            unit = strings.CHANGE_UNIT.format(unit=measure.score.unit) if measure.score.unit else ""
            title = strings.CHANGE_TITLE_MEDIAN.format(title=measure.title, unit=unit, step=step)
        elements.section(title, strings.CHANGE_NOTE)
    if not ticks:
        low, high = (
            f"{formats.moment(incident_picture.at(s), seen.now)}" for s in (window.from_s, window.to_s)
        )
        elements.empty(
            palette.NO_DATA, strings.CHANGE_EMPTY, strings.CHANGE_EMPTY_NEXT.format(low=low, high=high)
        )
        return
    drawing = change_charts.change_over_time(
        ticks,
        incident_picture.change(incident),
        reference,
        elements.colors(),
        marks=incident_picture.marks(incident),
        title=title,
        scale=scale,
        ends=incident_picture.at(window.to_s),
        silent=incident.is_silent and incident.is_open,
    )
    elements.show(drawing, key="change")
    if not incident.about_volume:
        _closer(incident, window)


def _closer(incident: Incident, window: Window) -> None:
    """The way to the same series on the drift page, at the same time."""
    key = incident.key
    place = catalogue.Place(key.service, key.environment)
    length = window.to_s - window.from_s
    period = next((name for name, s in sides.PERIODS.items() if s >= length), "90 d")
    st.page_link(
        "views/drift/drift.py",
        label=comparison.FROM_INCIDENT,
        icon=":material/arrow_forward:",
        query_params={
            "service": place.label,
            "unit": key.unit,
            "score": key.score,
            "slice": key.slice,
            "period": period,
            "until": f"{incident_picture.at(window.to_s):%Y-%m-%dT%H:%M}",
        },
    )


def history(incident: Incident, moments: Reading[tuple[Moment, ...]], seen: Session) -> None:
    """What happened, in order."""
    found = timeline.lines(incident, moments.value, seen.now)
    days = {line.at.date() for line in found}
    elements.section(strings.TIMELINE, strings.TIMELINE_NOTE.format(day=formats.day(incident.onset)))
    with st.container(gap="xsmall"):
        for line in found:
            with st.container(horizontal=True, gap="small", wrap=False):
                at = f"{line.at:%H:%M}" if len(days) == 1 else formats.moment(line.at, seen.now)
                st.markdown(f":gray[{escape(at)}]", width=44 if len(days) == 1 else 88)
                said = f"**{escape(line.what)}**"
                if line.note:
                    said += f" :gray[· {escape(line.note, 700)}]"
                st.markdown(said, width="stretch")


def compared(incident: Incident, seen: Session) -> tuple[SliceCounts, ...]:
    """Every slice of the score before and after the onset."""
    return data.read(
        seen.viewer,
        series.slices,
        seen.scope,
        incident.key,
        incident_picture.comparison(incident, seen.scope.at),
        values=incident.measure.what != FLAG,
    ).value


def where(incident: Incident, slices: tuple[SliceCounts, ...], seen: Session) -> None:
    """Slices ranked by effect, and those that were checked and are unaffected."""
    found = incident_picture.where(
        _measure(incident, seen), slices, {s.slice: s.share for s in incident.slices}
    )
    elements.section(strings.WHERE_TITLE, strings.WHERE_NOTE.format(unit=found.unit))
    if found.bars:
        elements.show(where_charts.ranking(found.bars, elements.colors(), found.unit), key="slices")
    else:
        elements.nothing(strings.WHERE_NONE, strings.WHERE_NONE_NEXT.format(n=incident_picture.MIN_OUTPUTS))
    unaffected = list(
        dict.fromkeys([*(incident_picture.readable(s) for s in incident.cleared), *found.unclear])
    )
    lines = [strings.WHERE_AGAINST]
    if unaffected:
        lines.append(strings.WHERE_UNAFFECTED.format(names=", ".join(unaffected[:MAX_NAMES])))
    if found.too_few:
        lines.append(strings.WHERE_FEW.format(n=found.too_few))
    elements.secondary(" · ".join(lines))


def shape(incident: Incident, slices: tuple[SliceCounts, ...]) -> None:
    """How the values moved; a flag has no shape."""
    measure = incident.measure
    own = next((s for s in slices if s.slice == incident.own_slice), None)
    if measure.what == FLAG or own is None:
        return
    if measure.what == CATEGORY:
        found = incident_picture.category_bars(own.before, own.after)
        title, note = strings.CATEGORY_TITLE, strings.CATEGORY_NOTE
        drawing = where_charts.ranking(found.bars, elements.colors(), found.unit) if found.bars else None
    else:
        cells = incident_picture.bins(measure, own.before, own.after)
        title, note = strings.SHAPE_TITLE, _medians(incident, own)
        unit = measure.score.unit
        drawing = where_charts.distribution_shift(cells, elements.colors(), unit, log=True) if cells else None
    if drawing is not None:
        with st.container(border=True):
            elements.section(title.format(title=measure.score.title), note)
            elements.show(drawing, key="shape")


def _medians(incident: Incident, own: SliceCounts) -> str:
    measure = incident.measure
    before, after = levels.middle(measure, own.before), levels.middle(measure, own.after)
    if before is None or after is None:
        return strings.SHAPE_NOTE
    step = formats.measure_step(before.value, after.value, measure.score.unit)
    return strings.SHAPE_NOTE_MEDIAN.format(step=step)


def texts(incident: Incident, seen: Session) -> None:
    """Interactions that carry the change beside ones like them from before it."""
    if not seen.viewer.may_read_text:
        elements.nothing(
            strings.EXAMPLES_ROLE,
            strings.EXAMPLES_ROLE_NEXT.format(role=seen.viewer.role),
        )
        return
    if judged := st.session_state.pop("judged", None):
        st.text(judged)
    ranked = incident.measure.what not in {FLAG, CATEGORY} and incident.unit == "interaction"
    low, start = int(incident.onset_low.timestamp()), int(incident.onset.timestamp())
    end = incident_picture.comparison(incident, seen.scope.at).to_s
    sides = (
        (strings.NOW_TITLE, strings.NOW_NOTE_RANKED if ranked else strings.NOW_NOTE, True, start, end),
        (strings.BEFORE_TITLE, strings.BEFORE_NOTE, False, low - BASELINE_REACH_S, low),
    )
    for column, (title, note, hit, from_s, to_s) in zip(st.columns(2), sides, strict=True):
        with column:
            wanted = _wanted(incident, _measure(incident, seen), from_s, to_s, hit=hit)
            key = incident.explained
            found = data.read(seen.viewer, examples.examples, seen.scope, key, wanted).value
            copies: tuple[Example, ...] = ()
            if incident.held_by and not any(e.prompt or e.output for e in found):
                copies = data.read(
                    seen.viewer, legal_hold_query.examples, seen.scope, incident.id, key, wanted
                ).value
            shown = copies or found
            said = note.format(n=len(shown))
            elements.section(title, words.EVIDENCE_TEXTS.format(note=said) if copies else said)
            if shown:
                elements.text_cards(
                    title, cards.cards(shown, incident.measure, seen.now), key=f"texts-{title}"
                )
            else:
                elements.nothing(strings.EXAMPLES_NONE, strings.EXAMPLES_NONE_NEXT)
            if found and not copies:  # a judgement of what is gone would find nothing to stand beside
                evaluating.judge(found, seen, key=f"judge-{title}", score=incident.score)


def _wanted(incident: Incident, measure: Measure, from_s: int, to_s: int, *, hit: bool) -> Wanted:
    rising = measure.what != BELOW if measure.what in {ABOVE, BELOW} else (incident.effect or 0.0) >= 0
    kind = {FLAG: "flag", CATEGORY: "category", MEDIAN: "number"}.get(measure.what, "number")
    return Wanted(from_s, to_s, kind, hit, rising, measure.name, EXAMPLES)


def evidence(incident: Incident, seen: Session) -> None:
    """That what it rests on is held: by whom, since when, and how much."""
    if not incident.held_by:
        return
    kept = data.read(seen.viewer, legal_hold_query.kept, seen.scope, incident.id).value
    if kept is not None:
        said = words.EVIDENCE.format(
            name=clean(incident.held_by, 40),
            at=f"{formats.moment(kept.since, data.wall())} UTC",
            n=formats.count(kept.rows),
            size=formats.size(kept.size),
            cut=words.EVIDENCE_CUT if kept.cut else "",
        )
        elements.secondary(said)


def reproduce(incident: Incident) -> None:
    """What it was computed from."""
    parts = [
        strings.REPRODUCE_CONFIG.format(value=incident.config_hash) if incident.config_hash else "",
        strings.REPRODUCE_BASELINE.format(value=incident.baseline_version)
        if incident.baseline_version
        else "",
        strings.REPRODUCE_LOG.format(value=formats.count(incident.log_to)) if incident.log_to else "",
        strings.REPRODUCE_DETECTOR.format(value=incident.detector) if incident.detector else "",
    ]
    said = " · ".join(filter(None, parts))
    if said:
        said = f"{said} · {strings.REPRODUCE_COMMAND.format(value=incident.id)}"
        elements.section(strings.REPRODUCE, strings.REPRODUCE_NOTE)
        elements.secondary(said)
