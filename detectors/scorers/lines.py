"""Scoring records of files: read a record, redact it, score it, as the stream does.

A record is a line of ``lightship decode`` or ``{prompt, output, system_prompt?, context?, kind?}``; where
both forms of a key are present that of decode wins. Lines that a redactor has been over (they carry its
report as ``redactions``) keep their placeholders, and the report counts.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from detectors.record import SIDES, Record, Redaction, ToolCall, asks_for_json
from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor, Report, Walker, redact_text
from detectors.scorers.protocol import Scorer, Scores
from detectors.scorers.registry import SCORERS, Tally, score_each

BATCH = 256
"""Records scored at a time."""

KEY_BYTES = 32

_SIDE_WORDS = (
    ("tool_result", ("tool.call.result", "tool_result", "tool.message", "toolcall.result")),
    ("context", ("retrieval", "reranker", "context")),
    ("output", ("output", "completion", "choice", "response", "assistant")),
    ("prompt", ("input", "prompt", "user.message", "embedding")),
)


def side_of_field(field: str) -> str | None:
    """Side that a field of a redactor's report belongs to, by the words in its name."""
    lower = field.lower()
    for side, words in _SIDE_WORDS:
        if any(word in lower for word in words):
            return side
    return None


def random_redactor() -> Redactor:
    """A redactor whose placeholders mean nothing outside of this run."""
    return Redactor(RedactionPolicy(), Pseudonymiser(os.urandom(KEY_BYTES)))


def score_batch(records: Sequence[Mapping[str, Any]]) -> list[Scores]:
    """Scores of each record, redacted first under a key of this call."""
    return [line["scores"] for line in score_lines(records, random_redactor())]


def score_lines(
    lines: Iterable[Mapping[str, Any]],
    redactor: Redactor,
    *,
    scorers: Sequence[Scorer] = SCORERS,
    side_of: Callable[[str], str | None] = side_of_field,
    tally: Tally | None = None,
    clock_ns: Callable[[], int] = lambda: 0,
) -> Iterator[dict[str, Any]]:
    """What ``lightship score`` prints: each line, redacted, with its scores.

    Added are ``scores`` by name, ``scorers`` (versions by the same names), ``redacted`` (``prompt`` and
    ``output``) and ``found``: type, side and offsets in the original text of every value removed, never the
    value. ``scorers`` are those that run, ``side_of`` tells the side of a field in a line's own
    ``redactions``, ``tally`` and ``clock_ns`` are those of `score_each`.
    """
    source = iter(lines)
    versions = {spec.name: scorer.version for scorer in scorers for spec in scorer.specs}
    while batch := [_prepare(line, redactor, side_of) for line in islice(source, BATCH)]:
        all_scores = score_each([p.record for p in batch], scorers, tally, clock_ns)
        for prepared, scores in zip(batch, all_scores, strict=True):
            yield {
                **prepared.line,
                "scores": scores,
                "scorers": {name: versions[name] for name in scores},
                "redacted": {"prompt": prepared.record.prompt, "output": prepared.record.output},
                "found": prepared.found,
            }


@dataclass(frozen=True, slots=True)
class _Prepared:
    record: Record
    line: dict[str, Any]
    found: list[dict[str, Any]]


