"""The demo's clock: spans happen when the schedule says, and calls last as long as real ones would.

The loopback provider answers within a millisecond. Before spans are exported, each trace is laid out again
from its simulated start: model and tool calls get a plausible latency, drawn from the seed, and whatever
contains them grows by as much. Every other duration is kept, except that pauses between the steps of an
agent are cut to `PAUSE_LIMIT_NS`: they are this machine's load, not the app's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan

from infra.clock import NS_PER_S
from ingest.demo.chance import Chance

PAUSE_LIMIT_NS = 5_000_000
_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a call takes and, if it streams, when its first chunk comes."""

    total_ns: int
    first_ns: int | None = None


LatencyOf = Callable[[ReadableSpan, str], Latency | None]
"""Latency of a span, given a label that names the span within its run; ``None`` keeps what was measured."""


def simulated_latency(chance: Chance) -> LatencyOf:
    """Latencies of model calls (medians: 0.5 s + 12 ms a token) and of tool calls (0.12 s)."""

    def latency(span: ReadableSpan, label: str) -> Latency | None:
        attributes: Mapping[str, Any] = span.attributes or {}
        rng = chance.stream("latency", label)
        if attributes.get("gen_ai.operation.name") == "execute_tool":
            return Latency(_ns(0.12 * rng.lognormvariate(0, 0.4)))
        if not is_model_call(span):
            return None
        first_s = 0.5 * rng.lognormvariate(0, 0.35)
        tokens = attributes.get("gen_ai.usage.output_tokens", attributes.get("llm.token_count.completion", 0))
        total_s = first_s + 0.012 * tokens * rng.lognormvariate(0, 0.15)
        streamed = _FIRST_CHUNK in attributes or any("First Token" in e.name for e in span.events)
        return Latency(_ns(total_s), _ns(first_s) if streamed else None)

    return latency


def is_model_call(span: ReadableSpan) -> bool:
    """Whether the span is one interaction, in either dialect the apps use."""
    attributes = span.attributes or {}
    return (
        attributes.get("openinference.span.kind") == "LLM"
        or attributes.get("gen_ai.operation.name") == "chat"
    )


def lay_out(
    spans: Sequence[ReadableSpan], start_ns: int, label: str, latency: LatencyOf
) -> list[ReadableSpan]:
    """One trace moved to ``start_ns``, in order of end time; ``label`` names it in draws."""
    ids = {span.context.span_id for span in spans}
    children: dict[int | None, list[ReadableSpan]] = defaultdict(list)
    for span in sorted(spans, key=lambda s: s.start_time or 0):
        parent = span.parent.span_id if span.parent else None
        children[parent if parent in ids else None].append(span)
    done: list[ReadableSpan] = []

    def place(span: ReadableSpan, at_ns: int) -> int:
        measured_ns = (span.start_time or 0, span.end_time or 0)
        cursor_ns, left_ns = at_ns, measured_ns[0]
        for child in children[span.context.span_id]:
            cursor_ns += _pause(left_ns, child.start_time or 0)
            cursor_ns = place(child, cursor_ns)
            left_ns = max(left_ns, child.end_time or 0)
        taken = None if children[span.context.span_id] else latency(span, f"{label}/{len(done)}")
        if taken is not None:
            end_ns = at_ns + taken.total_ns
        elif children[span.context.span_id]:
            end_ns = cursor_ns + _pause(left_ns, measured_ns[1])
        else:
            end_ns = at_ns + measured_ns[1] - measured_ns[0]
        done.append(_moved(span, at_ns, end_ns, taken))
        return end_ns

    for root in children[None]:
        place(root, start_ns + ((root.start_time or 0) - (children[None][0].start_time or 0)))
    return sorted(done, key=lambda s: s.end_time or 0)


def _pause(left_ns: int, next_ns: int) -> int:
    return min(max(next_ns - left_ns, 0), PAUSE_LIMIT_NS)


def _moved(span: ReadableSpan, start_ns: int, end_ns: int, latency: Latency | None) -> ReadableSpan:
    attributes = dict(span.attributes or {})
    first_ns = latency.first_ns if latency else None
    if first_ns is not None and _FIRST_CHUNK in attributes:
        attributes[_FIRST_CHUNK] = first_ns / NS_PER_S
    shift_ns = start_ns - (span.start_time or 0)
    events = [
        Event(event.name, event.attributes, _event_ns(event, start_ns, end_ns, shift_ns, latency))
        for event in span.events
    ]
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=start_ns,
        end_time=end_ns,
        instrumentation_scope=span.instrumentation_scope,
    )


def _event_ns(event: Event, start_ns: int, end_ns: int, shift_ns: int, latency: Latency | None) -> int:
    if latency is None:
        return min(event.timestamp + shift_ns, end_ns)
    if "First Token" in event.name and latency.first_ns is not None:
        return start_ns + latency.first_ns
    return end_ns


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
