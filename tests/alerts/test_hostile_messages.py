"""Hostile names and texts in every channel: one line each, nothing unseen, no markup, no link of theirs."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from alerts.briefs.brief import Example
from alerts.briefs.render import render_json, render_text
from alerts.notify import mail, otlp, pagerduty, slack
from alerts.notify.alertmanager import alert
from alerts.notify.protocol import Delivery
from alerts.notify.webhook import MAX_BODY, body_of
from detectors.finding import SliceEffect, Suspect
from tests.alerts.deliveries import delivery
from tests.alerts.invented import at, refusals

MARKUP = "<!channel> <@U1> <https://evil.example|click> <b onclick=x>b</b> [x](https://evil.example) *b* `c`"
UNSEEN = (
    "a\r\nBcc: evil@example.org\x00\x1b[2J\u202egnp.exe\u202c\u2066z\u200bw\ufeff\u2028n\u2029p\U000e0041t"
)
LONG = "A" * 20_000
HOSTILE = {"markup": MARKUP, "unseen": UNSEEN, "long": LONG, "all": MARKUP + UNSEEN + LONG}


@cache
def hostile(text: str) -> Delivery:
    finding = refusals(
        service=text,
        slice=f"model={text}",
        environment=text,
        slices=(SliceEffect(f"model={text}", 0.7, 0.1),),
        cleared=(f"release={text}",),
        suspects=(Suspect("release", text, at("04:01")), Suspect(text, text, at("04:02"))),
        baseline_version=text,
        detector=text,
        score=f"judgement:{text}",
        notes=(text,),
    )
    return delivery(finding, examples=[Example("current", text, text, text)])


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON-ready value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from (*texts(key), *texts(one))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)


def of_mail(sent: Delivery) -> list[str]:
    message = mail.render(sent, "lightship@example.org", ["ada@example.org"])
    assert message.get_content_type() == "text/plain"
    assert set(message.keys()) <= {
        *("From", "To", "References", "In-Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    }
    return [*(str(value) for value in message.values()), message.get_content()]


def of_otlp(sent: Delivery) -> list[str]:
    (record,) = otlp.render(sent, 1).resource_logs[0].scope_logs[0].log_records
    resource = otlp.render(sent, 1).resource_logs[0].resource
    pairs = [*record.attributes, *resource.attributes]
    return [record.body.string_value, *(p.value.string_value for p in pairs)]


CHANNELS: dict[str, Callable[[Delivery], list[str]]] = {
    "terminal": lambda sent: [render_text(sent.brief)],
    "webhook": lambda sent: list(texts(json.loads(body_of(sent)))),
    "slack": lambda sent: list(texts(slack.render(sent.brief))),
    "pagerduty": lambda sent: list(texts(json.loads(pagerduty.render(sent, "key")))),
    "alertmanager": lambda sent: list(texts(alert(sent, "page", "a", "b"))),
    "otlp": of_otlp,
    "mail": of_mail,
    "API": lambda sent: list(texts(render_json(sent.brief))),
}


def unseen(text: str) -> list[str]:
    """Characters that rewrite, hide or turn what stands beside them; lines may end."""
    return [
        f"U+{ord(c):04X}" for c in text if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} and c != "\n"
    ]


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_nothing_unseen_and_no_line_of_their_own(channel: str, kind: str) -> None:
    for text in CHANNELS[channel](hostile(HOSTILE[kind])):
        assert unseen(text) == [], text[:200]
        assert not any(line.startswith("Bcc:") for line in text.splitlines())


@pytest.mark.parametrize("channel", CHANNELS)
def test_messages_stay_short_whatever_the_names(channel: str) -> None:
    assert sum(map(len, CHANNELS[channel](hostile(HOSTILE["all"])))) <= MAX_BODY // 4


def test_slack_is_given_no_link_mention_or_markup_but_ours() -> None:
    sent = hostile(MARKUP)
    ours = re.compile(rf"<{re.escape(slack.escape(sent.brief.do.dashboard))}\|Open the incident>")
    for text in CHANNELS["slack"](sent):
        assert not re.search(r"[<>]", ours.sub("", text)), text


def test_a_page_has_no_link_but_ours() -> None:
    event = json.loads(pagerduty.render(hostile(MARKUP), "key"))
    assert all(link["href"].startswith("http://127.0.0.1:8501/") for link in event["links"])
