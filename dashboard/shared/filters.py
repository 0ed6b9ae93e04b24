"""Choices that stand in the address: a link to a page is a link to what it shows.

Values that are not among the options (an old link, a guess) are dropped by the widget; where that matters
the page says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import strings
from dashboard.queries.store import LIVE
from dashboard.wording import trends as words

WEEKS = (4, 8, 12, 26)
DAYS = (7, 28, 90)
HOURS = (6, 24, 72, 168)


def lineage(names: Sequence[str]) -> str:
    """The lineage to look at; ``live`` unless asked."""
    asked = st.query_params.get("lineage")
    if asked is not None and asked not in names:
        st.caption(strings.LINEAGE_UNKNOWN)
    chosen = st.selectbox(
        strings.LINEAGE,
        names,
        key="lineage",
        bind="query-params",
        help=strings.LINEAGE_HELP,
    )
    return chosen or LIVE


def choose_lineage(name: str) -> None:
    """Go to another lineage, in the page and in the address."""
    st.session_state["lineage"] = name


def fleet_show() -> str:
    """Which services the table lists."""
    return _segments(strings.SHOW, (strings.SHOW_ALL, strings.SHOW_CHANGED, strings.SHOW_OK), key="show")


def proof_show() -> str:
    """Which series the table of sensitivities lists."""
    return _segments(strings.SHOW, (strings.PROOF_SHOW_ALL, strings.PROOF_SHOW_LEARNING), key="proof")


def series_status(names: Sequence[str]) -> str:
    """The state of series that a table lists, or empty for all."""
    chosen = _segments(strings.SHOW, (strings.SHOW_ALL, *(name.capitalize() for name in names)), "standing")
    return "" if chosen == strings.SHOW_ALL else chosen.lower()


def verdict(names: tuple[str, ...]) -> str:
    """Which levels the table lists."""
    return _segments(strings.SHOW, names, "verdict")


def gaps(names: tuple[str, ...]) -> str:
    """Which groups are held against each other."""
    return _segments(words.GAPS_BY, names, "groups")


def compared_score(titles: Sequence[str], usual: str) -> str:
    """The score that is compared across services."""
    chosen = st.selectbox(
        strings.PROOF_SCORE,
        titles,
        index=titles.index(usual),
        key="score",
        bind="query-params",
        width=300,
    )
    return str(chosen or usual)


def runtime(titles: tuple[str, ...]) -> str:
    """What runs the application that is connected."""
    chosen = st.selectbox(strings.RUNTIME, titles, key="runtime", bind="query-params")
    return chosen or titles[0]


def framework(titles: tuple[str, ...]) -> str:
    """The framework whose snippets are shown."""
    chosen = st.selectbox(strings.FRAMEWORK, titles, key="framework", bind="query-params")
    return chosen or titles[0]


def _segments(label: str, options: tuple[str, ...], key: str) -> str:
    chosen = st.segmented_control(
        label,
        options,
        default=options[0],
        required=True,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
    )
    return chosen or options[0]


def service(names: Sequence[str]) -> str:
    """One service, or empty for all of them."""
    chosen = st.selectbox(
        strings.SERVICE, [strings.ALL_OF_THEM, *names], key="service", bind="query-params", width=240
    )
    return "" if chosen in {None, strings.ALL_OF_THEM} else str(chosen)


def weeks() -> int:
    """How many weeks back."""
    chosen = st.segmented_control(
        strings.WEEKS, WEEKS, default=12, required=True, key="weeks", bind="query-params"
    )
    return chosen or 12


def days() -> int:
    """How many days back."""
    chosen = st.segmented_control(
        strings.DAYS, DAYS, default=28, required=True, key="days", bind="query-params"
    )
    return chosen or 28


def hours() -> int:
    """How many hours back."""
    chosen = st.segmented_control(
        strings.HOURS, HOURS, default=24, required=True, key="hours", bind="query-params"
    )
    return chosen or 24


def language(names: Sequence[str]) -> str:
    """One language, or empty for all."""
    chosen = st.pills(
        strings.LANGUAGE,
        [strings.ALL_LANGUAGES, *names],
        default=strings.ALL_LANGUAGES,
        required=True,
        key="language",
        bind="query-params",
    )
    return "" if chosen in {None, strings.ALL_LANGUAGES} else str(chosen)


def category(titles: Sequence[str], usual: str) -> None:
    """Offer the categories whose languages can be compared; `asked_category` tells which was chosen."""
    st.selectbox(
        strings.PANELS_CHOICE,
        titles,
        index=titles.index(usual) if usual in titles else 0,
        key="category",
        bind="query-params",
        width=240,
    )


def chosen_category() -> str:
    """Title of the category that was chosen, known before its widget is drawn; empty if none was."""
    return str(st.session_state.get("category") or st.query_params.get("category") or "")


def forget(*keys: str) -> None:
    """Undo choices, in the page and in the address."""
    for key in keys:
        st.session_state.pop(key, None)
        if key in st.query_params:
            del st.query_params[key]
