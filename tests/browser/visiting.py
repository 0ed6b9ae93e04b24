"""A page in a real browser that writes down what goes wrong on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Dialog, Locator, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.dashboard.drawn import failures
from tests.dashboard.serving import HOMES, session_cookie

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOCAL = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
SLOW_MS = 90_000
LOOKS = 4
PATIENCE_MS = 6_000
"""After which a click counts as lost."""
PHONE_PX = 390
Mode = Literal["light", "dark"]


@dataclass
class Visit:
    """A page with what went wrong on it."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.base + path)
        self.settle()
        return self.page

    def settle(self) -> None:
        self.page.wait_for_selector(
            '[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=SLOW_MS
        )
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')]"
            ".every(chart => chart.querySelector('canvas, svg.marks'))",
            timeout=SLOW_MS,
        )
        self.page.wait_for_timeout(700)
        self.faults += failures(self.page.inner_text("body"))

    def to_a_phone(self) -> None:
        """The same page as wide as a phone; it is laid out as if it had been opened there."""
        self.page.set_viewport_size({"width": PHONE_PX, "height": 1000})
        self.settle()

    def violations(self) -> list[str]:
        """What axe finds again and again, with the first nodes: a page may still be drawing itself."""
        for _ in range(LOOKS):
            found = Axe().run(self.page).response["violations"]
            if not found:
                break
            self.page.wait_for_timeout(500)
        return [f"{v['id']}: {[n['html'][:160] for n in v['nodes'][:3]]}" for v in found]

    def sideways(self) -> bool:
        return bool(self.page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth"))

    def cut_links(self) -> list[str]:
        """Links to pages of which a reader does not see all that they say."""
        cut = "n => [n, ...n.querySelectorAll('*')].some(e => e.clientWidth && e.scrollWidth > e.clientWidth)"
        links = "document.querySelectorAll('[data-testid=stPageLink] a')"
        return list(self.page.evaluate(f"() => [...{links}].filter({cut}).map(n => n.innerText)"))


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser."""
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


def visiting(browser: Browser, base: str, mode: Mode = "light", width: int = 1440) -> Visit:
    """A page of the dashboard at ``base``, whose link has been opened."""
    page = browser.new_page(
        viewport={"width": width, "height": 1000},
        color_scheme=mode,
        timezone_id="Asia/Tokyo",  # far from UTC: nothing may follow the browser's zone
        reduced_motion="reduce",
    )
    if base in HOMES:
        name, value = session_cookie(HOMES[base], int(base.rpartition(":")[2]))
        page.context.add_cookies([{"name": name, "value": value, "url": base}])
    visit = Visit(page, base)
    page.on("pageerror", lambda error: visit.faults.append(f"script error: {error}"))
    page.on("request", lambda r: None if r.url.startswith(LOCAL) else visit.faults.append(f"left: {r.url}"))
    page.on("dialog", lambda dialog: _dialog(visit, dialog))
    page.on("console", lambda m: _console(visit, m.type, m.text, m.location.get("url", "")))
    return visit


def _dialog(visit: Visit, dialog: Dialog) -> None:
    visit.faults.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def _console(visit: Visit, kind: str, text: str, url: str) -> None:
    # on a direct visit of a page Streamlit looks for its server beside the page first, then at the root
    probing = "404" in text and url.endswith(("/_stcore/health", "/_stcore/host-config"))
    if kind == "error" and not probing:
        visit.faults.append(f"console: {text} {url}")


def press(what: Locator, then: Locator) -> None:
    """Click until what follows is there: a click on a page that is being drawn again may be lost."""
    for _ in range(SLOW_MS // PATIENCE_MS):
        try:
            what.click(timeout=PATIENCE_MS)
            then.wait_for(timeout=PATIENCE_MS)
        except PlaywrightTimeout:
            if then.is_visible():
                return
        else:
            return
    then.wait_for(timeout=PATIENCE_MS)
