"""What views read: queries, cached for a few seconds, with the last good answer kept for when none comes.

The cache belongs to the process, so everything an answer depends on stands in its key: tenant, role,
lineage, the lineage's clock, and the query's own arguments. Answers are immutable.

It is the one door to queries, so it also keeps it: a question about another tenant than the viewer's is a
defect, one for texts needs the role, and whoever reads texts is on record.
"""

from __future__ import annotations

import json
import logging
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import streamlit as st

from alerts.briefs.known_scores import learn_custom_scores
from dashboard.access import viewer as viewers
from dashboard.access.signing_in import check_start
from dashboard.access.viewer import ANALYST, NotAllowed, Viewer
from dashboard.queries import scope as scopes
from dashboard.queries.scope import Lineage
from dashboard.queries.store import LIVE, TIMEOUT_S, ClickHouse, Scope, Store, is_text
from infra import clickhouse
from infra.clock import SystemClock, to_datetime
from infra.errors import Defect, Unavailable
from infra.settings import LOOPBACK, Settings, load

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

FRESH_S = 15
"""Seconds an answer is shown before it is asked for again; clocks of scopes are rounded to it."""
KEPT = 256
"""Answers kept for when the store does not answer."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[T_co]):
    """A value, when it was read, and why it is not newer (empty: it is fresh)."""

    value: T_co
    at: datetime
    fault: str = ""


class LastGood:
    """The newest answer to each question, bounded."""

    def __init__(self, limit: int = KEPT) -> None:
        self._limit = limit
        self._answers: OrderedDict[object, tuple[Any, datetime]] = OrderedDict()
        self._lock = Lock()

    def keep(self, question: object, value: object, at: datetime) -> None:
        """Remember an answer; the least recent one beyond the limit is forgotten."""
        with self._lock:
            self._answers[question] = (value, at)
            self._answers.move_to_end(question)
            while len(self._answers) > self._limit:
                self._answers.popitem(last=False)

    def recall(self, question: object) -> tuple[Any, datetime] | None:
        """The answer kept for a question."""
        with self._lock:
            return self._answers.get(question)


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """The settings of this process, which learns what scores of the operator's own they declare."""
    found = load()
    learn_custom_scores(found)
    return found


@st.cache_resource(show_spinner=False)
def _store(url: str, database: str) -> Store:
    """One client for all viewers; a failed connection is not kept, so the next run tries again."""
    where = replace(settings().store, url=url, database=database)
    return ClickHouse(clickhouse.connect(where, answer_within_s=TIMEOUT_S + 2))


@st.cache_resource(show_spinner=False)
def _last_good() -> LastGood:
    return LastGood()


def viewer() -> Viewer:
    """Who is looking.

    Raises
    ------
    SignInNeeded, NothingGranted
        If there is a sign-in and it does not let this person in.
    Misconfigured
        If there is none and anybody on the network could be looking.
    """
    found = settings()
    login = found.dashboard.login
    if login.metadata_url:
        asked = st.session_state.get("tenant") or st.query_params.get("tenant") or ""
        return viewers.signed_in(st.user.to_dict(), login, found.access, wall(), str(asked))
    check_start(found)  # where it was started in another way than ours
    return viewers.from_environment(os.environ, loopback=found.dashboard.host in LOOPBACK)


def wall() -> datetime:
    """Now, by the machine's clock."""
    return to_datetime(SystemClock().now_ns())


def rounded(at: datetime) -> int:
    """Seconds since 1970 of a clock, in steps of `FRESH_S`, rounded up so that nothing new is cut off."""
    return -(-int(at.timestamp()) // FRESH_S) * FRESH_S


@st.cache_data(ttl=FRESH_S, max_entries=512, show_spinner=False)
def _answer(
    _ask: Callable[[Store], T], question: tuple[object, ...], tenant: str, role: str
) -> tuple[T, datetime]:
    del question, tenant, role  # the key of the cache
    where = settings().store
    return _ask(_store(where.url, where.database)), wall()


def read(
    who: Viewer,
    query: Callable[Concatenate[Store, Scope, P], T],
    scope: Scope,
    *args: P.args,
    **kwargs: P.kwargs,
) -> Reading[T]:
    """The answer to a query, fresh or, where the store does not answer, the last good one.

    Raises
    ------
    Unavailable
        If the store does not answer and never did for this question.
    NotAllowed
        If the answer holds texts and the viewer may not read them.
    Defect
        If the question is about another tenant.
    """
    if scope.tenant != who.tenant:
        raise Defect(f"{query.__qualname__} was asked about another tenant")
    if is_text(query) and not who.may_read_text:
        raise NotAllowed(ANALYST)

    def ask(store: Store) -> T:
        return query(store, scope, *args, **kwargs)

    name = f"{query.__module__}.{query.__qualname__}"
    rest = (scope.lineage, repr(args), repr(sorted(kwargs.items())))
    steady = (name, who.tenant, who.role, *rest)
    try:
        value, at = _answer(ask, (name, scope.now_s, *rest), who.tenant, who.role)
    except Unavailable as error:
        kept = _last_good().recall(steady)
        if kept is None:
            raise
        value, at, fault = kept[0], kept[1], str(error)
    else:
        fault = ""
        _last_good().keep(steady, value, at)
    if is_text(query):
        _record(who, scope.lineage, name, rest, value)
    return Reading(value, at, fault)


def _record(who: Viewer, lineage: str, query: str, question: tuple[object, ...], value: object) -> None:
    """A line of the log that this person was shown texts; once for each question of a session."""
    asked = st.session_state.setdefault("read_texts", set())
    if not value or (who.tenant, query, question) in asked:
        return
    asked.add((who.tenant, query, question))
    line = {"actor": who.name, "role": who.role, "tenant": who.tenant, "lineage": lineage, "query": query}
    n = len(value) if isinstance(value, tuple) else 1
    logger.info("texts were read: %s", json.dumps({**line, "about": str(question[1])[:500], "n": n}))


def forget() -> None:
    """Ask everything again: something was just recorded."""
    _answer.clear()


def lineages(who: Viewer) -> Reading[tuple[Lineage, ...]]:
    """Lineages of the viewer's tenant."""
    return read(who, scopes.lineages, Scope(who.tenant, LIVE, rounded(wall())))


def scope(who: Viewer, lineage: str, known: Reading[tuple[Lineage, ...]]) -> tuple[Scope, datetime]:
    """The scope of a lineage, and what time it is there.

    While the store does not answer the clock stands at the last answer: questions stay the same, so their
    last good answers are found.
    """
    bare = Scope(who.tenant, lineage)
    now = scopes.clock(known.value, bare, known.at if known.fault else wall())
    return replace(bare, now_s=rounded(now)), now
