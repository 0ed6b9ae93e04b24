"""Digests: which period, what is in them, how each channel shows them, and that each is sent once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.digests.digest import DAYS, MAX_LINES, Digest, Period, digest, last_period, text_of
from alerts.incidents.incident import Incident
from alerts.notify import mail, slack
from alerts.notify.digest_schedule import LATE_NS, DigestRound
from alerts.notify.http_post import HttpPost
from alerts.notify.pipeline import Pipeline
from alerts.notify.protocol import RETRY, DigestDelivery, Outcome
from alerts.notify.route import business_of
from alerts.notify.webhook import WebhookNotifier
from infra.clock import NS_PER_S, SystemClock, to_ns
from infra.settings import ReceiverSettings, RouteSettings, Settings
from tests.alerts.deliveries import incident_of
from tests.alerts.invented import at, lengths
from tests.alerts.memory import Channel, HandClock, MemoryStore
from tests.loopback import Loopback, says

DAY = Period("daily", at("08:00").replace(day=16), at("08:00"))


@given(st.sampled_from(["daily", "weekly"]), st.integers(0, 23), st.integers(0, 10**9))
def test_periods_follow_each_other_without_a_gap(kind: str, hour: int, now_s: int) -> None:
    period = last_period(kind, hour, now_s * NS_PER_S)
    end_s = to_ns(period.end) // NS_PER_S
    assert end_s <= now_s < end_s + DAYS[kind] * 86_400
    assert (period.end - period.start).days == DAYS[kind]
    assert (period.end.hour, period.end.minute) == (hour, 0)
    assert kind == "daily" or period.end.weekday() == 0
    assert last_period(kind, hour, to_ns(period.end) - 1).end == period.start


def ticket(name: str, fired: str, day: int = 16, **changes: Any) -> Incident:
    fired_ns = to_ns(at(fired).replace(day=day))
    made = replace(incident_of(lengths()), incident_id=name * 16, fired_ns=fired_ns, heard="ticket")
    return replace(made, **changes)


def over(day: int = 17, **changes: Any) -> dict[str, Any]:
    return {
        "state": "resolved",
        "ending": "recovered",
        "resolved_ns": to_ns(at("07:00").replace(day=day)),
    } | changes


@pytest.mark.parametrize(
    ("incident", "title"),
    [
        (ticket("a", "08:00"), "new tickets"),
        (ticket("a", "07:59", day=17, **over()), "new tickets"),
        (ticket("a", "07:59"), "older tickets still open"),
        (ticket("a", "07:59", **over(day=16)), None),
        (ticket("a", "08:00", day=17), None),  # of the next day
        (ticket("a", "09:00", silence="q"), "told to nobody: silenced"),
        (ticket("a", "07:00", silence="q"), "told to nobody: silenced"),
        (ticket("a", "09:00", heard="", **over()), "told to nobody: silenced"),
        (ticket("a", "07:00", heard="", **over(day=16)), None),
        (ticket("a", "09:00", **over(ending="superseded")), "part of a change in several services"),
        (ticket("a", "09:00", severity="page"), None),  # they were told, and alone are nothing new
        (ticket("a", "09:00", place=replace(incident_of().place, lineage="demo-1")), None),
        (ticket("a", "09:00", fired_ns=None), None),
    ],
)
def test_an_incident_stands_under_one_heading(incident: Incident, title: str | None) -> None:
    found = digest([incident, ticket("b", "09:00", severity="page")], DAY)
    titles = [s.title for s in found.sections if s.title != "pages"]
    assert titles == ([] if title is None else [title])
    assert (len(found.sections) == 0) == (title is None)
    assert sum(s.n for s in found.sections) == (0 if title is None else 2)


def full(n: int = 60) -> Digest:
    hostile = lengths(service="<!channel> *bold* & \r\nBcc: x")
    many = [ticket("a", "09:00", incident_id=f"{k:016x}", findings=(hostile,)) for k in range(n)]
    return digest(many, DAY, "http://dashboard")


def test_what_is_much_is_counted() -> None:
    text = text_of(full())
    assert text.startswith("Lightship, daily: 60 new tickets\n2026-03-16 08:00 to 2026-03-17 08:00 UTC\n")
    assert text.count("http://dashboard/incident?id=") == MAX_LINES
    assert text.endswith("- and 10 more\n")
    assert text_of(digest([], DAY)).startswith("Lightship, daily: nothing to look at\n")


def sent(made: Digest) -> DigestDelivery:
    return DigestDelivery("k" * 32, "default", "digest", 0, "hook", "digest", made)


def test_every_channel_shows_it_as_plain_text_within_its_limits() -> None:
    message = slack.render_digest(full())
    whole = json.dumps(message)
    assert "<!channel>" not in whole
    assert "&lt;!channel&gt;" in whole
    assert sum(len(b["text"]["text"]) for b in message["blocks"]) <= slack.MAX_TOTAL
    assert all(len(b["text"]["text"]) <= slack.MAX_SECTION for b in message["blocks"])
    letter = mail.render(sent(full()), "a@example.org", ["b@example.org"])
    assert letter["Subject"] == "Lightship, daily: 60 new tickets"
    assert letter["Bcc"] is None
    assert letter["Message-ID"] == f"<{'k' * 32}.digest@example.org>"
    with Loopback(says(200)) as server:
        hook = WebhookNotifier(HttpPost(server.url, SystemClock()), b"secret", SystemClock())
        assert hook.send_digest(sent(full())).code == 200
    body = json.loads(server.got[0].body)
    assert server.got[0].headers["idempotency-key"] == body["dedup_key"] == "k" * 32
    assert (body["kind"], body["digest"]["sections"][0]["n"]) == ("digest", 60)


class Told(Channel):
    """A channel that takes digests, too."""

    def send_digest(self, delivery: DigestDelivery) -> Outcome:
        self.told = [*getattr(self, "told", []), delivery.dedup_key]
        return self.answers.pop(0) if self.answers else Outcome("sent")


def test_a_digest_is_sent_once_whatever_happens_to_the_process() -> None:
    store, clock, channel = MemoryStore(), HandClock(to_ns(at("08:00")) + LATE_NS), Told()
    receivers = [ReceiverSettings(name="hook", digest="daily"), ReceiverSettings(name="screen")]

    def known(keys: Any) -> dict[str, tuple[int, bool]]:
        mine = [a for (key, *_), a in store.attempts.items() if key in keys]
        done = any(a.outcome == "sent" for a in mine)
        return {key: (max(a.number for a in mine), done) for key in keys if mine}

    def process() -> tuple[DigestRound, Pipeline]:
        made = DigestRound(receivers, lambda *_: True, known, clock, "")
        return made, Pipeline(channel, store, clock, lambda: 0.5)

    def turn(made: DigestRound, pipeline: Pipeline) -> None:
        for due in made.due(lambda: [ticket("a", "09:00")]):
            pipeline.add(due.delivery, due.attempts)
        pipeline.run()

    channel.answers = [Outcome(RETRY, "down", 503)]
    first = process()
    for _ in range(3):
        turn(*first)
    again = process()  # killed before it was tried again
    clock.ns += NS_PER_S
    turn(*again)
    for _ in range(2):
        turn(*process())
    assert len(channel.told) == 2
    assert len(set(channel.told)) == 1
    assert [a.number for a in store.attempts.values()] == [1, 1, 2, 2]
    clock.ns += 86_400 * NS_PER_S
    quiet, pipeline = process()
    assert quiet.due(list) == []  # nothing to say
    spoken = DigestRound([replace(receivers[0], digest_empty=True)], lambda *_: True, known, clock, "")
    (due,) = spoken.due(list)
    assert due.delivery.digest.sections == ()
    assert pipeline.waiting == 0


def test_a_receiver_reads_of_what_its_routes_match_whatever_the_severity() -> None:
    routes = (RouteSettings(receiver="pager", severities=("page",), services=("support-*",)),)
    mine = business_of(Settings(receiver=(ReceiverSettings(name="pager"),), route=routes))
    one = ticket("a", "09:00")
    other = replace(one, place=replace(one.place, service="billing"))
    assert (mine("pager", one), mine("pager", other), mine("desk", other)) == (True, False, True)


def test_times_are_utc() -> None:
    assert last_period("weekly", 8, to_ns(datetime(2026, 11, 28, tzinfo=UTC))).name == (
        "2026-11-16 08:00 to 2026-11-23 08:00 UTC"
    )
