from __future__ import annotations

import json
import re
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.report import markup, style
from dashboard.report.contents import as_json, contents, digest, gaps
from dashboard.report.page import page
from dashboard.safe_text import clean
from dashboard.wording import report as words
from tests.at_length import examples
from tests.dashboard.reported import HOSTILE, facts
from tests.dashboard.test_palette import contrast

EMPTY = {"meta", "br"}
OURS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "footer",
        "h1",
        "h2",
        "p",
        "ul",
        "li",
        "code",
    ),
    *("div", "table", "caption", "thead", "tbody", "tr", "th", "td", "bdi", "small", "svg", "polyline"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "role", "aria-label", "tabindex", "scope"),
    *("viewbox", "width", "height", "points"),
}


class Read(HTMLParser):
    """What a browser would find: elements with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "an element is closed that was not opened last"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)


def shape(text: str) -> list[str]:
    return [tag for tag, _ in Read(text).found]


PLAIN = page(contents(facts()))


def test_the_page_is_whole_and_only_of_elements_that_can_do_nothing() -> None:
    read = Read(PLAIN)
    assert read.open == []
    assert {tag for tag, _ in read.found} <= OURS
    assert {name for _, attributes in read.found for name in attributes} <= ATTRIBUTES
    assert "url(" not in style.SHEET
    assert "@import" not in style.SHEET


def test_the_policy_allows_the_one_style_and_nothing_else() -> None:
    read = Read(PLAIN)
    (policy,) = (a["content"] for _, a in read.found if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("style-src").startswith("'sha256-")
    assert rules == {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'"}
    first = [a for tag, a in read.found if tag == "meta"][:2]
    assert "charset" in first[0]
    assert "http-equiv" in first[1]  # before anything that it is about


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_text_whatever_it_tries(name: str) -> None:
    told = contents(facts((name, "other"), group=name))
    text = page(told)
    assert shape(text) == shape(PLAIN)  # not one element more or less
    read = Read(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\u2028\u200b]", text)
    assert clean(name) in read.texts
    assert as_json(told).isascii()
    assert json.loads(as_json(told))["services"][0]["service"] == name


@settings(max_examples=examples(30))
@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_any_two_names_leave_the_page_as_it_is(one: str, other: str) -> None:
    if one == other:
        other += "2"
    assert shape(page(contents(facts((one, other), group=one)))) == shape(PLAIN)


@given(st.text(max_size=30), st.text(max_size=30))
def test_an_element_holds_its_text_and_its_attribute(text: str, value: str) -> None:
    read = Read(markup.tag("p", text, class_=value))
    assert read.found == [("p", {"class": clean(value, 1_000)})]
    assert "".join(read.texts) == clean(text, 1_000)


def test_every_table_names_itself_its_columns_and_its_rows() -> None:
    read = Read(PLAIN)
    tables = shape(PLAIN).count("table")
    assert tables == shape(PLAIN).count("caption") >= 8
    heads = [a["scope"] for tag, a in read.found if tag == "th"]
    rows = shape(PLAIN).count("tr")
    assert heads.count("row") == rows - tables
    regions = [a for _, a in read.found if a.get("role") == "region"]
    assert len(regions) == len({a["aria-label"] for a in regions}) == tables
    assert ("html", {"lang": "en"}) in read.found


def test_it_says_what_moved_who_differs_what_people_did_and_what_it_cannot_say() -> None:
    text = " ".join(Read(PLAIN).texts)
    for said in (
        "1,200,000 interactions of 2 services",
        "95.0 % of them had a text",
        "2026-02-18 to 2026-02-20",
        "Refusal: above its baseline in 2 and below it in 0 of 5 weeks.",
        "False pages: 1",
        "Not measured in this period: personal data in output",
        "5.0 % of interactions had no text",
        "No frozen baseline for part of the weeks: secret in output.",
        "could not be read and are not counted: 1.",
        "4be1",
    ):
        assert said in re.sub(r"\s+", " ", text.replace("\u202f", " ")).replace("1.20 M", "1,200,000"), said
    for sentence in words.LIMITS_FIXED:
        assert sentence.split("`")[0] in text


def test_few_outputs_have_no_number_and_no_verdict() -> None:
    told = contents(facts())
    (week,) = (w for w in told["categories"][-2]["weeks"] if w["few"])
    assert (week["n"], week["rate"], week["low"], week["against_baseline"]) == (300, None, None, None)
    few = [d for d in told["groups"][0]["differences"] if d["group"] == "xx"]
    assert {(d["n"], d["rate"], d["difference"], d["clear"]) for d in few} == {(300, None, None, False)}


def test_incidents_are_counted_once_by_how_they_ended() -> None:
    told = contents(facts())["incidents"]
    assert {(e["severity"], e["ending"]): e["n"] for e in told["by_ending"]} == {
        ("page", "accepted"): 1,
        ("page", "false_alarm"): 1,
        ("page", None): 1,
    }
    assert (told["fired"], told["read"], told["unread"], told["pages"]) == (4, 4, 1, 3)
    assert told["minutes_to_acknowledge"] == {"median": 5.0, "low": None, "high": None, "n": 2}
    assert told["false_pages"]["allowed"] == pytest.approx(33 / 30)
    assert not told["false_pages"]["over_budget"]
    assert [round(i["minutes_to_resolve"] or -1) for i in told["list"]] == [50, 50, -1]


def test_a_change_in_the_traffic_and_in_an_incident_stands_once_and_in_the_period() -> None:
    found = contents(facts())["changes"]
    assert [c["day"] for c in found] == sorted(c["day"] for c in found)
    assert {(c["kind"], c["known_from"]) for c in found} == {
        ("release", "incident"),
        ("prompt_version", "traffic"),
    }


@given(st.sets(st.integers(0, 40), min_size=1), st.integers(0, 10))
def test_gaps_and_days_with_data_are_all_days_from_the_first_on(days: set[int], after: int) -> None:
    zero = date(2026, 1, 1)
    sent = sorted(zero + timedelta(days=d) for d in days)
    last = sent[-1] + timedelta(days=after)
    empty = {
        date.fromisoformat(g["from"]) + timedelta(days=i)
        for g in gaps(sent, last)
        for i in range((date.fromisoformat(g["to"]) - date.fromisoformat(g["from"])).days + 1)
    }
    assert not empty & set(sent)
    assert empty | set(sent) == {sent[0] + timedelta(days=i) for i in range((last - sent[0]).days + 1)}


def test_the_same_facts_give_the_same_bytes_and_the_page_names_their_digest() -> None:
    told = contents(facts())
    assert as_json(told) == as_json(contents(facts()))
    assert page(told) == PLAIN == page(json.loads(as_json(told)))
    assert digest(told) in PLAIN


def test_colours_of_cells_are_readable() -> None:
    for sheet in re.findall(r":root \{[^}]*--background[^}]*\}", style.SHEET):
        colours = dict(re.findall(r"--(\w+):(#[0-9a-f]{6});", sheet))
        for ground in ("background", "worse", "better"):
            assert contrast(colours["text"], colours[ground]) >= 4.5
        assert contrast(colours["muted"], colours["background"]) >= 4.5
