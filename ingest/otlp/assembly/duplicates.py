"""Which spans describe the same model call.

SDKs, instrumentations and frameworks each emit a span for one call: a child without content under the one
with it, a wrapper around the real calls, or an unrelated root in another trace. They are joined by
response id, by parent and child, and for a provider's own SDK by time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ingest.otlp.dialects.partial import CALLS, OTHER, Partial
from ingest.otlp.views import SpanView

SpanId = tuple[str, str]
"""Trace id and span id."""

Group = tuple["Call", list["Call"]]
"""The span that stands for a call, and its duplicates."""

_SDK_SCOPES = ("com.anthropic.sdk", "com.openai.sdk", "com.google.genai.sdk")
"""Scopes of spans that providers' own libraries emit, without content."""
_GATEWAY_SCOPE = "litellm"
"""Scope of a model gateway, where models have names of its own."""
_MAX_ANCESTORS = 64
_MIN_ID = 6
_MAX_AROUND = 64
"""Calls at the same time that a library's own span is compared with."""


@dataclass(slots=True)
class Call:
    """A span that says it is a model call."""

    span: SpanView
    partial: Partial

    @property
    def id(self) -> SpanId:
        """Trace id and span id."""
        return self.span.trace_id, self.span.span_id


def find_duplicates(
    calls: Sequence[Call], spans: Mapping[SpanId, tuple[SpanView, Partial | None]]
) -> dict[SpanId, SpanId]:
    """Duplicate span to the span that stands for the call; order of the arguments does not matter."""
    by_id = {c.id: c for c in calls}
    of: dict[SpanId, SpanId] = {}
    own = [c for c in calls if not c.partial.copies_parent]
    same_answer = _by_response_id(own)
    joined = {c.id for chosen, others in same_answer for c in (chosen, *others)}
    groups = [
        *same_answer,
        *_by_nesting(own, by_id, spans),
        *_by_time(own, joined),
        *_by_stream(own),
    ]
    for copy in calls:
        above = parent_of(copy.span)
        if copy.partial.copies_parent and above in by_id:
            groups.append((by_id[above], [copy]))
    for chosen, others in sorted(groups, key=lambda g: (g[0].id, min(c.id for c in g[1]))):
        for call in others:
            of.setdefault(call.id, chosen.id)
    return {dup: kept for dup, kept in _resolved(of).items() if dup != kept}


def parent_of(span: SpanView) -> SpanId:
    """Id of the span above; no span has that of a root's."""
    return span.trace_id, span.parent_span_id or ""


def _resolved(of: Mapping[SpanId, SpanId]) -> dict[SpanId, SpanId]:
    """Where each chain of duplicates ends: in the span that is none, or in the smallest of a circle."""
    ends: dict[SpanId, SpanId] = {}
    for start in of:
        path: dict[SpanId, None] = {}
        here = start
        while here in of and here not in ends and here not in path:
            path[here] = None
            here = of[here]
        if here in path:
            seen = list(path)
            end = min(seen[seen.index(here) :])
        else:
            end = ends.get(here, here)
        ends |= dict.fromkeys(path, end)
    return ends


def _richness(call: Call) -> tuple[int, bool, bool, bool, int, SpanId]:
    """Content first, then whose it is, tokens and ids; of equals the inner one, so that order never decides.

    A provider's own library, and a model gateway, come after an instrumentation of the application.
    """
    p = call.partial
    sides = bool(p.messages_in or p.input_texts) + bool(p.messages_out or p.images_out)
    theirs = call.span.scope.startswith(_SDK_SCOPES) or call.span.scope == _GATEWAY_SCOPE
    return (
        sides,
        not theirs,
        p.input_tokens is not None,
        p.response_id is not None,
        call.span.start_ns,
        call.id,
    )


def _group(calls: Sequence[Call]) -> Group:
    """The richest of several spans of one call, and the others."""
    chosen = max(calls, key=_richness)
    return chosen, [c for c in calls if c is not chosen]


def _within(inner: SpanView, outer: SpanView) -> bool:
    return outer.start_ns <= inner.start_ns and inner.end_ns <= outer.end_ns


def _by_response_id(calls: Sequence[Call]) -> list[Group]:
    """Calls with one response id that ran at the same time (a cache answers later with the same id)."""
    groups: defaultdict[tuple[str, str | None], list[Call]] = defaultdict(list)
    for call in calls:
        rid = call.partial.response_id
        if rid and is_telling(rid):
            groups[rid, call.partial.kind].append(call)
    out: list[list[Call]] = []
    for group in groups.values():
        group.sort(key=lambda c: (c.span.start_ns, c.id))
        current: list[Call] = []
        until_ns = 0
        for call in group:
            if current and call.span.start_ns > until_ns:
                out.append(current)
                current = []
            current.append(call)
            until_ns = max(until_ns, call.span.end_ns) if len(current) > 1 else call.span.end_ns
        out.append(current)
    return [_group(g) for g in out if len(g) > 1]


def is_telling(response_id: str | None) -> bool:
    """Whether a response id can tell calls apart: test doubles and caches write ``1``, ``""``, ``ok``."""
    return response_id is not None and len(response_id) >= _MIN_ID and not response_id.isdigit()


def is_sdk(scope: str) -> bool:
    """Whether a scope is that of a provider's own library."""
    return scope.startswith(_SDK_SCOPES)


