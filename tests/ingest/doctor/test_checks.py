"""What the doctor concludes from facts, and the remedy it names."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.disks import GIB, DiskSpace
from infra.kafka import DEAD_LETTERS, LOGS, SPANS
from infra.missing_instrumentation import CAPTURE, ServiceFacts, UnseenCalls
from infra.onramp.application_env import application
from infra.settings import KafkaSettings, Settings
from ingest.operations.doctor.check_app import UNSET_IS_FINE, check_app
from ingest.operations.doctor.check_scorers import check_scorers
from ingest.operations.doctor.check_servers import (
    Server,
    check_clock,
    check_disk_space,
    check_progress,
    check_server,
    check_topics,
    check_unredacted,
)
from ingest.operations.doctor.check_services import check_service, check_services
from ingest.operations.doctor.line import AWAY, FAIL, OK, STATES, WARN, Line, exit_code, report, show
from ingest.operations.doctor.starting import settled, started_s
from ingest.operations.doctor.test_call import Passage, check_passage, invented_request
from ingest.otlp.dialects import precedence
from ingest.otlp.dialects.span_facts import sdk_language
from ingest.otlp.views import parse_traces, span_views
from tests.recordings import groups

S = 1_000_000_000
NEEDED = application(Settings(), "a-key")
WANTED = NEEDED.variables


@given(st.lists(st.sampled_from(STATES)))
def test_the_exit_code_is_that_of_the_worst(states: list[str]) -> None:
    lines = [Line("x", state, "y", "z") for state in states]
    assert exit_code(lines) == (3 if AWAY in states else 1 if FAIL in states else 0)
    assert report(lines)["ok"] == (exit_code(lines) == 0)
    assert show(lines).count("→") == sum(state != OK for state in states)


@pytest.mark.parametrize(
    ("server", "state", "word"),
    [
        (Server("worker", "http://w"), OK, "ready"),
        (Server("worker", "http://w", "waits for Kafka"), FAIL, "waits for Kafka"),
        (Server("alerts", "http://a", set_aside=("findings failed once",)), FAIL, "findings failed once"),
        (Server("alerts", "http://a", config="unknown receiver 'x'"), FAIL, "unknown receiver 'x'"),
        (Server("worker", "http://w", "no answer", away=True, start="python -m x"), AWAY, "no answer"),
        (
            Server("worker", "http://w", "no answer", away=True, start="python -m x", elsewhere=True),
            WARN,
            "none at",
        ),
    ],
)
def test_a_server(server: Server, state: str, word: str) -> None:
    line = check_server(server)
    assert line.state == state
    assert word in line.says
    assert state not in (AWAY, WARN) or "python -m x" in (line.remedy or "")


def test_topics_and_their_partitions() -> None:
    settings = KafkaSettings(partitions=4)
    (fine,) = check_topics({"otlp_spans": 4, "otlp_logs": 4}, settings, (SPANS, LOGS))
    assert fine.state == OK
    lines = check_topics({"otlp_spans": 8}, settings, (SPANS, LOGS))
    assert (lines[0].state, lines[0].remedy) == (FAIL, "lightship setup")
    assert "otlp_spans has 8 instead of 4" in lines[1].says
    assert "set kafka.partitions" in (lines[1].remedy or "")


def test_a_topic_of_fixed_partitions_is_to_be_made_anew() -> None:
    (line,) = check_topics({"dead_letters": 4}, KafkaSettings(partitions=4), (DEAD_LETTERS,))
    assert (line.state, line.says) == (FAIL, "partitions: dead_letters has 4 instead of 1")
    assert line.remedy == "stop Lightship, delete these topics, then run `lightship setup`"


@pytest.mark.parametrize(
    ("kept", "state", "word"),
    [
        ({}, OK, "no topic"),
        ({"otlp_spans_in": 2_700_000}, OK, "one exception"),
        ({"otlp_spans_in": None}, OK, "one exception"),
        ({"otlp_spans_in": 7_200_000, "otlp_logs_in": 1}, FAIL, "otlp_spans_in keep"),
        ({"otlp_spans_in": -1}, FAIL, "more than 1 h"),
    ],
)
def test_the_one_exception_is_stated(kept: dict[str, int | None], state: str, word: str) -> None:
    (line,) = check_unredacted(kept)
    assert line.state == state
    assert word in line.says


@pytest.mark.parametrize(
    ("ages", "waiting", "states"),
    [
        ({"detect": 20.0}, 3, [OK]),
        ({"detect": 20.0}, None, [OK]),
        ({}, 3, [WARN]),
        ({"detect": 200.0}, 20_000, [FAIL, WARN]),
    ],
)
def test_progress(ages: dict[str, float], waiting: int | None, states: list[str]) -> None:
    assert [x.state for x in check_progress(ages, waiting)] == states


@pytest.mark.parametrize(
    ("skew_s", "state", "word"),
    [(0.5, OK, "agree"), (-1.9, OK, "agree"), (-30, WARN, "behind"), (120, FAIL, "ahead of")],
)
def test_clocks(skew_s: float, state: str, word: str) -> None:
    line = check_clock("ClickHouse", 10**18, 10**18 + round(skew_s * S))
    assert line.state == state
    assert word in line.says


def test_room_on_disks() -> None:
    rooms = [
        DiskSpace("a", 50 * GIB, 100 * GIB),
        DiskSpace("b", 5 * GIB, 100 * GIB),
        DiskSpace("c", GIB // 4, GIB),
    ]
    assert [x.state for x in check_disk_space(rooms)] == [OK, WARN, FAIL]
    assert [x.state for x in check_disk_space([DiskSpace("d", 2 * GIB, 100 * GIB)])] == [FAIL]


def facts(**counts: Any) -> ServiceFacts:
    return ServiceFacts("default", "bot", "openinference", 100, **counts)


@pytest.mark.parametrize(
    ("counts", "remedy"),
    [
        ({"without_content": 50}, "OPENINFERENCE_HIDE_INPUTS=false"),
        ({"hidden": 1}, "OPENINFERENCE_HIDE_OUTPUTS=false"),
        ({"dropped": 3}, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=1024"),
        ({"truncated": 3}, "unset OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
        ({"sampled": 100}, "OTEL_TRACES_SAMPLER=parentbased_always_on"),
        ({"skewed": 1}, "NTP"),
    ],
)
def test_what_a_service_lacks_has_its_variable(counts: dict[str, int], remedy: str) -> None:
    (line,) = check_service(facts(**counts))
    assert line.state == WARN
    assert line.check == "service bot"
    assert remedy in (line.remedy or "")
    (n,) = counts.values()
    assert line.says.startswith(f"{n} of its last 100 calls")


def test_a_complete_service_is_fine_and_a_call_or_two_without_content_are_no_habit() -> None:
    assert [x.state for x in check_service(facts())] == [OK]
    assert [x.state for x in check_service(facts(without_content=5))] == [OK]
    other = dataclasses.replace(facts(without_content=100), dialect="never-seen", tenant="acme")
    (line,) = check_service(other)
    assert line.check == "service acme/bot"
    assert "lightship env" in (line.remedy or "")


def test_every_dialect_has_its_variable() -> None:
    known = {d.name for d in (*precedence.BEFORE_LOGS, *precedence.AFTER_LOGS)}
    assert known - {"generic", "langchain-metadata"} <= set(CAPTURE)


@pytest.mark.parametrize(
    ("language", "scope", "says", "not_says"),
    [
        ("java", "io.opentelemetry.openai-java-3.0", "CONTENT=true (read by the Java agent)", "SPAN_ONLY"),
        ("nodejs", "@opentelemetry/instrumentation-openai", "CONTENT=true (read by @open", "SPAN_ONLY"),
        ("python", "opentelemetry.util.genai.handler", "CONTENT=SPAN_ONLY and OTEL_SEMCONV", "Java"),
        ("dotnet", "OpenAI.ChatClient", "OPENAI_EXPERIMENTAL_ENABLE_OPEN_TELEMETRY=true", "SPAN_ONLY"),
        ("dotnet", "Microsoft.SemanticKernel.Connectors", "OTEL_DIAGNOSTICS_SENSITIVE=true", "SPAN_ONLY"),
        ("go", "my/tracer", "put gen_ai.input.messages", "GENAI_CAPTURE"),
        ("java", "org.springframework.boot", "whatever is set", "GENAI_CAPTURE"),
        ("python", "agent_framework", "ENABLE_SENSITIVE_DATA=true", "SPAN_ONLY"),
        (
            "",
            "",
            "SPAN_ONLY and OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental (Python; ",
            "set put",
        ),
    ],
)
def test_the_switch_is_that_of_the_language_and_the_library(
    language: str, scope: str, says: str, not_says: str
) -> None:
    one = dataclasses.replace(
        facts(without_content=100), dialect="otel-genai", sdk_language=language, scope=scope
    )
    (line,) = check_service(one)
    assert says in (line.remedy or "")
    assert not_says not in (line.remedy or "")


@pytest.mark.parametrize(("group", "language"), [("mastra__tooled", "nodejs"), ("adk__plain", "python")])
def test_the_language_is_read_from_what_applications_sent(group: str, language: str) -> None:
    _, body = groups()[group].bodies[0]
    assert {sdk_language(view.resource) for view in span_views(parse_traces(body))} == {language}


def test_services_and_content_without_a_span() -> None:
    (nothing,) = check_services([], {})
    assert nothing.state == WARN
    lines = check_services([facts()], {"bot": 4})
    assert [x.state for x in lines] == [OK, WARN]
    assert "content_without_span: 4" in lines[1].says


def test_an_application_as_lightship_env_sets_it_is_fine() -> None:
    assert [x.state for x in check_app(WANTED, NEEDED)] == [OK]
    needed = {k: v for k, v in WANTED.items() if k not in UNSET_IS_FINE | NEEDED.idle}
    assert [x.state for x in check_app(needed, NEEDED)] == [OK]


@given(st.dictionaries(st.sampled_from(sorted(WANTED)), st.text(min_size=1)))
def test_what_differs_is_told_with_the_line_that_sets_it(changed: dict[str, str]) -> None:
    lines = check_app({**WANTED, **changed}, NEEDED)
    wrong = {name for name, value in changed.items() if WANTED[name] != value}
    assert {x.check.removeprefix("app ") for x in lines if x.state != OK} == wrong
    assert all((x.remedy or "").startswith("export ") for x in lines if x.state != OK)


def test_a_missing_endpoint_fails_a_key_is_not_repeated_and_an_sdk_switched_off_is_seen() -> None:
    environ = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20other", "OTEL_SDK_DISABLED": "true"}
    lines = {
        x.check: x
        for x in check_app(
            environ, dataclasses.replace(NEEDED, missing=("openai is not instrumented: pip install x",))
        )
    }
    assert lines["app OTEL_EXPORTER_OTLP_ENDPOINT"].state == FAIL
    assert lines["app OTEL_SDK_DISABLED"].state == FAIL
    assert "other" not in lines["app OTEL_EXPORTER_OTLP_HEADERS"].says
    assert lines["app instrumentation"] == Line(
        "app instrumentation", WARN, "openai is not instrumented", "pip install x"
    )


@pytest.mark.parametrize(
    ("passage", "state"),
    [
        (Passage("HTTP", "http://g", stored_s=0.4), OK),
        (Passage("HTTP", "http://g", waited_s=30), FAIL),
        (Passage("HTTP", "http://g", "401: the gateway asks for a key", "export LIGHTSHIP_INGEST_KEY"), FAIL),
        (Passage("HTTP", "http://g", "no answer", away=True), AWAY),
    ],
)
def test_a_door(passage: Passage, state: str) -> None:
    assert check_passage(passage).state == state


def test_the_test_interaction_is_synthetic() -> None:
    trace_id, request = invented_request(10**18)
    (view,) = span_views(request)
    assert view.trace_id == trace_id
    assert precedence.read_span(view) is not None
    assert view.attributes["user_agent.synthetic.type"] == "test"


def test_scorers_that_are_off_are_told_with_how_to_run_them_again() -> None:
    versions = {"refusal": "1", "mine": "v3"}
    (fine,) = check_scorers((), versions)
    assert (fine.state, fine.says) == (OK, "all 2 run")
    (off,) = check_scorers({"mine"}, versions)
    assert (off.check, off.state) == ("scorer mine", WARN)
    assert "v3" in off.says
    assert off.remedy is not None
    assert off.remedy.endswith("lightship scorers on mine")


def test_nothing_falls_silent() -> None:
    silent = [UnseenCalls("default", "crew", traces=4), UnseenCalls("acme", "bot", events=2)]
    nothing, spans, events = check_services([], {}, silent)
    assert (nothing.check, spans.check, events.check) == ("services", "service crew", "service acme/bot")
    assert "hold no model call: 4 traces" in spans.says
    assert "lightship env" in (spans.remedy or "")
    assert "2 log records" in events.says
    assert "OTEL_TRACES_EXPORTER=otlp" in (events.remedy or "")
    assert [x.state for x in check_services([facts()], {}, silent)] == [OK, WARN, WARN]


def test_right_after_a_start_what_is_not_there_yet_is_starting_and_what_failed_is_told() -> None:
    told = [
        check_server(Server("worker", "http://w", "not ready: waits for Kafka")),
        check_server(Server("fleet", "http://f", "no answer (ConnectError)", away=True)),
        check_server(Server("alerts", "http://a", set_aside=("findings failed once",))),
        *check_progress({}, None),
        *check_progress({"detect": 300.0}, None),
        *check_topics({}, KafkaSettings(), [SPANS]),
        check_passage(Passage("http", "http://g", waited_s=15.0)),
        Line("disk", FAIL, "1 GiB free", "free space"),
    ]
    names = {"worker", "fleet", "alerts", "http"}
    since_s = started_s({"started_at": "2026-03-17T04:00:00.000+00:00"}, 1_773_720_000 * S + 20 * S)
    found = settled(told, names, since_s)
    starting = [(line.check, line.state) for line in found if line.says.startswith("starting: ")]
    checks = ("worker", "fleet", "progress", "progress", "topics", "http")
    assert starting == [(check, WARN) for check in checks]
    assert "started 20 s ago" in str(found[0].remedy)
    assert {line.check for line in found if line.state == FAIL} == {"alerts", "disk"}
    assert settled(told, names, 121.0) == settled(told, names, started_s({}, 0)) == told
    looping = Line("restarts", FAIL, "worker ended 6 times", "see its log")
    assert settled([*told, looping], names, 20.0) == [*told, looping]
