"""The alerts service against the real broker and store, with a loopback webhook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka.partitioner import DefaultPartitioner
from kafka import KafkaConsumer

from alerts import service as service_module
from alerts.errors import Unavailable
from alerts.notify import self_monitoring
from alerts.notify.webhook import SIGNATURE, verify
from alerts.service import Service
from detectors.observation import Control, decode
from infra.clickhouse import connect
from infra.disks import DiskSpace
from infra.kafka import ACTIONS, CLIENT, FINDINGS, INCIDENTS, OBSERVATIONS, create_topics
from infra.settings import KafkaSettings, ReceiverSettings
from ingest.requests.change_events import read_markers
from tests.alert_service import WAIT_S, World, new_world, until
from tests.alerts.invented import at, lengths, overall, refusals, secret

pytestmark = pytest.mark.integration

SECRET = "invented-webhook-secret"


@dataclass
class Receiver:
    """A loopback receiver that keeps what it gets and answers as told, once ``hold`` is set."""

    url: str
    got: list[tuple[dict[str, str], dict[str, Any], bytes]]
    status: int = 200
    hold: threading.Event = field(default_factory=threading.Event)


@contextmanager
def receiving() -> Iterator[Receiver]:
    state = Receiver("", [])
    state.hold.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {k.lower(): v for k, v in self.headers.items()}
            state.got.append((headers, json.loads(body), body))
            state.hold.wait(30)
            self.send_response(state.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/hook/invented-path-token"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class HookWorld(World):
    """One with a webhook."""

    receiver: Receiver


@pytest.fixture
def world(broker: str, store: str, tmp_path: Path) -> Iterator[HookWorld]:
    with receiving() as receiver:
        secret_file = tmp_path / "hook.secret"
        secret_file.write_text(SECRET)
        receivers = (
            ReceiverSettings(name="hook", url=receiver.url, secret_file=str(secret_file)),
            ReceiverSettings(name="screen", kind="terminal"),
        )
        made = new_world(broker, store, tmp_path, receivers)
        yield HookWorld(made.settings, made.topic, made.group, receiver)


def test_what_somebody_recorded_is_the_first_suspect_they_read_of(world: HookWorld) -> None:
    known: dict[str, Any] = {"kind": "release", "service": "support-assistant", "who": "ci"}
    change = {**known, "value": "4.2", "time": at("03:58").isoformat()}
    late = {**known, "value": "4.3", "time": at("04:01").isoformat()}
    entries = [json.dumps(e).encode() for e in read_markers([change, late], "default", "live", 0)]
    world.send(ACTIONS.name, b'{"action": "marker"}', entries[0])
    with world.service() as service:
        world.say(refusals())
        until(lambda: service.metrics.get("sent") == 1)
        suspects = world.receiver.got[0][1]["brief"]["suspects"]
        assert (suspects[0]["kind"], suspects[0]["value"]) == ("release", "4.2")
        world.send(ACTIONS.name, entries[1])
        until(lambda: [s.value for s in service.desk.all()[0].suspects][:2] == ["4.3", "4.2"])
        assert service.metrics.get("sent") == 1
        assert {"4.2", "4.3"} <= world.marked()  # for pages that draw them


def test_the_heart_beats_only_while_detection_does(world: HookWorld, tmp_path: Path) -> None:
    address = tmp_path / "switch"
    address.write_text(f"{world.receiver.url}\n")
    alerts = replace(world.settings.alerts, heartbeat_url_file=str(address), heartbeat_s=0.1)
    world.settings = replace(world.settings, alerts=alerts)
    with world.service() as service:
        time.sleep(1.0)
        assert world.receiver.got == []
        client = connect(world.settings.store)
        names = ["room", "topic", "partition", "next_offset", "event_time"]
        client.insert("progress", [["detect", "observations", 0, 1, datetime.now(UTC)]], names)
        client.close()
        until(lambda: service.metrics.get("beats") >= 2)
    assert world.receiver.got[0][1] == {"v": 1, "from": "lightship"}


def test_three_findings_of_one_change_are_one_incident_and_one_message(world: HookWorld) -> None:
    with world.service() as service:
        world.say(refusals(), overall(), lengths(), b"{not json")
        until(lambda: service.metrics.get("dead_letters") == 1 and service.metrics.get("sent") == 1)
        (incident,) = service.desk.all()
    headers, body, raw = world.receiver.got[0]
    assert len(world.receiver.got) == 1
    assert verify(SECRET.encode(), headers[SIGNATURE], raw, int(time.time()))
    assert headers["idempotency-key"] == body["dedup_key"]
    assert body["brief"]["headline"].startswith("support-assistant: refusals 1.0")
    stored = world.rows("SELECT incident_id, state, slice, score, finding_ids, headline FROM incidents FINAL")
    assert stored == [
        (
            incident.incident_id,
            "firing",
            "language=es",
            "refusal",
            ["f1", "f2", "f3"],
            body["brief"]["headline"],
        )
    ]
    assert world.rows(
        "SELECT outcome, count() FROM notifications FINAL GROUP BY outcome ORDER BY outcome"
    ) == [
        ("sending", 1),
        ("sent", 1),
    ]
    seqs = world.rows("SELECT seq FROM incident_transitions FINAL ORDER BY seq")
    assert [seq for (seq,) in seqs] == list(range(1, incident.seq + 1))


def test_a_restart_and_a_second_reading_of_the_log_send_nothing_twice(world: HookWorld) -> None:
    with world.service() as service:
        world.say(refusals(), overall(), secret())
        until(lambda: service.metrics.get("sent") == 2)
        before = service.desk.all()
    world.group = f"{world.group}-again"  # offsets are gone: the whole log comes again
    with world.service() as service:
        until(lambda: service.metrics.get("findings") == 3)
        world.say(lengths(), replace(refusals(), status="withdrawn", made_at=at("04:30")))
        until(lambda: service.metrics.get("findings") == 5)
        after = service.desk.all()
    assert {i.incident_id for i in after} == {i.incident_id for i in before}
    assert len(world.receiver.got) == 2
    keys = [headers["idempotency-key"] for headers, _, _ in world.receiver.got]
    assert len(set(keys)) == 2


def test_what_a_receiver_missed_reaches_it_after_a_restart(world: HookWorld) -> None:
    world.receiver.status = 503
    with world.service() as service:
        world.say(refusals())
        until(lambda: service.metrics.get("retried") >= 1)
    tried = len(world.receiver.got)
    world.receiver.status = 200
    with world.service() as service:
        until(lambda: service.metrics.get("sent") == 1)
    assert len(world.receiver.got) == tried + 1
    assert len({headers["idempotency-key"] for headers, _, _ in world.receiver.got}) == 1


def test_a_second_process_waits_and_takes_over_without_telling_anything_twice(world: HookWorld) -> None:
    with world.service() as first:
        world.say(refusals())
        until(lambda: first.metrics.get("sent") == 1)
        (incident,) = first.desk.all()
        with world.service(ready=False) as second:
            until(lambda: sum(s.problems() == [] for s in (first, second)) == 1)
            time.sleep(3)  # it has joined the group by now, and the one partition has one reader
            idle = next(s for s in (first, second) if s.problems())
            with pytest.raises(Unavailable):
                idle.desk.act(incident.incident_id, "acknowledge", "ana", "")
            first.stop()
            until(lambda: second.problems() == [])
            world.say(overall(), lengths(), secret())
            until(lambda: second.metrics.get("sent") == 1)
            assert {i.incident_id for i in second.desk.all()} > {incident.incident_id}
    assert [body["kind"] for _, body, _ in world.receiver.got] == ["opened", "opened"]


def test_people_act_through_the_api_and_their_actions_are_on_record(world: HookWorld) -> None:
    world.settings = replace(world.settings, alerts=replace(world.settings.alerts, undo_minutes=0))
    with world.service() as service:
        token = (world.settings.home / "keys" / "alerts.token").read_text().strip()
        with httpx.Client(base_url=service.address, headers={"authorization": f"Bearer {token}"}) as client:
            assert client.get("/readyz").status_code == 200
            world.say(refusals())
            until(lambda: client.get("/incidents", params={"state": "open"}).json()["total"] == 1)
            incident_id = client.get("/incidents").json()["incidents"][0]["incident_id"]
            for action, reason in (("acknowledge", ""), ("accept", "prompt 18 is meant so")):
                answer = client.post(
                    f"/incidents/{incident_id}/{action}", json={"actor": "ana", "reason": reason}
                )
                assert answer.status_code == 200, answer.text
            again = client.post(f"/incidents/{incident_id}/accept", json={"actor": "bo", "reason": "x"})
            assert again.status_code == 409
            whole = client.get(f"/incidents/{incident_id}").json()
            assert "lightship_alerts_actions_total 2" in client.get("/metrics").text
        until(lambda: service.metrics.get("sent") == 2)
    assert (whole["state"], whole["ending"]) == ("resolved", "accepted")
    assert [m["what"] for m in whole["history"]] == ["opened", "fired", "acknowledged", "resolved"]
    assert [body["kind"] for _, body, _ in world.receiver.got] == ["opened", "resolved"]
    said = [m for m in everything(world, "actions") if m.get("incident_id") == incident_id]
    assert [(m["action"], m["actor"]) for m in said] == [("acknowledge", "ana"), ("accept", "ana")]
    newest = [m for m in everything(world, INCIDENTS.name) if m.get("incident_id") == incident_id][-1]
    assert newest["state"] == "resolved"
    asked = ("accept", "ana", "prompt 18 is meant so")
    partition, record = next((p, r) for p, r in controls(world) if r.body["finding_id"] == "f1")
    assert (record.action, record.body["actor"], record.body["reason"]) == asked
    placed = DefaultPartitioner()(
        record.key.text().encode(), list(range(world.settings.kafka.partitions)), []
    )
    # where stage 1, which has another client, puts the observations of the service
    assert partition == placed


def test_policy_hits_end_when_traffic_goes_on_without_them(world: HookWorld) -> None:
    with world.service() as service:
        world.say(secret())
        until(lambda: service.metrics.get("sent") == 1)
        time.sleep(4)  # it looks every three seconds
        assert service.desk.all()[0].state == "firing"
        client = connect(world.settings.store)
        client.command(
            "INSERT INTO cells "
            "(tenant, lineage, service, environment, unit, score, generation, slice, tick, n, total) "
            "SELECT 'default', 'live', 'support-assistant', 'production', 'interaction', 'secrets', 1, "
            "'all', toDateTime('2026-03-17 04:10:00', 'UTC') + toIntervalMinute(5 * number), 20, 0 "
            "FROM numbers(24)"
        )
        client.close()
        until(lambda: service.desk.all()[0].state == "resolved")
        (incident,) = service.desk.all()
    assert incident.ending == "recovered"


def controls(world: HookWorld) -> list[tuple[int, Control]]:
    """Control records of the observation log, with their partition."""
    messages = [(r.partition, decode(r.value)) for r in records(world, OBSERVATIONS.name)]
    return [(p, m) for p, m in messages if isinstance(m, Control)]


def everything(world: HookWorld, topic: str) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in records(world, topic)]


def records(world: HookWorld, topic: str) -> list[Any]:
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=world.settings.kafka.bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=2000,
        **CLIENT,
    )
    try:
        return list(consumer)
    finally:
        consumer.close()


def test_a_receiver_that_asks_gets_redacted_examples_from_both_sides_of_the_onset(world: HookWorld) -> None:
    asks = replace(world.settings.receiver[0], examples=True)
    world.settings = replace(world.settings, receiver=(asks, *world.settings.receiver[1:]))
    client = connect(world.settings.store)
    client.command(
        "INSERT INTO interactions (tenant, lineage, service, environment, start, trace_id, span_id, "
        "language, input_text, output_text, score_refusal, received_at, observed) "
        "SELECT 'default', 'live', 'support-assistant', 'production', "
        "toDateTime64('2026-03-17 03:00:00', 9, 'UTC') + toIntervalMinute(10 * number), "
        "toString(number), 's', if(number % 2, 'es', 'fr'), 'question', "
        "if(number < 7, 'answer', 'refusal'), number >= 7, now64(9), true "
        "FROM numbers(9)"
    )
    client.close()
    with world.service() as service:
        world.say(refusals())
        until(lambda: service.metrics.get("sent") == 1)
    examples = world.receiver.got[0][1]["brief"]["examples"]
    assert [(e["when"], e["interaction_id"], e["output"]) for e in examples] == [
        ("current", "7:s", "refusal"),
        ("baseline", "5:s", "answer"),
        ("baseline", "3:s", "answer"),
        ("baseline", "1:s", "answer"),
    ]


@contextmanager
def child(world: HookWorld, service: str) -> Iterator[subprocess.Popen[bytes]]:
    """The service as its own process, for one invented service on the real topic."""
    s = world.settings
    config = s.home / "lightship.toml"
    config.write_text(
        f"""
