"""Messages of Lightship's own topics with extremes in every field: each is read, or refused with a reason."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.observation import SourcePosition
from ingest.envelope import Envelope
from ingest.errors import BadRecord
from ingest.stage_settings import ContextScope, ScorerOff, StageSettings
from ingest.topics.dead_letter import DeadLetter, read, read_retried, retried_output, to_output

NUMBERS = (0, -1, 2**63, 2**64, 10**400, 0.5, -1e308, math.nan, math.inf)
STRINGS = ("", "\x00", "\ud800", "x" * 10**5, "AAAA", "/", "%", "KLUv/SAAAQAA")
EXTREMES: st.SearchStrategy[Any] = st.sampled_from((None, True, *NUMBERS, *STRINGS, [], {}, [[1]], {"v": 1}))
TEXTS = st.text(st.characters(exclude_categories=()), max_size=8) | st.sampled_from(("%2F", "/", "\ud800"))
LETTER = to_output(
    DeadLetter(SourcePosition("otlp_spans", 3, 7), Envelope("default", "live", 1, 1), "kind", "why", 1, b"x")
).value


def with_(body: bytes, odd: dict[str, Any]) -> bytes:
    return json.dumps({**json.loads(body), **odd}).encode()


@given(st.dictionaries(st.sampled_from(sorted(json.loads(LETTER))), EXTREMES, max_size=3))
def test_any_dead_letter_is_read_or_refused(odd: dict[str, Any]) -> None:
    try:
        letter = read(with_(LETTER, odd))
    except BadRecord as error:
        str(error).encode()
        return
    assert {letter.kind, letter.source.topic, letter.envelope.tenant, letter.envelope.lineage, letter.reason}
    assert letter.records + letter.source.offset + letter.source.partition is not None
    assert read_retried(with_(LETTER, odd)) is None


@given(TEXTS, TEXTS, TEXTS, st.binary(max_size=20))
def test_whatever_a_reason_names_the_letter_is_written_and_read_again(
    reason: str, tenant: str, kind: str, value: bytes
) -> None:
    envelope = Envelope(tenant, "live", 2**63, -1, redacted=True)
    out = to_output(DeadLetter(SourcePosition("otlp_spans", 3, 7), envelope, kind, reason, 1, value))
    assert read(out.value).value == value


@given(st.binary(max_size=50) | EXTREMES.map(lambda odd: json.dumps({"v": 1, "retried_ns": odd}).encode()))
def test_any_bytes_say_when_a_letter_was_sent_again_or_do_not(value: bytes) -> None:
    at_ns = read_retried(value)
    assert at_ns is None or read_retried(retried_output("k", at_ns).value) == at_ns


@given(st.lists(st.tuples(st.none() | st.binary(max_size=12) | TEXTS, EXTREMES), max_size=4))
def test_any_record_of_the_settings_is_obeyed_or_passed_over(records: list[tuple[Any, Any]]) -> None:
    found = StageSettings()
    for offset, (key, odd) in enumerate(records):
        name = key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key
        for whole in (
            name,
            b"scorer_off/" + (name or b"") + b"/1",
            b"context_scope/a/live/s/" + (name or b""),
        ):
            for value in (None, b"", json.dumps(odd).encode(), json.dumps({"v": 1, "on": odd}).encode()):
                found = found.after(offset, whole, value)
    assert found.version == len(records)
    assert all(isinstance(on, bool) for on in (*found.scorers_off.values(), *found.context_scopes.values()))


@given(TEXTS, TEXTS)
def test_whatever_is_switched_off_is_read_as_it_was_said(scorer: str, version: str) -> None:
    whole = [text.encode("utf-8", "replace").decode() for text in (scorer, version)]
    out = ScorerOff(*whole).to_output()
    assert StageSettings().after(0, out.key, out.value).scorers_off == {ScorerOff(*whole): True}
    scope = ContextScope("default", "live", *whole)
    said = scope.to_output()
    assert StageSettings().after(0, said.key, said.value).is_context(scope)


@pytest.mark.parametrize("value", [b"[" * 10**6, b"null", b"1e999", b'"\\ud800"', orjson.dumps([1])])
def test_what_is_no_letter_is_refused(value: bytes) -> None:
    with pytest.raises(BadRecord):
        read(value)
    assert read_retried(value) is None
