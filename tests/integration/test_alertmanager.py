"""A real Alertmanager: firing, worse, resolved, inhibited, forgotten, restarted on either side, and many."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import pytest

from alerts.commands.incidents_command import show_silences
from alerts.incidents.incident import Incident
from alerts.notify import silence_polling
from alerts.notify.alertmanager import KEPT, AlertmanagerNotifier
from alerts.notify.http_post import HttpPost
from alerts.notify.protocol import RETRY, SENT, Outcome
from alerts.notify.references import References
from infra.clock import NS_PER_S, Clock, SystemClock, to_ns
from infra.settings import ReceiverSettings
from tests.alert_service import new_world, until
from tests.alerts.deliveries import delivery_of, incident_of
from tests.alerts.invented import lengths, refusals, secret
from tests.brokers import EMBEDDED
from tests.loopback import Loopback, says
from tests.prometheus_alertmanager import Alertmanager

pytestmark = pytest.mark.alertmanager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Alertmanager]:
    with Alertmanager(tmp_path) as running:
        yield running


def notifier(
    manager: Alertmanager, stored: Mapping[str, str] | None = None, clock: Clock | None = None
) -> AlertmanagerNotifier:
    clock = clock or SystemClock()
    return AlertmanagerNotifier(HttpPost(manager.url, clock), 60.0, References(lambda: stored or {}), clock)


def told(manager: Alertmanager) -> list[list[tuple[str, str]]]:
    """Notifications as pairs of status and severity."""
    return [sorted((a.status, a.labels["severity"]) for a in one) for one in manager.notifications]


def page() -> Incident:
    return incident_of(refusals())


def test_an_incident_fires_grows_worse_and_ends(manager: Alertmanager) -> None:
    am = notifier(manager)
    ticket = incident_of(refusals(severity="ticket"))
    assert am.send(delivery_of(ticket)).outcome == SENT
    until(lambda: told(manager) == [[("firing", "ticket")]])
    (alert,) = manager.notifications[0]
    assert alert.labels["incident_id"] == ticket.incident_id
    assert alert.labels["service"] == "support-assistant"
    assert (alert.labels["score"], alert.labels["alert_kind"]) == ("refusal", "drift")
    assert alert.annotations["summary"].startswith("support-assistant: refusals")
    assert alert.annotations["dashboard"].endswith(ticket.incident_id)
    am.follow([delivery_of(ticket)])  # new annotations alone tell nobody
    assert am.send(delivery_of(page(), "raised", 3)).outcome == SENT
    until(lambda: len(manager.notifications) > 1)
    until(lambda: [a["labels"]["severity"] for a in manager.alerts()] == ["page"])
    assert am.send(delivery_of(page(), "resolved", 4)).outcome == SENT
    until(lambda: manager.alerts() == [])
    until(lambda: ("resolved", "page") in told(manager)[-1])
    assert [("firing", "page") in one for one in told(manager)] == [False, True, False]
    assert all(a.annotations["summary"] for one in manager.notifications for a in one)


class Behind:
    """A clock that is so far behind that what it says now ends in ``left_s``."""

    def __init__(self, resend_s: float, left_s: float) -> None:
        self._behind_ns = int((KEPT * resend_s - left_s) * NS_PER_S)

    def now_ns(self) -> int:
        return SystemClock().now_ns() - self._behind_ns

    def sleep(self, seconds: float) -> None:
        SystemClock().sleep(seconds)


def test_what_is_not_repeated_lapses_and_what_is_does_not(manager: Alertmanager) -> None:
    before = notifier(manager, clock=Behind(60.0, 3.0))
    before.send(delivery_of(page()))
    (first,) = manager.alerts()
    assert notifier(manager).follow([delivery_of(page())]).outcome == SENT
    (repeated,) = manager.alerts()
    assert repeated["endsAt"] > first["endsAt"]
    other = incident_of(refusals("o1", service="another"))
    before.send(delivery_of(other))
    until(lambda: len(manager.alerts()) == 1)  # and this one nobody repeated
    assert manager.alerts()[0]["labels"]["incident_id"] == page().incident_id
    assert SystemClock().now_ns() > to_ns(datetime.fromisoformat(first["endsAt"]))


def test_an_alertmanager_that_starts_anew_hears_it_again(manager: Alertmanager) -> None:
    am = notifier(manager)
    first = am.send(delivery_of(page()))
    until(lambda: len(manager.notifications) == 1)
    manager.kill()
    assert am.follow([delivery_of(page())]).outcome == RETRY
    manager.start()
    assert manager.alerts() == []
    assert am.follow([delivery_of(page())]).outcome == SENT
    (alert,) = manager.alerts()
    assert alert["startsAt"].removesuffix(".000Z") == first.reference.removesuffix("Z/")


def test_an_end_is_repeated_as_it_was(manager: Alertmanager) -> None:
    am = notifier(manager)
    am.send(delivery_of(page()))
    until(lambda: len(manager.notifications) == 1)
    ended = am.send(delivery_of(page(), "resolved", 3))
    assert am.follow([delivery_of(page(), "resolved", 3)]).outcome == SENT
    until(lambda: told(manager)[1:] == [[("resolved", "page")]])
    starts, _, ends = ended.reference.partition("/")
    assert starts <= ends


def test_a_service_that_starts_anew_goes_on_with_the_same_alert(manager: Alertmanager) -> None:
    first = notifier(manager).send(delivery_of(page()))
    (before,) = manager.alerts()
    again = notifier(manager, {page().incident_id: first.reference})
    assert again.follow([delivery_of(page())]).outcome == SENT
    (after,) = manager.alerts()
    assert [after[key] for key in ("fingerprint", "startsAt")] == [
        before[key] for key in ("fingerprint", "startsAt")
    ]
    assert again.send(delivery_of(page(), "resolved", 3)).outcome == SENT
    until(lambda: manager.alerts() == [])
    reopened = again.send(delivery_of(page(), "reopened", 4))
    assert reopened.reference.endswith("/")
    until(lambda: len(manager.alerts()) == 1)


def test_without_stored_references_it_still_resolves(manager: Alertmanager) -> None:
    notifier(manager).send(delivery_of(page()))
    assert notifier(manager).follow([delivery_of(page())]).outcome == SENT
    assert len(manager.alerts()) == 1
    assert notifier(manager).send(delivery_of(page(), "resolved", 3)).outcome == SENT
    until(lambda: manager.alerts() == [])


def test_a_page_inhibits_the_tickets_of_its_service(manager: Alertmanager) -> None:
    am = notifier(manager)
    for incident in (page(), incident_of(lengths()), incident_of(lengths("x1", service="another"))):
        assert am.send(delivery_of(incident)).outcome == SENT
    until(lambda: len(manager.notifications) == 2)
    time.sleep(1.5)  # what leaks out does so after the wait of the group
    heard = {(a.labels["service"], a.labels["severity"]) for one in manager.notifications for a in one}
    assert heard == {("support-assistant", "page"), ("another", "ticket")}


def test_many_incidents_stand(manager: Alertmanager) -> None:
    many = [incident_of(refusals(f"f{k}", service=f"service-{k}")) for k in range(500)]
    ids = {one.incident_id for one in many}
    assert notifier(manager).follow([delivery_of(one) for one in many]).outcome == SENT
    assert {a["labels"]["incident_id"] for a in manager.alerts()} == ids

    def heard() -> list[str]:
        return [a.labels["incident_id"] for one in manager.notifications for a in one]

    until(lambda: set(heard()) == ids)
    time.sleep(1.5)  # what is told twice would be
    assert sorted(heard()) == sorted(ids)


@pytest.mark.parametrize("name", ["\x00", "ü\u202e", "a" * 900, '"\\\n'])
def test_odd_names_are_taken(manager: Alertmanager, name: str) -> None:
    incident = incident_of(refusals(service=name, environment=name, slice=name))
    assert notifier(manager).send(delivery_of(incident)) == Outcome(
        SENT, code=200, reference=f"{_second(manager)}/"
    )
    assert manager.alerts()[0]["labels"]["incident_id"] == incident.incident_id


def _second(manager: Alertmanager) -> str:
    return str(manager.alerts()[0]["startsAt"]).replace(".000Z", "Z")


def test_the_whole_service_repeats_and_ends_what_it_told_through_restarts_of_both(
    broker: str, store: str, tmp_path: Path
) -> None:
    with Alertmanager(tmp_path) as manager:
        receiver = ReceiverSettings(name="am", kind="alertmanager", url=manager.url, resend_s=1.0)
        world = new_world(broker, store, tmp_path, (receiver,))
        with world.service() as service:
            world.say(refusals())
            until(lambda: len(manager.alerts()) == 1)
            (incident,) = service.desk.all()
            manager.kill()
            manager.start()
            until(lambda: len(manager.alerts()) == 1)
        (before,) = manager.alerts()
        with world.service() as service:
            time.sleep(5)  # longer than what is not repeated is kept
            (after,) = manager.alerts()
            assert (after["fingerprint"], after["startsAt"]) == (before["fingerprint"], before["startsAt"])
            service.desk.act(incident.incident_id, "false-alarm", "ana", "a test of ours")
            until(lambda: manager.alerts() == [])
            until(lambda: told(manager)[-1] == [("resolved", "page")])
            time.sleep(4)
            assert manager.alerts() == []  # nothing fires it again


@pytest.mark.parametrize("broker", [EMBEDDED], indirect=True)
def test_what_is_silenced_there_is_told_to_no_receiver_until_it_is_expired_there(
    broker: str, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence_polling, "POLL_S", 0.3)
    with Alertmanager(tmp_path) as manager, Loopback(says(200)) as hook:
        am = ReceiverSettings(name="am", kind="alertmanager", url=manager.url, honour_silences=True)
        world = new_world(
            broker, store, tmp_path, (ReceiverSettings(name="hook", kind="webhook", url=hook.url), am)
        )

        def heard() -> list[str]:
            return [request.json()["brief"]["what"]["score"] for request in list(hook.got)]

        score = manager.silence('score=~"refus.*"', 'severity="page"')
        with world.service() as service:
            world.say(refusals(), lengths("other", service="billing-bot"))
            until(lambda: heard() == ["output_length"])
            until(lambda: len([i for i in service.desk.all() if i.silence]) == 1)
        world.say(secret("h1", service="search-bot"))
        kind = manager.silence('alert_kind="policy"')  # while nobody asks
        with world.service() as service:
            until(lambda: len([i for i in service.desk.all() if i.silence]) == 2)
            shown = show_silences({"silences": [s.to_dict() for s in service.desk.silences()]})
            assert '{score=~"refus.*", severity="page"}' in shown
            assert '{alert_kind="policy"}' in shown
            time.sleep(1)
            assert heard() == ["output_length"]
            manager.expire(kind)
            until(lambda: heard() == ["output_length", "secrets"])
            manager.expire(score)
            until(lambda: heard() == ["output_length", "secrets", "refusal"])
            assert service.metrics.get(silence_polling.FAILED) == 0
            manager.kill()
            until(lambda: service.metrics.get(silence_polling.FAILED) > 1)
            assert service.problems() == []