[store]
database = "{s.store.database}"
[kafka]
session_timeout_s = 2.0
[alerts]
port = 0
[[receiver]]
name = "hook"
url = "{world.receiver.url}"
secret_file = "{s.receiver[0].secret_file}"
[[route]]
receiver = "hook"
services = ["{service}"]
"""
    )
    environ = {
        **os.environ,
        "LIGHTSHIP_KAFKA": s.kafka.bootstrap,
        "LIGHTSHIP_CLICKHOUSE": s.store.url,
        "LIGHTSHIP_HOME": str(s.home),
        "LIGHTSHIP_CONFIG": str(config),
    }
    process = subprocess.Popen([sys.executable, "-m", "alerts.service"], env=environ, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_killed_while_sending_it_repeats_the_message_once_under_its_key(world: HookWorld) -> None:
    name = f"support-{uuid.uuid4().hex[:8]}"
    world.topic = FINDINGS.name
    world.receiver.hold.clear()
    with child(world, name) as first:
        world.say(refusals(service=name), overall(service=name))
        until(lambda: len(world.receiver.got) == 1)
        first.kill()
        first.wait(10)
    world.receiver.hold.set()
    with child(world, name) as second:
        until(lambda: len(world.receiver.got) == 2)
        until(lambda: ("sent",) in world.rows("SELECT outcome FROM notifications FINAL"))
        second.terminate()
        _, log = second.communicate(timeout=WAIT_S)
    assert second.returncode == 0, log.decode()
    assert SECRET not in log.decode()
    assert "invented-path-token" not in log.decode()
    assert len({headers["idempotency-key"] for headers, _, _ in world.receiver.got}) == 1
    assert world.rows("SELECT attempt, outcome FROM notifications FINAL ORDER BY attempt, outcome") == [
        (1, "sending"),
        (2, "sending"),
        (2, "sent"),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "usage"),
        (["--volume", "11"], 2, "usage"),
        (["--config", "nowhere.toml"], 2, "nowhere.toml"),
    ],
)
def test_the_command_line_says_how_it_is_used(arguments: list[str], code: int, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "alerts.service", *arguments], capture_output=True, check=False
    )
    assert done.returncode == code
    assert said in (done.stdout + done.stderr).decode()


def test_a_wrong_password_is_a_wrong_setting(broker: str, store: str, tmp_path: Path) -> None:
    create_topics(KafkaSettings(bootstrap=broker))
    head, _, place = store.rpartition("@")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIGHTSHIP_")} | {
        "LIGHTSHIP_HOME": str(tmp_path),
        "LIGHTSHIP_CONFIG": os.devnull,
        "LIGHTSHIP_KAFKA": broker,
        "LIGHTSHIP_CLICKHOUSE": f"{head.rpartition(':')[0]}:wrong@{place}",
        "LIGHTSHIP_ALERTS_PORT": "0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "alerts.service"],
        env=environment,
        capture_output=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.returncode == 2, done.stderr
    assert b"correct LIGHTSHIP_CLICKHOUSE" in done.stderr


@pytest.mark.long
def test_a_receiver_that_is_down_and_a_full_disk_are_told_to_those_that_hear(
    world: HookWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_monitoring, "RECEIVER_S", 1.0)
    monkeypatch.setattr(service_module, "GRANT_EVERY_S", 0.5)
    world.receiver.status = 503
    world.rooms = [DiskSpace("ClickHouse disk default", 1 << 20, 1 << 40)]
    hook, screen = world.settings.receiver
    desk = ReceiverSettings(name="desk", url=world.receiver.url.replace("/hook/", "/desk/"))
    with receiving() as heard:
        world.settings = replace(world.settings, receiver=(hook, replace(desk, url=heard.url), screen))
        with world.service() as service:
            world.say(refusals())
            until(lambda: len(service.desk.all()) == 3)
            until(lambda: any("receiver_down" in str(body) for _, body, _ in heard.got))
            found = {i.score: i for i in service.desk.all()}
            assert found["disk_full"].severity == "page"
            world.receiver.status = 200
            until(lambda: found["receiver_down"].slice not in still_down(service))
    assert "receiver hook has accepted no message" in str(heard.got)


def still_down(service: Service) -> set[str]:
    return {
        i.slice
        for i in service.desk.all()
        if i.score == "receiver_down" and i.primary_finding.ended_at is None
    }
