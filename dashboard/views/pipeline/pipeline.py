"""The page about the pipeline, whose question is: is the monitor itself alive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import formats, palette, strings
from dashboard.measures import intervals
from dashboard.queries import pipeline as queries
from dashboard.queries.pipeline import Accounts, Disk, Late, Partition
from dashboard.queries.store import LIVE
from dashboard.safe_text import clean, escape
from dashboard.shared import data, elements, filters, monitor, session
from dashboard.shared.session import Session
from dashboard.tables import pipeline_text as words
from dashboard.tables import vital_signs
from dashboard.tables.vital_signs import STALLED_AFTER, Listener, Sign
from dashboard.views.pipeline import records_chart as charts

SHOWN = 300


def render() -> None:
    """The page."""
    seen = session.current()
    who, scope = seen.viewer, seen.scope
    top = st.container()
    hours = filters.hours()
    wall = data.wall()
    since_s = monitor.first_hour(wall, hours)
    looked = monitor.look(who, scope, wall)
    accounts = data.read(who, queries.accounts, scope, since_s)
    parts, late = looked.parts, looked.late
    readings = [*looked.readings, accounts]
    with top:
        elements.header(words.TITLE, words.QUESTION, seen, readings, words.BASE.format(hours=hours))
    with elements.Panel(words.SIGNS):
        _signs(looked.signs, accounts.value, len(parts.value), hours, wall)
    with elements.Panel(words.TITLE):
        _facts(seen, parts.value, accounts.value, late.value, looked.disks, wall)
    if accounts.value.hours:
        with st.container(border=True), elements.Panel(words.RECORDS):
            elements.section(words.RECORDS, words.RECORDS_NOTE)
            first = datetime.fromtimestamp(since_s, wall.tzinfo)
            drawing = charts.by_hour(accounts.value.hours, first, wall, elements.colors())
            elements.show(drawing, key="records")
    else:
        elements.nothing(words.RECORDS_NONE.format(hours=hours), words.RECORDS_NONE_NEXT)
    for title, draw in (
        (words.ROOMS, partial(_listeners, looked.rooms)),
        (words.PARTITIONS, partial(_partitions, parts.value, wall)),
        (words.REASONS, partial(_reasons, accounts.value)),
        (words.SOURCES, partial(_sources, accounts.value, wall)),
        (words.LATE_TABLE, partial(_late, late.value)),
    ):
        with elements.Panel(title):
            draw()


def _signs(found: Sequence[Sign], accounts: Accounts, n_partitions: int, hours: int, wall: datetime) -> None:
    if not found:
        received = formats.count(sum(h.received for h in accounts.hours))
        said = words.FINE_NEXT.format(received=received, hours=hours, partitions=n_partitions)
        elements.empty(palette.OK, words.FINE, said)
        return
    elements.section(words.SIGNS, words.SIGNS_NOTE)
    for sign in found:
        with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
            elements.badge(sign.state)
            with st.container(gap=None):
                st.markdown(f"**{escape(sign.what, 200)}**")
                elements.secondary(sign.next)
            if sign.since is not None:
                since = words.SINCE.format(at=formats.since(sign.since, wall))
                elements.secondary(since, width="content")


def _facts(
    seen: Session,
    parts: Sequence[Partition],
    accounts: Accounts,
    late: Sequence[Late],
    disks: Sequence[Disk],
    wall: datetime,
) -> None:
    received = sum(h.received for h in accounts.hours)
    lost, dead = (sum(getattr(h, name) for h in accounts.hours) for name in ("lost", "dead_lettered"))
    with st.container(horizontal=True, gap="small"):
        events = [p.event_time for p in parts if p.has_event]
        if seen.scope.lineage == LIVE and not (events and accounts.sources):
            elements.fact(words.FACT_LAG, words.NONE_YET, words.FACT_LAG_NONE)
        elif seen.scope.lineage == LIVE:
            age = wall - min(events)
            elements.fact(words.FACT_LAG, formats.span(age), words.FACT_LAG_LIVE.format(n=len(events)))
        else:
            elements.fact(words.FACT_LAG, formats.date(seen.now), words.FACT_LAG_OTHER)
        elements.fact(
            words.FACT_LOST, formats.count(lost), words.FACT_LOST_NOTE.format(n=formats.count(received))
        )
        _late_fact(late)
        among = formats.share_range(*intervals.wilson(dead, received))
        note = words.FACT_DEAD_NOTE.format(interval=among) if received else ""
        elements.fact(words.FACT_DEAD, formats.count(dead), note)
        if disks:
            tightest = min(disks, key=lambda d: d.free / d.total if d.total else 1.0)
            total = words.FACT_DISK_NOTE.format(total=formats.size(tightest.total))
            elements.fact(words.FACT_DISK, formats.size(tightest.free), total)
        else:
            elements.fact(words.FACT_DISK, formats.NONE, words.FACT_DISK_NONE)


def _late_fact(late: Sequence[Late]) -> None:
    k, n = sum(one.late for one in late), sum(one.n for one in late)
    if not n:
        elements.fact(words.FACT_LATE, formats.NONE, words.FACT_LATE_NONE)
        return
    among = formats.share_range(*intervals.wilson(k, n))
    note = words.FACT_LATE_NOTE.format(interval=among, k=formats.count(k), n=formats.count(n))
    elements.fact(words.FACT_LATE, formats.share(k / n), note)


def _listeners(found: Sequence[Listener]) -> None:
    """What rooms say of themselves."""
    elements.section(words.ROOMS, words.ROOMS_NOTE)
    with st.container(horizontal=True, gap="small"):
        for door in found:
            with st.container(border=True, height="stretch", gap="xsmall"):
                elements.badge(palette.OK if door.ready else palette.FAILED, door.room)
                said = words.NOT_READY if door.answers else words.NO_ANSWER
                elements.secondary(words.READY if door.ready else said.format(problem=door.problem))


def _partitions(parts: Sequence[Partition], wall: datetime) -> None:
    if not parts:
        return
    elements.section(words.PARTITIONS, words.PARTITIONS_NOTE)
    states = [palette.FAILED if wall - p.written_at > STALLED_AFTER else palette.OK for p in parts]
    _grid(
        {
            strings.COLUMN_STATE: [[state.label] for state in states[:SHOWN]],
            words.ROOM: [clean(p.room, 30) for p in parts[:SHOWN]],
            words.TOPIC: [clean(p.topic, 60) for p in parts[:SHOWN]],
            words.PARTITION: [p.partition for p in parts[:SHOWN]],
            words.POSITION: [p.next_offset for p in parts[:SHOWN]],
            words.EVENT_TIME: [
                formats.moment(p.event_time, wall) if p.has_event else words.NONE_YET for p in parts[:SHOWN]
            ],
            words.WRITTEN: [formats.span(wall - p.written_at) for p in parts[:SHOWN]],
        },
        words.PARTITIONS_ALT,
        widths={words.TOPIC: 260},
    )


def _reasons(accounts: Accounts) -> None:
    if not accounts.hours:
        return
    elements.section(words.REASONS, words.REASONS_NOTE if accounts.reasons else "")
    if not accounts.reasons:
        elements.secondary(words.REASONS_NONE)
        return
    said = [vital_signs.reason_words(reason) for reason, _ in accounts.reasons]
    _grid(
        {
            words.BECAME: [became for became, _ in said],
            words.REASON: [why for _, why in said],
            words.RECORDS_COLUMN: [n for _, n in accounts.reasons],
        },
        words.REASONS_ALT,
        widths={words.REASON: 420},
    )


def _sources(accounts: Accounts, wall: datetime) -> None:
    if not accounts.sources:
        return
    elements.section(words.SOURCES, words.SOURCES_NOTE)
    shown = accounts.sources[:SHOWN]
    _grid(
        {
            words.TOPIC: [clean(s.topic, 60) for s in shown],
            words.PARTITION: [s.partition for s in shown],
            words.MESSAGES: [s.messages for s in shown],
            words.RECEIVED: [s.received for s in shown],
            words.LOST_COLUMN: [s.lost for s in shown],
            words.DEAD_COLUMN: [s.dead_lettered for s in shown],
            words.NEWEST_OFFSET: [s.newest_offset for s in shown],
            words.NEWEST: [formats.span(wall - s.newest) for s in shown],
        },
        words.SOURCES_ALT,
        widths={words.TOPIC: 220},
    )


def _late(late: Sequence[Late]) -> None:
    if not late:
        return
    elements.section(words.LATE_TABLE, words.LATE_TABLE_NOTE)
    shown = late[:SHOWN]
    held = [intervals.wilson(one.late, one.n, intervals.together(len(shown))) for one in shown]
    _grid(
        {
            strings.COLUMN_SERVICE: [
                clean(f"{o.service} · {o.environment}" if o.environment else o.service, 60) for o in shown
            ],
            words.LATE_COLUMN: [o.late for o in shown],
            words.OF: [o.n for o in shown],
            words.SHARE: [formats.share(o.late / o.n) if o.n else formats.NONE for o in shown],
            words.INTERVAL: [formats.share_range(*i) for i in held],
        },
        words.LATE_ALT,
        widths={strings.COLUMN_SERVICE: 260, words.INTERVAL: 220},
    )


def _grid(columns: dict[str, list[object]], alt: str, widths: dict[str, int]) -> None:
    """A table of text and numbers; nothing in it is markdown."""
    config: dict[str, Any] = {}
    for name, values in columns.items():
        if name == strings.COLUMN_STATE:
            states = (palette.FAILED, palette.OK)
            config[name] = st.column_config.MultiselectColumn(
                options=[s.label for s in states], color=[s.color for s in states], width=100
            )
        elif all(isinstance(v, int) for v in values):
            config[name] = st.column_config.NumberColumn(format="localized", width=widths.get(name, 110))
        else:
            config[name] = st.column_config.TextColumn(width=widths.get(name, 140))
    rows = len(next(iter(columns.values())))
    st.dataframe(
        pd.DataFrame(columns),
        hide_index=True,
        height="content" if rows <= 10 else 420,
        row_height=38,
        column_config=config,
        alt=alt,
    )


render()
