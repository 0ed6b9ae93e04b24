"""Scoring of records from files, and of batches with a scorer that fails."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.record import Record
from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor
from detectors.scorers import SCORERS, SPECS, Tally, score_batch, score_each, score_lines
from detectors.scorers.each import EachRecord
from detectors.scorers.protocol import Scores
from tests.at_length import examples

REDACTOR = Redactor(RedactionPolicy(), Pseudonymiser(b"0123456789abcdef0123456789abcdef"))
OTHER = Redactor(RedactionPolicy(), Pseudonymiser(b"another key of thirty-two bytes."))
MAIL, CARD = "bob@example.com", "4111 1111 1111 1111"


def line_of(record: dict[str, Any]) -> dict[str, Any]:
    (line,) = score_lines([record], REDACTOR)
    return line


def test_a_plain_record() -> None:
    prompt, output = f"My mail is {MAIL}.", f"Sure, and your card is {CARD}, is it?"
    line = line_of({"id": "r-1", "prompt": prompt, "output": output, "context": ["x"], "note": [MAIL]})
    assert line["id"] == "r-1"
    assert line["prompt"] == line["redacted"]["prompt"] != prompt
    assert (line["scores"]["pii"], line["scores"]["pii_prompt"], line["scores"]["secrets"]) == (1, 1, 0)
    assert set(line["scorers"]) == set(line["scores"])
    assert [(f["type"], f["side"]) for f in line["found"]] == [("email", "prompt"), ("card", "output")]
    assert [s[f["start"] : f["end"]] for s, f in zip((prompt, output), line["found"], strict=True)] == [
        MAIL,
        CARD,
    ]
    assert MAIL not in json.dumps(line)
    assert CARD not in json.dumps(line)


def test_keys_of_decode_win() -> None:
    line = line_of({"prompt": "short", "input_text": "a longer prompt", "output": "x", "output_text": "yes"})
    assert (line["scores"]["prompt_length"], line["scores"]["output_length"]) == (15, 3)
    null = line_of({"prompt": "short", "input_text": None})
    assert null["scores"]["prompt_length"] == 5


def test_a_line_of_decode() -> None:
    line = line_of(
        {
            "interaction_id": "00000000000000000000000000000001:0000000000000002",
            "kind": "inference",
            "operation": "chat",
            "input_text": "What is the tide?",
            "output_text": None,
            "tool_calls": [{"id": "c1", "name": "send", "arguments": {"to": MAIL}}],
            "duration_s": 1.25,
            "input_tokens": 7,
            "output_tokens": None,
            "finish_reasons": ["length"],
            "error": None,
            "user": "u-100",
        }
    )
    scores = line["scores"]
    assert (scores["latency_s"], scores["input_tokens"], scores["truncated"], scores["error"]) == (
        1.25,
        7,
        1,
        0,
    )
    assert scores["pii"] == 1
    assert "output_tokens" not in scores
    assert line["interaction_id"].endswith(":0000000000000002")
    assert line["user"].startswith("[user:")


def test_what_a_line_says_of_its_request_reaches_the_scorers() -> None:
    seen: list[Record] = []

    def see(record: Record) -> Scores:
        seen.append(record)
        return {}

    spy = EachRecord("spy", "1", (), see)
    line = {
        "start": "2025-05-05T00:00:00.5Z",
        "duration_s": 2,
        "request_model": "asked",
        "cached_tokens": 3,
        "tool_definitions": [{"name": "book"}],
        "request_parameters": {"output_type": "json"},
    }
    odd = {"start": "soon", "tool_definitions": "none", "request_parameters": 7, "duration_s": math.nan}
    for one in (line, odd, {"start": "2025-05-05T00:00:00"}):
        assert len(list(score_lines([one], REDACTOR, scorers=[spy]))) == 1
    full, bare, local = seen
    assert (full.model, full.cached_tokens, full.ended_s) == ("asked", 3, 1_746_403_202)
    assert (full.tools, full.wants_json) == (({"name": "book"},), True)
    assert (bare.ended_s, bare.tools, bare.wants_json, local.ended_s) == (None, (), False, None)


def test_a_line_redacted_before_keeps_its_placeholders_and_counts_by_its_report() -> None:
    (first,) = score_lines([{"prompt": "hi", "output": f"Write to {MAIL}."}], OTHER)
    record = {
        "input_text": "hi",
        "output_text": first["redacted"]["output"],
        "redactions": [{"field": "gen_ai.output.messages", "type": "email", "n": 1}, {"bad": 1}, 7],
    }
    line = line_of(record)
    assert line["output_text"] == record["output_text"]
    assert line["scores"]["pii"] == 1
    assert line["redactions"] == record["redactions"]
    forged = line_of({"output": first["redacted"]["output"]})
    assert forged["redacted"]["output"].startswith("Write to [literal email:")
    assert forged["scores"]["pii"] == 0


def test_batch_and_lines_agree_whatever_the_key() -> None:
    records: list[dict[str, Any]] = [
        {"prompt": f"mail {MAIL}", "output": "I'm sorry, but I can't help with that."},
        {"prompt": None, "output": "AKIANSIYMOZYF7K64GQW"},
        {},
    ] * 200
    scores = score_batch(records)
    assert len(scores) == len(records)
    assert scores == [line["scores"] for line in score_lines(records, OTHER)]
    assert scores[0]["refusal"] == 1
    assert scores[1]["secrets"] == 1
    assert scores[2] == {}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        "prompt",
        "output",
        "input_text",
        "output_text",
        "input_texts",
        "output_texts",
        "context",
        "context_texts",
        "tool_results",
        "tool_calls",
        "system_prompt",
        "duration_s",
        "time_to_first_chunk_s",
        "input_tokens",
        "error",
        "output_tokens",
        "finish_reasons",
        "finish_reason",
        "redactions",
        "kind",
        "operation",
        "modality",
        "audio_duration_s",
        "no_speech_probability",
        "media",
        "user",
        "labels",
    ]
)


@settings(max_examples=examples(300), deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_any_record_is_scored(record: dict[str, Any]) -> None:
    line = line_of(record)
    assert set(record) <= set(line)
    for name, value in line["scores"].items():
        grid = SPECS[name].grid
        assert isinstance(value, str) if grid is None else 0 <= grid.cell(value) < grid.cells


def broken_on(word: str) -> EachRecord:
    def score(record: Record) -> Scores:
        if record.output is not None and word in record.output:
            raise RuntimeError(f"cannot read {record.output}")
        return {"refusal": 0.5}

    return EachRecord("broken", "1", (), score)


def test_a_scorer_that_raises_costs_its_own_scores_of_that_record_only() -> None:
    records = [Record(output=text) for text in ("fine", "bad", "fine too", "bad again")]
    tally = Tally()
    ticks = iter(range(0, 1000, 10))
    scores = score_each(records, [broken_on("bad"), *SCORERS], tally, lambda: next(ticks))
    assert [s.get("refusal") for s in scores] == [0.0, 0.0, 0.0, 0.0]  # the real scorer's
    assert all(s["output_length"] == len(r.output or "") for r, s in zip(records, scores, strict=True))
    assert tally.items == 4
    assert tally.failures == {("broken", "RuntimeError"): 2}
    assert set(tally.cost_ns) == {"broken", *(s.name for s in SCORERS)}
    assert [s["refusal"] for s in score_each(records, [broken_on("bad")])[::2]] == [0.5, 0.5]


class Miscounting:
    name = "miscounting"

    def score(self, items: Sequence[Record]) -> list[Scores]:
        return [{"x": 1.0}] * (len(items) + (len(items) > 1))


def test_a_batch_of_the_wrong_length_is_scored_one_by_one() -> None:
    assert score_each([Record(), Record()], [Miscounting()]) == [{"x": 1.0}, {"x": 1.0}]


@pytest.mark.parametrize("n", [0, 1, 255, 256, 257, 600])
def test_lines_come_out_in_order_and_are_read_as_needed(n: int) -> None:
    lines = list(score_lines(({"id": i, "output": "x"} for i in range(n)), REDACTOR))
    assert [line["id"] for line in lines] == list(range(n))
