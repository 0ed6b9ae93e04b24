"""Other receivers and routes while the service runs: nothing due is lost, and a bad file changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from alerts.briefs.brief import Links
from alerts.faults import Faults
from alerts.incident_service import IncidentService
from alerts.incidents.incident import Incident
from alerts.metrics import Metrics
from alerts.monitoring.health_watch import HealthWatch
from alerts.notify import self_monitoring
from alerts.notify.protocol import GAVE_UP, SENT
from alerts.notify.routing import Routing
from alerts.outbox.dispatch import GONE, Dispatch
from alerts.reload import EVERY_S, Reload
from alerts.state.ports import Message, Setup, Source
from detectors.finding import Finding
from infra.clock import SystemClock
from infra.errors import Misconfigured
from infra.settings import (
    EscalationSettings,
    LevelSettings,
    ReceiverSettings,
    RouteSettings,
    Settings,
)
from infra.settings_file import SettingsFile
from tests.alerts.invented import TIMING, lengths, refusals
from tests.alerts.memory import HandClock, MemoryPost, MemoryStore
from tests.loopback import Loopback, says


class Log(MemoryStore):
    """What is stored, with what only a dispatch asks."""

    def references(self, _: str) -> dict[str, str]:
        return {}

    def counted(self, _: Incident) -> tuple[None, tuple[str, ...]]:
        return None, ()

    def fates(self, _: int) -> tuple[list[Any], dict[str, int]]:
        return [], {}


@dataclass
class Running:
    """Desk, routes and senders over a store in memory; receivers are loopback servers."""

    settings: Settings
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.log, clock = Log(), SystemClock()
        self.routing = Routing(self.settings)
        find: Callable[[str], Incident | None] = lambda i: self.desk.find(i)  # noqa: E731, PLW0108
        self.dispatch = Dispatch(
            self.settings,
            self.log,  # type: ignore[arg-type]
            None,
            clock,
            self.metrics,
            Faults(clock),
            find,
            self.routing,
        )
        state, routing = self.dispatch.state, self.routing
        links = Links("http://dashboard", "http://api", "0")
        setup = Setup(TIMING, routing.route, links, state.arrived, routing.policies, state.arrival)
        self.desk = IncidentService(setup, self.log, MemoryPost(), self.dispatch.due, clock, self.metrics)
        self.desk.load()
        self.dispatch.start()

    def say(self, *findings: Finding) -> None:
        for finding in findings:
            self.desk.apply([Message(Source("findings", 0, 0), finding.to_json().encode())])

    def use(self, *receivers: ReceiverSettings, **sections: Any) -> None:
        settings = replace(self.settings, receiver=receivers, **sections)
        channels = self.dispatch.channels(settings)
        self.routing.use(settings)
        self.dispatch.use(settings, channels)

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < end, self.outcomes()
            self.dispatch.resend(self.desk)
            self.desk.elapse()
            time.sleep(0.02)

    def outcomes(self) -> list[tuple[str, str, str]]:
        """Receiver, outcome and reason of what was sent or given up."""
        return [
            (receiver, outcome, attempt.reason)
            for (_, receiver, _, outcome), attempt in self.log.attempts.items()
            if outcome in (SENT, GAVE_UP)
        ]


Start = Callable[..., Running]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Running] = []

    def begin(*receivers: ReceiverSettings, **sections: Any) -> Running:
        running.append(Running(Settings(receiver=receivers, **sections)))
        return running[-1]

    yield begin
    for one in running:
        one.dispatch.stop(5)


@pytest.fixture
def servers() -> Iterator[tuple[Loopback, Loopback]]:
    with Loopback(says(200)) as first, Loopback(says(200)) as second:
        yield first, second


def hook(name: str, server: Loopback, **more: Any) -> ReceiverSettings:
    return ReceiverSettings(name=name, url=f"{server.url}/{name}", **more)


def heads(server: Loopback) -> list[str]:
    return [request.json()["brief"]["headline"] for request in server.got]


def test_the_next_incident_goes_to_the_receiver_that_is_named_now(
    start: Start, servers: tuple[Loopback, Loopback]
) -> None:
    first, second = servers
    running = start(hook("a", first))
    running.say(refusals())
    running.until(lambda: len(first.got) == 1)
    running.use(hook("b", second))
    running.say(refusals("f9", service="billing-bot"))
    running.until(lambda: len(second.got) == 1)
    assert (len(first.got), [r for r, *_ in running.outcomes()]) == (1, ["a", "b"])


def test_what_waits_for_a_receiver_that_is_gone_goes_to_whom_the_routes_name_now(
    start: Start, servers: tuple[Loopback, Loopback]
) -> None:
    first, second = servers
    first.answer = says(503)
    running = start(hook("a", first))
    running.say(refusals(), lengths(service="billing-bot"))  # a page and a ticket
    running.until(lambda: len(first.got) >= 2)
    running.use(hook("b", second))
    running.until(lambda: len(second.got) == 2)
    assert all(head.startswith("in place of a · ") for head in heads(second))
    assert running.outcomes() == [("a", GAVE_UP, GONE)] * 2 + [("b", SENT, "")] * 2
    assert running.metrics.by_receiver["a"] == 0  # nobody missed anything
    running.desk.act(running.desk.all()[0].incident_id, "resolve", "ana", "done")
    running.until(lambda: len(second.got) == 3)  # it hears how it goes on
    calls = len(first.got)
    time.sleep(1.2)  # longer than its next attempt would have waited
    assert len(first.got) == calls


def test_of_what_no_route_takes_any_more_pages_go_to_all_and_tickets_are_given_up_and_counted(
    start: Start, servers: tuple[Loopback, Loopback]
) -> None:
    first, second = servers
    first.answer = says(503)
    running = start(hook("a", first))
    running.say(refusals(), lengths(service="billing-bot"))
    running.until(lambda: len(first.got) >= 2)
    running.use(hook("b", second), route=(RouteSettings(receiver="b", services=("other",)),))
    running.until(lambda: len(running.outcomes()) == 4)
    (page,) = heads(second)
    assert page.startswith("in place of a · support-assistant: refusals")
    gone = sorted((r, o) for r, o, _ in running.outcomes())
    assert gone == [("a", GAVE_UP), ("a", GAVE_UP), ("b", SENT), ("terminal", SENT)]
    assert running.metrics.by_receiver["a"] == 1


def test_what_waits_for_a_receiver_with_another_address_goes_there_at_once_and_in_order(
    start: Start, servers: tuple[Loopback, Loopback]
) -> None:
    first, second = servers
    first.answer = says(503, **{"retry-after": "600"})
    running = start(hook("a", first))
    running.say(refusals())
    running.until(lambda: len(first.got) == 1)
    running.desk.act(running.desk.all()[0].incident_id, "resolve", "ana", "done")
    running.use(hook("a", second))
    running.until(lambda: len(second.got) == 2)
    assert [request.json()["kind"] for request in second.got] == ["opened", "resolved"]
    assert not any("in place of" in head for head in heads(second))


def test_an_attempt_under_way_ends_and_is_not_made_again(
    start: Start, servers: tuple[Loopback, Loopback]
) -> None:
    first, second = servers

    def slow(handler: Any) -> None:
        time.sleep(0.5)
        says(200)(handler)

    first.answer = slow
    running = start(hook("a", first))
    running.say(refusals())
    running.until(lambda: len(first.got) == 1)
    running.use(hook("b", second))
    running.until(lambda: running.outcomes() != [])
    running.until(lambda: not running.dispatch._leaving)
    assert [(r, o) for r, o, _ in running.outcomes()] == [("a", SENT)]
    assert second.got == []


def test_the_next_level_of_an_escalation_is_that_of_the_settings_of_now(
    start: Start, servers: tuple[Loopback, Loopback]
) -> None:
    first, second = servers
    route = (RouteSettings(receiver="a", escalation="on-call"),)

    def levels(name: str, minutes: float) -> tuple[EscalationSettings, ...]:
        return (EscalationSettings("on-call", (LevelSettings((name,), minutes),)),)

    running = start(hook("a", first), hook("b", second), route=route, escalation=levels("b", 1000))
    running.say(refusals())
    running.until(lambda: len(first.got) == 1)
    running.use(hook("a", first), hook("c", second), route=route, escalation=levels("c", 0))
    running.until(lambda: len(second.got) == 1)
    assert [(r.path, r.json()["kind"]) for r in second.got] == [("/c", "escalated")]


def test_a_level_that_waits_for_a_receiver_that_is_gone_goes_to_whom_the_route_names(
    start: Start, servers: tuple[Loopback, Loopback]
) -> None:
    first, second = servers
    second.answer = says(503)
    route = (RouteSettings(receiver="a", escalation="on-call"),)
    policy = (EscalationSettings("on-call", (LevelSettings(("b",), 0),)),)
    running = start(hook("a", first), hook("b", second), route=route, escalation=policy)
    running.say(refusals())
    running.until(lambda: len(first.got) == 1 and len(second.got) >= 1)
    running.use(hook("a", first), route=(RouteSettings(receiver="a"),))
    running.until(lambda: len(first.got) == 2)
    assert first.got[1].json()["kind"] == "escalated"
    assert heads(first)[1].startswith("in place of b · ")


def test_a_receiver_that_cannot_be_made_changes_nothing(
    start: Start, servers: tuple[Loopback, Loopback], tmp_path: Path
) -> None:
    first, second = servers
    running = start(hook("a", first))
    with pytest.raises(Misconfigured, match="receiver b"):
        running.use(hook("b", second, secret_file=str(tmp_path / "none")))
    running.say(refusals())
    running.until(lambda: len(first.got) == 1)
    assert second.got == []


def test_a_receiver_that_has_not_changed_keeps_its_channel(
    start: Start, servers: tuple[Loopback, Loopback], tmp_path: Path
) -> None:
    first, second = servers
    key = tmp_path / "key"
    key.write_text("one")
    running = start(hook("a", first, secret_file=str(key)))
    sections: Sequence[ReceiverSettings] = (hook("a", first, secret_file=str(key)), hook("b", second))
    assert set(running.dispatch.channels(replace(running.settings, receiver=tuple(sections)))) == {"b"}
    key.write_text("two")
    assert set(running.dispatch.channels(replace(running.settings, receiver=tuple(sections)))) == {"a", "b"}


HOOKS = '[[receiver]]\nname = "{}"\nkind = "terminal"\n'


@dataclass
class FileOf:
    """A file that a service follows; ``used`` is what it was told, newest last."""

    folder: Path
    refuse: bool = False
    used: list[Settings] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock, self.metrics = HandClock(), Metrics()
        path = self.folder / "lightship.toml"
        path.write_text(HOOKS.format("a"))
        settings = Settings(receiver=(ReceiverSettings(name="a"),))
        self.reload = Reload(SettingsFile(path, settings, {}), settings, self._use, self.clock, self.metrics)

    def _use(self, settings: Settings) -> None:
        if self.refuse:
            raise Misconfigured("cannot read the secret")
        self.used.append(settings)

    def write(self, text: str) -> None:
        (self.folder / "lightship.toml").write_text(text)

    def look(self) -> None:
        for _ in range(2):
            self.clock.sleep(EVERY_S + 0.1)
            self.reload.look()

    @property
    def told(self) -> tuple[float, float]:
        return self.metrics.get("config_ok"), self.metrics.get("config_at")


def test_a_file_that_cannot_be_used_is_told_until_it_is_mended(tmp_path: Path) -> None:
    file = FileOf(tmp_path)
    began, watch = (
        file.told,
        HealthWatch(dict, lambda: None, list, list, file.clock, waiting=file.reload.looks),
    )
    assert (began[0], watch.statements([])) == (1.0, [])
    for text, refuse in (("[[receiver", False), (HOOKS.format("b"), True)):
        file.refuse = refuse
        file.write(text)
        file.look()
        assert file.told == (0.0, began[1])
        assert [r.name for r in file.reload.settings.receiver] == ["a"]
        assert not file.used
    (finding,) = watch.statements([])
    assert (finding.score, finding.severity, finding.notes[0][-23:]) == (
        "config_not_reloaded",
        "ticket",
        " cannot read the secret",
    )
    file.refuse = False
    file.write(HOOKS.format("a"))
    file.look()
    assert len(file.used) == 1
    assert file.told[0] == 1
    assert file.told[1] > began[1]
    assert [look.since_ns for look in file.reload.looks()] == [None]
    assert file.reload.problem is None


def test_only_receivers_and_routes_hold_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = FileOf(tmp_path)
    file.write(HOOKS.format("b") + "[alerts]\nport = 4999\n")
    file.look()
    (used,) = file.used
    assert ([r.name for r in used.receiver], used.alerts.port) == (["b"], 4320)
    assert "started again: alerts" in caplog.text


def test_a_file_is_read_at_once_when_that_is_asked_for(tmp_path: Path) -> None:
    file = FileOf(tmp_path)
    file.reload.look()
    file.write(HOOKS.format("b"))
    file.reload.look()
    assert file.used == []
    file.reload.request()
    file.reload.look()
    assert [r.name for r in file.used[0].receiver] == ["b"]


def test_that_a_receiver_is_down_ends_when_it_is_taken_out_of_the_settings() -> None:
    look = self_monitoring.gone([("receiver_down", "receiver=a"), ("receiver_down", "receiver=b")], ["b"])
    assert [(one.slice, one.since_ns) for one in look] == [("receiver=a", None)]
