"""The test message: nobody takes it for a real one, and every channel can say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.briefs.render import render_text
from alerts.commands.test_message import SERVICE, deliveries, show, tried
from alerts.notify import alertmanager, mail, otlp, pagerduty, slack
from alerts.notify.webhook import body_of
from infra.errors import Misconfigured
from infra.settings import ReceiverSettings, Settings
from tests.alerts.memory import HandClock

NOW = HandClock().ns


@pytest.mark.parametrize(
    ("kind", "kinds"),
    [
        ("terminal", ["opened"]),
        ("alertmanager", ["opened", "resolved"]),
        ("pagerduty", ["opened", "resolved"]),
    ],
)
def test_what_opens_something_is_ended(kind: str, kinds: list[str]) -> None:
    receiver = ReceiverSettings("a", kind=kind)
    assert [d.kind for d in deliveries(receiver, Settings(), NOW)] == kinds
    (first, *_), (other, *_) = (deliveries(receiver, Settings(), at) for at in (NOW, NOW + 1))
    assert first.incident_id != other.incident_id


def test_every_channel_says_that_it_is_a_test() -> None:
    (sent, *_) = deliveries(ReceiverSettings("on-call", kind="terminal"), Settings(), NOW)
    said = [
        render_text(sent.brief),
        body_of(sent).decode(),
        str(slack.render(sent.brief)),
        pagerduty.render(sent, "k").decode(),
        str(alertmanager.alert(sent, "info", "a", "b")),
        str(otlp.render(sent, NOW)),
        str(mail.render(sent, "a@example.org", ["b@example.org"])["Subject"]),
    ]
    assert all("TEST: " in one for one in said)
    assert sent.place.service == SERVICE
    assert sent.brief.reproduce.command is None


def test_it_says_what_became_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "lightship.toml"
    config.write_text('[[receiver]]\nname = "screen"\nkind = "terminal"\n')
    report = tried(config, "screen", HandClock(), iter((1.0, 1.25)).__next__)
    assert report["ok"] is True
    assert show(report) == "screen (terminal), opened: sent, 0.25 s"
    assert "TEST: this is how alerts reach 'screen'" in capsys.readouterr().out
    with pytest.raises(Misconfigured, match="unknown receiver 'scren', did you mean 'screen'"):
        tried(config, "scren")


def test_without_receivers_it_is_the_terminal(tmp_path: Path) -> None:
    config = tmp_path / "lightship.toml"
    config.write_text("")
    assert tried(config, "terminal")["ok"] is True
