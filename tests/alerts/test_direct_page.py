"""Pages that need neither the store nor Kafka nor the alerts service."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alerts.monitoring import direct_page
from alerts.monitoring.direct_page import OPENED, DirectPage, finding_of, page
from alerts.monitoring.outage import CALM_S, OUTAGE_S, Outage
from alerts.notify.self_monitoring import RESTARTS, of
from infra.clock import NS_PER_S, SystemClock
from infra.settings import ReceiverSettings, RouteSettings, Settings
from tests.loopback import Loopback, says
from tests.webhook import Webhook

BEGAN = 1_773_720_000 * NS_PER_S
NOTE = "alerts restarted 3 times in 10 min, last with exit code 70"


def settings_for(hook: str, other: str = "") -> Settings:
    receivers = [ReceiverSettings(name="hook", kind="webhook", url=hook)]
    receivers += [ReceiverSettings(name="other", kind="webhook", url=other)] if other else []
    return Settings(receiver=tuple(receivers), route=(RouteSettings(receiver="hook", severities=("page",)),))


def test_a_page_reaches_the_receiver_that_is_routed_for_it_and_no_other() -> None:
    with Webhook() as hook, Webhook() as other:
        finding = finding_of(RESTARTS, NOTE, BEGAN, of("process", "alerts"))
        assert page(settings_for(hook.url, other.url), finding, SystemClock())
        (posted,) = hook.posted
        assert other.posted == []
    text = posted.body.decode()
    assert "alerts restarted 3 times in 10 min" in text
    assert "page" in text
    assert "process=alerts" in text


def test_a_page_that_is_sent_again_has_the_same_key() -> None:
    with Webhook() as hook:
        for _ in range(2):
            finding = finding_of(RESTARTS, NOTE, BEGAN, of("process", "alerts"))
            assert DirectPage(settings_for(hook.url), finding, SystemClock()).send()
        first, second = hook.posted
    assert first.key == second.key


def test_a_receiver_that_is_down_is_tried_again_and_then_given_up() -> None:
    paused: list[float] = []
    with Webhook() as hook:
        gone = settings_for(hook.url)
    assert page(gone, finding_of(RESTARTS, NOTE, BEGAN), SystemClock(), paused.append) is False
    assert paused == [direct_page.PAUSE_S] * (direct_page.TRIES - 1)


def test_a_receiver_that_refuses_it_is_stood_in_for(capsys: pytest.CaptureFixture[str]) -> None:
    finding = finding_of(RESTARTS, NOTE, BEGAN)
    with Loopback(says(404)) as gone, Webhook() as other:
        settings = settings_for(gone.url, other.url)
        hook, spare = settings.receiver
        stood_in = replace(settings, receiver=(replace(hook, fallback="other"), spare))
        assert page(stood_in, finding, SystemClock())
        assert len(other.posted) == 1
        assert page(settings_for(gone.url), finding, SystemClock())
    assert NOTE in capsys.readouterr().out


def test_the_command_pages(tmp_path: Path) -> None:
    config = tmp_path / "lightship.toml"
    with Webhook() as hook:
        config.write_text(f'[[receiver]]\nname = "hook"\nkind = "webhook"\nurl = "{hook.url}"\n')
        argv = ["--config", str(config), "--process", "alerts", "--note", NOTE]
        assert direct_page.main(argv) == 0
        assert len(hook.posted) == 1


class Told:
    """A page whose receivers take it when they may."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.takes = True

    def send(self, kind: str = OPENED) -> bool:
        self.sent.append(kind)
        return self.takes


@pytest.fixture
def told() -> Told:
    return Told()


def at(second: float) -> int:
    return BEGAN + int(second * NS_PER_S)


def test_what_is_away_for_long_is_told_once_and_its_end_too(told: Told) -> None:
    made: list[tuple[str, int]] = []

    def new_page(note: str, since_ns: int) -> Told:
        made.append((note, since_ns))
        return told

    outage = Outage(new_page)
    for second in range(0, 600, 5):
        outage.look("ClickHouse: connection refused", at(second))
        assert bool(told.sent) is (second >= OUTAGE_S)
    assert made == [("pages wait: ClickHouse: connection refused", at(0))]
    for second in range(600, 700, 5):
        outage.look(None, at(second))
    assert told.sent == ["opened", "resolved"]
    outage.look("Kafka", at(700))
    assert len(made) == 1


def test_a_server_that_answers_between_two_crashes_is_away(told: Told) -> None:
    """It comes up for a few seconds every so often: the outage goes on."""
    outage = Outage(lambda *_: told)
    for second in range(0, 120, 5):
        outage.look(None if second % 20 == 0 and second else "Kafka does not answer", at(second))
    assert told.sent == ["opened"]


def test_a_short_outage_is_not_told(told: Told) -> None:
    outage = Outage(lambda *_: told)
    for second in range(0, 85, 5):
        outage.look("ClickHouse is away", at(second))
    for second in range(85, 85 + int(CALM_S) + 10, 5):
        outage.look(None, at(second))
    outage.look("ClickHouse is away", at(200))
    assert told.sent == []


def test_a_page_that_nobody_took_is_tried_with_the_next_look(told: Told) -> None:
    outage = Outage(lambda *_: told)
    told.takes = False
    for second in (0, OUTAGE_S, OUTAGE_S + 5):
        outage.look("away", at(second))
    told.takes = True
    for second in (OUTAGE_S + 10, OUTAGE_S + 15):
        outage.look("away", at(second))
    assert told.sent == ["opened"] * 3
