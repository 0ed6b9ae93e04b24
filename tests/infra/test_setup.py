"""``python -m infra.setup``: what it says when it cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import setup as module
from infra.errors import Misconfigured
from infra.settings import KafkaSettings, Settings, StoreSettings


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(kafka=KafkaSettings(bootstrap="k:1")),
        Settings(store=StoreSettings(url="http://h:1")),
    ],
)
def test_both_addresses_are_needed(settings: Settings) -> None:
    with pytest.raises(Misconfigured, match="set LIGHTSHIP_KAFKA and LIGHTSHIP_CLICKHOUSE"):
        module.setup(settings, print)


def test_settings_that_cannot_work_end_with_2(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lightship.toml"
    file.write_text("[kafka]\npartitons = 2\n")
    monkeypatch.setenv("LIGHTSHIP_CONFIG", str(file))
    assert module.main() == 2
    assert "did you mean 'partitions'?" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # kafka-python leaks sockets that were refused
def test_a_server_that_is_not_there_ends_with_3(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    refused_connections: None,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIGHTSHIP_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("LIGHTSHIP_CLICKHOUSE", "http://127.0.0.1:1")
    monkeypatch.setattr("infra.kafka.BOOTSTRAP_TIMEOUT_MS", 200)
    assert module.main() == 3
    assert "no Kafka broker answers at 127.0.0.1:1: start it" in capsys.readouterr().err