def share_a_model(a: Iterable[str | None], b: Iterable[str | None]) -> bool:
    """Whether two spans can be one call: any model name in common, or one of them names none."""
    names_a, names_b = ({n.rsplit("/", 1)[-1] for n in names if n} for names in (a, b))
    return not names_a or not names_b or bool(names_a & names_b)


def _same_model(a: Partial, b: Partial) -> bool:
    return share_a_model((a.request_model, a.response_model), (b.request_model, b.response_model))


def _by_nesting(
    calls: Sequence[Call],
    by_id: Mapping[SpanId, Call],
    spans: Mapping[SpanId, tuple[SpanView, Partial | None]],
) -> list[Group]:
    """Calls inside a call, with no agent, tool or chain between."""
    inside: defaultdict[SpanId, list[Call]] = defaultdict(list)
    for call in calls:
        outer = _enclosing_call(call, by_id, spans)
        if (
            outer is not None
            and outer.partial.kind == call.partial.kind
            and _within(call.span, outer.span)
            and (call.span.scope == _GATEWAY_SCOPE or _same_model(call.partial, outer.partial))
            and not _differ(call.partial.response_id, outer.partial.response_id)
        ):
            inside[outer.id].append(call)
    out: list[Group] = []
    for outer_id, inner in inside.items():
        outer = by_id[outer_id]
        if len(inner) == 1 or (
            outer.partial.has_content() and not any(c.partial.has_content() for c in inner)
        ):
            out.append(_group([outer, *inner]))  # one call, or its attempts
        else:  # a wrapper around several calls: it is the duplicate, whatever it sums up
            last = max(inner, key=lambda c: (c.span.end_ns, c.id))
            out.append((last, [outer]))
    return out


def _differ(a: str | None, b: str | None) -> bool:
    return a is not None and b is not None and a != b


def _enclosing_call(
    call: Call, by_id: Mapping[SpanId, Call], spans: Mapping[SpanId, tuple[SpanView, Partial | None]]
) -> Call | None:
    parent = call.span.parent_span_id
    for _ in range(_MAX_ANCESTORS):
        if parent is None:
            return None
        key = (call.span.trace_id, parent)
        if key in by_id:
            return by_id[key] if key != call.id else None
        found = spans.get(key)
        if found is None:
            return None
        span, partial = found
        kind = partial.kind or partial.implied_kind if partial is not None else None
        if kind not in (None, OTHER):
            return None
        parent = span.parent_span_id
    return None


def _by_time(calls: Sequence[Call], joined: set[SpanId]) -> list[Group]:
    """A provider SDK's own span without content, inside or around another span of the same service.

    ``joined`` are those whose response id has told already what they double.
    """
    plain = [c for c in calls if is_sdk(c.span.scope) and not c.partial.has_content() and c.id not in joined]
    if not plain:
        return []
    out: list[Group] = []
    around = _around(calls)
    for call in sorted(plain, key=lambda c: (c.span.start_ns, c.id)):
        waiting = around.get(repr(call.span.resource.get("service.name")), [])
        passed: list[Call] = []
        while waiting and len(passed) < _MAX_AROUND:
            other = waiting.pop()
            if other.span.end_ns < call.span.start_ns:
                continue  # over, for the calls after this one too
            if _is_same_call(call, other):
                out.append((other, [call]))
                break
            passed.append(other)
            if other.span.start_ns > max(call.span.start_ns, call.span.end_ns):
                break
        waiting.extend(reversed(passed))
    return out


def _around(calls: Sequence[Call]) -> dict[str, list[Call]]:
    """By service, the calls that a library's own span may double: the earliest last, to be taken off."""
    out: defaultdict[str, list[Call]] = defaultdict(list)
    for call in sorted(calls, key=lambda c: (c.span.start_ns, c.id), reverse=True):
        if not is_sdk(call.span.scope) and call.partial.response_id is None:
            out[repr(call.span.resource.get("service.name"))].append(call)
    return out


def _is_same_call(own: Call, other: Call) -> bool:
    """Whether a library's span began within the other, or holds it, with a model in common.

    It may end later: the other may be over when a stream begins, the library's when it ends.
    """
    began_within = other.span.start_ns <= own.span.start_ns <= other.span.end_ns
    return (began_within or _within(other.span, own.span)) and _same_model(own.partial, other.partial)


def _by_stream(calls: Sequence[Call]) -> list[Group]:
    """Logfire tells a streamed answer in a span of its own, after the one that asks and holds no answer."""
    told = [c for c in calls if c.span.attributes.get("logfire.span_type") == "log"]
    if not told:
        return []
    asked: defaultdict[str, list[Call]] = defaultdict(list)
    for call in sorted(calls, key=lambda c: (c.span.start_ns, c.id)):
        if call.span.attributes.get("logfire.span_type") == "span" and not call.partial.messages_out:
            asked[_question(call)].append(call)
    out: list[Group] = []
    for call in sorted(told, key=lambda c: (c.span.start_ns, c.id)):
        waiting = asked[_question(call)]
        if waiting and waiting[0].span.start_ns <= call.span.start_ns:
            out.append(_group([call, waiting.pop(0)]))
    return out


def _question(call: Call) -> str:
    a = call.span.attributes
    asked = [call.span.resource.get("service.name"), call.span.scope]
    return repr([*asked, a.get("request_data"), a.get("gen_ai.input.messages")])


def is_call(partial: Partial | None) -> bool:
    """Whether a span is an interaction: by its own word, else by its attributes."""
    return partial is not None and (partial.kind or partial.implied_kind) in CALLS
