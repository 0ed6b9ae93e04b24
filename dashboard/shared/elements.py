"""Pieces every view is built from: header, state badge, facts, drawings, text cards.

Text of people or models enters labels through `plain.escape` and cards as data; nothing else may.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import streamlit as st

from dashboard import formats, palette, strings
from dashboard.access.viewer import NotAllowed
from dashboard.charts.frame import Drawing, spec
from dashboard.palette import DARK, LIGHT, Palette, State
from dashboard.queries import scope as scopes
from dashboard.queries.scope import Heartbeat
from dashboard.safe_text import clean, escape
from dashboard.shared import data
from dashboard.shared.data import Reading
from dashboard.shared.session import Session
from dashboard.tables.cards import Card
from infra.errors import InfraError, Unavailable
from infra.fault import Fault

logger = logging.getLogger(__name__)

OLD = timedelta(minutes=5)
"""Age from which a page offers newer numbers; a changed incident is offered at once."""

_CARDS = Path(__file__).parent / "text_cards"
_text_cards = st.components.v2.component(
    "lightship_text_cards",
    html='<ul class="cards"></ul>',
    css=(_CARDS / "cards.css").read_text(encoding="utf-8"),
    js=(_CARDS / "cards.js").read_text(encoding="utf-8"),
)


class Panel:
    """A part of a page that fails by itself: a row with values nobody thought of takes no page down.

    ``title`` names it for who looks. That the store is away, a setting is wrong or a role does not suffice is
    said by the page as a whole.
    """

    def __init__(self, title: str) -> None:
        self._title = title

    def __enter__(self) -> None:
        """Begin to draw."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        """Say in its place that it failed."""
        if not isinstance(error, Exception) or isinstance(error, (InfraError, NotAllowed, MemoryError)):
            return False
        fault = Fault.of(error)
        logger.error("the panel %r could not be drawn: %s", self._title, fault)
        named = strings.PANEL_FAILED.format(panel=self._title)
        empty(palette.FAILED, named, strings.PANEL_FAILED_NEXT.format(fault=fault))
        return True


def colors() -> Palette:
    """The palette of the mode this viewer is in."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def style() -> None:
    """The only CSS, against two things Streamlit does.

    It writes white on its primary colour, unreadable on our dark one, and it cuts off what a link to a page
    says, which on a phone is the headline of an incident.
    """
    places = "[data-testid='stBaseButton-primary'], [data-testid='stMultiSelectTagsContainer'] span"
    rule = f"{places} {{ color: {colors().background}; }}"
    link = "[data-testid='stPageLink'] a, [data-testid='stPageLink'] a *"
    st.html(f"<style>{rule} {link} {{ white-space: normal; overflow: visible; height: auto; }}</style>")


def badge(state: State, note: str = "") -> None:
    """A state, always as icon, word and colour together."""
    label = f"{state.word} · {escape(note)}" if note else state.word
    st.badge(label, icon=state.icon, color=state.color)


def life(state: str, ending: str | None) -> str:
    """How far an incident has come, in one word or two."""
    return strings.ENDING_WORDS.get(ending, "ended") if ending else state


def secondary(text: str, *, width: Literal["stretch", "content"] = "stretch") -> None:
    """Secondary text: our own small grey, whose contrast we set."""
    st.markdown(f":gray[:small[{escape(text, 400)}]]", width=width)


def header(title: str, question: str, seen: Session, readings: Sequence[Reading[object]], base: str) -> None:
    """Title, the question the view answers, how fresh its numbers are and what they rest on."""
    with st.container(gap=None):
        st.title(title, anchor=False)
        with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
            st.markdown(f":gray[{escape(question)}]", width="content")
            freshness(seen, readings, base)
    stale(readings)


def stale(readings: Sequence[Reading[object]]) -> None:
    """Says that numbers are old, and from when; nothing while they are fresh."""
    old = [reading for reading in readings if reading.fault]
    if old:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            badge(palette.FAILED)
            st.markdown(
                escape(strings.STALE.format(at=formats.stamp(min(r.at for r in old))), 200), width="content"
            )


def freshness(seen: Session, readings: Sequence[Reading[object]], base: str) -> None:
    """When the numbers were read; looks every 30 s, alone, whether there are newer ones."""
    at = min((reading.at for reading in readings), default=seen.now)
    _freshness(seen, at, base, heartbeat(seen))


def heartbeat(seen: Session) -> Heartbeat | None:
    """The store's sign of life, ``None`` while it does not answer."""
    try:
        reading = data.read(seen.viewer, scopes.heartbeat, seen.scope)
    except Unavailable:
        return None
    return None if reading.fault else reading.value


@st.fragment(run_every="30s")
def _freshness(seen: Session, at: datetime, base: str, then: Heartbeat | None) -> None:
    """Reruns alone, so the page keeps its focus and scroll; new numbers come when a person asks."""
    if seen.viewer.until is not None and data.wall() >= seen.viewer.until:
        st.rerun()  # the session is over: the door says so
    with st.container(horizontal=True, gap="small", vertical_alignment="center", width="content"):
        said = strings.UPDATED.format(at=formats.stamp(at))
        newer = news(then, heartbeat(seen.renewed()), data.wall() - at)
        secondary(" · ".join(filter(None, (said, base, newer))), width="content")
        if newer and st.button(strings.REFRESH, type="tertiary", key="refresh"):
            st.rerun()


def news(then: Heartbeat | None, now: Heartbeat | None, age: timedelta) -> str:
    """What a reload would show that the page does not; numbers alone only once they are old."""
    if now is None:
        return ""
    if then is None:
        return strings.NEWER_STORE
    if now.revisions != then.revisions:
        return strings.NEWER_INCIDENT
    return strings.NEWER if now.newest != then.newest and age > OLD else ""


def section(title: str, note: str = "") -> None:
    """A panel title with one quiet line under it."""
    with st.container(gap=None):
        st.header(escape(title), anchor=False)
        if note:
            secondary(note)


def fact(label: str, value: str, note: str, drawing: Drawing | None = None) -> None:
    """A number, what qualifies it, and optionally its history."""
    with st.container(border=True, height="stretch", gap="xxsmall"):
        st.metric(escape(label), escape(value))
        secondary(note)
        if drawing:
            show(drawing, key=f"fact-{label}")


def show(drawing: Drawing, key: str) -> None:
    """Draw a chart with its alt text; our theme, not Streamlit's."""
    st.vega_lite_chart(spec=spec(drawing.chart), theme=None, alt=drawing.alt, key=key)


def text_cards(title: str, examples: Sequence[Card], key: str) -> None:
    """Redacted interactions as inert text; redaction marks become chips."""
    _text_cards(data={"title": title, "examples": list(examples)}, key=key)


def empty(state: State, sentence: str, action: str) -> None:
    """Nothing to draw: say which nothing it is, since when, and what to do next."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        badge(state)
        st.markdown(escape(sentence, 300), width="content")
        secondary(action, width="content")


def nothing(sentence: str, action: str) -> None:
    """Nothing to draw although nothing is wrong: few, or not for this viewer. No state is claimed."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.markdown(escape(sentence, 300), width="content")
        if action:
            secondary(action, width="content")


def nothing_arrived(seen: Session) -> None:
    """The lineage has no service: say so instead of that all is well."""
    lineage = strings.NO_SERVICES.format(lineage=clean(seen.scope.lineage, 40))
    empty(palette.NO_DATA, lineage, strings.NO_SERVICES_NEXT)
