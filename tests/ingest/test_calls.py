"""Calls in a terminal: a line each, hostile texts harmless, each call shown once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.observation import SourcePosition
from detectors.record import ToolCall
from infra.clock import NS_PER_S
from infra.errors import Misconfigured
from ingest.errors import Unavailable
from ingest.interaction import CallError, Interaction
from ingest.operations.calls.command import (
    EVERY_S,
    MOST_AWAY,
    OVERLAP_S,
    Following,
    followed,
    show,
    trace_page,
)
from ingest.operations.calls.text import LONGEST_TEXT, line, to_dict, whole
from ingest.repository.interaction import StoredInteraction

START_NS = 1_795_500_000_000_000_000
CALL = Interaction(
    "ab" * 16,
    "cd" * 8,
    START_NS,
    START_NS + 1_250_000_000,
    service="harbour-chat",
    operation="chat",
    request_model="gpt-4o",
    input_text="What is a lightship?",
    output_text="A ship that is a lighthouse.",
    input_tokens=1_312,
    output_tokens=8,
    finish_reasons=("stop",),
)
STORED = StoredInteraction(
    CALL,
    SourcePosition("otlp_spans", 0, 1),
    START_NS,
    observed=True,
    scores={"cost_usd": 0.00421, "secrets": 1.0, "refusal": 0.0, "latency_s": 1.0},
)


def test_a_line_says_what_a_developer_looks_for() -> None:
    assert line(STORED) == (
        "06:00:00  harbour-chat  chat gpt-4o  1.25 s  1,312 -> 8 tokens  $0.0042  stop  secrets  "
        '"What is a lightship?" -> "A ship that is a lighthouse."  ' + "ab" * 16
    )


def test_a_failed_call_a_tool_call_and_one_without_text_say_so() -> None:
    failed = replace(CALL, error=CallError("RateLimitError", "slow down", 429), finish_reasons=())
    assert "  error RateLimitError HTTP 429  " in line(replace(STORED, interaction=failed))
    called = replace(CALL, output_text=None, tool_calls=(ToolCall("search", {"q": "x"}),))
    assert '-> "[search]"' in line(replace(STORED, interaction=called))
    assert '    {"q":"x"}' in whole(replace(STORED, interaction=called), full=False)
    silent = replace(CALL, input_text=None, output_text=None)
    assert "  no text  " in line(replace(STORED, interaction=silent))
    assert "no text: not captured" in line(replace(STORED, interaction=silent, text_absent="not captured"))


@given(st.text(), st.text(), st.text(min_size=1))
def test_nothing_that_was_sent_reaches_the_terminal_as_a_control_code(
    asked: str, made: str, name: str
) -> None:
    hostile = "\x1b]0;owned\x07\u202e" + asked
    call = replace(
        CALL, input_text=hostile, output_text=made + hostile, service=name, tool_calls=(ToolCall(hostile),)
    )
    stored = replace(STORED, interaction=call)
    assert line(stored).isprintable()
    assert all(row.isprintable() for row in whole(stored, full=True))


def test_a_long_text_is_cut_and_says_by_how_much() -> None:
    long = replace(STORED, interaction=replace(CALL, output_text="x" * (LONGEST_TEXT + 1_234)))
    assert "    ... 1,234 more characters: --full" in whole(long, full=False)
    assert "    " + "x" * (LONGEST_TEXT + 1_234) in whole(long, full=True)


def test_for_machines_absent_is_left_out_and_times_are_exact() -> None:
    found = to_dict(STORED)
    assert found["start"] == "2026-11-24T06:00:00Z"
    assert found["scores"]["secrets"] == 1.0
    assert "error_type" not in found
    assert "system_prompt" not in found


class _Clock:
    def __init__(self) -> None:
        self.ns = START_NS

    def now_ns(self) -> int:
        return self.ns

    def sleep(self, seconds: float) -> None:
        self.ns += round(seconds * NS_PER_S)


def test_each_call_is_shown_once_in_whatever_order_it_is_stored() -> None:
    """Calls become visible late and out of order, up to the overlap; what is remembered stays bounded."""
    rng, clock, following = random.Random(3), _Clock(), Following()
    n, step_ns = 4_000, round(EVERY_S * NS_PER_S)
    received = [START_NS + i * step_ns // 2 for i in range(n)]
    visible = [at + rng.randrange((OVERLAP_S - 1) * NS_PER_S) for at in received]
    calls = [
        replace(STORED, interaction=replace(CALL, span_id=f"{i:016x}"), received_ns=received[i])
        for i in range(n)
    ]

    def look(since_ns: int) -> list[StoredInteraction]:
        return [
            c
            for c, at, seen in zip(calls, received, visible, strict=True)
            if since_ns <= at and seen <= clock.ns
        ]

    shown = [c.key for c in islice(followed(look, following, clock, lambda _: None), n)]
    assert sorted(shown) == [c.key for c in calls]
    assert len(following.shown) <= 4 * OVERLAP_S / EVERY_S + 2


def test_a_store_that_comes_back_is_read_on_and_one_that_does_not_ends_it() -> None:
    answers: Iterator[bool] = iter([True, True, False])
    warned: list[str] = []

    def look(since_ns: int) -> list[StoredInteraction]:
        if next(answers, True):
            raise Unavailable("ClickHouse did not answer")
        return [STORED]

    calls = followed(look, Following(), _Clock(), warned.append)
    assert next(calls) is STORED
    with pytest.raises(Unavailable):
        next(calls)
    assert warned == ["ClickHouse did not answer: trying again"] * 2
    assert MOST_AWAY > 2


@pytest.mark.parametrize("wanted", ["", "4bf9", "x" * 32, "4bf92f3577b34da6a3ce929d0e0e473600", "' OR 1=1"])
def test_what_is_no_id_is_refused_before_anything_is_asked(wanted: str) -> None:
    with pytest.raises(Misconfigured, match="trace id of 32 or a span id of 16"):
        show(None, "default", wanted)


def test_the_page_of_a_trace_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTSHIP_HOME", str(tmp_path))
    monkeypatch.setenv("LIGHTSHIP_CONFIG", "/dev/null")
    assert trace_page(None) == "http://127.0.0.1:8501/trace?id=TRACE"
