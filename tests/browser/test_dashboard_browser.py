"""The dashboard in a real browser: accessibility, phones, hostile text, links, keyboard, network."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from infra.clickhouse import connect
from infra.embedded.ports import spares
from infra.settings import StoreSettings
from tests.at_length import at_length
from tests.browser.visiting import SLOW_MS, Mode, Visit, press, visiting
from tests.dashboard import world, world_hostile, world_hostile_people, world_operators
from tests.dashboard.serving import alerts_api, dashboard, environment
from tests.databases import fresh_database

pytestmark = pytest.mark.browser


@dataclass
class Site:
    """A running dashboard over the invented fleet, and the ids of its incidents."""

    base: str
    ids: dict[str, str]
    hostile: str
    written: str
    settings: StoreSettings

    def incident(self, name: str, lineage: str = "demo-1") -> str:
        return f"/incident?id={self.ids[name]}&lineage={lineage}"


@pytest.fixture(scope="module")
def site(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = fresh_database(store, "lightship_dashboard_browser")
    client = connect(settings)
    ids = world.fill(client, lineage="demo-1")
    world_operators.fill(client)
    hostile = world_hostile.fill(client, world.NOW, lineage="hostile-1")
    written = world_hostile.fill(client, world.NOW, lineage="hostile-2")
    world_hostile_people.fill(client, written, world.NOW, lineage="hostile-2")
    client.close()
    home: Path = tmp_path_factory.mktemp("dashboard")
    port, alerts_port = spares(2)
    environ = environment(settings, home, port=port, alerts_port=alerts_port)
    with alerts_api(settings, home, alerts_port), dashboard(environ, port) as base:
        yield Site(base, ids, hostile, written, settings)


PAGES = (
    "fleet",
    "incident",
    "incidents",
    "latency",
    "silence",
    "trends",
    "alerts",
    "pipeline",
    "empty",
    "unknown",
)
ON_A_PHONE = ("fleet", "incident", "latency", "trends", "alerts", "baselines", "connect")


def path_of(name: str, site: Site) -> str:
    return {
        "fleet": "/?lineage=demo-1",
        "incidents": "/incidents?lineage=demo-1",
        "incident": site.incident("refusal"),
        "latency": site.incident("latency"),
        "silence": site.incident("silence"),
        "trends": "/trends?lineage=demo-1",
        "pipeline": f"/pipeline?lineage={world_operators.LINEAGE}",
        "detectors": f"/detectors?lineage={world_operators.LINEAGE}",
        "baselines": f"/baselines?lineage={world_operators.LINEAGE}",
        "connect": f"/connect?lineage={world_operators.LINEAGE}",
        "alerts": f"/alerts?lineage={world_operators.LINEAGE}",
        "empty": "/",
        "unknown": "/incident?id=%3Cb%3Enope&lineage=demo-1",
    }[name]


@pytest.mark.parametrize(
    ("name", "mode"),
    at_length(
        [
            *((name, "light") for name in (*PAGES, "baselines", "connect")),
            *((name, "dark") for name in PAGES[:-2]),
        ],
        2,
    ),
)
def test_a_page_is_accessible_without_an_error_stays_on_this_machine_and_fits_a_phone(
    browser: Browser, site: Site, name: str, mode: Mode
) -> None:
    visit = visiting(browser, site.base, mode)
    visit.open(path_of(name, site))
    assert visit.violations() == []
    assert not visit.sideways()
    levels = visit.page.evaluate(
        "() => [...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    if mode == "light" and name in ON_A_PHONE:
        visit.to_a_phone()
        assert not visit.sideways()
        assert visit.cut_links() == []
        assert visit.violations() == []
    assert visit.faults == []
    visit.page.close()


@pytest.mark.long
def test_an_alerts_link_without_lineage_finds_its_incident_whose_charts_say_what_they_show(
    visit: Visit, site: Site
) -> None:
    page = visit.open(f"/incident?id={site.ids['latency']}")
    assert "latency" in page.locator("h1").inner_text()
    charts = page.locator("[data-testid=stVegaLiteChart]")
    assert charts.count() >= 3
    html = page.content()
    for part in ("Latency, median in s", "Largest change in response model = aurora-2", "Distribution of s"):
        assert part in html


@pytest.mark.long
def test_times_are_utc_whatever_the_browsers_zone_and_marks_of_redaction_are_inert_chips(
    visit: Visit, site: Site
) -> None:
    page = visit.open(site.incident("refusal"))
    text = page.locator("[data-testid=stMain]").inner_text()
    assert "02:05 UTC" in text
    assert "11:05" not in text
    chip = page.locator(".card .chip").first
    assert chip.inner_text() == "[name:77d1aa02c94be613]"
    assert chip.evaluate("node => node.childElementCount") == 0
    assert page.locator(".card p").first.get_attribute("lang") == "de"


@pytest.mark.parametrize(
    "where", at_length(["hostile", "/?lineage=hostile-1", "/incidents?lineage=hostile-1"])
)
def test_hostile_text_is_shown_and_nothing_else(browser: Browser, site: Site, where: str) -> None:
    visit = visiting(browser, site.base)
    path = f"/incident?id={site.hostile}&lineage=hostile-1" if where == "hostile" else where
    page = visit.open(path)
    assert page.evaluate("() => window.hacked") is None
    main = page.locator("[data-testid=stMain]")
    assert main.locator("a[href*='evil'], a[href^='javascript'], a[href^='mailto']").count() == 0
    assert main.locator("img[src*='evil'], script, iframe[src*='evil'], .katex").count() == 0
    # written out, in full, where people read it
    text = main.inner_text().replace("\u2060", "")
    assert "# **bot** [x](javascript:alert(1))" in text
    assert "😄" not in text
    assert visit.violations() == []
    assert not visit.sideways()
    assert visit.faults == []
    if where == "hostile":
        _check_hostile_incident(page, text)
    page.close()


@pytest.mark.long
def test_what_people_judges_tools_and_receivers_write_is_shown_and_nothing_else(
    browser: Browser, site: Site
) -> None:
    output = f"/outputs?lineage=hostile-2&output={'e411' * 8}:{9:016x}"
    visit = visiting(browser, site.base)
    written = ""
    incident = f"/incident?id={site.written}&lineage=hostile-2"
    for where in ("/", "/alerts", "/pipeline", "/detectors", "/releases", output, incident):
        page = visit.open(where if "?" in where else f"{where}?lineage=hostile-2")
        main = page.locator("[data-testid=stMain]")
        assert main.locator("a[href*='evil'], a[href^='javascript'], a[href^='mailto']").count() == 0, where
        assert main.locator("img[src*='evil'], script, iframe[src*='evil'], .katex").count() == 0, where
        assert page.evaluate("() => window.hacked") is None, where
        assert not visit.sideways(), where
        assert visit.faults == [], where
        written += f"\n== {where}\n{main.inner_text()}"
    page.close()
    written = written.replace("\u2060", "")
    assert written.count("<script>window.hacked=1</script>") >= 3  # a reason, a failed delivery, a note
    assert "No message was due" not in written


def _check_hostile_incident(page: Page, text: str) -> None:
    assert "[U+202E]gnp.exe" in text  # in the timeline
    cards = page.locator(".card")
    cards.nth(5).wait_for(timeout=SLOW_MS)
    assert cards.count() == 6
    first = cards.first
    assert "<script>window.hacked=1</script>" in first.inner_text()
    assert "{{7*7}}" in first.inner_text()
    assert first.locator(".chip", has_text="U+202E").count() == 2  # once in the prompt, once in the output
    assert first.locator("b, img, script, a").count() == 0
    assert first.locator("p").first.get_attribute("dir") == "auto"
    assert first.locator("p[lang]").count() == 0  # "<b>x</b>" is no language
    box = first.bounding_box()
    assert box is not None
    assert box["height"] < 1_200  # 200,000 characters are cut
    assert "cut after 800 characters" in first.inner_text()


@pytest.mark.long
def test_a_link_is_the_page_with_its_choices(visit: Visit) -> None:
    page = visit.open("/trends?lineage=demo-1")
    page.get_by_role("radio", name="8").or_(page.get_by_role("button", name="8", exact=True)).first.click()
    page.wait_for_url("**weeks=8*", timeout=SLOW_MS)
    address = page.url.removeprefix(visit.base)
    visit.open(address)
    assert "8 weeks" in page.content()
    assert page.get_by_role("link", name="Fleet").count() == 1


@pytest.mark.long
def test_the_report_of_a_page_is_a_file_to_take_away(visit: Visit) -> None:
    page = visit.open("/trends?lineage=demo-1&weeks=4")
    html = page.get_by_role("button", name="Report (HTML)")
    press(page.get_by_role("button", name="Download report"), html)
    with page.expect_download(timeout=SLOW_MS) as taken:
        html.click()
    assert taken.value.suggested_filename == "lightship-2026-02-23-2026-03-17.html"
    text = taken.value.path().read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "support-bot" in text
    with page.expect_download(timeout=SLOW_MS) as taken:
        page.get_by_role("button", name="Its numbers (JSON)").click()
    assert hashlib.sha256(taken.value.path().read_bytes()).hexdigest() in text


@pytest.mark.long
def test_the_way_in_keeps_the_lineage_and_back_leads_back(visit: Visit, site: Site) -> None:
    page = visit.open("/?lineage=demo-1")
    page.get_by_role("link", name=site.ids["refusal"][:8]).click()
    page.wait_for_url(f"**id={site.ids['refusal']}*", timeout=SLOW_MS)
    visit.settle()
    assert page.url.count("lineage=demo-1") == 1
    assert "refusals" in page.locator("h1").inner_text()
    page.go_back()
    visit.settle()
    assert page.locator("h1").inner_text() == "Fleet"


@pytest.mark.long
def test_other_lineages_are_one_press_away_from_an_empty_one(visit: Visit) -> None:
    page = visit.open("/")
    page.get_by_role("button", name="Show demo-1").click()
    page.get_by_role("heading", name="All services").wait_for(timeout=SLOW_MS)
    page.wait_for_url("**lineage=demo-1*", timeout=SLOW_MS)
    visit.settle()
    assert "support-bot" in page.locator("[data-testid=stMain]").inner_text()


def test_from_the_alert_to_the_acknowledgement_by_keyboard_alone(visit: Visit, site: Site) -> None:
    page = visit.open(site.incident("silence"))
    page.keyboard.press("a")
    page.wait_for_selector("text=Recorded: acknowledged by you.", timeout=SLOW_MS)
    visit.settle()
    assert page.get_by_role("button", name="Acknowledge").is_disabled()
    assert "acknowledged" in page.locator("[data-testid=stMain]").inner_text()
    assert visit.violations() == []


def test_actions_with_a_reason_and_the_runbook_open_without_violations(visit: Visit, site: Site) -> None:
    page = visit.open(site.incident("refusal"))
    for name, inside in (
        ("Silence", "Changes like this one"),
        ("End", "Why?"),
        ("Hold", "stays open, whatever is measured"),
        ("Note", "What did you find?"),
        ("Runbook", "Usual causes"),
    ):
        page.get_by_role("button", name=name, exact=True).click()
        page.get_by_text(inside).first.wait_for(timeout=SLOW_MS)
        assert visit.violations() == []
        page.keyboard.press("Escape")
        page.wait_for_timeout(300)


@pytest.mark.long
def test_nothing_is_said_by_colour_alone(browser: Browser, site: Site) -> None:
    visit = visiting(browser, site.base)
    session = visit.page.context.new_cdp_session(visit.page)
    session.send("Emulation.setEmulatedVisionDeficiency", {"type": "achromatopsia"})
    visit.open("/?lineage=demo-1")
    words = visit.page.locator("[data-testid=stMain]").inner_text()
    for word in ("Page · 67", "Ticket · 2.6", "No data · 85"):
        assert word in words.replace("\u202f", " ")
    visit.page.close()
