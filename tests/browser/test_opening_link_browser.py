"""A dashboard on one's own machine in a real browser: closed, opened by a link, and open from then on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from dashboard.access.opening_links import OpeningLinks
from infra.clock import SystemClock
from infra.embedded.ports import spare
from infra.settings import StoreSettings
from tests.browser.visiting import SLOW_MS
from tests.dashboard.serving import HOMES, dashboard, environment

pytestmark = pytest.mark.browser

DRAWN = '[data-testid="stApp"][data-test-script-state="notRunning"]'


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home, port = tmp_path_factory.mktemp("own"), spare()
    environ = environment(StoreSettings(url="http://default:x@127.0.0.1:9"), home, port=port)
    with dashboard(environ, port) as address:
        yield address


@pytest.fixture
def person(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


def link(base: str, leads_to: str = "/") -> str:
    return OpeningLinks(HOMES[base], SystemClock().now_ns).make(base, leads_to)


def test_a_link_opens_it_and_it_stays_open(person: BrowserContext, base: str) -> None:
    page = person.new_page()
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(f"{base}/incidents")
    assert "open only to the account that runs it" in page.inner_text("h1")
    assert sockets == []
    opening = link(base, "/incidents?lineage=live")
    page.goto(opening)
    page.wait_for_url(f"{base}/incidents?lineage=live", timeout=SLOW_MS)
    page.wait_for_selector(DRAWN, timeout=SLOW_MS)
    assert sockets
    assert person.cookies()[0]["httpOnly"]
    assert person.cookies()[0]["sameSite"] == "Strict"
    assert "lightship_session" not in page.evaluate("() => document.cookie")
    other = person.new_page()
    other.goto(f"{base}/alerts")
    other.wait_for_selector(DRAWN, timeout=SLOW_MS)


def test_a_used_link_opens_nothing_for_somebody_else(browser: Browser, base: str) -> None:
    opening = link(base)
    for said in ("", "This link has been used or has expired"):
        person = browser.new_context()
        page = person.new_page()
        page.goto(opening)
        if said:
            assert page.inner_text("h1") == said
        else:
            page.wait_for_selector(DRAWN, timeout=SLOW_MS)
        person.close()


def test_a_link_in_a_message_leads_in(person: BrowserContext, base: str) -> None:
    """A click on another site brings no strict cookie: the page asks once more, and then it does."""
    page = person.new_page()
    page.goto(link(base))
    page.wait_for_selector(DRAWN, timeout=SLOW_MS)
    person.route(
        "http://mail.example/**",
        lambda route: route.fulfill(
            content_type="text/html", body=f'<a href="{base}/alerts?lineage=live">open</a>'
        ),
    )
    page.goto("http://mail.example/message")
    page.get_by_text("open").click()
    page.wait_for_selector(DRAWN, timeout=SLOW_MS)
    assert page.url == f"{base}/alerts?lineage=live"
    closed = page.context.browser
    assert closed is not None
    stranger = closed.new_context()
    stranger.route(
        "http://mail.example/**",
        lambda route: route.fulfill(content_type="text/html", body=f'<a href="{base}/alerts">open</a>'),
    )
    unknown = stranger.new_page()
    unknown.goto("http://mail.example/message")
    unknown.get_by_text("open").click()
    unknown.wait_for_selector("h1", timeout=SLOW_MS)
    assert "open only to the account that runs it" in unknown.inner_text("h1")
    stranger.close()
