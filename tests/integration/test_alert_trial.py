"""``lightship alerts test`` through loopback receivers: taken, refused, not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.access.keys import read_token
from alerts.commands.test_message import report_recovery, show, tried
from tests.loopback import Answer, Loopback, refused, says

pytestmark = pytest.mark.integration


def settings(folder: Path, kind: str, url: str) -> Path:
    config = folder / "lightship.toml"
    secret = folder / "secret"
    secret.write_text("invented-secret-token\n")
    key = {"webhook": "secret_file", "pagerduty": "token_file"}[kind]
    config.write_text(
        f'[[receiver]]\nname = "hook"\nkind = "{kind}"\nurl = "{url}/invented-path"\n{key} = "secret"\n'
    )
    return config


@pytest.mark.parametrize(
    ("kind", "answer", "ok", "said"),
    [
        ("webhook", says(204), True, "hook (webhook), opened: sent (204)"),
        (
            "webhook",
            says(401),
            False,
            "hook (webhook), opened: refused (401, 127.0.0.1: 401, it refused the login: ",
        ),
        ("webhook", says(503), False, "hook (webhook), opened: not taken now (a real one is tried again)"),
        ("pagerduty", says(202), True, "hook (pagerduty), resolved: sent (202)"),
        ("pagerduty", says(400), False, "hook (pagerduty), opened: refused (400"),
    ],
)
def test_the_outcome_is_printed(tmp_path: Path, kind: str, answer: Answer, ok: bool, said: str) -> None:
    with Loopback(answer) as server:
        report = tried(settings(tmp_path, kind, server.url), "hook")
    assert report["ok"] is ok
    assert said in show(report)
    assert "invented" not in show(report)
    assert len(server.got) == (2 if ok and kind == "pagerduty" else 1)


def test_nobody_there_is_said(tmp_path: Path) -> None:
    report = tried(settings(tmp_path, "webhook", refused()), "hook")
    assert not report["ok"]
    assert "it refused the connection: nothing listens at port" in show(report)


def test_the_running_service_is_told_that_a_receiver_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTSHIP_HOME", str(tmp_path))
    config = tmp_path / "lightship.toml"
    with Loopback(says(200, {"v": 1})) as service:
        port = service.url.rpartition(":")[2]
        config.write_text(f"[alerts]\nport = {port}\n")
        assert report_recovery(config, "on call") == ""  # none ever ran here
        read_token(tmp_path)
        assert report_recovery(config, "on call") == "the alerts service sends what it missed"
    assert [r.path for r in service.got] == ["/receivers/on%20call/works"]
    assert "sent after the next message that it takes" in report_recovery(config, "on call")
