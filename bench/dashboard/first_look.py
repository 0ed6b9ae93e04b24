"""How long a person waits in a real browser for a page: its first sentence, first table, first chart.

The first visit of a page finds nothing that was read before; the ones after it find a warm server.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping

from playwright.sync_api import BrowserContext, Page, sync_playwright
from playwright.sync_api import TimeoutError as NeverCame

from bench.dashboard.fill import LINEAGE
from bench.dashboard.served import Served

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
BUSIEST = f"lineage={LINEAGE}&service=service-00+%C2%B7+production&score=latency_s"
PAGES: Mapping[str, str] = {
    "fleet": f"/?lineage={LINEAGE}",
    "incidents": f"/incidents?lineage={LINEAGE}",
    "explore": f"/explore?{BUSIEST}",
    "drift": f"/drift?{BUSIEST}",
    "outputs": f"/outputs?{BUSIEST}",
    "releases": f"/releases?{BUSIEST}",
    "cause": f"/cause?{BUSIEST}",
    "trends": f"/trends?lineage={LINEAGE}",
    "detectors": f"/detectors?lineage={LINEAGE}",
    "baselines": f"/baselines?lineage={LINEAGE}",
    "pipeline": f"/pipeline?lineage={LINEAGE}",
    "connect": f"/connect?lineage={LINEAGE}",
}
PARTS: Mapping[str, str] = {
    "sentence": "[data-testid=stMain] h1",
    "table": "[data-testid=stDataFrame] canvas, [data-testid=stMain] table",
    "chart": "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg.marks",
}
LONGEST_MS = 30_000
DRAWN = '[data-testid="stApp"][data-test-script-state="notRunning"]'


VISITS = ("first visit", "again")


def waits(served: Served) -> Iterator[tuple[str, str, dict[str, float | None]]]:
    """Visit, page, and seconds until each of `PARTS` was there (``None``: it has none) and all was drawn."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox"])
        person = browser.new_context(viewport={"width": 1440, "height": 1000})
        name, value = served.cookie
        person.add_cookies([{"name": name, "value": value, "url": served.base}])
        _seconds(person, served.base + PAGES["fleet"])  # the server's own first page and the browser's cache
        for visit in VISITS:
            for name, path in PAGES.items():
                yield visit, name, _seconds(person, served.base + path)
        browser.close()


def _seconds(person: BrowserContext, address: str) -> dict[str, float | None]:
    page = person.new_page()
    began = time.perf_counter()
    page.goto(address)
    found: dict[str, float | None] = {}
    page.wait_for_selector(PARTS["sentence"], timeout=LONGEST_MS)
    found["sentence"] = time.perf_counter() - began
    found |= _rest(page, began)
    page.close()
    return found


def _rest(page: Page, began: float) -> dict[str, float | None]:
    """Look for what may not be there until the page is drawn whole."""
    found: dict[str, float | None] = {"table": None, "chart": None, "all": None}
    until = began + LONGEST_MS / 1000
    while time.perf_counter() < until:
        for part in ("table", "chart"):
            if found[part] is None and page.query_selector(PARTS[part]):
                found[part] = time.perf_counter() - began
        if page.query_selector(DRAWN):
            found["all"] = time.perf_counter() - began
            for part in ("table", "chart"):
                if found[part] is None and _comes(page, PARTS[part]):
                    found[part] = found["all"] = time.perf_counter() - began
            return found
        time.sleep(0.02)
    return found


def _comes(page: Page, selector: str) -> bool:
    """Whether something is there that the browser draws after it was told everything."""
    try:
        page.wait_for_selector(selector, timeout=1_000)
    except NeverCame:
        return False
    return True
