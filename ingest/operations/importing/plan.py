"""Which records an import sends, and when: rows, the plan, and every send at its event time. Pure."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.clock import NS_PER_S, to_ns
from ingest.errors import BadRecord

MAX_NS = (1 << 62) - 1
EVEN, POISSON = "even", "poisson"

KEYS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("input_text", "prompt"),
    "output": ("output_text", "output"),
    "system_prompt": ("system_prompt",),
    "context": ("context_texts", "context"),
    "kind": ("operation", "kind"),
    "service": ("service",),
    "environment": ("environment",),
    "release": ("release", "service_version"),
    "model": ("response_model", "request_model", "model"),
    "provider": ("provider",),
    "user": ("user",),
    "conversation": ("conversation_id", "conversation"),
    "prompt_name": ("prompt_name",),
    "prompt_version": ("prompt_version",),
    "duration_s": ("duration_s",),
    "time_to_first_chunk_s": ("time_to_first_chunk_s",),
    "input_tokens": ("input_tokens",),
    "output_tokens": ("output_tokens",),
    "finish_reason": ("finish_reason",),
    "error": ("error",),
}
"""What ``--map FIELD=KEY`` can fill, and the fields read when nothing is mapped, first one present."""


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One record: the hash of its file (hex), its line (from 1), and its fields."""

    file_sha256: str
    line: int
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """How records become spans.

    Times come from ``time_from``, or are spread from ``start_ns`` over ``span_ns`` (``even``, or ``poisson``
    as a random arrival process has them). ``draw`` records are drawn with replacement by ``seed``; without
    it every record is sent once, in order. ``fields`` maps a key of `KEYS` (or an attribute, which has a dot)
    to a dotted field; ``where`` keeps records whose field has the value.
    """

    service: str
    environment: str | None = None
    model_from: str | None = None
    time_from: str | None = None
    start_ns: int | None = None
    span_ns: int | None = None
    seed: int = 0
    draw: int | None = None
    spacing: str = POISSON
    fields: Mapping[str, str] = field(default_factory=dict)
    where: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot work; the message names the option."""
        spread = self.start_ns is not None or self.span_ns is not None
        if spread == (self.time_from is not None):
            raise BadRecord("give either --time FIELD, or --start TIME with --span SPAN")
        if spread and (self.start_ns is None or self.span_ns is None or self.span_ns <= 0):
            raise BadRecord("--start needs a --span longer than nothing, and --span a --start")
        if spread and not 0 <= (self.start_ns or 0) <= (self.start_ns or 0) + (self.span_ns or 0) <= MAX_NS:
            raise BadRecord("--start and --span reach beyond what a clock can hold")
        if self.draw is not None and (self.draw < 1 or self.time_from is not None):
            raise BadRecord("--draw needs a number from 1 on, and --start (drawn records have no time)")
        if self.spacing not in (EVEN, POISSON):
            raise BadRecord(f"--spacing {self.spacing!r} is neither {EVEN} nor {POISSON}")
        if not self.service:
            raise BadRecord("--service must not be empty")
        for key in self.fields:
            if key not in KEYS and "." not in key:
                near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.0)[0]
                known = ", ".join(KEYS)
                raise BadRecord(
                    f"--map …={key}: no such key, did you mean {near}? (known: {known}, or an attribute name)"
                )

    def digest(self) -> str:
        """16 hex digits over everything that decides what is sent."""
        parts = [getattr(self, name) for name in sorted(self.__slots__) if name != "fields"]
        return hashlib.sha256(repr((parts, sorted(self.fields.items()))).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Placed:
    """A row (by number) at its event time; ``draw`` counts the sends of a drawn import."""

    row: int
    draw: int | None
    at_ns: int


def look_up(record: Mapping[str, Any], path: str) -> Any:
    """Field of a record: its own name first, else ``a.b`` inside of ``a``; absent is ``None``."""
    if path in record:
        return record[path]
    value: Any = record
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def matches(record: Mapping[str, Any], where: Sequence[tuple[str, str]]) -> bool:
    """Whether every field has its value, compared as text (``true``, ``1``, ``null`` as JSON writes them)."""
    return all(as_text(look_up(record, path)) == value for path, value in where)


def place(rows: Sequence[ImportRow], plan: ImportPlan) -> tuple[list[Placed], Counter[str]]:
    """Every send in order of event time, and why rows are left out."""
    rejected: Counter[str] = Counter()
    usable = []
    for number, row in enumerate(rows):
        if value_of(plan, row.record, "prompt") is None and value_of(plan, row.record, "output") is None:
            rejected["no prompt and no output"] += 1
        else:
            usable.append(number)
    if plan.time_from is not None:
        timed = []
        for number in usable:
            at_ns = read_time(look_up(rows[number].record, plan.time_from))
            if at_ns is None:
                rejected[f"no time in {plan.time_from}"] += 1
            else:
                timed.append(Placed(number, None, at_ns))
        return sorted(timed, key=lambda p: (p.at_ns, p.row)), rejected
    if not usable:
        return [], rejected
    rng = random.Random(plan.seed)
    chosen = usable if plan.draw is None else [rng.choice(usable) for _ in range(plan.draw)]
    times = _times(len(chosen), plan, rng)
    return [
        Placed(number, None if plan.draw is None else i, at_ns)
        for i, (number, at_ns) in enumerate(zip(chosen, times, strict=True))
    ], rejected


def _times(n: int, plan: ImportPlan, rng: random.Random) -> list[int]:
    start_ns, span_ns = plan.start_ns or 0, plan.span_ns or 0
    if plan.spacing == EVEN:
        return [start_ns + (2 * i + 1) * span_ns // (2 * n) for i in range(n)]
    # given their number, the arrivals of a Poisson process are uniform
    return sorted(start_ns + int(rng.random() * span_ns) for _ in range(n))


def read_time(value: Any) -> int | None:
    """Nanoseconds of an RFC 3339 time with a zone, or of a number of s, ms, us or ns by its size."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, datetime):
        return to_ns(value) if value.tzinfo is not None else None
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value.strip())
        except ValueError:
            try:
                return read_time(float(value))
            except ValueError:
                return None
        return read_time(at)
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    for limit, factor in ((1e11, NS_PER_S), (1e14, 1_000_000), (1e17, 1000)):
        if value < limit:
            return int(value * factor)
    return int(value) if value <= MAX_NS else None


def value_of(plan: ImportPlan, record: Mapping[str, Any], key: str) -> Any:
    """Value of a key of `KEYS` as the plan maps it; ``None`` if absent or empty."""
    named = plan.fields.get(key) or (plan.model_from if key == "model" else None)
    found = next(
        (v for p in ([named] if named else KEYS[key]) if (v := look_up(record, p)) is not None), None
    )
    return None if found in ("", [], {}) else found


def as_text(value: Any) -> str:
    """Text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
