"""Files of rules and silences, applied on the real store and broker, and a rule that names its receivers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

import lightship
from detectors.closed_ticks import REPORT
from detectors.observation import Control, decode
from infra.clickhouse import connect
from infra.kafka import CLIENT, OBSERVATIONS
from infra.settings import ReceiverSettings
from tests.alert_service import World, new_world, until
from tests.alerts.invented import lengths, refusals
from tests.brokers import EMBEDDED
from tests.loopback import Loopback, says
from tests.running import records_of

pytestmark = pytest.mark.integration

SERVICE = "support-assistant"
RULES = """
[[rule]]
name = "Refusals"
score = "refusal"
measure = "rate"
limit = 0.25
services = ["support-*"]
receivers = ["second"]
"""


def watched(world: World, service: str) -> None:
    """Have a service known."""
    names = ["tenant", "lineage", "environment", "service", "unit", "score", "generation", "slice"]
    place = ("default", "live", "production", service)
    client = connect(world.settings.store)
    client.insert("series", [(*place, "interaction", "refusal", 1, "all")], names)
    client.close()


def controls(world: World, service: str) -> list[str]:
    """What detection was told of rules of a service."""
    consumer = KafkaConsumer(bootstrap_servers=world.settings.kafka.bootstrap, **CLIENT)
    places = [TopicPartition(OBSERVATIONS.name, p) for p in consumer.partitions_for_topic(OBSERVATIONS.name)]
    values = [r.value for place in places for r in records_of(consumer, place)]
    consumer.close()
    records = [decode(v) for v in values if v[1] != REPORT]
    found = [r for r in records if isinstance(r, Control) and r.key.service == service]
    return [r.action for r in found if r.action.startswith("rule")]


@pytest.mark.long
@pytest.mark.parametrize("broker", [EMBEDDED], indirect=True)
def test_what_a_file_says_is_in_force_once_over_a_restart_and_its_rules_go_to_the_receivers_they_name(
    broker: str,
    store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def apply(*words: str, kind: str = "rules") -> tuple[int, dict[str, Any]]:
        with pytest.raises(SystemExit) as ended:
            lightship.main([kind, "apply", "-f", str(tmp_path / f"{kind}.toml"), "--json", *words])
        return int(ended.value.code or 0), json.loads(capsys.readouterr().out)["counts"]

    monkeypatch.setenv("LIGHTSHIP_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.toml").write_text(RULES)
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    quiet = f'[[silence]]\nservice = "sandbox-*"\nends = {ends.isoformat()}\n'  # a time of TOML
    (tmp_path / "silences.toml").write_text(quiet)
    later = f"support-{tmp_path.name[-8:]}"
    with Loopback(says(200)) as first, Loopback(says(200)) as second:
        receivers = (ReceiverSettings("first", url=first.url), ReceiverSettings("second", url=second.url))
        world = new_world(broker, store, tmp_path, receivers)
        watched(world, SERVICE)
        rule = refusals(alert_kind="rule", receivers=("second",))
        with world.service() as service:
            monkeypatch.setenv("LIGHTSHIP_ALERTS_PORT", service.address.rpartition(":")[2])
            assert apply("--plan")[0] == 1
            assert world.rows("SELECT * FROM added_rules") == []
            for kind in ("rules", "silences"):
                once = {"add": 1, "change": 0, "remove": 0, "unchanged": 0}
                assert apply("--yes", kind=kind) == (0, once)
            world.say(rule)
            until(lambda: len(second.got) == 1)
            watched(world, later)
            until(lambda: controls(world, later) == ["rule"])
        with world.service() as service:
            monkeypatch.setenv("LIGHTSHIP_ALERTS_PORT", service.address.rpartition(":")[2])
            assert apply("--plan") == (0, {"add": 0, "change": 0, "remove": 0, "unchanged": 2})
            same = {"add": 0, "change": 0, "remove": 0, "unchanged": 1}
            assert apply("--plan", kind="silences") == (0, same)
            world.say(rule, lengths(service="billing"))
            until(lambda: len(first.got) == 1)
            (tmp_path / "rules.toml").write_text("rule = []")
            assert apply("--yes") == (0, {"add": 0, "change": 0, "remove": 2, "unchanged": 0})
        assert [body.json()["brief"]["where"]["service"] for body in first.got] == ["billing"]
        assert [body.json()["kind"] for body in second.got] == ["opened"]
    assert controls(world, later)[-1] == "rule_over"
    kept = "SELECT service, applied, isNull(ended_at) FROM added_rules FINAL ORDER BY service"
    assert world.rows(kept) == [(one, "default", 0) for one in sorted((SERVICE, later))]
