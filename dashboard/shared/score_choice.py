"""The choice of one score that the analysts' pages share; all of it stands in the address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from dashboard import palette
from dashboard.estimates import readings, sides
from dashboard.estimates.sides import Sides
from dashboard.formats import utc
from dashboard.measures.measures import Measure
from dashboard.measures.scores import known
from dashboard.queries import catalogue, series
from dashboard.queries.catalogue import Frozen, Place, Scored
from dashboard.queries.store import SeriesKey
from dashboard.safe_text import clean
from dashboard.shared import data
from dashboard.shared.data import Reading
from dashboard.shared.elements import empty
from dashboard.shared.session import Session
from dashboard.wording import explore

ALL = "all"
MINUTE = 60
USUAL = "refusal"
UNTIL = "until"
PAGE = "page"
"""Where the session says which page is open."""
KEYS = ("service", "unit", "score", "slice", "way", UNTIL)


Address = dict[str, str]
"""Choices by the name they have in the address."""


Opens = Callable[[SeriesKey], datetime | None]
"""The end of the period (UTC, written without it) that a page opens with."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A series, what of it is read, and over which two stretches of time."""

    place: Place
    key: SeriesKey
    measure: Measure
    sides: Sides
    period_s: int
    address: Address
    slices: tuple[str, ...]
    readings: tuple[Reading[object], ...]


def one_of(
    label: str,
    options: Sequence[str],
    key: str,
    address: Address,
    *,
    usual: str = "",
    width: int = 220,
    format_: Callable[[str], str] = str,
) -> str:
    """A choice among what there is. What is no option any more (another service was chosen) is dropped.

    Not bound to the address by Streamlit, which leaves the usual choice out: what is usual changes with the
    data, and a link must not.
    """
    asked = st.query_params.get(key, "")
    came, links = _arrives(key), _links(asked, key)
    if asked in options and (came or links):
        st.session_state[key] = asked
    elif came or st.session_state.get(key) not in options:
        st.session_state[key] = usual if usual in options else options[0]
    found = str(st.selectbox(label, options, key=key, width=width, format_func=format_))
    address[key] = found
    return found


def _arrives(key: str) -> bool:
    """Whether a choice is drawn for the first time on the page that is open.

    Then its address alone counts: what another page chose and wrote is still in the session.
    """
    here = st.session_state.get(PAGE, "")
    before = st.session_state.get(f"{key} drawn on")
    st.session_state[f"{key} drawn on"] = here
    return bool(before != here)


def _links(asked: str, key: str) -> bool:
    """Whether the address asks for what this page did not write: a link, or the browser's way back."""
    return bool(asked != st.session_state.get(f"{key} written"))


def write(address: Address) -> None:
    """Put the choices into the address, in one step of the browser's history."""
    for key, value in address.items():
        st.session_state[f"{key} written"] = value
    if any(st.query_params.get(key, "") != value for key, value in address.items()):
        kept = {key: value for key, value in address.items() if value}
        for key in address.keys() - kept.keys():
            if key in st.query_params:
                del st.query_params[key]
        st.query_params.update(kept)


def clear() -> None:
    """Back to the usual choice, in the page and in the address; to be called before a run."""
    for key in KEYS:
        st.session_state.pop(key, None)
        st.session_state.pop(f"{key} written", None)
        if key in st.query_params:
            del st.query_params[key]
    st.session_state.update({"period": sides.USUAL, "against": sides.FROZEN})


def segments(label: str, options: Sequence[str], key: str, usual: str) -> str:
    """The same as buttons, for a few options."""
    chosen = st.segmented_control(label, options, default=usual, required=True, key=key, bind="query-params")
    return str(chosen or usual)


