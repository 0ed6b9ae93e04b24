"""The exporter as a package: its settings, its log lines, its name, and what it imports."""

from __future__ import annotations

import ast
import logging
import sys
import threading
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from infra.settings import KafkaSettings
from lightship_exporter import KafkaLogRecordExporter, KafkaSpanExporter
from lightship_exporter.quiet import NAME, quieten
from lightship_exporter.settings import MIB, ExporterSettings, addresses, from_environment
from tests.conftest import ROOT

ACCOUNT = {"LIGHTSHIP_KAFKA_USER": "app", "LIGHTSHIP_KAFKA_PASSWORD_FILE": "/dev/null"}
FOLDER = ROOT / "ingest" / "exporter"


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("pass word\n")
    settings = from_environment(
        {
            "LIGHTSHIP_KAFKA": "k1:9092,k2:9092",
            "LIGHTSHIP_INGEST_KEY": "key",
            "LIGHTSHIP_EXPORTER_MEMORY_MIB": "2.5",
            "LIGHTSHIP_KAFKA_TLS": "true",
            "LIGHTSHIP_KAFKA_CA_FILE": "/etc/ca.pem",
            "LIGHTSHIP_KAFKA_USER": "app",
            "LIGHTSHIP_KAFKA_PASSWORD_FILE": str(password),
        }
    )
    assert (settings.bootstrap, settings.ingest_key) == ("k1:9092,k2:9092", "key")
    assert settings.memory_bytes == 2.5 * MIB
    assert settings.security == {
        "security_protocol": "SASL_SSL",
        "ssl_cafile": "/etc/ca.pem",
        "sasl_mechanism": KafkaSettings().mechanism,
        "sasl_plain_username": "app",
        "sasl_plain_password": "pass word",
    }
    assert from_environment({}) == ExporterSettings()


def test_addresses_are_those_lightship_takes() -> None:
    assert addresses("k1, [::1]:9 ,k-2.test:9093") == [("k1", 9092), ("::1", 9), ("k-2.test", 9093)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIGHTSHIP_EXPORTER_MEMORY_MIB", "lots"),
        ("LIGHTSHIP_EXPORTER_TIMEOUT_S", "-1"),
        ("LIGHTSHIP_KAFKA", "no where:1"),
        ("LIGHTSHIP_EXPORTER_MESSAGE_MIB", "nan"),
        ("LIGHTSHIP_KAFKA_PASSWORD_FILE", "/nowhere/password"),
    ],
)
def test_a_setting_that_cannot_work_is_named_at_the_start(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        from_environment({**ACCOUNT, name: value})


def test_log_lines_of_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("kafka.net.manager")
    monkeypatch.setattr(logger, "level", logging.ERROR)  # whatever others made of its parent's
    monkeypatch.setattr(logger, "_cache", {})
    quieten()
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        ours = threading.Thread(target=logger.error, args=("ours",), name=f"kafka-io-{NAME}")
        ours.start()
        ours.join()
        logger.error("theirs")
    finally:
        logger.removeHandler(handler)
    assert said == ["theirs"]


def test_it_is_found_by_its_name() -> None:
    for group, wanted in (
        ("opentelemetry_traces_exporter", KafkaSpanExporter),
        ("opentelemetry_logs_exporter", KafkaLogRecordExporter),
    ):
        (found,) = entry_points(group=group, name="lightship_kafka")
        assert found.load() is wanted


def imported(path: Path) -> Iterator[str]:
    """Top-level packages a module imports; of OpenTelemetry the second level too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: Sequence[str] = ()
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            parts = name.split(".")
            yield ".".join(parts[:2]) if parts[0] == "opentelemetry" else parts[0]


def test_it_needs_nothing_but_what_it_says() -> None:
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {"opentelemetry-sdk", "opentelemetry-proto", "kafka-python"}
    assert {d.partition(">")[0] for d in project["dependencies"]} == needed
    allowed = {"kafka", "lightship_exporter", *sys.stdlib_module_names}
    allowed |= {f"opentelemetry.{name}" for name in ("sdk", "proto", "trace", "context", "_logs")}
    for path in (FOLDER / "lightship_exporter").glob("*.py"):
        assert set(imported(path)) <= allowed, path.name
