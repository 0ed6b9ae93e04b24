"""The analysts' pages in a real browser: accessibility, phones, hostile text, links, files, network."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from infra.clickhouse import connect
from infra.embedded.ports import spares
from tests.at_length import at_length
from tests.browser.visiting import SLOW_MS, Mode, Visit, press, visiting
from tests.dashboard import world, world_fine, world_hostile, world_mix, world_runs
from tests.dashboard.serving import dashboard, environment
from tests.databases import fresh_database

pytestmark = pytest.mark.browser

BOT = "service=support-bot+%C2%B7+production"
PATHS = {
    "explore": f"/explore?lineage=demo-1&{BOT}&score=refusal&period=6+h&by=language",
    "explore-empty": "/explore",
    "outputs": f"/outputs?lineage=demo-1&{BOT}&score=refusal&only=language%3Den&output={world_runs.ASKED}",
    "outputs-empty": "/outputs",
    "drift": "/drift?lineage=fine-1",
    "drift-empty": "/drift",
    "releases": "/releases?lineage=fine-1&score=refusal",
    "releases-empty": "/releases",
    "cause": "/cause?lineage=fine-1&score=refusal",
}


@dataclass
class Site:
    """A running dashboard over the invented fleet."""

    base: str
    ids: dict[str, str]
    hostile: str


@pytest.fixture(scope="module")
def site(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = fresh_database(store, "lightship_analysis_browser")
    client = connect(settings)
    ids = world.fill(client, lineage="demo-1")
    world_runs.fill(client, world.NOW, lineage="demo-1")
    world_fine.fill(client, world.NOW)
    world_mix.fill(client, world.NOW)
    hostile = world_hostile.fill(client, world.NOW, lineage="hostile-1")
    world_runs.hostile(client, world.NOW, lineage="hostile-1")
    client.close()
    home: Path = tmp_path_factory.mktemp("analysis")
    port, alerts_port = spares(2)
    with dashboard(environment(settings, home, port=port, alerts_port=alerts_port), port) as base:
        yield Site(base, ids, hostile)


@pytest.mark.parametrize(
    ("name", "mode"),
    at_length([*((name, "light") for name in PATHS), *((name, "dark") for name in PATHS if "-" not in name)]),
)
def test_a_page_is_accessible_fits_and_stays_on_this_machine(
    browser: Browser, site: Site, name: str, mode: Mode
) -> None:
    visit = visiting(browser, site.base, mode)
    page = visit.open(PATHS[name])
    assert visit.violations() == []
    assert not visit.sideways()
    levels = page.evaluate(
        "() => [...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    assert "UTC" in page.locator("[data-testid=stMain]").inner_text()
    if mode == "light" and "-" not in name:
        visit.to_a_phone()
        assert not visit.sideways()
        assert visit.violations() == []
    assert visit.faults == []
    page.close()


@pytest.mark.parametrize("where", at_length(["outputs", "explore", "drift", "releases", "cause"]))
def test_hostile_names_and_texts_are_shown_and_nothing_else(visit: Visit, where: str) -> None:
    page = visit.open(f"/{where}?lineage=hostile-1")
    assert page.evaluate("() => window.hacked") is None
    main = page.locator("[data-testid=stMain]")
    assert main.locator("a[href*='evil'], a[href^='javascript'], a[href^='mailto']").count() == 0
    assert main.locator("img[src*='evil'], script, iframe[src*='evil'], .katex").count() == 0
    fields = [field.input_value() for field in main.get_by_role("combobox").all()]
    assert "# **bot** [x](javascript:alert(1))" in " ".join(fields)
    assert visit.violations() == []
    assert not visit.sideways()


@pytest.mark.long
def test_what_is_explored_is_an_address_and_the_way_back_leads_through_it(visit: Visit) -> None:
    page = visit.open("/explore?lineage=demo-1")
    page.get_by_label("Service").click()
    page.get_by_role("option", name="support-bot").click()
    page.wait_for_url("**service=support-bot*", timeout=SLOW_MS)
    page.get_by_label("Score").click()
    page.get_by_role("option", name="latency_s").click()
    page.wait_for_url("**score=latency_s*", timeout=SLOW_MS)
    for name in ("service", "unit", "score", "slice", "way"):
        page.wait_for_url(f"**{name}=*", timeout=SLOW_MS)
    visit.open(page.url.removeprefix(visit.base))
    assert "Latency, median in s, every" in page.content()
    page.go_back()
    page.get_by_role("heading", name="Refusals, every").wait_for(timeout=SLOW_MS)


@pytest.mark.long
def test_rules_statements_and_files_are_offered_without_violations(visit: Visit) -> None:
    page = visit.open(PATHS["explore"])
    for name, inside in (("Watch this", "[[rule]]"), ("Open as SQL", "SET param_lineage = 'demo-1';")):
        page.get_by_role("button", name=name).click()
        page.get_by_text(inside).first.wait_for(timeout=SLOW_MS)
        assert visit.violations() == []
        page.keyboard.press("Escape")
        page.wait_for_timeout(300)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as held:
        page.get_by_role("button", name="Slices, CSV").click()
    text = held.value.path().read_text(encoding="utf-8")
    assert text.startswith("service,environment,unit,score,slice,measure,n,value,low,high,reference,")
    assert "support-bot,production,interaction,refusal,language=de," in text


@pytest.mark.long
def test_hostile_texts_are_cut_and_every_hidden_character_is_written_out(visit: Visit) -> None:
    page = visit.open(f"/outputs?lineage=hostile-1&output={'e411' * 8}:{9:016x}")
    card = page.locator(".card", has_text="[31mred").first
    card.wait_for(timeout=SLOW_MS)
    assert card.locator(".chip", has_text="U+1B").count() == 4
    assert card.locator(".chip", has_text="[email:3fa2c81d07e6b945]").count() == 2
    assert "<script>window.hacked=1</script>" in card.inner_text()
    assert card.locator("b, img, script, a").count() == 0
    box = card.bounding_box()
    assert box is not None
    assert box["height"] < 1_200  # a megabyte in one line is cut
    assert page.evaluate("() => window.hacked") is None


def test_outputs_are_searched_and_looked_into_and_all_of_it_is_the_address(visit: Visit) -> None:
    page = visit.open(f"/outputs?lineage=demo-1&{BOT}&score=refusal")
    page.get_by_role("textbox", name="Words in prompt or output").fill("bestellung")
    page.keyboard.press("Enter")
    page.wait_for_url("**find=bestellung*", timeout=SLOW_MS)
    page.get_by_text("3 with it, newest first").wait_for(timeout=SLOW_MS)
    option = page.get_by_role("option", name="aurora-2").first
    press(page.get_by_label("Inspect"), option)
    option.click()
    page.wait_for_url("**output=0000*", timeout=SLOW_MS)
    visit.open(page.url.removeprefix(visit.base))
    assert page.get_by_role("textbox", name="Words in prompt or output").input_value() == "bestellung"
    page.get_by_role("heading", name="Steps of its run").wait_for(timeout=SLOW_MS)


@pytest.mark.long
def test_from_an_incident_to_its_series_and_on_to_its_outputs(visit: Visit, site: Site) -> None:
    page = visit.open(f"/incident?id={site.ids['latency']}&lineage=demo-1")
    page.get_by_role("link", name="How it differs from its baseline").click()
    page.get_by_role("heading", name="Latency, median in s").wait_for(timeout=SLOW_MS)
    page.wait_for_url("**/drift*slice=response_model%3Daurora-2*", timeout=SLOW_MS)
    press(page.get_by_role("link", name="See the outputs"), page.get_by_text("What do the changed outputs"))
    page.wait_for_url("**/outputs*score=latency_s*", timeout=SLOW_MS)
