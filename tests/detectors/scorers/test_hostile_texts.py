"""One hostile text of 256 KiB costs all scorers no more than some ordinary ones: it stalls no partition."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import cache

import pytest
from _pytest.mark import ParameterSet

from detectors.record import Record, ToolCall
from detectors.scorers import SCORERS
from detectors.scorers.exfiltration import MOST_OF_ADDRESS
from detectors.scorers.json_validity import MOST_FENCED
from detectors.scorers.memorised import Memorised
from detectors.scorers.system_prompt_leak import MOST_OUTPUT, leak
from detectors.scorers.words import words
from tests.fuzz.hostile import HOSTILE, prose, text_of

CHARS = 256 << 10
MOST = 30.0
"""Times what prose costs: scripts without blanks cost some eight, signs that unfold to eighteen some fifteen,
and on a busy machine up to twenty-two. Without bounds it was up to 10,000."""
TRIES = 4

_SCORERS = (*SCORERS, Memorised([prose(5_000)]))


def record_of(text: str) -> Record:
    """``text`` on every side that a caller chooses."""
    return Record(
        prompt=text[::-1],
        output=text,
        system_prompt=text[7:] + " end",
        context=(text[5:],),
        tool_results=(text[3:],),
        tool_calls=(ToolCall("find", {"text": text}),),
        tools=(
            {"name": "find", "parameters": {"properties": {"text": {"anyOf": [{"type": "null"}] * 200}}}},
        ),
        earlier_prompt=text[1:],
        audio_duration_s=10.0,
        operation="transcription",
    )


def cost_s(record: Record) -> float:
    """Processor time of all scorers on a record."""
    started = time.process_time()
    for scorer in _SCORERS:
        scorer.score([record])
    return time.process_time() - started


@cache
def usual_s() -> float:
    """Of a record of prose."""
    cost_s(record_of(prose(4_000)))  # weights are read
    return min(cost_s(record_of(prose(CHARS, seed))) for seed in range(3))


def assert_cheap(record: Record, times: float = MOST) -> None:
    least = float("inf")
    for _ in range(TRIES):  # a neighbour on the machine spoils one measurement, not all
        least = min(least, cost_s(record))
        if least <= times * usual_s():
            return
    pytest.fail(f"{least * 1000:.0f} ms, {least / usual_s():.1f} times what prose costs")


def _mostly_long(values: Iterable[str], one_in: int) -> list[ParameterSet]:
    """All of them in the long tests, one in so many in every run."""
    return [pytest.param(v, marks=[pytest.mark.long] if n % one_in else []) for n, v in enumerate(values)]


@pytest.mark.parametrize("family", _mostly_long(HOSTILE, 8))
def test_texts_made_to_be_redacted(family: str) -> None:
    assert_cheap(record_of(text_of(family, CHARS)))


UNITS = (
    "漢", "\ufdfa", "é ", "\u200b1", "\U000e0041", "a\u0301", "１", "\ud800", "a@b.", "i g n o r e ",
    "1gn0r3 ",
    "[email:0123456789abcdef]", "[email],", '{"a":1}\n', '"', "```json\n", '```json\n{"a":1}\n```\n', "//",
    "http://x.example/%41", "![a](https://x.example/p?q=b) ",
    "http://x.example/?" + "a=QUJDQUJD&" * 400 + " ",
    "http://x.example/?" + "QUJDQUJD&" * 90_000, '"quoted', "<img src=//x.example/ ", "![ ", "the ", "a",
)  # fmt: skip


@pytest.mark.parametrize("unit", _mostly_long(UNITS, 4), ids=lambda u: repr(u)[:24])
def test_texts_of_one_unit(unit: str) -> None:
    assert_cheap(record_of((unit * (CHARS // len(unit) + 1))[:CHARS]))


@pytest.mark.parametrize("chars", [4_096, 64])
@pytest.mark.parametrize("unit", _mostly_long(["a@b.", "the ", "漢", "\ufdfa", "\u200b1", "QUJD"], 6))
def test_many_documents_of_1_mib(unit: str, chars: int) -> None:
    documents = (unit * (chars // len(unit)),) * ((1 << 20) // chars)
    assert_cheap(Record(prompt="a", output="b c", context=documents), 2 * MOST)  # of four times as much


def test_references_and_images() -> None:
    labels = "\n".join(f"[a{n}]: http://x.example/{n}" for n in range(50))
    assert_cheap(Record(prompt="a", output=labels + "![ " * (CHARS // 3)))


def test_placeholders_in_json() -> None:
    assert_cheap(Record(prompt="a", output="[" + "[email]," * (CHARS // 8), wants_json=True))


def _tools(schema: object, *arguments: object) -> Record:
    calls = tuple(ToolCall("f", a) for a in arguments)
    return Record(prompt="a", output="b", tool_calls=calls, tools=({"name": "f", "parameters": schema},))


def _in_a(schema: object) -> object:
    return {"properties": {"a": schema}}


def _each(schema: object) -> object:
    return _in_a({"items": schema})


_NAMES = [f"v{n}" for n in range(10_000)]
_LISTS = [[*range(1_000), n] for n in range(100)]


_MANY: tuple[tuple[str, Callable[[], Record]], ...] = (
    ("enum", lambda: _tools(_each({"enum": _NAMES}), {"a": [_NAMES[-1]] * 10_000})),
    ("names", lambda: _tools(_each({"required": ["a"] * 10_000}), {"a": [{"a": 1}] * 10_000})),
    ("types", lambda: _tools({"type": ["string"] * 10_000}, *({},) * 10_000)),
    ("calls", lambda: _tools({"anyOf": [{"type": "null"}] * 10_000}, *({},) * 10_000)),
    ("calls of all", lambda: _tools({"allOf": [{}] * 10_000}, *({},) * 10_000)),
    ("lists", lambda: _tools(_each({"enum": _LISTS}), {"a": [[*range(1_000), -1]] * 1_000})),
    (
        "one text, many forms",
        lambda: _tools(_in_a({"anyOf": [{"type": "null"}] * 10_000}), {"a": "漢" * CHARS}),
    ),
)


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in _MANY])
def test_calls_of_tools(make: Callable[[], Record]) -> None:
    assert_cheap(make())


def test_bounds_are_far_from_ordinary_texts() -> None:
    """And what lies within them is read as ever."""
    assert len(words("ﷺ" * 1_000)) < 1_000
    assert words("ﷺ, ½ ﬁne １２") == ["صلى", "الله", "عليه", "وسلم", "1", "2", "fine", "12"]
    rules = (
        "Never tell anybody of the red lantern behind which the spare key of the harbour gate hangs tonight."
    )
    far = prose(MOST_OUTPUT) + rules
    assert leak(rules, far) == leak(rules, rules) == 1.0
    assert MOST_OF_ADDRESS >= 8_000
    assert MOST_FENCED >= 100
