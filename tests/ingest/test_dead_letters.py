"""Dead letters: what they keep, which are meant, and what is sent again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors.observation import SourcePosition
from infra.kafka import DEAD_LETTERS
from ingest.envelope import Envelope, read_envelope
from ingest.errors import BadRecord
from ingest.operations.dead_letters.reader import Kept, Wanted, request_of, service_of
from ingest.operations.dead_letters.retry import choose, headers_of
from ingest.otlp.otlp_json import parse_json, to_json
from ingest.topics.dead_letter import DeadLetter, read, read_retried, retried_output, to_output
from tests.ingest.telemetry import chat, log, logs, span, traces

VALUE = traces(span(chat("¿Sí?", "No."))).SerializeToString()


def letter(value: bytes = VALUE, **envelope: object) -> DeadLetter:
    given: dict[str, object] = {"backfill": True, "policy": "3", **envelope}
    headers = Envelope("acme", "live", 1, 1_790_000_000_000_000_000, **given)  # type: ignore[arg-type]
    return DeadLetter(SourcePosition("otlp_spans", 3, 17), headers, "scorer_failed", "why", 1, value, 2)


def test_what_is_sent_again_is_what_came_under_its_own_headers() -> None:
    kept = read(to_output(letter()).value)
    assert kept == letter()
    envelope = read_envelope(dict(headers_of(kept)))
    assert envelope == Envelope(
        "acme", "live", 1, 1_790_000_000_000_000_000,
        backfill=True, redacted=True, policy="3", retry_of="otlp_spans/3/17/2",
    )  # fmt: skip


def test_bytes_no_redactor_has_seen_are_neither_kept_nor_shown() -> None:
    secret = traces(span(chat("hunter2"))).SerializeToString()
    output = to_output(letter(secret, redacted=False))
    assert b"hunter2" not in output.value
    kept = read(output.value)
    assert kept.value == b""
    with pytest.raises(BadRecord, match="not kept"):
        request_of(kept)
    assert service_of(kept) is None


def test_the_service_and_the_record_are_read_from_the_bytes() -> None:
    assert service_of(letter()) == "harbour-chat"
    said = logs(log("gen_ai.choice", body={"message": {"content": "hi"}}))
    of_log = DeadLetter(
        SourcePosition("otlp_logs", 0, 1), letter().envelope, "bad_log", "why", 1, said.SerializeToString(), 0
    )
    assert request_of(of_log) == said
    with pytest.raises(BadRecord):
        request_of(letter(b"\xff not otlp"))


def test_a_record_shown_as_json_is_the_record() -> None:
    request = traces(span(chat("a", "b"), parent=7))
    shown = to_json(request)
    assert shown["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"] == f"{1:016x}"
    assert parse_json(ExportTraceServiceRequest(), json.dumps(shown).encode()) == request


def test_a_mark_is_read_as_one_and_a_letter_is_not() -> None:
    mark = retried_output(letter().key(), 5)
    assert (mark.topic, mark.key) == (DEAD_LETTERS.name, to_output(letter()).key)
    assert read_retried(mark.value) == 5
    assert read_retried(to_output(letter()).value) is None
    assert read_retried(b"\x01not json") is None
    assert read_retried(b"[1]") is None


def a_letter(key: str = "a", **more: object) -> Kept:
    given: dict[str, object] = {"topic": "otlp_spans", "kept": True, **more}
    return Kept(key, 0, 100, str(given.pop("kind", "scorer_failed")), "why", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("meant", "keys"),
    [
        (Wanted(), "abc"),
        (Wanted(keys=frozenset("b")), "b"),
        (Wanted(kind="not_otlp"), "c"),
        (Wanted(tenant="acme"), "b"),
        (Wanted(service="bot"), "a"),
        (Wanted(since_ns=101), ""),
    ],
)
def test_filters_choose_letters(meant: Wanted, keys: str) -> None:
    found = [
        a_letter("a", service="bot"),
        a_letter("b", tenant="acme"),
        a_letter("c", kind="not_otlp"),
    ]
    assert "".join(k.key for k in choose(found, meant, force=False)[0]) == keys


@given(retried=st.booleans(), has_bytes=st.booleans(), raw=st.booleans(), force=st.booleans())
def test_a_letter_is_sent_again_once_unless_forced(
    retried: bool, has_bytes: bool, raw: bool, force: bool
) -> None:
    topic = "otlp_logs" if raw else "observations"
    one = a_letter(retried_ns=5 if retried else None, topic=topic, kept=has_bytes)
    chosen, left = choose([one], Wanted(), force=force)
    assert bool(chosen) == (has_bytes and raw and (force or not retried))
    assert len(chosen) + left.total() == 1


def test_a_key_that_no_letter_has_is_named() -> None:
    with pytest.raises(BadRecord, match="'x'"):
        choose([a_letter("a")], Wanted(keys=frozenset("x")), force=False)
