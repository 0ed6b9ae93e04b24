"""The dashboard's script, served by ``python -m dashboard``: pages, the door before them, the sidebar."""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import Page

from dashboard import palette, strings
from dashboard.access.viewer import NotAllowed, NothingGranted, SignInNeeded
from dashboard.queries import incidents
from dashboard.queries.store import LIVE, Scope
from dashboard.safe_text import clean
from dashboard.shared import data, elements, filters, monitor, score_choice, session, sign_in
from dashboard.tables import pipeline
from dashboard.tables import pipeline_text as pipes
from dashboard.views.alerts import alerts_text
from dashboard.views.baselines import baselines_text
from dashboard.views.connect import connect_text
from dashboard.views.detectors import detectors_text
from dashboard.wording import access, trace
from infra.errors import Misconfigured, Unavailable
from infra.fault import Fault

logger = logging.getLogger(__name__)

_STATIC = Path(__file__).parent / "static"


def main() -> None:
    """One run of one page."""
    st.set_page_config(
        page_title=strings.TITLE,
        page_icon=str(_STATIC / "mark.svg"),
        layout="wide",
        initial_sidebar_state=208,
    )
    st.logo(
        str(_STATIC / f"lightship-{st.context.theme.type or 'light'}.svg"),
        icon_image=str(_STATIC / "mark.svg"),
    )
    pages = [
        st.Page("views/fleet/fleet.py", title=strings.FLEET, icon=":material/grid_view:", default=True),
        st.Page("views/incidents/incidents.py", title=strings.INCIDENTS, icon=":material/e911_emergency:"),
        st.Page("views/explore/explore.py", title=strings.EXPLORE, icon=":material/search:"),
        st.Page("views/drift/drift.py", title=strings.DRIFT, icon=":material/trending_up:"),
        st.Page("views/outputs/outputs.py", title=strings.OUTPUTS, icon=":material/chat:"),
        st.Page("views/releases/releases.py", title=strings.RELEASES, icon=":material/rocket_launch:"),
        st.Page("views/cause/cause.py", title=strings.CAUSE, icon=":material/account_tree:"),
        st.Page("views/trends/trends.py", title=strings.TRENDS, icon=":material/monitoring:"),
        st.Page("views/alerts/alerts.py", title=alerts_text.TITLE, icon=":material/support_agent:"),
        st.Page("views/detectors/detectors.py", title=detectors_text.TITLE, icon=":material/troubleshoot:"),
        st.Page("views/baselines/baselines.py", title=baselines_text.TITLE, icon=":material/straighten:"),
        st.Page("views/pipeline/pipeline.py", title=pipes.TITLE, icon=":material/water_pump:"),
        st.Page("views/connect/connect.py", title=connect_text.TITLE, icon=":material/cable:"),
        st.Page("views/incident/incident.py", title=strings.INCIDENT, visibility="hidden"),
        st.Page("views/trace/trace.py", title=trace.TITLE, visibility="hidden"),
    ]
    try:
        who = data.viewer()
    except (SignInNeeded, NothingGranted) as closed:
        _sign_in(st.navigation(pages, position="hidden"), closed)
        return
    except Misconfigured as error:
        st.navigation(pages, expanded=True)
        elements.empty(palette.FAILED, strings.MISCONFIGURED, clean(str(error), 300))
        return
    page = st.navigation(pages, expanded=True)
    elements.style()
    try:
        if who.until is not None:
            sign_in.go_on(page, pages)
        if page.title == strings.INCIDENT:
            _find_lineage()
        _sidebar()
        st.session_state[score_choice.PAGE] = page.url_path
        page.run()
    except Unavailable as error:
        elements.empty(
            palette.FAILED, strings.NO_STORE, strings.NO_STORE_NEXT.format(reason=clean(str(error), 160))
        )
    except NotAllowed as error:
        elements.nothing(
            access.NOT_ALLOWED.format(role=who.role), access.NOT_ALLOWED_NEXT.format(needs=error.needs)
        )
    except Misconfigured as error:
        elements.empty(palette.FAILED, strings.MISCONFIGURED, clean(str(error), 300))
    except Exception as error:  # noqa: BLE001 - whoever looks is told so, and reads no text of an exception
        logger.error("the page %s failed: %s", page.title, Fault.of(error))
        elements.empty(palette.FAILED, strings.DEFECT, "")


def _sign_in(page: Page, closed: SignInNeeded | NothingGranted) -> None:
    """What people see who are not let in."""
    elements.style()
    if isinstance(closed, SignInNeeded):
        sign_in.sign_in(page, expired=closed.expired)
    else:
        sign_in.nothing_granted(str(closed))


def _find_lineage() -> None:
    """Alerts link to an incident by its id alone: look in the lineage it belongs to."""
    asked = st.query_params.get("id")
    if asked is None or "lineage" in st.query_params or "lineage" in st.session_state:
        return
    who = data.viewer()
    found = data.read(who, incidents.elsewhere, Scope(who.tenant), asked).value
    if found is not None:
        filters.choose_lineage(found)


def _sidebar() -> None:
    """The lineage, and whether the monitor itself is alive: on every view, silence is not health."""
    who = data.viewer()
    known = data.lineages(who)
    names = list(dict.fromkeys([LIVE, *(item.name for item in known.value)]))
    with st.sidebar:
        sign_in.tenant(who)
        chosen = filters.lineage(names)
        seen = session.start(who, chosen)
        session.enter(seen)
        with st.container(gap="xxsmall"):
            wall = data.wall()
            looked = monitor.look(who, seen.scope, wall)
            newest = next((item.newest for item in known.value if item.name == LIVE), None)
            found = pipeline.condition(
                looked.signs,
                looked.parts.value,
                looked.accounts.value,
                wall,
                live=chosen == LIVE,
                newest=newest,
            )
            stale = any(reading.fault for reading in looked.readings)
            elements.badge(palette.FAILED if stale else found.state, strings.PIPELINE)
            for line in found.lines:
                elements.secondary(line)
            elements.secondary(strings.ALL_UTC.format(lineage=clean(chosen, 24)))
        sign_in.way_out(who)


main()
