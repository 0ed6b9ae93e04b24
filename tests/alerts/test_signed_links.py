"""Links in messages: what is signed, and the pages behind them, which act on POST alone and once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from alerts.api import link_pages
from alerts.briefs.brief import Act
from alerts.briefs.render import render_text
from alerts.links.signed import LASTS_S, NAMES, Link, acts, read, sign
from alerts.notify.pagerduty import render as pagerduty
from alerts.notify.slack import render as slack
from detectors.finding import SEVERAL
from infra.clock import NS_PER_S
from tests.alerts.deliveries import delivery
from tests.alerts.test_api import Bench

KEY = b"an invented key of 32 characters"
ID = "0123456789abcdef"
HOSTS = ("ops.example.org",)


@given(st.sampled_from(list(NAMES)), st.text("abc\n<>&é", max_size=40), st.integers(0, 2**40))
def test_what_is_signed_is_read_back_until_it_expires(action: str, receiver: str, expires_s: int) -> None:
    link = Link(ID, action, receiver, expires_s)
    opened = read(sign(link, KEY), KEY, expires_s - 1)
    assert opened is not None
    assert (opened.link, opened.expired) == (link, False)
    late = read(sign(link, KEY), KEY, expires_s)
    assert late is not None
    assert late.expired
    assert read(sign(link, KEY), KEY + b"x", 0) is None


@given(st.integers(0, 200), st.sampled_from("Aa0-_.=\n%é"))
def test_no_other_token_is_ours(at: int, letter: str) -> None:
    token = sign(Link(ID, "acknowledge", "on-call", 100), KEY)
    at %= len(token) + 1
    for other in (token[:at] + letter + token[at + 1 :], token[:at] + letter + token[at:], token[:at]):
        assert (read(other, KEY, 0) is None) == (other != token)


class Site(Bench):
    """The pages over a desk in memory, as a browser sees them."""

    def __init__(self) -> None:
        super().__init__()
        pages = link_pages.build(self.desk, KEY, self.clock, HOSTS)
        self.browser = TestClient(pages, base_url=f"https://{HOSTS[0]}", follow_redirects=False)
        self.one = self.incident()

    def link(self, action: str, receiver: str = "on-call", incident_id: str = "") -> str:
        expires_s = self.clock.now_ns() // NS_PER_S + LASTS_S
        return f"/act/{sign(Link(incident_id or self.one.incident_id, action, receiver, expires_s), KEY)}"

    def history(self, *_: object) -> list[tuple[str, str]]:  # type: ignore[override]
        return [
            (r.what, r.actor)
            for (i, _), (r, _) in self.store.transitions.items()
            if i == self.one.incident_id
        ]


@pytest.fixture
def site() -> Site:
    return Site()


def test_only_a_post_acts_and_it_acts_once_and_is_on_record(site: Site) -> None:
    path, before = site.link("acknowledge"), site.history()
    for look in (site.browser.get, site.browser.head, site.browser.get):
        answer = look(path)
        assert answer.status_code == 200
        assert {n: answer.headers[n] for n in link_pages.HEADERS} == link_pages.HEADERS
    assert site.history() == before
    assert '<form method="post">' in site.browser.get(path).text
    assert [site.browser.post(path).status_code for _ in range(2)] == [200, 200]
    assert site.history() == [*before, ("acknowledged", "link:on-call")]
    assert site.one.acknowledged_by is None
    assert site.incident().acknowledged_by == "link:on-call"


def test_what_somebody_took_stays_his(site: Site) -> None:
    site.desk.act(site.one.incident_id, "acknowledge", "ana", "")
    assert site.browser.post(site.link("acknowledge")).status_code == 200
    assert site.incident().acknowledged_by == "ana"


def test_one_link_makes_one_silence_even_when_that_was_lifted(site: Site) -> None:
    path = site.link("silence-8h")
    assert site.browser.get(path).status_code == 200
    assert site.desk.silences() == ()
    for _ in range(2):
        assert site.browser.post(path).status_code == 200
    (silence,) = site.desk.silences()
    assert (silence.actor, silence.ends_ns - silence.begins_ns) == ("link:on-call", 8 * 3600 * NS_PER_S)
    assert site.incident().silence == silence.silence_id
    site.desk.lift(silence.silence_id, "ana", "no")
    assert site.browser.post(path).status_code == 200
    assert [s.in_force for s in site.desk.silences()] == [False]
    site.clock.ns += NS_PER_S
    assert site.browser.post(site.link("silence-1h")).status_code == 200  # another message, another link
    assert len(site.desk.silences()) == 2


@pytest.mark.parametrize(
    ("action", "after_s", "status", "words"),
    [
        ("open", 0, 405, "only shows"),
        ("acknowledge", LASTS_S, 410, "expired"),
        ("gone", 0, 404, "No such incident"),
        ("over", 0, 409, "Nothing to do"),
        ("away", 0, 503, "Nothing was changed"),
        ("other", 0, 404, "No such link"),
    ],
)
def test_what_cannot_be_done_is_said_in_fixed_words(
    site: Site, action: str, after_s: int, status: int, words: str
) -> None:
    path = site.link(action if action in NAMES else "acknowledge", "<script>alert(1)</script>")
    if action == "gone":
        path = site.link("acknowledge", incident_id=ID)
    elif action == "over":
        site.desk.act(site.one.incident_id, "accept", "ana", "meant")
    elif action == "away":
        site.store.answers = False
    elif action == "other":
        path = "/act/<script>alert(1)</script>"
    site.clock.ns += after_s * NS_PER_S
    before = site.desk.all()
    answer = site.browser.post(path)
    assert (answer.status_code, words in answer.text) == (status, True)
    assert "script>" not in answer.text
    assert site.desk.all() == before
    assert {n: answer.headers[n] for n in link_pages.HEADERS} == link_pages.HEADERS


def test_pages_are_shown_under_their_own_name_alone(site: Site) -> None:
    path = site.link("open")
    assert "not acknowledged" in site.browser.get(path).text
    assert "<form" not in site.browser.get(path).text
    before = site.history()
    for host in ("evil.example", "ops.example.org.evil.example", "ops.example.org@evil.example"):
        for answer in (
            site.browser.get(path, headers={"host": host}),
            site.browser.post(site.link("acknowledge"), headers={"host": host}),
        ):
            assert (answer.status_code, "alerts.public_url" in answer.text) == (421, True)
    assert site.history() == before
    assert site.browser.get("/incidents").status_code == 404


def test_messages_show_links_as_each_channel_does() -> None:
    made = acts("https://ops.example.org", KEY, ID, "on-call", "support-assistant", 0)
    assert [act.name for act in made] == list(NAMES.values())
    assert [a.name for a in acts("b", KEY, ID, "on-call", SEVERAL, 0)] == ["Acknowledge", "Look"]
    plain = delivery()
    sent = replace(
        plain, brief=replace(plain.brief, do=replace(plain.brief.do, acts=(Act("A & b", "https://x/1"),)))
    )
    assert "A & b: https://x/1\n" in render_text(sent.brief)
    assert "<https://x/1|A &amp; b>" in str(slack(sent.brief)["blocks"])
    assert b'{"href":"https://x/1","text":"A & b"}' in pagerduty(sent, "key")
    assert "https://x/1" not in str(slack(plain.brief))
