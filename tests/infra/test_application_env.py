"""Variables for applications, as a POSIX shell and the OpenTelemetry SDK understand them."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.util.re import parse_env_headers

from infra.embedded.startup_message import first_screen, program
from infra.onramp.application_env import Application, application
from infra.onramp.catalogue import catalogue
from infra.onramp.found import Found, Package
from infra.onramp.printing import FORMATS, as_shell
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


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_holds_every_value(name: str) -> None:
    printed = FORMATS[name]({"A_B": "it's $1", "C": "d=e"})
    assert "d=e" in printed
    assert ("a.b=it's $1" in printed) == (name == "properties")
    if name == "json":
        assert json.loads(printed) == {"A_B": "it's $1", "C": "d=e"}


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


def found_in(runtime: str = "python", /, **packages: str) -> Found:
    """An application with these packages; an underscore in a name is a hyphen."""
    return Found(runtime, "here", {n.replace("_", "-"): Package(v) for n, v in packages.items()})


def needed(found: Found, key: str = "", **environ: str) -> Application:
    return application(Settings(), key, found, environ)


def test_content_is_captured_by_each_family_that_is_found() -> None:
    genai = needed(found_in(opentelemetry_util_genai="1.3")).variables
    assert genai[CAPTURE] == "SPAN_ONLY"
    assert needed(found_in(opentelemetry_instrumentation_openai_v2="2.1b0")).variables[CAPTURE] == "true"
    both = needed(found_in(opentelemetry_instrumentation_openai_v2="2.4b0", opentelemetry_util_genai="1"))
    assert both.variables[CAPTURE] == "SPAN_ONLY"
    inference = needed(found_in(openinference_instrumentation_openai="1")).variables
    assert inference["OPENINFERENCE_HIDE_INPUTS"] == "false"
    assert CAPTURE not in inference
    nothing = application(Settings()).variables
    assert {CAPTURE, "TRACELOOP_TRACE_CONTENT", "OPENINFERENCE_HIDE_OUTPUTS"} <= set(nothing)
    assert nothing[CAPTURE] == "SPAN_ONLY"


def test_content_switches_are_those_of_the_runtime_and_the_framework() -> None:
    assert needed(Found("java")).variables[CAPTURE] == "true"
    assert needed(Found("node-esm")).variables[CAPTURE] == "true"
    microsoft = needed(found_in(agent_framework_core="1.23")).variables
    assert (microsoft["ENABLE_SENSITIVE_DATA"], microsoft["ENABLE_INSTRUMENTATION"]) == ("true", "true")
    spring = needed(Found("spring"), "k").variables
    assert spring["SPRING_AI_CHAT_OBSERVATIONS_LOGPROMPT"] == "true"
    assert spring["MANAGEMENT_OTLP_TRACING_ENDPOINT"].endswith("/v1/traces")
    assert spring["MANAGEMENT_OTLP_TRACING_HEADERS_AUTHORIZATION"] == "Bearer k"


def test_long_prompts_get_through() -> None:
    found = application(Settings()).variables
    assert found["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"] == found["OTEL_ATTRIBUTE_COUNT_LIMIT"] == "1024"
    assert found["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"] == found["OTEL_BLRP_MAX_EXPORT_BATCH_SIZE"] == "64"
    assert found["OTEL_EXPORTER_OTLP_COMPRESSION"] == "gzip"


@pytest.mark.parametrize("runtime", catalogue().runtimes)
def test_no_time_out_is_set_since_its_unit_differs(runtime: str) -> None:
    assert not [name for name in needed(Found(runtime)).variables if "TIMEOUT" in name]
    said = needed(Found(runtime), OTEL_EXPORTER_OTLP_TIMEOUT="30").missing
    assert bool(said) == (runtime != "python"), said
    assert needed(Found(runtime), OTEL_EXPORTER_OTLP_TIMEOUT="30000").missing == ()


def test_libraries_of_other_vendors_never_send_elsewhere() -> None:
    found = application(Settings(), "k e").variables
    endpoint = found["OTEL_EXPORTER_OTLP_ENDPOINT"]
    for name in ("TRACELOOP_BASE_URL", "LANGFUSE_BASE_URL", "LANGFUSE_HOST", "PHOENIX_COLLECTOR_ENDPOINT"):
        assert found[name] == endpoint
    for name in (
        "LANGSMITH_TRACING_V2",
        "LANGSMITH_TRACING",
        "LANGCHAIN_TRACING_V2",
        "LOGFIRE_SEND_TO_LOGFIRE",
    ):
        assert found[name] == "false"
    assert found["TRACELOOP_HEADERS"] == "authorization=Bearer%20k%20e"
    assert found["LANGFUSE_SECRET_KEY"] == "k e"
    assert "TRACELOOP_HEADERS" not in application(Settings()).variables


def test_a_vendor_is_idle_until_its_library_or_a_key_is_there() -> None:
    assert "LANGFUSE_HOST" in needed(Found("python")).idle
    assert "LANGFUSE_HOST" not in needed(found_in(langfuse="5")).idle
    assert "LANGFUSE_HOST" not in needed(Found("python"), LANGFUSE_SECRET_KEY="x").idle


def test_what_starts_a_runtime_is_added_to_what_is_set_and_never_twice() -> None:
    register = "@opentelemetry/auto-instrumentations-node"
    commonjs, esm = (Found(r, "", {register: Package("1")}) for r in ("node", "node-esm"))
    assert needed(commonjs).variables["NODE_OPTIONS"] == f"--require {register}/register"
    assert "hook.mjs" in needed(esm).variables["NODE_OPTIONS"]
    assert "--import" in needed(esm).variables["NODE_OPTIONS"]
    more = needed(commonjs, NODE_OPTIONS="--max-old-space-size=99").variables["NODE_OPTIONS"]
    assert more == f"--max-old-space-size=99 --require {register}/register"
    assert "NODE_OPTIONS" not in needed(commonjs, NODE_OPTIONS=more).variables
    agent = needed(Found("java", agent="/a/opentelemetry-javaagent.jar")).variables
    assert agent["JAVA_TOOL_OPTIONS"] == "-javaagent:/a/opentelemetry-javaagent.jar"


def test_what_is_set_is_kept_if_asked() -> None:
    kept = application(
        Settings(), "", Found("python"), {"OTEL_TRACES_EXPORTER": "console"}, keep=True
    ).variables
    assert "OTEL_TRACES_EXPORTER" not in kept
    assert "OTEL_LOGS_EXPORTER" in kept


ADDRESSES = {"gateway": "http://127.0.0.1:1", "alerts": "a", "kafka": "k", "clickhouse": "c"}


def test_the_commands_of_the_first_screen_work_from_any_directory(tmp_path: Path) -> None:
    screen = first_screen(ADDRESSES, Path("/data/it's here"), called="/opt/lightship")
    (line,) = [x.strip() for x in screen.splitlines() if "eval" in x]
    inner = line.removeprefix('eval "$(').removesuffix(')"')
    assert shlex.split(inner) == ["LIGHTSHIP_HOME=/data/it's here", "/opt/lightship", "env"]
    assert "not served" in screen
    assert f"LIGHTSHIP_HOME={Path.cwd() / '.lightship'} lightship tail" in first_screen(
        ADDRESSES, Path(".lightship")
    )
    started = tmp_path / "lightship"
    started.touch(0o755)
    assert program(str(started)) == str(started)
    assert program("nowhere") == "lightship"


def test_the_first_screen_names_every_port() -> None:
    probes = {"relay": "http://127.0.0.1:11", "worker": "http://127.0.0.1:12", "fleet": "http://127.0.0.1:13"}
    assert "  probes      relay 11, worker 12, fleet 13\n" in first_screen({**ADDRESSES, **probes}, Path("x"))


def test_the_first_screen_shows_the_link_that_opens_the_dashboard_and_how_to_get_another() -> None:
    link = "http://127.0.0.1:5/link?token=t"
    screen = first_screen({**ADDRESSES, "dashboard": "http://127.0.0.1:5"}, Path("/data/x"), link)
    assert f"  dashboard   {link}" in screen
    assert "LIGHTSHIP_HOME=/data/x lightship dashboard link" in screen
    behind = first_screen({**ADDRESSES, "dashboard": "https://l"}, Path("/data/x"), "https://l")
    assert "dashboard link" not in behind
