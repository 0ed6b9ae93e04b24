"""The report's file in a real browser: it asks nobody for anything, runs nothing, can be read and printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from dashboard.report.contents import contents
from dashboard.report.page import page
from tests.at_length import at_length
from tests.browser.visiting import Mode, visiting
from tests.dashboard.reported import HOSTILE, facts

pytestmark = pytest.mark.browser

PLAIN = ("support-bot", "claims-triage")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A plain report, and one for each hostile name."""
    folder = tmp_path_factory.mktemp("reports")
    made = {"plain": page(contents(facts(PLAIN)))}
    made |= {f"hostile-{n}": page(contents(facts((name, "other"), name))) for n, name in enumerate(HOSTILE)}
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.mark.parametrize("name", at_length(["plain", *(f"hostile-{n}" for n in range(len(HOSTILE)))], 3))
def test_a_report_asks_for_nothing_but_itself_and_runs_nothing(
    browser: Browser, files: dict[str, Path], name: str
) -> None:
    address = files[name].as_uri()
    visit = visiting(browser, address)
    visit.page.goto(address)
    assert visit.faults == [f"left: {address}"]  # the file itself: no error, no dialog, no other request
    tables = visit.page.locator("table")
    assert tables.count() >= 8
    assert visit.page.locator("main").is_visible()  # no style came in with a name
    assert visit.page.evaluate("() => document.scripts.length") == 0
    visit.page.close()


@pytest.mark.parametrize("name", at_length(["plain", "hostile-2"]))
@pytest.mark.parametrize(("mode", "width"), at_length([("light", 1440), ("dark", 1440), ("light", 390)]))
def test_a_report_is_accessible_and_fits(
    browser: Browser, files: dict[str, Path], name: str, mode: Mode, width: int
) -> None:
    context = browser.new_context(
        bypass_csp=True,  # the checker is a script, which the page forbids
        color_scheme=mode,
        viewport={"width": width, "height": 1000},
    )
    opened = context.new_page()
    opened.goto(files[name].as_uri())
    found = Axe().run(opened).response
    assert [v["id"] for v in found["violations"]] == []
    if width > 1000:  # it could tell every ground; on a phone parts of tables are scrolled out of sight
        assert "color-contrast" not in [v["id"] for v in found["incomplete"]]
    assert opened.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    ground = opened.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(13, 19, 32)" if mode == "dark" else "rgb(255, 255, 255)")
    context.close()


def test_a_right_to_left_name_turns_nothing_around_it(browser: Browser, files: dict[str, Path]) -> None:
    opened = browser.new_page()
    opened.goto(files["hostile-2"].as_uri())
    row = opened.locator("tbody tr", has=opened.locator("bdi", has_text="\u05d0\u05d1")).first
    boxes = [cell.bounding_box() for cell in row.locator("th, td").all()]
    lefts = [box["x"] for box in boxes if box]
    assert lefts == sorted(lefts)
    sentence = opened.locator("li", has_text="per 10,000 outputs against").first
    at = sentence.evaluate(
        """node => {
            const place = (text) => {
                for (const part of node.childNodes) {
                    const found = part.nodeType === 3 ? part.data.indexOf(text) : -1;
                    if (found < 0) continue;
                    const range = document.createRange();
                    range.setStart(part, found); range.setEnd(part, found + text.length);
                    return range.getBoundingClientRect().left;
                }
            };
            return [place("Refusal in"), node.querySelector("bdi").getBoundingClientRect().left, place(": ")];
        }"""
    )
    assert at == sorted(at)
    opened.close()


def test_on_paper_it_is_light_and_no_table_is_cut(browser: Browser, files: dict[str, Path]) -> None:
    context = browser.new_context(color_scheme="dark", viewport={"width": 1000, "height": 800})
    opened = context.new_page()
    opened.goto(files["plain"].as_uri())
    opened.emulate_media(media="print", color_scheme="dark")
    ground = opened.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    hidden = opened.evaluate(
        "() => [...document.querySelectorAll('.wide')]"
        ".filter(e => getComputedStyle(e).overflowX !== 'visible').length"
    )
    assert hidden == 0
    assert opened.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    context.close()
