"""Whether the processes answer, and what they wait for: ``/readyz`` of each that can be found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import streamlit as st

from dashboard.safe_text import clean
from dashboard.tables.vital_signs import Listener
from infra.embedded.addresses import alerts_address, gateway_address
from infra.embedded.restart_loop import Restarted
from infra.embedded.run_file import read_run
from infra.embedded.run_report import children_of
from infra.settings import Settings

TIMEOUT_S = 1.5
FRESH_S = 10
ROOMS = ("gateway", "relay", "worker", "fleet", "alerts")
"""Those that have the page; on other machines only gateway and alerts are known, from the settings."""


def addresses(settings: Settings) -> dict[str, str]:
    """Where processes can be asked: those of the instance on the data directory, else the configured ones."""
    run = read_run(settings.home) or {}
    known = run.get("addresses")
    found = {name: str(known[name]) for name in ROOMS if name in known} if isinstance(known, dict) else {}
    return {"gateway": gateway_address(settings), "alerts": alerts_address(settings), **found}


def restarted(settings: Settings) -> list[Restarted]:
    """The processes of the instance on the data directory, and how often each was restarted."""
    return [child.restarted for child in children_of(read_run(settings.home))]


@st.cache_data(ttl=FRESH_S, max_entries=8, show_spinner=False)
def probe_all(where: tuple[tuple[str, str], ...]) -> tuple[Listener, ...]:
    """Every process at once."""
    with ThreadPoolExecutor(max_workers=len(ROOMS)) as pool:
        return tuple(pool.map(lambda pair: _ask(*pair), where))


def _ask(room: str, base: str) -> Listener:
    try:
        answer = httpx.get(f"{base}/readyz", timeout=TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Listener(room, answers=False, ready=False, problem=type(error).__name__)
    ready = answer.status_code == 200
    return Listener(room, answers=True, ready=ready, problem="" if ready else _said(answer))


def _said(answer: httpx.Response) -> str:
    try:
        body = answer.json()
        problems = body["problems"] if isinstance(body, dict) else None
    except (ValueError, KeyError):
        problems = None
    text = "; ".join(str(p) for p in problems) if isinstance(problems, list) else answer.text
    return clean(text.strip(), 200) or f"HTTP {answer.status_code}"
