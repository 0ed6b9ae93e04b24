"""Records of a file to OTLP spans in OpenTelemetry GenAI form: the pure part of ``lightship import``.

Ids come from the file's hash, the line and the draw, never from content: importing the same file again sends
the same ids. Records are placed in time by a field of theirs, or drawn and spread over a span by a seed.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from infra.clock import NS_PER_S, to_ns
from ingest.errors import BadRecord

SCOPE = "lightship.import"
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

_OPERATIONS = {
    "text": "chat", "code": "chat", "rag": "chat", "image": "image_generation", "asr": "transcription",
}  # fmt: skip
_TEXT_ATTRIBUTES = {
    "provider": "gen_ai.provider.name",
    "user": "user.id",
    "conversation": "gen_ai.conversation.id",
    "prompt_name": "gen_ai.prompt.name",
    "prompt_version": "gen_ai.prompt.version",
}
_TOKEN_ATTRIBUTES = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
}


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
    return all(_text(look_up(record, path)) == value for path, value in where)


def place(rows: Sequence[ImportRow], plan: ImportPlan) -> tuple[list[Placed], Counter[str]]:
    """Every send in order of event time, and why rows are left out."""
    rejected: Counter[str] = Counter()
    usable = []
    for number, row in enumerate(rows):
        if _value(plan, row.record, "prompt") is None and _value(plan, row.record, "output") is None:
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


def span_ids(row: ImportRow, draw: int | None) -> tuple[bytes, bytes]:
    """Trace id and span id of a send."""
    text = f"{row.file_sha256}:{row.line}" if draw is None else f"{row.file_sha256}:{row.line}:{draw}"
    digest = hashlib.sha256(text.encode()).digest()
    return digest[:16], digest[16:24]


def to_span(row: ImportRow, placed: Placed, plan: ImportPlan) -> Span:
    """The span of one send; it ends at the event time."""
    trace_id, span_id = span_ids(row, placed.draw)
    get = _Getter(plan, row.record)
    duration_ns = round((get.number("duration_s") or 0.0) * NS_PER_S)
    kind = get.text("kind") or "chat"
    operation = _OPERATIONS.get(kind, kind)
    model = get.text("model")
    span = Span(
        trace_id=trace_id,
        span_id=span_id,
        name=f"{operation} {model}" if model else operation,
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=max(placed.at_ns - min(max(duration_ns, 0), placed.at_ns), 0),
        end_time_unix_nano=placed.at_ns,
    )
    add = span.attributes
    _put(add, "gen_ai.operation.name", operation)
    for key in ("gen_ai.request.model", "gen_ai.response.model") if model else ():
        _put(add, key, model)
    for key, attribute in _TEXT_ATTRIBUTES.items():
        _put(add, attribute, get.text(key))
    for key, attribute in _TOKEN_ATTRIBUTES.items():
        tokens = get.number(key)
        if tokens is not None:
            add.add(key=attribute).value.int_value = int(tokens)
    first_chunk_s = get.number("time_to_first_chunk_s")
    if first_chunk_s is not None:
        add.add(key="gen_ai.response.time_to_first_chunk").value.double_value = first_chunk_s
    _put_texts(span, get)
    for key, path in plan.fields.items():
        if "." in key:
            _put(add, key, _text_or_none(look_up(row.record, path)))
    return span


def _put_texts(span: Span, get: _Getter) -> None:
    add = span.attributes
    reason = get.text("finish_reason")
    if reason is not None:
        add.add(key="gen_ai.response.finish_reasons").value.array_value.values.add(string_value=reason)
    prompt = get.value("prompt")
    if prompt is not None:
        _put(add, "gen_ai.input.messages", json.dumps(_messages(prompt, "user"), ensure_ascii=False))
    output = get.text("output")
    if output is not None:
        said = {"role": "assistant", "parts": [{"type": "text", "content": output}]}
        _put(add, "gen_ai.output.messages", json.dumps([said], ensure_ascii=False))
    system = get.text("system_prompt")
    if system is not None:
        parts = [{"type": "text", "content": system}]
        _put(add, "gen_ai.system_instructions", json.dumps(parts, ensure_ascii=False))
    context = get.value("context")
    if context is not None:
        texts = context if isinstance(context, list) else [context]
        documents = [{"content": _text(t)} for t in texts]
        _put(add, "gen_ai.retrieval.documents", json.dumps(documents, ensure_ascii=False))
    error = get.value("error")
    if error not in (None, False, 0, "", "0", "false"):
        kind = error.get("type") if isinstance(error, Mapping) else error
        span.status.code = span.status.STATUS_CODE_ERROR
        _put(add, "error.type", kind if isinstance(kind, str) else "error")


def _messages(prompt: Any, role: str) -> list[dict[str, Any]]:
    """A prompt as messages: text, or chat messages with ``role`` and ``content``."""
    items = prompt if isinstance(prompt, list) else [prompt]
    out = []
    for item in items:
        said, who = (item.get("content"), item.get("role")) if isinstance(item, Mapping) else (item, role)
        out.append({"role": str(who or role), "parts": [{"type": "text", "content": _text(said)}]})
    return out


class _Getter:
    """Keys of one record, as the plan maps them."""

    def __init__(self, plan: ImportPlan, record: Mapping[str, Any]) -> None:
        self._plan = plan
        self._record = record

    def value(self, key: str) -> Any:
        """Value of a key, ``None`` if absent or empty."""
        return _value(self._plan, self._record, key)

    def text(self, key: str) -> str | None:
        """Value as text."""
        return _text_or_none(self.value(key))

    def number(self, key: str) -> float | None:
        """Value as a finite number from 0 on."""
        value = self.value(key)
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        return number if 0 <= number < 1e15 else None


def _value(plan: ImportPlan, record: Mapping[str, Any], key: str) -> Any:
    named = plan.fields.get(key) or (plan.model_from if key == "model" else None)
    found = next(
        (v for p in ([named] if named else KEYS[key]) if (v := look_up(record, p)) is not None), None
    )
    return None if found in ("", [], {}) else found


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _put(attributes: Any, key: str, value: str | None) -> None:
    if value is not None:
        attributes.add(key=key).value.string_value = value.encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class Portion:
    """Some sends as one request: from the send ``first`` up to ``next``, the latest event at ``event_ns``."""

    request: ExportTraceServiceRequest
    first: int
    next: int
    event_ns: int


def portions(
    rows: Sequence[ImportRow],
    placed: Sequence[Placed],
    plan: ImportPlan,
    *,
    start: int = 0,
    max_spans: int = 500,
    max_bytes: int = 1 << 20,
) -> Iterator[Portion]:
    """Requests in order of event time, from the send ``start`` on."""
    at = start
    while at < len(placed):
        request = ExportTraceServiceRequest()
        groups: dict[tuple[str | None, ...], Any] = {}
        first, size = at, 0
        while at < len(placed) and at - first < max_spans and size < max_bytes:
            row = rows[placed[at].row]
            span = to_span(row, placed[at], plan)
            size += span.ByteSize()
            _group(request, groups, plan, row.record).append(span)
            at += 1
        yield Portion(request, first, at, placed[at - 1].at_ns)


def _group(
    request: ExportTraceServiceRequest,
    groups: dict[tuple[str | None, ...], Any],
    plan: ImportPlan,
    record: Mapping[str, Any],
) -> Any:
    """Spans of the resource a record belongs to."""
    get = _Getter(plan, record)
    service = get.text("service") if "service" in plan.fields else None
    environment = get.text("environment") if "environment" in plan.fields else None
    release = get.text("release")
    key = (service or plan.service, environment or plan.environment, release)
    if key not in groups:
        holder = request.resource_spans.add()
        names = ("service.name", "deployment.environment.name", "service.version")
        for name, value in zip(names, key, strict=True):
            _put(holder.resource.attributes, name, value)
        inner = holder.scope_spans.add()
        inner.scope.name = SCOPE
        groups[key] = inner.spans
    return groups[key]
