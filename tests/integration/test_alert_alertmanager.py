"""Alertmanager's API played by a loopback server: faults, batches, and what a request holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.commands.test_message import show, tried
from alerts.errors import Unavailable
from alerts.notify.alertmanager import BATCH, KEPT, AlertmanagerNotifier
from alerts.notify.http_post import HttpPost
from alerts.notify.protocol import GAVE_UP, RETRY, SENT
from alerts.notify.references import References
from infra.settings import load
from ingest.operations.doctor.check_receivers import check_receivers
from ingest.operations.doctor.line import FAIL, OK
from tests.alerts.deliveries import delivery
from tests.alerts.invented import refusals
from tests.alerts.memory import HandClock
from tests.loopback import Answer, Loopback, cut, half_open, says

pytestmark = pytest.mark.integration


def notifier(url: str, clock: HandClock, references: References | None = None) -> AlertmanagerNotifier:
    door = HttpPost(f"{url}/prefix/", clock, headers={"authorization": "Bearer invented"}, read_s=2.0)
    return AlertmanagerNotifier(door, 60.0, references or References(), clock)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (says(200), SENT),
        (says(400, {"code": 601}), GAVE_UP),
        (says(429, retry_after="4"), RETRY),
        (says(500), RETRY),
        (cut, RETRY),
    ],
)
def test_every_answer_is_judged(answer: Answer, outcome: str) -> None:
    with Loopback(answer) as server:
        am = notifier(server.url, HandClock())
        results = am.send(delivery()), am.follow([delivery()])
    assert [r.outcome for r in results] == [outcome] * 2
    assert {r.path for r in server.got} == {"/prefix/api/v2/alerts"}
    assert {r.headers["authorization"] for r in server.got} == {"Bearer invented"}


def test_what_stands_ends_four_repeats_ahead_and_a_raise_ends_what_was_lower() -> None:
    clock = HandClock()
    with Loopback(says(200)) as server:
        am = notifier(server.url, clock)
        am.send(delivery())
        clock.sleep(600)
        am.send(delivery(kind="raised", seq=3))
        ended = am.send(delivery(kind="resolved", seq=4))
        clock.sleep(600)
        am.follow([delivery(kind="resolved", seq=4)])
    sent = [[(a["labels"]["severity"], a["startsAt"], a["endsAt"]) for a in r.json()] for r in server.got]
    assert KEPT * 60 == 240
    began, later = "2026-03-17T04:00:00Z", "2026-03-17T04:10:00Z"
    assert sent[0] == [("page", began, "2026-03-17T04:04:00Z")]
    assert sent[1] == [
        ("page", began, "2026-03-17T04:14:00Z"),
        ("ticket", began, later),
        ("info", began, later),
    ]
    assert sent[2] == sent[3] == [("page", began, later)]
    assert ended.reference == f"{began}/{later}"


def test_many_go_in_batches_and_the_first_that_fails_ends_it() -> None:
    many = [delivery(refusals(f"f{k}", service=f"service-{k}")) for k in range(2 * BATCH + 1)]
    with Loopback(says(200)) as server:
        am = notifier(server.url, HandClock())
        assert am.follow(many).outcome == SENT
        assert [len(r.json()) for r in server.got] == [BATCH, BATCH, 1]
        server.answers = [says(200), says(503)]
        assert am.follow(many).outcome == RETRY
        assert len(server.got) == 5


def test_silence_is_tried_again_and_without_the_store_only_repeats_go_on() -> None:
    def down() -> dict[str, str]:
        raise Unavailable("no store")

    with half_open() as url:
        assert notifier(url, HandClock()).send(delivery()).outcome == RETRY
    with Loopback(says(200)) as server:
        am = notifier(server.url, HandClock(), References(down))
        assert am.send(delivery()).outcome == RETRY
        assert server.got == []
        assert am.follow([delivery()]).outcome == SENT
    assert server.got[0].json()[0]["startsAt"] == "2026-03-17T04:20:00Z"  # when it fired


def test_a_trial_and_doctor_say_whether_silences_can_be_read(tmp_path: Path) -> None:
    token, config = tmp_path / "token", tmp_path / "lightship.toml"
    token.write_text("invented")
    with Loopback(says(200, [])) as server:
        config.write_text(
            f'[[receiver]]\nname = "am"\nkind = "alertmanager"\nurl = "{server.url}/prefix"\n'
            f'token_file = "{token}"\nhonour_silences = true\n'
        )
        (receiver,) = load(config).receiver
        assert "0 active silences there, 0 of them may match" in show(tried(config, "am"))
        asked = server.got[-1]
        assert (asked.path, asked.headers["authorization"]) == ("/prefix/api/v2/silences", "Bearer invented")
        assert check_receivers([receiver], {})[0].state == OK
        server.answer = says(403)
        server.answers = [says(200), says(200)]  # alerts are taken
        report = tried(config, "am")
        assert (report["ok"], [m["outcome"] for m in report["messages"]]) == (False, [SENT, SENT])
        assert "its silences cannot be read: 127.0.0.1: 403" in show(report)
        (line,) = check_receivers([receiver], {})
        assert (line.state, "its silences cannot be read: 403" in line.says) == (FAIL, True)
