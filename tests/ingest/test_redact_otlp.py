"""Canaries: a secret planted in every kind of value of a request is nowhere in what is sent on."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor
from ingest.otlp.assembly.build import REDACTIONS
from ingest.otlp.dialects.span_facts import CONVERSATION_KEYS, USER_KEYS
from ingest.otlp.redact_otlp import Request, RequestRedactor, count_records
from ingest.otlp.views import log_views, span_views
from tests.ingest.telemetry import any_value, chat, log, logs, pairs, span, traces

MAIL = "ada.lovelace@harbour-books.org"
TOKEN = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"
CARD = "4929 1234 5678 9015"
CARD_NUMBER = 4929123456789015
CANARIES = (MAIL, TOKEN, CARD)


def redactor(key: bytes = b"k" * 32) -> RequestRedactor:
    return RequestRedactor(Redactor(RedactionPolicy(), Pseudonymiser(key)))


def leaks(request: Request) -> list[str]:
    """Canaries that can still be found in the bytes, in any encoding a program would undo."""
    data = request.SerializeToString()
    found = []
    for canary in (*CANARIES, str(CARD_NUMBER)):
        forms = {
            "plain": canary.encode(),
            "utf-16": canary.encode("utf-16-le"),
            "base64": base64.b64encode(canary.encode()).rstrip(b"="),
            "JSON": json.dumps(canary)[1:-1].encode(),
            "escaped": "".join(f"\\u{ord(c):04x}" for c in canary).encode(),
            "escaped at": canary.replace("@", "\\u0040").encode(),
        }
        found += [f"{canary} as {name}" for name, form in forms.items() if form in data]
    return found


def everywhere(value: str) -> ExportTraceServiceRequest:
    """A trace request with ``value`` in every place of it that can hold one."""
    text = f"see {value} now"
    escaped = json.dumps({"note": text}).replace("@", "\\u0040")
    request = traces(
        span(
            {
                "plain": text,
                f"key {value}": "x",
                "list": ["a", text, {"deep": [text]}],
                "map": {"inner": text, f"key {value}": 1, "more": {"yet": {"more": text}}},
                "json": json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}]),
                "json in json": json.dumps({"arguments": json.dumps({"note": json.dumps({"to": text})})}),
                "escaped": escaped,
                "cut json": escaped[:-3],
                "bytes": text.encode(),
                "user.id": value,
                "metadata": json.dumps({"user_id": value, "session_id": value}),
            },
            name=f"POST /{value}",
            error=f"no such customer: {text}",
            trace_state=f"app={value}",
            events=[("exception", 0.1, {"exception.message": text, "exception.stacktrace": f"x\n{text}"}),
                    (f"event {value}", 0.2, {})],
        ),
        resource={"service.name": "s", "process.command_args": ["--mail", text], f"k {value}": 1},
        scope=f"scope {value}",
    )  # fmt: skip
    inner = request.resource_spans[0].scope_spans[0]
    inner.scope.version = text
    inner.scope.attributes.extend(pairs({"a": text}))
    inner.schema_url = f"https://x/{value}"
    request.resource_spans[0].schema_url = f"https://x/{value}"
    reference = request.resource_spans[0].resource.entity_refs.add(schema_url=text, type=text)
    reference.id_keys.append(text)
    link = inner.spans[0].links.add(trace_state=f"a={value}", trace_id=value.encode(), span_id=value.encode())
    link.attributes.extend(pairs({"l": text}))
    inner.spans[0].parent_span_id = value.encode()
    return request


@pytest.mark.parametrize("canary", CANARIES)
def test_a_value_in_any_place_of_a_trace_is_gone(canary: str) -> None:
    request = everywhere(canary)
    assert leaks(request)
    redactor().request(request)
    assert leaks(request) == []


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize("as_attribute", [False, True])
def test_a_value_in_any_place_of_a_log_record_is_gone(canary: str, as_attribute: bool) -> None:
    text = f"see {canary} now"
    bodies: list[Any] = [
        text,
        {"content": text, canary: [text]},
        [text],
        text.encode(),
        json.dumps({"a": text}),
    ]
    request = logs(
        *(
            log("gen_ai.choice", body=body, attributes={"a": text, canary: 1}, as_attribute=as_attribute)
            for body in bodies
        ),
        log(f"event {canary}", body=text),
    )
    for record in request.resource_logs[0].scope_logs[0].log_records:
        record.severity_text = text
    request.resource_logs[0].scope_logs[0].log_records[0].trace_id = canary.encode()
    request.resource_logs[0].scope_logs[0].log_records[0].span_id = canary.encode()
    redactor().request(request)
    assert leaks(request) == []


def test_a_card_number_sent_as_a_number_is_gone() -> None:
    request = traces(span({"card": CARD_NUMBER, "d": float(CARD_NUMBER), "l": [CARD_NUMBER], "n": 42}))
    redactor().request(request)
    assert leaks(request) == []
    (view,) = span_views(request)
    assert view.attributes["n"] == 42
    assert all(str(v).startswith("[card:") for v in (view.attributes["card"], view.attributes["d"]))
    assert view.attributes["l"] == [view.attributes["card"]]


def test_fields_unknown_to_this_build_are_discarded_at_every_level() -> None:
    hidden = b"\xfa\x3f" + bytes([len(TOKEN)]) + TOKEN.encode()  # field 1023, a string
    inner = span(chat())
    inner.MergeFromString(hidden)
    value = any_value("x")
    value.MergeFromString(hidden)
    inner.attributes.add(key="v").value.CopyFrom(value)
    request = traces(inner)
    request.resource_spans[0].resource.MergeFromString(hidden)
    request.MergeFromString(hidden)
    assert leaks(request)
    redactor().request(request)
    assert leaks(request) == []


def test_what_was_removed_is_reported_on_the_span_and_clients_cannot_write_there() -> None:
    request = traces(
        span({**chat(f"I am {MAIL} and {MAIL}"), REDACTIONS: "[]", "lightship.synthetic": True}),
        span(chat(), span_id=2),
        resource={"lightship.tenant": "other", "service.name": "s"},
    )
    r = redactor()
    r.request(request)
    dirty, clean = span_views(request)
    assert json.loads(dirty.attributes[REDACTIONS]) == [
        {"field": "gen_ai.input.messages", "type": "email", "n": 2}
    ]
    assert [
        k for k in (*clean.attributes, *dirty.attributes, *dirty.resource) if k.startswith("lightship.")
    ] == [REDACTIONS]
    assert r.take_counts() == {"email": 2}
    assert r.take_counts() == {}


def test_redacting_twice_changes_nothing_but_the_report() -> None:
    request = everywhere(MAIL)
    r = redactor()
    r.request(request)
    once = [(v.name, {k: x for k, x in v.attributes.items() if k != REDACTIONS}) for v in span_views(request)]
    r.request(request)
    assert [(v.name, v.attributes) for v in span_views(request)] == once


def test_the_same_value_has_the_same_placeholder_under_one_key_only() -> None:
    def placeholder(key: bytes, asked: str) -> str:
        request = traces(span({"q": asked}))
        redactor(key).request(request)
        return str(span_views(request)[0].attributes["q"])

    assert placeholder(b"a" * 32, MAIL) == placeholder(b"a" * 32, MAIL)
    assert placeholder(b"a" * 32, MAIL) != placeholder(b"b" * 32, MAIL)


@pytest.mark.parametrize("key", [*CONVERSATION_KEYS, *USER_KEYS])
def test_every_key_read_as_a_user_or_conversation_becomes_a_pseudonym(key: str) -> None:
    request = traces(span({key: "u-100"}), span({key: 12345}, span_id=2))
    redactor().request(request)
    kind = "session" if key in CONVERSATION_KEYS else "user"
    for view in span_views(request):
        assert str(view.attributes[key]).startswith(f"[{kind}:")


def test_ids_models_and_times_stay() -> None:
    before = traces(span({**chat(), "gen_ai.response.id": "chatcmpl-7056ec86fcd849ba8b7718e0"}, parent=4))
    after = traces(span({**chat(), "gen_ai.response.id": "chatcmpl-7056ec86fcd849ba8b7718e0"}, parent=4))
    redactor().request(after)
    assert span_views(after) == span_views(before)


@given(
    st.lists(st.text() | st.binary(max_size=20) | st.integers(-(2**63), 2**63 - 1) | st.floats(), max_size=4)
)
def test_any_value_can_be_redacted(values: list[Any]) -> None:
    request = traces(span({"v": values, "m": {str(i): v for i, v in enumerate(values)}}))
    records = logs(*(log("e", body=v) for v in values))
    r = redactor()
    for one in (request, records):
        r.request(one)
        one.SerializeToString()
    assert count_records(request) == 1
    assert count_records(records) == len(values)
    span_views(ExportTraceServiceRequest.FromString(request.SerializeToString()))
    log_views(ExportLogsServiceRequest.FromString(records.SerializeToString()))
