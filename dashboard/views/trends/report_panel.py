"""The trends page's door to the report of its weeks; the report is made when somebody takes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import streamlit as st

from dashboard.access.viewer import Viewer
from dashboard.queries.days_and_cells import Weeks
from dashboard.queries.store import Scope, Store
from dashboard.report.contents import as_json, contents
from dashboard.report.gather import gather
from dashboard.report.page import page
from dashboard.shared import data, elements
from dashboard.shared.session import Session
from dashboard.wording import report as words
from infra.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")


def show(seen: Session, weeks: Weeks) -> None:
    """Both files, behind one button."""
    name = "lightship-{:%Y-%m-%d}-{:%Y-%m-%d}".format(
        *(datetime.fromtimestamp(s, UTC) for s in (weeks.from_s, weeks.to_s))
    )
    with st.popover(words.DOWNLOAD, icon=":material/description:"):
        elements.secondary(words.DOWNLOAD_NOTE)
        for label, kind, mime in (
            (words.DOWNLOAD_HTML, "html", "text/html"),
            (words.DOWNLOAD_JSON, "json", "application/json"),
        ):
            st.download_button(
                label,
                data=partial(made, seen.viewer, seen.scope, weeks, kind),
                file_name=f"{name}.{kind}",
                mime=mime,
                key=f"report-{kind}",
                on_click="ignore",
            )


def made(who: Viewer, scope: Scope, weeks: Weeks, kind: str) -> bytes:
    """The bytes of one of the files; its questions go through the door every page's go through.

    Raises
    ------
    Unavailable
        If the store does not answer: a report is not made of older answers.
    """

    def ask(query: Callable[Concatenate[Store, Scope, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        reading = data.read(who, query, scope, *args, **kwargs)
        if reading.fault:
            raise Unavailable(reading.fault)
        return reading.value

    settings = data.settings()
    budget = settings.budget.pages_per_month
    told = contents(gather(ask, scope, weeks, budget, settings.config_hash()))
    return page(told).encode() if kind == "html" else as_json(told)
