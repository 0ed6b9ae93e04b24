"""Stored calls and the spans around them as rows of text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from dashboard.queries.newest import NewCall, TraceSpan
from dashboard.queries.store import LIVE
from dashboard.safe_text import clean
from dashboard.wording import trace as words

Rows = list[dict[str, object]]


def calls(found: Sequence[NewCall], lineage: str) -> Rows:
    """A row a call, with a link to its trace."""
    return [
        {
            words.START: f"{one.start:%Y-%m-%d %H:%M:%S}",
            words.SERVICE: _service(one),
            words.WHAT: _what(one),
            words.TOOK: one.took_s,
            words.TOKENS: _tokens(one),
            words.OUTCOME: outcome(one),
            words.TRACE: link(one.trace_id, lineage),
        }
        for one in found
    ]


def spans(calls_of: Sequence[NewCall], steps: Sequence[TraceSpan]) -> Rows:
    """A row a span of a trace, in order of their begin."""
    rows: list[tuple[NewCall | TraceSpan, str, str, str]]
    rows = [(one, _what(one), _tokens(one), outcome(one)) for one in calls_of]
    rows += [(s, clean(f"{s.kind} {s.name}", 80), "", "failed" if s.failed else "") for s in steps]
    return [
        {
            words.START: f"{span.start:%H:%M:%S.%f}"[:-3],
            words.WHAT: what,
            words.TOOK: span.took_s,
            words.TOKENS: tokens,
            words.OUTCOME: ended,
            words.SPAN: span.span_id,
        }
        for span, what, tokens, ended in sorted(rows, key=lambda r: (r[0].start, r[0].span_id))
    ]


def link(trace_id: str, lineage: str) -> str:
    """Address of a trace's page, relative to the other pages."""
    asked = {"id": trace_id} | ({} if lineage == LIVE else {"lineage": lineage})
    return f"trace?{urlencode(asked)}"


def outcome(one: NewCall) -> str:
    """How a call ended, and whether it came without text."""
    said = clean(one.error or one.finish_reason, 40)
    return f"{said} · no text" if one.text_absent and not one.error else said


def _service(one: NewCall) -> str:
    name = clean(one.service, 60)
    return f"{name} · {clean(one.environment, 24)}" if one.environment else name


def _what(one: NewCall) -> str:
    return clean(" ".join(filter(None, (one.operation, one.model))), 80)


def _tokens(one: NewCall) -> str:
    if one.input_tokens is None and one.output_tokens is None:
        return ""
    return " / ".join("–" if n is None else f"{n:,}" for n in (one.input_tokens, one.output_tokens))
