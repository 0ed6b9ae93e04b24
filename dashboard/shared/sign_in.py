"""The door: signing in, being told that nothing is open, and going on to where one was.

A link from an alert leads through the sign-in to the page it names. The place is kept here, on the server,
for the browser that asked for it: the provider sends people back to the front page.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import cycle
from threading import Lock
from typing import NamedTuple

import streamlit as st
from streamlit.navigation.page import Page

from dashboard.access.viewer import Viewer
from dashboard.safe_text import clean, escape
from dashboard.shared import data, elements
from dashboard.wording import access as words

COOKIE = "_streamlit_xsrf"
"""What tells browsers apart before anybody signed in; it is random and no one else's."""
KEPT = 2_000
KEPT_FOR = timedelta(minutes=15)
MAX_QUERY = 20


class Place(NamedTuple):
    """A page and what its address asks for."""

    page: str
    query: Mapping[str, str]
    at: datetime


class Places:
    """Where browsers were before they signed in, bounded."""

    def __init__(self, limit: int = KEPT) -> None:
        self._limit = limit
        self._places: OrderedDict[str, Place] = OrderedDict()
        self._lock = Lock()

    def keep(self, browser: str, place: Place) -> None:
        """Remember a place; the least recent one beyond the limit is forgotten."""
        with self._lock:
            self._places[browser] = place
            self._places.move_to_end(browser)
            while len(self._places) > self._limit:
                self._places.popitem(last=False)

    def take(self, browser: str, now: datetime) -> Place | None:
        """The place, once, unless it is too old."""
        with self._lock:
            place = self._places.pop(browser, None)
        return place if place is not None and now - place.at <= KEPT_FOR else None


@st.cache_resource(show_spinner=False)
def _places() -> Places:
    return Places()


def _browser() -> str:
    """What tells this browser from others, hashed; empty if it cannot be told."""
    token = unmasked(st.context.cookies.get(COOKIE, ""))
    return hashlib.sha256(token).hexdigest() if token else ""


def unmasked(cookie: str) -> bytes:
    """The token in a cookie ``2|mask|masked token|time``, masked anew with every page; else nothing."""
    parts = cookie.strip('"').split("|")
    try:
        mask, token = bytes.fromhex(parts[1]), bytes.fromhex(parts[2])
    except (IndexError, ValueError):
        return b""
    return (
        bytes(c ^ m for c, m in zip(token, cycle(mask), strict=False)) if mask and len(token) >= 16 else b""
    )


def sign_in(page: Page, *, expired: bool) -> None:
    """Say that one has to sign in, and remember what was asked for."""
    browser = _browser()
    query = {k[:100]: v[:500] for k, v in list(st.query_params.to_dict().items())[:MAX_QUERY]}
    if browser and (query or page.url_path):
        _places().keep(browser, Place(page.url_path, query, data.wall()))
    st.title(words.SIGN_IN, anchor=False)
    st.markdown(words.SIGN_IN_EXPIRED if expired else words.SIGN_IN_TEXT)
    st.button(words.SIGN_IN, type="primary", icon=":material/login:", on_click=st.login)


def go_on(page: Page, pages: Sequence[Page]) -> None:
    """Just signed in: to where one was, if this is the front page and nothing is asked of it."""
    if st.session_state.get("went_on"):
        return
    st.session_state["went_on"] = True
    if page.url_path or st.query_params.to_dict():
        return
    place = _places().take(_browser(), data.wall())
    known = None if place is None else next((p for p in pages if p.url_path == place.page), None)
    if place is not None and known is not None:
        st.switch_page(known, query_params=dict(place.query))


def nothing_granted(name: str) -> None:
    """Say that the settings give nothing to this sign-in."""
    st.title(words.NOTHING_GRANTED, anchor=False)
    st.text(words.NOTHING_GRANTED_TEXT.format(name=clean(name, 100)))
    st.button(words.SIGN_OUT, icon=":material/logout:", on_click=st.logout)


def tenant(who: Viewer) -> None:
    """Offer the tenants that are granted, where there are several."""
    if len(who.tenants) > 1:
        st.selectbox(
            words.TENANT, who.tenants, index=who.tenants.index(who.tenant), key="tenant", bind="query-params"
        )


def way_out(who: Viewer) -> None:
    """Who is signed in, and how to leave; nothing where nobody signs in."""
    if who.until is not None:
        elements.secondary(words.WHO.format(name=who.name, role=who.role))
        st.button(escape(words.SIGN_OUT), type="tertiary", icon=":material/logout:", on_click=st.logout)
