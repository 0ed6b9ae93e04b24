"""Variables for applications, as a POSIX shell and the OpenTelemetry SDK understand them."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.util.re import parse_env_headers

from infra.application_env import CLIENTS, application_env, as_shell, missing_instrumentation
from infra.embedded.first_screen import first_screen
from infra.settings import GatewaySettings, Settings


def test_a_shell_reads_back_every_value() -> None:
    hostile = {"A": "it's $HOME `date`", "B": 'two\nlines "quoted" \\', "C": "", "D": "; exit 1"}
    printed = subprocess.run(
        ["/bin/sh", "-c", 'eval "$1" && /usr/bin/env -0', "sh", as_shell(hostile)],
        env={},
        capture_output=True,
        check=True,
    ).stdout.decode()
    seen = dict(line.split("=", 1) for line in printed.split("\0") if "=" in line)
    assert hostile.items() <= seen.items()


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80))
def test_the_sdk_sends_the_ingest_key_as_it_is(key: str) -> None:
    header = application_env(Settings(), key)["OTEL_EXPORTER_OTLP_HEADERS"]
    assert parse_env_headers(header, liberal=True) == {"authorization": f"Bearer {key}"}


def test_without_a_key_no_header_is_set() -> None:
    assert "OTEL_EXPORTER_OTLP_HEADERS" not in application_env(Settings())


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:9"),
        ("0.0.0.0", "http://127.0.0.1:9"),  # noqa: S104 - nobody can connect to it
        ("::", "http://[::1]:9"),
        ("gateway", "http://gateway:9"),
    ],
)
def test_the_endpoint_is_one_that_can_be_connected_to(tmp_path: Path, host: str, address: str) -> None:
    settings = Settings(home=tmp_path, gateway=GatewaySettings(host=host, port=9))
    assert application_env(settings)["OTEL_EXPORTER_OTLP_ENDPOINT"] == address


def test_content_is_captured_where_an_instrumentation_asks() -> None:
    variables = application_env(Settings())
    assert variables["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] == "SPAN_ONLY"
    assert variables["OPENINFERENCE_HIDE_INPUTS"] == "false"
    assert all(isinstance(value, str) for value in variables.values())


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_without_its_instrumentation_is_told(client: str) -> None:
    package, module = CLIENTS[client]
    assert missing_instrumentation(lambda name: name == client) == [
        f"{client} is not instrumented: pip install {package}"
    ]
    assert missing_instrumentation(lambda name: name in (client, module)) == []
    assert missing_instrumentation(lambda _: False) == []


ADDRESSES = {"gateway": "http://127.0.0.1:1", "alerts": "a", "kafka": "k", "clickhouse": "c"}


def test_the_first_screen_names_a_data_directory_that_is_not_the_usual_one() -> None:
    assert '  eval "$(lightship env)"' in first_screen(ADDRESSES, Path(".lightship"))
    screen = first_screen(ADDRESSES, Path("/data/it's here"))
    (line,) = [x.strip() for x in screen.splitlines() if "eval" in x]
    inner = line.removeprefix('eval "$(').removesuffix(')"')
    assert shlex.split(inner) == ["LIGHTSHIP_HOME=/data/it's here", "lightship", "env"]
    assert "not served" in screen
