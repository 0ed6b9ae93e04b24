"""What every scorer keeps to, whatever it measures, tried on odd records; for ours and for one's own.

A scorer gives one mapping a record with declared names and values its grids can count, the same every time
and in any order, leaves records as they were, and takes time linear in the text.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence

from detectors.record import Record, Redaction, ToolCall
from detectors.scorers.protocol import Scorer, Scores, ScoreSpec

ODD_TEXTS = (
    None,
    "",
    " ",
    "\n\t\r",
    "\x00\x01\x02\x1b[31m",
    "\ud800\udfff lone surrogates \udc00",
    "\ufeff\u200b\u202e\u2066",
    "e\u0301" * 400,
    "👩‍👩‍👧‍👦" * 50,
    "ﷺ" * 500,
    "a" * 50_000,
    "word " * 10_000,
    "\\" * 5_000,
    '{"a": ' * 2_000,
    "```" * 1_000,
    "![](//a.b?c=" * 1_000,
    "我不能提供" * 300,
    "[email] [email:0123456789abcdef] [literal email:0123456789abcdef]",
    "Je ne peux pas vous aider.",
    "\u0600\u0660\u06f0 ١٢٣ ۴۵۶",
    "\U000e0041\U000e0042",
)
ODD_RECORDS = (
    Record(),
    *(Record(prompt=text, output=text, redactions=()) for text in ODD_TEXTS),
    *(
        Record(text, text, text, (text or "",), (text or "",), kind="transcription", wants_json=True)
        for text in ODD_TEXTS
    ),
    Record(duration_s=math.nan, time_to_first_chunk_s=math.inf, input_tokens=-1, output_tokens=0),
    Record(duration_s=-1.0, time_to_first_chunk_s=0.0, input_tokens=10**30, output_tokens=10**30),
    Record(model="gpt-4o", input_tokens=10**30, output_tokens=10**30, cached_tokens=-5, ended_s=-(10**18)),
    Record(model="\ud800" * 500, input_tokens=1, output_tokens=10**6, duration_s=1e-300, ended_s=10**18),
    Record(error=True, finish_reason="length"),
    Record(error=False, finish_reason="x" * 10_000),
    Record(redactions=(Redaction("output", "email", 3), Redaction("nowhere", "no_such_type", 1))),
    Record(tool_calls=(ToolCall(None), ToolCall("f", {"a": [1, None]})), redactions=()),
    Record(
        tool_calls=(ToolCall("f", 7), ToolCall("", {})), tools=(None, 3, {}, {"name": "f", "parameters": 3})
    ),
    Record(kind="embedding", modality="audio", context=("x",) * 100, tool_results=("",)),
)
ODD_UNITS = (
    "I can't help. ", "word ", "a", "我", "пароль ", '"', "no no ", "\\u0041", "```", "\ud800",
    "![](//a.b/?c=d) ", '{"', "f(x);\n", "[", "a-", "1 ",
)  # fmt: skip
"""Of which long texts are made."""

SHORT, LONG = 20_000, 160_000
"""Characters of the texts whose times are compared."""
STEEPEST = 28.0
"""Longest time for eight times the text; in linear time it is 8, in quadratic 64."""
_LEAST_NS = 2_000_000
"""What is quicker is not told from noise."""


def faults(scorer: Scorer, clock_ns: Callable[[], int] | None = None) -> list[str]:
    """What is wrong with a scorer, in words; with a clock also whether its time is linear."""
    found = list(dict.fromkeys(_on_records(scorer)))
    if not found and clock_ns is not None:
        found += [
            f"takes {ratio:.0f} times as long for 8 times the text {unit!r}: it must be linear in the text"
            for unit in ODD_UNITS
            if (ratio := steepness(scorer, unit, clock_ns)) >= STEEPEST
        ]
    return found


def _on_records(scorer: Scorer) -> Iterator[str]:
    specs = {spec.name: spec for spec in scorer.specs}
    before = repr(ODD_RECORDS)
    try:
        results = scorer.score(ODD_RECORDS)
        again = [scorer.score([record]) for record in ODD_RECORDS]
        order = random.Random(7).sample(range(len(ODD_RECORDS)), len(ODD_RECORDS))
        shuffled = scorer.score([ODD_RECORDS[i] for i in order])
        nothing = scorer.score([])
    except Exception as error:  # noqa: BLE001  whatever a plug-in raises is what it is told
        yield f"raises {type(error).__name__}: {str(error)[:200]} {_where(scorer)}"
        return
    if nothing:
        yield "gives scores for no records"
    if len(results) != len(ODD_RECORDS):
        yield f"gives {len(results)} results for {len(ODD_RECORDS)} records"
        return
    if again != [[result] for result in results] or shuffled != [results[i] for i in order]:
        yield "gives other scores for the same record: alone, in another order or asked twice"
    if repr(ODD_RECORDS) != before:
        yield "changes the records it is given"
    for result in results:
        yield from _in_scores(result, specs)


def _where(scorer: Scorer) -> str:
    """On which record it raises."""
    for record in ODD_RECORDS:
        try:
            scorer.score([record])
        except Exception:  # noqa: BLE001  as above
            return f"on prompt {record.prompt!r:.40}, output {record.output!r:.40}"
    return "on several records at once"


def _in_scores(scores: Scores, specs: dict[str, ScoreSpec]) -> Iterator[str]:
    for name, value in scores.items():
        spec = specs.get(name)
        if spec is None:
            yield f"gives {name!r}, which it does not declare"
        elif spec.grid is None:
            if not isinstance(value, str) or not 0 < len(value) <= 64:
                yield f"{name} is a category, a text of 1 to 64 characters; got {value!r:.60}"
        elif not isinstance(value, float) or not math.isfinite(value):
            yield f"{name} is a finite number; got {value!r:.60}"
        elif spec.kind == "flag" and value not in (0.0, 1.0):
            yield f"{name} is a flag, 0 or 1; got {value}"
        else:
            try:
                spec.grid.cell(value)
            except ValueError as error:
                yield f"{name}: {error}"


def steepness(scorer: Scorer, unit: str, clock_ns: Callable[[], int]) -> float:
    """How many times as long a text of `LONG` characters takes as one of `SHORT`, both made of ``unit``."""
    return _cost_ns(scorer, unit, LONG, clock_ns) / _cost_ns(scorer, unit, SHORT, clock_ns)


def _cost_ns(scorer: Scorer, unit: str, size: int, clock_ns: Callable[[], int]) -> int:
    text = unit * (size // len(unit))
    records: Sequence[Record] = [
        Record(text, text, text, (text,), kind="transcription", redactions=(), wants_json=True)
    ] * 2
    best = math.inf
    for _ in range(3):
        started = clock_ns()
        scorer.score(records)
        best = min(best, clock_ns() - started)
    return max(int(best), _LEAST_NS)
