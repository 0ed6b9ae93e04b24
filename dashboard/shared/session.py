"""What one page run knows: who looks, at which lineage, and what time it is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import streamlit as st

from dashboard.access.viewer import Viewer
from dashboard.queries.scope import Lineage
from dashboard.queries.store import Scope
from dashboard.shared import data
from dashboard.shared.data import Reading


@dataclass(frozen=True, slots=True)
class Session:
    """``now`` is the lineage's clock, exact; ``scope.at`` is the same in steps, for questions."""

    viewer: Viewer
    scope: Scope
    now: datetime
    lineages: Reading[tuple[Lineage, ...]]

    @property
    def has_services(self) -> bool:
        """Whether anything has come in this lineage: where nothing has, nothing is fine either."""
        return any(item.name == self.scope.lineage and item.services for item in self.lineages.value)

    def renewed(self) -> Session:
        """The same at the present clock; for what refreshes by itself."""
        known = data.lineages(self.viewer)
        scope, now = data.scope(self.viewer, self.scope.lineage, known)
        return replace(self, scope=scope, now=now, lineages=known)


def start(viewer: Viewer, lineage: str) -> Session:
    """The session of one run.

    Raises
    ------
    Unavailable
        If the store does not answer and never did.
    """
    known = data.lineages(viewer)
    scope, now = data.scope(viewer, lineage, known)
    return Session(viewer, scope, now, known)


def enter(seen: Session) -> None:
    """Make it the session of the page that runs next."""
    st.session_state["seen"] = seen


def current() -> Session:
    """The session of this run."""
    seen = st.session_state["seen"]
    if not isinstance(seen, Session):
        raise TypeError(f"the page ran without a session, found {type(seen).__name__}")
    return seen
