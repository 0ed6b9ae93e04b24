"""A stored call in words for a terminal. Pure; nothing from outside reaches it as a control code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from detectors.finding import rfc3339
from detectors.scorers.registry import SPECS
from infra.clock import to_datetime
from ingest.operations.calls.query import Step
from ingest.repository.interaction import StoredInteraction

EXCERPT = 60
"""Characters of a text in a line."""
LONGEST_TEXT = 2_000
"""Characters of a text of one call, unless all of it is asked for."""
INDENT = "    "
GAP = "  "


def line(stored: StoredInteraction) -> str:
    """One call on one line: when, who, what, how long, how much, what was found, how it reads, its trace."""
    call = stored.interaction
    parts = [
        _clock(call.start_ns),
        call.service,
        " ".join(filter(None, (call.operation or call.kind, call.response_model or call.request_model))),
        "" if call.duration_s is None else f"{call.duration_s:.2f} s",
        _tokens(stored),
        _cost(stored),
        _outcome(stored),
        *flags(stored),
        _excerpts(stored),
        call.trace_id,
    ]
    return GAP.join(printable(part) for part in parts if part)


def whole(stored: StoredInteraction, *, full: bool) -> list[str]:
    """All that is kept of a call, a fact a line, then its texts."""
    call = stored.interaction
    facts = {
        "started": f"{to_datetime(call.start_ns):%Y-%m-%d %H:%M:%S.%f} UTC",
        "service": " ".join(filter(None, (call.service, call.service_version, call.environment))),
        "trace": call.trace_id,
        "span": f"{call.span_id}, in {call.parent_span_id}" if call.parent_span_id else call.span_id,
        "lineage": call.lineage,
        "operation": " ".join(filter(None, (call.operation or call.kind, call.modality))),
        "provider": call.provider,
        "model": _model(call.request_model, call.response_model),
        "duration": ("unknown" if call.duration_s is None else f"{call.duration_s:.3f} s")
        + ("" if call.time_to_first_chunk_s is None else f", first chunk {call.time_to_first_chunk_s:.3f} s"),
        "tokens": _tokens(stored),
        "cost": _cost(stored),
        "outcome": _outcome(stored),
        "error": call.error and call.error.message,
        "agent": call.agent_name,
        "release": call.release,
        "prompt": " ".join(filter(None, (call.prompt_name, call.prompt_version))),
        "user": call.user,
        "conversation": call.conversation_id,
        "read as": call.dialect,
        "no text": stored.text_absent,
        "redacted": ", ".join(f"{r.n} {r.type} ({r.side})" for r in stored.redactions),
    }
    out = [f"{name:<14}{printable(str(value))}" for name, value in facts.items() if value]
    out.append("scores")
    out += [f"{INDENT}{name:<28}{_value(value)}" for name, value in sorted(stored.scores.items())]
    for title, text in _texts(stored):
        out += ["", title, *_paragraph(text, full=full)]
    return out


def step(one: Step, *, full: bool) -> list[str]:
    """A span around the calls, on a line, and a tool's arguments."""
    parts = [
        _clock(one.start_ns),
        f"{one.kind} {one.tool_name or one.name}",
        f"{one.duration_s:.2f} s",
        "failed" if one.error else "",
        f"span {one.span_id}",
    ]
    out = [GAP.join(printable(part) for part in parts if part)]
    if one.tool_arguments:
        out += _paragraph(one.tool_arguments, full=full)
    return out