class _Sides:
    """Redacts the texts of one line and keeps what was found on which side."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self.found: list[dict[str, Any]] = []
        self.counts: Counter[tuple[str, str]] = Counter()

    def text(self, side: str | None, text: str | None, index: int | None = None) -> str | None:
        """``text`` redacted; what was found counts for ``side`` unless that is ``None``."""
        if text is None:
            return None
        redacted, found = redact_text(text, self.redactor)
        for item in found if side is not None else ():
            place = {"type": item.type, "side": side, "start": item.start, "end": item.end}
            self.found.append(place if index is None else {**place, "index": index})
            self.counts[str(side), item.type] += 1
        return redacted

    def texts(self, side: str, texts: Sequence[str]) -> tuple[str, ...]:
        """Like `text` for several texts; ``index`` tells them apart in what was found."""
        return tuple(self.text(side, text, index) or "" for index, text in enumerate(texts))


def _prepare(line: Mapping[str, Any], redactor: Redactor, side_of: Callable[[str], str | None]) -> _Prepared:
    reported = line.get("redactions")
    if isinstance(reported, list):
        redactor = replace(redactor, keep_foreign=True)
    sides = _Sides(redactor)
    inputs, contexts = _texts(line, "input_texts"), _texts(line, "context_texts", "context")
    prompt = sides.text(
        "prompt", _text(line, "input_text", "prompt") or ("\n".join(inputs) if inputs else None)
    )
    asked = line.get("request_parameters")
    record = Record(
        prompt=prompt if prompt is not None else _text(line, "input_text", "prompt"),
        output=sides.text("output", _text(line, "output_text", "output")),
        system_prompt=sides.text(None, _text(line, "system_prompt")),
        context=sides.texts("context", contexts),
        tool_results=sides.texts("tool_result", _texts(line, "tool_results")),
        tool_calls=_tool_calls(line, sides),
        kind=_text(line, "operation", "kind") or "chat",
        operation=_text(line, "operation"),
        modality=_text(line, "modality") or "text",
        duration_s=_number(line.get("duration_s")),
        time_to_first_chunk_s=_number(line.get("time_to_first_chunk_s")),
        input_tokens=_whole(line.get("input_tokens")),
        output_tokens=_whole(line.get("output_tokens")),
        error=line["error"] not in (None, False) if "error" in line else None,
        finish_reason=_finish_reason(line),
        model=_text(line, "response_model", "request_model", "model"),
        cached_tokens=_whole(line.get("cached_tokens")),
        ended_s=_ended_s(line),
        tools=tuple(line["tool_definitions"]) if isinstance(line.get("tool_definitions"), list) else (),
        wants_json=isinstance(asked, Mapping) and asks_for_json(asked),
        audio_duration_s=_number(line.get("audio_duration_s")),
        no_speech_probability=_number(line.get("no_speech_probability")),
        images=_images(line.get("media")),
        earlier_prompt=sides.text(None, _text(line, "earlier_input_text")),
    )
    for side, type_, n in _reported(reported, side_of):
        sides.counts[side, type_] += n
    redactions = tuple(Redaction(side, type_, n) for (side, type_), n in sorted(sides.counts.items()))
    return _Prepared(replace(record, redactions=redactions), _printed(line, redactor), sides.found)


def _printed(line: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The line as it came, redacted all over."""
    walker = Walker(redactor, Report())
    out = {
        str(key): walker.redact_value(str(key), value) for key, value in line.items() if key != "redactions"
    }
    return {**out, "redactions": line["redactions"]} if "redactions" in line else out


def _text(line: Mapping[str, Any], *keys: str) -> str | None:
    """The first of ``keys`` with a value, as text."""
    for key in keys:
        value = line.get(key)
        if value is not None:
            return value if isinstance(value, str) else _as_text(value)
    return None


def _as_text(value: Any) -> str:
    """Text of a value that is no string: of messages their contents, else JSON."""
    if isinstance(value, list) and all(isinstance(item, Mapping) and "content" in item for item in value):
        return "\n".join(_as_text(item["content"]) for item in value)
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _texts(line: Mapping[str, Any], *keys: str) -> list[str]:
    for key in keys:
        value = line.get(key)
        if value is not None:
            return (
                [_as_text(item) for item in value] if isinstance(value, list | tuple) else [_as_text(value)]
            )
    return []


def _tool_calls(line: Mapping[str, Any], sides: _Sides) -> tuple[ToolCall, ...]:
    calls = line.get("tool_calls")
    if not isinstance(calls, list):
        return ()
    report = Report()
    walker = Walker(sides.redactor, report)
    out = []
    for call in calls:
        if isinstance(call, Mapping):
            arguments = walker.redact_value("arguments", call.get("arguments"))
            out.append(ToolCall(_text(call, "name"), arguments, _text(call, "id")))
    for item in report.items():
        sides.counts["output", item["type"]] += item["n"]
    return tuple(out)


def _images(media: Any) -> int:
    """How many pictures the answer of a line holds."""
    parts = [m for m in media if isinstance(m, Mapping)] if isinstance(media, list) else []
    return sum(m.get("side") == "output" and m.get("modality") == "image" for m in parts)


def _reported(reported: Any, side_of: Callable[[str], str | None]) -> Iterator[tuple[str, str, int]]:
    """Side, type and count of each item of a line's own report; what is no item is left out."""
    for item in reported if isinstance(reported, list) else ():
        if not isinstance(item, Mapping):
            continue
        side = item.get("side") if item.get("side") in SIDES else side_of(str(item.get("field")))
        n = _whole(item.get("n"))
        if side is not None and n and isinstance(item.get("type"), str):
            yield str(side), item["type"], n


def _finish_reason(line: Mapping[str, Any]) -> str | None:
    reasons = line.get("finish_reasons")
    if isinstance(reasons, list) and reasons:
        return str(reasons[0])
    return _text(line, "finish_reason")


def _ended_s(line: Mapping[str, Any]) -> int | None:
    """When the call ended, by its ``start`` and duration; ``None`` if the line does not say."""
    start = line.get("start")
    if not isinstance(start, str):
        return None
    try:
        began = datetime.fromisoformat(start)
    except ValueError:
        return None
    if began.tzinfo is None:
        return None
    duration_s = _number(line.get("duration_s"))
    return int(began.timestamp() + (duration_s if duration_s and math.isfinite(duration_s) else 0.0))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None