def choose(
    seen: Session,
    *,
    period: str = sides.USUAL,
    against: str = sides.FROZEN,
    opens: Opens | None = None,
    held: bool = True,
) -> Chosen | None:
    """Draw the choices; ``None`` (and a sentence) if there is nothing to choose from.

    ``opens`` says at which time a page opens on a series, if not now; a page that compares with nothing
    earlier offers nothing to be ``held`` against.
    """
    places = data.read(seen.viewer, catalogue.places, seen.scope)
    if not places.value:
        empty(
            palette.NO_DATA,
            explore.NO_SERIES.format(lineage=clean(seen.scope.lineage, 40)),
            explore.NO_SERIES_NEXT,
        )
        return None
    address: Address = {}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        by_label = {place.label: place for place in places.value}
        place = by_label[one_of(explore.SERVICE, list(by_label), "service", address, width=236)]
        scores = data.read(seen.viewer, catalogue.scores, seen.scope, place)
        scored = _score(scores.value, address)
        key = SeriesKey(place.service, place.environment, scored.unit, scored.score)
        score = known(scored.score, scored.kind)
        shown = st.container(width="content")  # slices depend on the period, which is drawn after them
        way = st.container(width="content")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        period = segments(explore.PERIOD, list(sides.PERIODS), "period", period)
        if held:
            against = segments(explore.AGAINST, sides.AGAINST, "against", against)
        end_s = _until(seen, address, _opened(key, opens))
    span = (end_s - sides.PERIODS[period], end_s)
    slices = data.read(seen.viewer, catalogue.slices, seen.scope, key, *span)
    names = [ALL, *(name for name, _ in slices.value if name != ALL)]
    with shown:
        slice_ = one_of(explore.SLICE, names, "slice", address, width=220)
    key = SeriesKey(key.service, key.environment, key.unit, key.score, slice_)
    frozen: Reading[Frozen | None] = data.read(seen.viewer, catalogue.baseline, seen.scope, key)
    compared = sides.sides(end_s, sides.PERIODS[period], against, frozen.value)
    ways = readings.offered(score, _names(seen, key, compared) if score.kind == "category" else ())
    with way:
        address["way"] = ""
        chosen = one_of(explore.WAY, ways, "way", address, width=180) if ways else ""
    return Chosen(
        place,
        key,
        readings.measure(score, chosen),
        compared,
        sides.PERIODS[period],
        address,
        tuple(names),
        (places, scores, slices, frozen),
    )


def _opened(key: SeriesKey, opens: Opens | None) -> datetime | None:
    """Where the page opens, the first time it is at a series without a link that says when."""
    here = (st.session_state.get(PAGE, ""), key)
    before = st.session_state.get("opened", ("", None))
    if opens is None or before == here:
        return None
    st.session_state["opened"] = here
    return None if before[0] != here[0] and st.query_params.get(UNTIL) else opens(key)


def _score(scores: Sequence[Scored], address: Address) -> Scored:
    units = list(dict.fromkeys(s.unit for s in scores))
    unit = one_of(explore.UNIT, units, "unit", address, usual="interaction", width=140)
    mine = {s.score: s for s in scores if s.unit == unit}
    paging = [name for name in mine if known(name, mine[name].kind).pages]
    usual = USUAL if USUAL in paging else next(iter(paging), "")
    return mine[one_of(explore.SCORE, list(mine), "score", address, usual=usual, width=190)]


def _until(seen: Session, address: Address, opens: datetime | None) -> int:
    """The end of the period, in seconds since 1970; now, to the minute, unless a time is given.

    ``opens`` is set where another series was just chosen: the time its page opens at.
    """
    asked = st.query_params.get(UNTIL, "")
    came, links = _arrives(UNTIL), _links(asked, UNTIL)
    if asked and (came or links):
        st.session_state[UNTIL] = _time(asked)
    elif came or opens is not None:
        st.session_state[UNTIL] = opens
    found = st.datetime_input(
        explore.UNTIL, value=None, key=UNTIL, format="YYYY-MM-DD", step=MINUTE, width=230
    )
    if not isinstance(found, datetime):
        address[UNTIL] = ""
        return -(-seen.scope.now_s // MINUTE) * MINUTE
    address[UNTIL] = f"{found:%Y-%m-%dT%H:%M}"
    return int(found.replace(tzinfo=UTC).timestamp())


def _time(text: str) -> datetime | None:
    """A time of the address, without its zone, which is UTC; nothing if it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    in_range = datetime(2000, 1, 1, tzinfo=UTC) <= utc(found) <= datetime(2100, 1, 1, tzinfo=UTC)
    return utc(found).replace(tzinfo=None) if in_range else None


def _names(seen: Session, key: SeriesKey, compared: Sides) -> list[str]:
    """Names of a category's values on both sides."""
    found = data.read(seen.viewer, series.slices, seen.scope, key, compared.compare, values=True).value
    own = next((s for s in found if s.slice == key.slice), None)
    return [] if own is None else readings.names_of(own.before, own.after)