def to_dict(stored: StoredInteraction) -> dict[str, Any]:
    """A call for machines: times RFC 3339 in UTC, absent facts left out."""
    call = stored.interaction
    facts: dict[str, Any] = {
        "start": rfc3339(to_datetime(call.start_ns)),
        "received": rfc3339(to_datetime(stored.received_ns)),
        "duration_s": call.duration_s,
    }
    same = (
        "tenant", "lineage", "service", "service_version", "environment", "trace_id", "span_id",
        "parent_span_id", "kind", "operation", "modality", "provider", "request_model", "response_model",
        "agent_name", "release", "prompt_name", "prompt_version", "user", "conversation_id", "dialect",
        "input_tokens", "output_tokens", "time_to_first_chunk_s", "system_prompt", "input_text",
        "output_text",
    )  # fmt: skip
    facts |= {name: getattr(call, name) for name in same}
    facts |= {
        "error_type": call.error and call.error.type,
        "error_message": call.error and call.error.message,
        "finish_reasons": list(call.finish_reasons),
        "tool_calls": [{"name": t.name, "arguments": t.arguments} for t in call.tool_calls],
        "tool_results": list(call.tool_results),
        "text_absent": stored.text_absent,
        "redactions": [{"side": r.side, "type": r.type, "n": r.n} for r in stored.redactions],
        "scores": dict(sorted(stored.scores.items())),
    }
    return {name: value for name, value in facts.items() if value not in (None, [], {})}


def flags(stored: StoredInteraction) -> list[str]:
    """Names of the flags that are set: what a scorer found in the call."""
    return sorted(n for n, v in stored.scores.items() if v == 1.0 and n != "error" and _kind(n) == "flag")


def printable(text: str) -> str:
    """A text on one line, without what a terminal would obey or reorder."""
    return " ".join(_harmless(text).split())


def _harmless(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _kind(name: str) -> str:
    spec = SPECS.get(name)
    return "" if spec is None else spec.kind


def _texts(stored: StoredInteraction) -> Iterator[tuple[str, str]]:
    call = stored.interaction
    named: Sequence[tuple[str, str | None]] = (
        ("system prompt", call.system_prompt),
        *(("retrieved", text) for text in call.context_texts),
        ("prompt", call.input_text),
        *(("tool result", text) for text in call.tool_results),
        *((f"calls tool {printable(t.name or '?')}", _arguments(t.arguments)) for t in call.tool_calls),
        ("output", call.output_text),
    )
    yield from ((title, text) for title, text in named if text)


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def _paragraph(text: str, *, full: bool) -> list[str]:
    kept = text if full else text[:LONGEST_TEXT]
    out = [INDENT + _harmless(row) for row in kept.splitlines()]
    if len(kept) < len(text):
        out.append(f"{INDENT}... {len(text) - len(kept):,} more characters: --full")
    return out


def _excerpts(stored: StoredInteraction) -> str:
    call = stored.interaction
    if stored.text_absent:
        return f"no text: {stored.text_absent}"
    made = call.output_text or "".join(f"[{t.name}]" for t in call.tool_calls)
    if not call.input_text and not made:
        return "no text"
    return f"{_excerpt(call.input_text or '')} -> {_excerpt(made)}"


def _excerpt(text: str) -> str:
    short = printable(text[: EXCERPT * 4])
    cut = len(short) > EXCERPT or len(text) > EXCERPT * 4
    return f'"{short[:EXCERPT].rstrip()}{"..." if cut else ""}"'


def _model(asked: str | None, answered: str | None) -> str:
    if asked and answered and asked != answered:
        return f"{answered}, asked for {asked}"
    return answered or asked or ""


def _outcome(stored: StoredInteraction) -> str:
    call = stored.interaction
    if call.error is not None:
        told = filter(None, (call.error.type, call.error.http_status and f"HTTP {call.error.http_status}"))
        return " ".join(("error", *map(str, told)))
    return ", ".join(call.finish_reasons)


def _tokens(stored: StoredInteraction) -> str:
    call = stored.interaction
    if call.input_tokens is None and call.output_tokens is None:
        return ""
    given = ["?" if n is None else f"{n:,}" for n in (call.input_tokens, call.output_tokens)]
    return f"{given[0]} -> {given[1]} tokens"


def _cost(stored: StoredInteraction) -> str:
    cost = stored.scores.get("cost_usd")
    return f"${cost:.4f}" if isinstance(cost, float) else ""


def _value(value: float | str) -> str:
    return printable(value) if isinstance(value, str) else f"{value:.6g}"


def _clock(at_ns: int) -> str:
    return f"{to_datetime(at_ns):%H:%M:%S}"
