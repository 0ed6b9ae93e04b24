"""Files of rules and silences, applied on the real store and broker, and a rule that names its receivers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import lightship
from infra.settings import ReceiverSettings
from tests.alert_service import new_world, until
from tests.alerts.invented import lengths, refusals
from tests.brokers import EMBEDDED
from tests.loopback import Loopback, says

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
        world.watched(SERVICE)
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
            world.watched(later)
            until(lambda: world.controls(later) == ["rule"])
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
    assert world.controls(later)[-1] == "rule_over"
    kept = "SELECT service, applied, isNull(ended_at) FROM added_rules FINAL ORDER BY service"
    assert world.rows(kept) == [(one, "default", 0) for one in sorted((SERVICE, later))]
