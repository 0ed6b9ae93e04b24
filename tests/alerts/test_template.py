"""Messages of a template: the services that have one ready-made, hostile text, and what a template may do."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alerts.notify.channels import notifier_of
from alerts.notify.http_post import HttpPost
from alerts.notify.protocol import GAVE_UP, SENT, Delivery
from alerts.notify.references import References
from alerts.notify.template import TemplateNotifier, headers_of, shipped
from infra.clock import SystemClock
from infra.errors import Misconfigured
from infra.receivers import ReceiverSettings, check_receiver
from tests.alerts.deliveries import delivery
from tests.alerts.memory import HandClock
from tests.loopback import Loopback, says

HOSTILE = 'x"}], "evil": "{{ 7*7 }}\n<script>\u202e\\'
OPSGENIE_PATH = '{% if kind == "resolved" %}/{{ incident_id }}/close?identifierType=alias{% endif %}'
JIRA_PATH = "{% if reference %}/{{ reference }}/comment{% endif %}"


def hostile(kind: str = "opened") -> Delivery:
    made = delivery(kind=kind)
    return replace(made, brief=replace(made.brief, headline=HOSTILE))


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(says(201, {"id": "10000", "key": "OPS-24"})) as made:
        yield made


def sent(server: Loopback, tmp_path: Path, *kinds: str, **given: Any) -> list[tuple[str, Any]]:
    """Path and body of what a receiver posts of a hostile message of each kind."""
    (tmp_path / "secret").write_text("invented-secret\n")
    receiver = ReceiverSettings("x", kind="template", url=f"{server.url}/api", **given)
    check_receiver(receiver, "receiver[0]", ["x"])
    references = References()
    notifier = notifier_of(receiver, HandClock(), references)
    for kind in kinds:
        assert notifier.send(hostile(kind)).outcome == SENT
    notifier.close()
    return [(r.path, r.json()) for r in server.got]


def test_teams_gets_a_card_in_which_text_is_text(server: Loopback, tmp_path: Path) -> None:
    found = sent(server, tmp_path, "opened", "resolved", template="teams")
    for (_, body), colour in zip(found, ("Attention", "Good"), strict=True):
        (attachment,) = body["attachments"]
        card = attachment["content"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        assert (body["type"], card["type"], card["version"]) == ("message", "AdaptiveCard", "1.4")
        runs = [block["inlines"][0] for block in card["body"]]
        assert {block["type"] for block in card["body"]} == {"RichTextBlock"}  # it knows no Markdown
        assert (runs[0]["color"], runs[1]["text"]) == (colour, HOSTILE)
        assert card["actions"][0]["url"].startswith("http://127.0.0.1:8501/incident?id=")
        assert len(json.dumps(body)) < 28_000


def test_opsgenie_gets_one_alert_an_incident_and_its_end(server: Loopback, tmp_path: Path) -> None:
    given = {"headers": ("Authorization: GenieKey $token",), "token_file": str(tmp_path / "secret")}
    (opened, alert), (closed, end) = sent(
        server, tmp_path, "opened", "resolved", template="opsgenie", path=OPSGENIE_PATH, **given
    )
    alias = delivery().incident_id
    assert (opened, closed) == ("/api", f"/api/{alias}/close?identifierType=alias")
    assert (alert["alias"], alert["priority"], alert["message"]) == (alias, "P1", HOSTILE)
    assert set(alert) <= {
        *("message", "alias", "description", "priority", "source", "entity", "tags", "details")
    }
    assert all(isinstance(value, str) for value in alert["details"].values())
    assert set(end) == {"source", "note"}
    assert server.got[0].headers["authorization"] == "GenieKey invented-secret"


def test_jira_gets_one_issue_an_incident_and_comments(server: Loopback, tmp_path: Path) -> None:
    given = {"user": "ana@example.org", "password_file": str(tmp_path / "secret"), "reference": "key"}
    (made, issue), (commented, comment) = sent(
        server,
        tmp_path,
        "opened",
        "resolved",
        template="jira",
        path=JIRA_PATH,
        values=("project=OPS", "issuetype=Task"),
        **given,
    )
    assert (made, commented) == ("/api", "/api/OPS-24/comment")
    fields = issue["fields"]
    assert (fields["project"], fields["issuetype"]) == ({"key": "OPS"}, {"name": "Task"})
    assert fields["summary"] == HOSTILE
    for document in (fields["description"], comment["body"]):
        assert (document["type"], document["version"]) == ("doc", 1)
        assert HOSTILE in document["content"][0]["content"][0]["text"]
    basic = b64encode(b"ana@example.org:invented-secret").decode()
    assert server.got[0].headers["authorization"] == f"Basic {basic}"


def test_servicenow_gets_events_of_one_key_and_a_clear(server: Loopback, tmp_path: Path) -> None:
    found = sent(server, tmp_path, "opened", "resolved", template="servicenow")
    (opened,), (closed,) = (body["records"] for _, body in found)
    assert (opened["message_key"], closed["message_key"]) == (delivery().incident_id,) * 2
    assert (opened["severity"], closed["severity"]) == ("1", "0")
    assert opened["time_of_event"] == "2026-03-17 04:20:00"
    assert all(isinstance(value, str) for value in opened.values())


def test_every_shipped_template_is_tested_here() -> None:
    assert shipped() == ("jira", "opsgenie", "servicenow", "teams")


def notifier(server: Loopback, body: str, **given: Any) -> TemplateNotifier:
    return TemplateNotifier(HttpPost(server.url, SystemClock()), body, References(), **given)


@pytest.mark.parametrize(
    ("body", "says_"),
    [
        ("{{ brief.headlin }}", "has no attribute 'headlin'"),
        ('{"a": {{ "".__class__.__mro__ }}}', "the template fails"),
        ("{{ brief.update({1: 2}) }}", "the template fails"),
        ("{{ range(10**9) | list }}", "the template fails"),
        ('{"a": "{{ brief.headline }}"}', "is no JSON"),
        ("{% for a in range(99999) %}{{ text }},{% endfor %}", "prints more than"),
    ],
)
def test_what_a_template_may_not_do_is_given_up_with_the_reason(
    server: Loopback, body: str, says_: str
) -> None:
    outcome = notifier(server, body).send(hostile())
    assert (outcome.outcome, server.got) == (GAVE_UP, [])
    assert says_ in outcome.reason


def test_a_template_that_prints_nothing_says_nothing(server: Loopback) -> None:
    body = '{% if kind == "opened" %}{"a": 1}{% endif %}'
    assert [notifier(server, body).send(hostile(kind)).outcome for kind in ("resolved", "opened")] == [
        SENT
    ] * 2
    assert [r.json() for r in server.got] == [{"a": 1}]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("Authorization: Bearer invented",), "is a secret: put it into token_file"),
        (("X-Key: $token",), "which token_file must give"),
        (("no header",), "must be lines such as"),
        (("X: a\nY: b",), "must be lines such as"),
    ],
)
def test_headers_hold_no_secrets_and_no_lines(lines: tuple[str, ...], said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as raised:
        headers_of(lines)
    assert "invented" not in str(raised.value)


def test_what_is_no_template_is_a_setting_that_cannot_work(tmp_path: Path, server: Loopback) -> None:
    (tmp_path / "mine").write_text("{\n{% if %}")
    given = {"kind": "template", "url": server.url}
    for receiver, said in (
        (ReceiverSettings("x", template_file=str(tmp_path / "mine"), **given), "line 2 is no template"),  # type: ignore[arg-type]
        (ReceiverSettings("x", template="team", **given), "is none of jira, opsgenie"),  # type: ignore[arg-type]
    ):
        with pytest.raises(Misconfigured, match=said):
            notifier_of(receiver, HandClock())
