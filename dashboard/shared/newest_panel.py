"""The newest calls, as they are stored: a part of a page that looks again by itself."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from dashboard.queries import newest as queries
from dashboard.queries.store import LIVE
from dashboard.shared import data, elements
from dashboard.shared.session import Session
from dashboard.tables import newest_rows
from dashboard.wording import trace as words

EVERY_S = 1.5
"""A call shows within two seconds of its storage."""


def newest(seen: Session) -> None:
    """The panel."""
    with elements.Panel(words.NEWEST):
        elements.section(words.NEWEST, words.NEWEST_NOTE)
        st.fragment(_newest, run_every=EVERY_S)(seen)


def _newest(seen: Session) -> None:
    scope = seen.scope
    if scope.lineage == LIVE:  # each look asks anew; the answer of the one before stays if the store is away
        scope = replace(scope, now_s=int(data.wall().timestamp()))
    found = data.read(seen.viewer, queries.newest, scope).value
    if not found:
        elements.secondary(words.NONE)
        return
    st.dataframe(
        pd.DataFrame(newest_rows.calls(found, scope.lineage)),
        key="newest",
        hide_index=True,
        height="content",
        column_config={
            words.TOOK: st.column_config.NumberColumn(format="%.2f"),
            words.TRACE: st.column_config.LinkColumn(display_text=r"id=([0-9a-f]{8})"),
        },
        alt=words.NEWEST_ALT,
    )
