"""Answers meant to be JSON, and calls of tools."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.record import Record, ToolCall, asks_for_json
from detectors.scorers.json_validity import JSON_VALIDITY, invalid
from detectors.scorers.schema_fit import fits
from detectors.scorers.tool_calls import TOOL_CALLS, offered

VALID = (
    '{"berth": 12, "free": true}',
    '[{"berth": 12}, {"berth": 13}]',
    "[1, 2, 3]",
    "{}",
    'Here you are:\n```json\n{"berth": 12}\n```\nAnything else?',
    '{"berth": 1}\n{"berth": 2}\n',
    '{"phone": [phone:0123456789abcdef], "mail": "[email:0123456789abcdef]"}',
    '```json\n{"cards": [[card], [card]]}\n```',
    '{"text": "a [email] in text"}',
)
INVALID = (
    '{"berth": 12,}',
    '{"berth": 12, "free": tru',
    "{\"berth\": 'twelve'}",
    '{"berth": 12} and that is all {"a": }',
    '```json\n{"berth": 12, // the free one\n}\n```',
    'First:\n```json\n{"a": 1}\n```\nthen\n```JSON\n{"b": }\n```',
    '```json\n{"berth": 12',
    "[1, 2, 3",
)
PROSE = (
    "The harbour opens at six.",
    "[email] is the address of the office.",
    "[1] Harbour rules, section 4.",
    "[Your name]\n[Your address]",
    "{name}, your berth is free.",
    "{ return w * h; }",
    "```python\nx = {'a': 1}\n```",
    "```jsonc\n{} // with comments\n```",
)


@pytest.mark.parametrize("text", VALID)
def test_json_that_parses(text: str) -> None:
    assert (invalid(text) or False) is False
    assert JSON_VALIDITY.score([Record(output=text, wants_json=True)]) == [{"invalid_json": 0.0}]


@pytest.mark.parametrize("text", INVALID)
def test_json_that_does_not(text: str) -> None:
    if text != "[1, 2, 3":  # may be the beginning of anything
        assert JSON_VALIDITY.score([Record(output=text)]) == [{"invalid_json": 1.0}]
    assert JSON_VALIDITY.score([Record(output=text, wants_json=True)]) == [{"invalid_json": 1.0}]


@pytest.mark.parametrize("text", PROSE)
def test_what_was_not_meant_to_be_json_is_left_out_unless_it_was_asked_for(text: str) -> None:
    assert JSON_VALIDITY.score([Record(output=text)]) == [{}]
    assert JSON_VALIDITY.score([Record(output=text, wants_json=True)]) == [{"invalid_json": 1.0}]


def test_how_json_is_asked_for() -> None:
    for asked in (
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        {"response_format": {"type": "json_object"}},
        {"response_format": "json"},
        {"output_type": "json"},
    ):
        assert asks_for_json(asked)
    for other in (
        {},
        {"response_format": {"type": "text"}},
        {"response_format": None},
        {"output_type": "text"},
    ):
        assert not asks_for_json(other)


SCHEMA = {
    "type": "object",
    "properties": {
        "boat": {"type": "string", "minLength": 2},
        "length_m": {"type": "number", "minimum": 1},
        "nights": {"type": "integer"},
        "side": {"enum": ["port", "starboard"]},
        "extras": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "owner": {"type": ["string", "null"]},
    },
    "required": ["boat"],
    "additionalProperties": False,
}
OFFERS: tuple[Any, ...] = (
    {"type": "function", "function": {"name": "book", "parameters": SCHEMA}},
    {"type": "function", "name": "book", "parameters": SCHEMA},
    {"name": "book", "input_schema": SCHEMA},
    {"functionDeclarations": [{"name": "other"}, {"name": "book", "parameters": SCHEMA}]},
    {"toolSpec": {"name": "book", "inputSchema": {"json": SCHEMA}}},
)
FITTING: tuple[dict[str, Any], ...] = (
    {"boat": "Albatros"},
    {"boat": "Albatros", "length_m": 9, "nights": 2.0, "side": "port", "extras": ["power"], "owner": None},
    {"boat": "Albatros", "length_m": "[number:0123456789abcdef]", "side": "[name]"},
)
WRONG: tuple[Any, ...] = (
    {},
    {"boat": 7},
    {"boat": "A"},
    {"boat": "Albatros", "nights": "two"},
    {"boat": "Albatros", "nights": True},
    {"boat": "Albatros", "length_m": 0.5},
    {"boat": "Albatros", "side": "left"},
    {"boat": "Albatros", "extras": ["a", 1]},
    {"boat": "Albatros", "extras": ["a", "b", "c"]},
    {"boat": "Albatros", "colour": "red"},
    '{"boat": "Alba',
    ["Albatros"],
    None,
)


def wrong(offer: Any, *calls: ToolCall) -> float | str | None:
    return TOOL_CALLS.score([Record(tools=(offer,), tool_calls=calls)])[0].get("tool_call_invalid")


@pytest.mark.parametrize("offer", OFFERS)
def test_calls_are_held_against_what_was_offered(offer: Any) -> None:
    for arguments in FITTING:
        assert wrong(offer, ToolCall("book", arguments)) == 0
    for arguments in WRONG:
        assert wrong(offer, ToolCall("book", arguments)) == 1
    assert wrong(offer, ToolCall("buy", {"boat": "Albatros"})) == 1
    assert wrong(offer, ToolCall(None, {"boat": "Albatros"})) == 1
    assert wrong(offer, ToolCall("book", FITTING[0]), ToolCall("book", WRONG[1])) == 1


def test_left_out_where_it_cannot_be_said() -> None:
    assert wrong({}, ToolCall("book", {})) is None
    assert TOOL_CALLS.score([Record(tool_calls=(ToolCall("book", {}),)), Record(tools=OFFERS)]) == [{}, {}]
    assert wrong({"type": "web_search"}, ToolCall("web_search", "boats")) == 0
    assert wrong({"name": "now"}, ToolCall("now", None)) == 0


def test_combined_schemas() -> None:
    schema = {
        "anyOf": [{"type": "string"}, {"allOf": [{"type": "integer"}, {"minimum": 3}]}],
        "not": {"const": 5},
    }
    assert [fits(v, schema) for v in ("a", 5, 2, None)] == [True, True, False, False]
    assert fits({"a": 1}, {"properties": {"a": False}}) is False
    assert fits({"a": 1}, {"additionalProperties": {"type": "string"}}) is False


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["type", "items", "enum", "properties", "anyOf", "required", "x", "minimum"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "x"]), inner, max_size=3)
        ),
        max_leaves=10,
    ),
)
def test_any_schema_can_be_read(schema: Any, value: Any) -> None:
    assert fits(value, schema) in (True, False)
    assert TOOL_CALLS.score([Record(tools=(schema,), tool_calls=(ToolCall("x", value),))])[0].keys() <= {
        "tool_call_invalid"
    }
    assert offered([schema]) is not None
