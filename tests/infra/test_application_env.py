"""Variables for applications, as a POSIX shell and the OpenTelemetry SDK understand them."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.util.re import parse_env_headers

from infra.application_env import application, as_shell
from infra.embedded.first_screen import first_screen
from infra.instrumentation import CLIENTS, IN_CODE, JS_CLIENTS, missing_javascript, missing_python
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
    header = application(Settings(), key).variables["OTEL_EXPORTER_OTLP_HEADERS"]
    assert parse_env_headers(header, liberal=True) == {"authorization": f"Bearer {key}"}


def test_without_a_key_no_header_is_set() -> None:
    assert "OTEL_EXPORTER_OTLP_HEADERS" not in application(Settings()).variables


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
    assert application(settings).variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == address


CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def variables(*modules: str, folder: Path | None = None) -> Mapping[str, str]:
    """What is set where these modules are installed."""
    return application(Settings(), "", folder, lambda name: name in modules).variables


def test_content_is_captured_by_each_family_that_is_found() -> None:
    assert variables("opentelemetry.util.genai")[CAPTURE] == "SPAN_ONLY"
    assert variables("opentelemetry.instrumentation.openai_v2")[CAPTURE] == "true"
    assert variables("opentelemetry.util.genai", "openlit")[CAPTURE] == "SPAN_ONLY"
    assert variables("openinference.instrumentation")["OPENINFERENCE_HIDE_INPUTS"] == "false"
    assert CAPTURE not in variables("openinference.instrumentation")
    nothing = variables()
    assert {CAPTURE, "TRACELOOP_TRACE_CONTENT", "OPENINFERENCE_HIDE_OUTPUTS"} <= set(nothing)
    assert nothing[CAPTURE] == "SPAN_ONLY"


def test_long_prompts_get_through() -> None:
    found = variables()
    assert found["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"] == found["OTEL_ATTRIBUTE_COUNT_LIMIT"] == "1024"
    assert found["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"] == found["OTEL_BLRP_MAX_EXPORT_BATCH_SIZE"] == "64"
    assert found["OTEL_EXPORTER_OTLP_COMPRESSION"] == "gzip"


def test_a_time_out_is_in_the_unit_of_the_language(tmp_path: Path) -> None:
    assert variables(folder=tmp_path)["OTEL_EXPORTER_OTLP_TIMEOUT"] == "30"
    (tmp_path / "package.json").write_text('{"dependencies": {"openai": "6"}}')
    assert variables(folder=tmp_path)["OTEL_EXPORTER_OTLP_TIMEOUT"] == "30000"


def test_a_javascript_application_is_told_what_it_lacks(tmp_path: Path) -> None:
    package = {
        "dependencies": {"openai": "6", "ai": "7", "@langfuse/otel": "5"},
        "devDependencies": {"x": "1"},
    }
    (tmp_path / "package.json").write_text(json.dumps(package))
    found = application(Settings(), "", tmp_path)
    notes = "\n".join((*found.missing, *found.notes))
    assert "openai is not instrumented: npm install @arizeai/openinference-instrumentation-openai" in notes
    assert "isEnabled: true" in notes
    assert "export LANGFUSE_BASE_URL=" in notes
    assert "pip install" not in notes


@pytest.mark.parametrize("text", ["", "[]", "{", '{"dependencies": 7}', "[" * 100_000])
def test_any_package_json_is_survived(tmp_path: Path, text: str) -> None:
    (tmp_path / "package.json").write_text(text)
    assert application(Settings(), "", tmp_path).variables


def test_the_sdks_with_an_exporter_of_their_own_are_pointed_here() -> None:
    has = {"traceloop.sdk", "langfuse"}.__contains__
    found = application(Settings(), "k e", None, has)
    assert found.variables["TRACELOOP_BASE_URL"] == found.variables["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert found.variables["TRACELOOP_HEADERS"] == "authorization=Bearer%20k%20e"
    assert not any(name.startswith("LANGFUSE") for name in found.variables)  # it would leave Langfuse
    assert "LANGFUSE_BASE_URL" in found.notes[-1]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_without_its_instrumentation_is_told(client: str) -> None:
    for _, module in CLIENTS[client]:
        assert missing_python(lambda name, module=module: name in (client, module)) == []  # type: ignore[misc]
    assert missing_python(lambda name: name == client) == [
        f"{client} is not instrumented: pip install {CLIENTS[client][0][0]}"
    ]
    assert missing_python(lambda name: name in (client, "openlit")) == []
    assert missing_python(lambda _: False) == []


@pytest.mark.parametrize("client", JS_CLIENTS)
def test_a_client_of_javascript_without_its_instrumentation_is_told(client: str) -> None:
    for package in JS_CLIENTS[client]:
        assert missing_javascript(frozenset({client, package})) == []
    assert missing_javascript(frozenset({client})) == [
        f"{client} is not instrumented: npm install {JS_CLIENTS[client][0]}"
    ]


@pytest.mark.parametrize("module", IN_CODE)
def test_a_library_that_traces_itself_is_told_how(module: str) -> None:
    found = application(Settings(), has=lambda name: name == module)
    assert (found.missing, found.notes) == ((), (IN_CODE[module],))


ADDRESSES = {"gateway": "http://127.0.0.1:1", "alerts": "a", "kafka": "k", "clickhouse": "c"}


def test_the_first_screen_names_a_data_directory_that_is_not_the_usual_one() -> None:
    assert '  eval "$(lightship env)"' in first_screen(ADDRESSES, Path(".lightship"))
    screen = first_screen(ADDRESSES, Path("/data/it's here"))
    (line,) = [x.strip() for x in screen.splitlines() if "eval" in x]
    inner = line.removeprefix('eval "$(').removesuffix(')"')
    assert shlex.split(inner) == ["LIGHTSHIP_HOME=/data/it's here", "lightship", "env"]
    assert "not served" in screen


def test_the_first_screen_shows_the_link_that_opens_the_dashboard_and_how_to_get_another() -> None:
    link = "http://127.0.0.1:5/link?token=t"
    screen = first_screen({**ADDRESSES, "dashboard": "http://127.0.0.1:5"}, Path("/data/x"), link)
    assert f"  dashboard   {link}" in screen
    assert "LIGHTSHIP_HOME=/data/x lightship dashboard link" in screen
    behind = first_screen({**ADDRESSES, "dashboard": "https://l"}, Path("/data/x"), "https://l")
    assert "dashboard link" not in behind
