"""Signing in at a provider, in a real browser: what each person may then see and do, and until when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from dashboard.access.headers import HEADERS
from infra.clickhouse import connect
from infra.embedded.ports import spares
from tests.browser.visiting import SLOW_MS, Visit, visiting
from tests.dashboard import world
from tests.dashboard.provider import CLIENT, SECRET, Provider, provider
from tests.dashboard.serving import alerts_api, dashboard, environment
from tests.databases import fresh_database

pytestmark = pytest.mark.browser

PEOPLE = {
    "ana": {"email": "ana@example.org", "groups": ["on-call", "staff"]},
    "bob": {"email": "bob@example.org", "groups": ["staff"]},
    "eve": {"email": "eve@example.org", "groups": ["guests"]},
    "ops": {"email": "ops@example.org", "groups": ["on-call", "other-team"]},
}
ACCESS = """
[dashboard.login]
metadata_url = "{at}/.well-known/openid-configuration"
client_id = "{client}"
client_secret_file = "client.secret"
redirect_url = "http://127.0.0.1:{port}/oauth2callback"
session_minutes = 60
[[access]]
value = "on-call"
role = "responder"
[[access]]
value = "staff"
role = "viewer"
[[access]]
value = "other-team"
role = "analyst"
tenant = "other"
"""


@dataclass
class Guarded:
    """A dashboard behind a sign-in."""

    base: str
    home: Path
    provider: Provider
    ids: dict[str, str]

    def log(self) -> str:
        return (self.home / "dashboard.log").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def guarded(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    settings = fresh_database(store, "lightship_dashboard_sign_in")
    client = connect(settings)
    ids = world.fill(client, lineage="demo-1")
    client.close()
    home = tmp_path_factory.mktemp("guarded")
    (home / "client.secret").write_text(f"{SECRET}\n", encoding="utf-8")
    port, alerts_port, provider_port = spares(3)
    with provider(provider_port, PEOPLE) as made:
        more = ACCESS.format(at=made.at, client=CLIENT, port=port)
        environ = environment(settings, home, port=port, alerts_port=alerts_port, more=more)
        with alerts_api(settings, home, alerts_port), dashboard(environ, port) as base:
            yield Guarded(base, home, made, ids)


@pytest.fixture
def visit(browser: Browser, guarded: Guarded) -> Iterator[Visit]:
    made = visiting(browser, guarded.base)
    yield made
    made.page.close()
    assert made.faults == []


def text(page: Page) -> str:
    """What a person reads; addresses hold an invisible character, so that they do not become links."""
    return page.locator("[data-testid=stApp]").inner_text().replace("\u2060", "")


def sign_in(visit: Visit, path: str, name: str) -> str:
    """Open a page, sign in on the way; what the page then says."""
    page = visit.open(path)
    assert page.locator("h1").inner_text() == "Sign in"
    assert page.locator("[data-testid=stSidebarNav]").count() == 0
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=name).click(timeout=SLOW_MS)
    page.get_by_role("button", name="Sign out").wait_for(timeout=SLOW_MS)
    visit.settle()
    return text(page)


def test_a_link_leads_through_the_sign_in_to_the_incident_and_the_person_is_on_record(
    visit: Visit, guarded: Guarded
) -> None:
    page = visit.open("/")
    assert visit.violations() == []
    said = sign_in(visit, f"/incident?id={guarded.ids['refusal']}&lineage=demo-1", "ana")
    assert "support-bot: refusals" in said
    assert "ana@example.org · responder" in said
    assert "Bestellung" in page.locator(".card").first.inner_text()
    page.keyboard.press("a")
    page.wait_for_selector("text=Recorded: acknowledged by you.", timeout=SLOW_MS)
    visit.settle()
    assert "by ana@example.org" in text(page)
    (line, *_) = [x for x in guarded.log().splitlines() if "texts were read" in x]
    read = json.loads(line[line.index("{") :])
    assert (read["actor"], read["role"], read["tenant"], read["n"]) == (
        "ana@example.org",
        "responder",
        "default",
        3,
    )
    assert "Bestellung" not in guarded.log()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for(timeout=SLOW_MS)


@pytest.mark.long
def test_a_viewer_gets_numbers_and_somebody_unknown_nothing(visit: Visit, guarded: Guarded) -> None:
    said = sign_in(visit, f"/incident?id={guarded.ids['latency']}&lineage=demo-1", "bob")
    assert "bob@example.org · viewer" in said
    assert "Texts are shown to analysts and responders" in said
    assert visit.page.get_by_role("button", name="Acknowledge").is_disabled()
    visit.page.context.clear_cookies()
    said = sign_in(visit, "/?lineage=demo-1", "eve")
    assert "You have no access" in said
    assert "support-bot" not in said


@pytest.mark.long
def test_an_address_chooses_among_granted_tenants_and_never_another(visit: Visit) -> None:
    said = sign_in(visit, "/?lineage=demo-1&tenant=somebody-elses", "ops")
    assert "support-bot" in said
    visit.open("/?tenant=other")
    said = text(visit.page)
    assert "ops@example.org · analyst" in said
    assert "Nothing has arrived" in said


def test_a_session_ends_and_a_forged_cookie_is_none(visit: Visit, guarded: Guarded) -> None:
    guarded.provider.issued_ago_s = 3_700
    page = visit.open("/")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="ana").click(timeout=SLOW_MS)
    page.get_by_text("Your session has expired").wait_for(timeout=SLOW_MS)
    assert "support-bot" not in page.content()
    guarded.provider.issued_ago_s = 0
    page.context.clear_cookies(name="_streamlit_user")
    forged = json.dumps({**PEOPLE["ana"], "is_logged_in": True, "iat": 4e9, "origin": guarded.base})
    page.context.add_cookies([{"name": "_streamlit_user", "value": forged, "url": guarded.base}])
    visit.open("/")
    assert page.locator("h1").inner_text() == "Sign in"


def test_answers_carry_the_headers_a_browser_obeys(visit: Visit) -> None:
    answer = visit.page.goto(visit.base)
    assert answer is not None
    assert HEADERS.items() <= answer.headers.items()
