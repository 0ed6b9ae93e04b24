"""Spans and log records of one run, or of one message of the stream, to interactions.

The result depends neither on the order of the input nor on duplicates in it. In the stream a message may
hold only a part of a trace: what an ancestor outside of it says stays unknown, and content or judgements
whose span is not in it are handed on (`Assembled.contents`, `Assembled.judgements`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ingest.interaction import ContextSpan, Evaluation, FieldRedaction, Interaction
from ingest.otlp.assembly.build import REDACTIONS as REDACTIONS_KEY
from ingest.otlp.assembly.build import (
    Scope,
    build_content,
    build_context,
    build_interaction,
    fill,
    read_redactions,
)
from ingest.otlp.assembly.duplicates import Call, SpanId, find_duplicates, is_call, parent_of
from ingest.otlp.assembly.evaluation_target import EvaluationTarget
from ingest.otlp.assembly.lending import lent, loans
from ingest.otlp.assembly.unique_records import Texts, canonical, unique_spans
from ingest.otlp.dialects import genai, legacy_events, openinference, precedence
from ingest.otlp.dialects.partial import AGENT, Partial
from ingest.otlp.dialects.span_facts import conversation_of, user_of
from ingest.otlp.dialects.values import real, text
from ingest.otlp.views import LogView, SpanView

EVALUATION_EVENT = "gen_ai.evaluation.result"
_MAX_ANCESTORS = 64
_MAX_DOCUMENTS = 64
_MAX_INHERITED = 256
"""Characters of a name or id that every span of a trace is given from one: it may be megabytes."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """An evaluation made at ``at_ns``, and what it refers to (`evaluation_target.Judgeable`).

    ``carrier`` is the span that said it, if one did.
    """

    evaluation: Evaluation
    trace_id: str | None = None
    span_id: str | None = None
    response_id: str | None = None
    conversation_id: str | None = None
    at_ns: int | None = None
    carrier: SpanId | None = None


@dataclass(slots=True)
class Assembled:
    """What came out.

    ``contents`` are interactions of which only the content is known (their span is elsewhere): join them
    with `ingest.otlp.assembly.build.fill`. ``judgements`` refer to something elsewhere; ``said`` are all that
    spans carry, which are among the interactions' evaluations where these are here. ``loans`` is what steps
    have for calls inside them that are elsewhere. ``repeated`` counts spans that were there before under the
    same id, ``other_logs`` records that say nothing about a call.
    """

    interactions: list[Interaction] = field(default_factory=list)
    context_spans: list[ContextSpan] = field(default_factory=list)
    contents: list[Interaction] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)
    said: list[Judgement] = field(default_factory=list)
    loans: dict[SpanId, Interaction] = field(default_factory=dict)
    repeated: int = 0
    other_logs: int = 0


@dataclass(slots=True)
class _Logs:
    """Log records by what they are for."""

    details: defaultdict[SpanId, list[LogView]] = field(default_factory=lambda: defaultdict(list))
    messages: defaultdict[SpanId, list[LogView]] = field(default_factory=lambda: defaultdict(list))
    by_response: defaultdict[str, list[LogView]] = field(default_factory=lambda: defaultdict(list))
    judgements: list[Judgement] = field(default_factory=list)
    said: list[Judgement] = field(default_factory=list)
    other: int = 0

    def of(self, key: SpanId) -> list[LogView]:
        """Records with content of one span."""
        return [*self.details.get(key, ()), *self.messages.get(key, ())]


def assemble_batch(
    spans: Sequence[SpanView],
    logs: Sequence[LogView] = (),
    *,
    judgements: Iterable[Judgement] = (),
    tenant: str = "default",
    lineage: str = "live",
    redacted: bool = False,
) -> Assembled:
    """Interactions, context and loose ends of what is given.

    ``redacted`` says that a redactor has seen all of it, so that a span without its report is a clean one.
    """
    unique, repeated = unique_spans(spans)
    sorted_logs = _sort_logs(logs)
    read = _read_spans(unique, sorted_logs)
    read |= {key: (read[key][0], partial) for key, partial in lent(read).items()}
    calls = [Call(span, p) for span, p in read.values() if p is not None and is_call(p)]
    calls += _copies(read)
    duplicate_of = find_duplicates(calls, read)
    family = _Family(read, tenant, lineage)
    out = Assembled(loans=loans(read), repeated=repeated, other_logs=sorted_logs.other)
    built: dict[SpanId, Interaction] = {}
    for call in calls:
        interaction = build_interaction(call.span, call.partial, family.scope(call.span))
        records = sorted_logs.of(call.id)
        built[call.id] = _with_log_redactions(interaction, records) if records else interaction
    _merge_duplicates(built, duplicate_of)
    above = {key: read[key][0].parent_span_id for key in duplicate_of}
    for key, call_ in built.items() if above else ():
        built[key] = replace(call_, parent_span_id=_kept_parent(call_, above))
    for key, (span, p) in read.items():
        if key not in built and key not in duplicate_of:
            step = build_context(span, p, family.scope(span))
            out.context_spans.append(replace(step, parent_span_id=_kept_parent(step, above)))
        if p is not None and p.evaluations:
            out.said.extend(_said(span, e) for e in p.evaluations)
    out.said += sorted_logs.said
    _add_documents(built, read)
    out.contents = _loose_contents(sorted_logs, read, tenant, lineage)
    _judge(built, duplicate_of, [*out.said, *sorted_logs.judgements, *judgements], out)
    out.interactions = sorted(built.values(), key=_order)
    if redacted:
        out.interactions = [
            i if i.redactions is not None else replace(i, redactions=()) for i in out.interactions
        ]
        out.contents = [c if c.redactions is not None else replace(c, redactions=()) for c in out.contents]
    out.context_spans.sort(key=_order)
    return out


def _merge_duplicates(built: dict[SpanId, Interaction], duplicate_of: Mapping[SpanId, SpanId]) -> None:
    """Leave one interaction a call, with what only its other spans know."""
    others: defaultdict[SpanId, list[SpanId]] = defaultdict(list)
    for duplicate in sorted(duplicate_of):
        others[duplicate_of[duplicate]].append(duplicate)
    for kept, duplicates in others.items():
        spans = [built.pop(duplicate) for duplicate in duplicates]
        built[kept] = replace(fill(built[kept], *spans), duplicate_spans=tuple(i for _, i in duplicates))


def _kept_parent(span: Interaction | ContextSpan, above: Mapping[SpanId, str | None]) -> str | None:
    """The nearest span above that is stored; ``above`` are the parents of those that others stand for."""
    parent = span.parent_span_id
    for _ in range(_MAX_ANCESTORS):
        key = (span.trace_id, parent or "")
        if key not in above:
            break
        parent = above[key]
    return parent


def _order(span: Interaction | ContextSpan) -> tuple[int, str, str]:
    return span.start_ns, span.trace_id, span.span_id


def _sort_logs(logs: Sequence[LogView]) -> _Logs:
    out = _Logs()
    if not logs:
        return out
    unique: dict[str, LogView] = {}
    texts = Texts()
    for log in logs:
        identity = canonical([log.trace_id, log.span_id, log.event, log.time_ns, log.body, log.attributes])
        have = unique.setdefault(identity, log)
        if have is not log and texts.resource(log) > texts.resource(have):
            unique[identity] = log
    for log in unique.values():
        _sort_log(out, log)
    for group in (*out.details.values(), *out.by_response.values()):
        group.sort(key=lambda r: (r.time_ns, canonical([r.body, r.attributes])))
    out.judgements.sort(key=lambda j: canonical([j.trace_id, j.span_id, j.response_id, str(j.evaluation)]))
    return out


def _sort_log(out: _Logs, log: LogView) -> None:
    key: SpanId | None = (log.trace_id, log.span_id) if log.trace_id and log.span_id else None
    if log.event == EVALUATION_EVENT:
        out.judgements.append(judgement_of(log))
    elif log.event in genai.DETAILS_EVENTS:
        rid = text(log.attributes.get("gen_ai.response.id"))
        if key is not None:
            out.details[key].append(log)
        elif rid is not None:
            out.by_response[rid].append(log)
        else:
            out.other += 1
    elif log.event in legacy_events.ROLES and key is not None:
        out.messages[key].append(log)
    else:
        out.other += 1


def _said(span: SpanView, evaluation: Evaluation) -> Judgement:
    """What a span says: of itself, or, if it is an evaluator's, of the span it links to and nothing else."""
    own = (span.trace_id, span.span_id)
    target: tuple[str | None, str | None] = own
    if openinference.is_evaluator(span):
        target = span.links[0] if span.links else (None, None)
    return Judgement(evaluation, *target, at_ns=span.end_ns, carrier=own)


def judgement_of(log: LogView) -> Judgement:
    """What a log record of an evaluation says (`EVALUATION_EVENT`)."""
    return _judgement(log.attributes, log.scope, log.trace_id, log.span_id, log.time_ns)


def _judgement(
    a: Mapping[str, Any], scope: str, trace_id: str | None, span_id: str | None, at_ns: int
) -> Judgement:
    value = a.get("gen_ai.evaluation.score.value")
    evaluation = Evaluation(
        name=text(a.get("gen_ai.evaluation.name")),
        score=float(value) if isinstance(value, bool) else real(value),
        label=text(a.get("gen_ai.evaluation.score.label")),
        explanation=text(a.get("gen_ai.evaluation.explanation")),
        source=scope or None,
        error=text(a.get("error.type")),
    )
    response, conversation = text(a.get("gen_ai.response.id")), conversation_of(a)
    return Judgement(evaluation, trace_id, span_id, response, conversation, at_ns)


def _log_partials(logs: _Logs, key: SpanId) -> list[Partial]:
    out = [genai.read_log(log) for log in logs.details.get(key, ())]
    if key in logs.messages:
        out.append(legacy_events.read_logs(logs.messages[key]))
    return out


def _read_spans(
    unique: Mapping[SpanId, SpanView], logs: _Logs
) -> dict[SpanId, tuple[SpanView, Partial | None]]:
    out: dict[SpanId, tuple[SpanView, Partial | None]] = {}
    for key, span in unique.items():
        from_logs = _log_partials(logs, key) if logs.details or logs.messages else []
        partial = precedence.read_span(span, from_logs)
        if logs.by_response and partial is not None and partial.response_id in logs.by_response:
            records = logs.by_response[partial.response_id or ""]
            if not partial.has_content():  # a record without span context, joined by what it answers
                partial = precedence.read_span(span, [*from_logs, *map(genai.read_log, records)])
        for event in span.events:
            if event.name == EVALUATION_EVENT:
                judgement = _judgement(event.attributes, span.scope, *key, event.time_ns)
                logs.said.append(replace(judgement, carrier=key))
        out[key] = (span, partial)
    return out


def _copies(read: Mapping[SpanId, tuple[SpanView, Partial | None]]) -> list[Call]:
    """Spans that repeat a call above them; where that is not here they stay context."""
    out = []
    for span, p in read.values():
        if p is None or not p.copies_parent:
            continue
        above = read.get(parent_of(span), (span, None))[1]
        if above is not None and is_call(above):
            kind, operation = above.kind or above.implied_kind, above.operation
            raw = above.operation_raw
            out.append(Call(span, replace(p, kind=kind, operation=operation, operation_raw=raw)))
    return out


class _Family:
    """What the spans of a trace say about their descendants."""

    def __init__(
        self, read: Mapping[SpanId, tuple[SpanView, Partial | None]], tenant: str, lineage: str
    ) -> None:
        self._read = read
        self._tenant = tenant
        self._lineage = lineage
        self._roots: dict[str, SpanView] = {}
        for span, _ in read.values():  # sorted by start: the first root stays
            if span.parent_span_id is None:
                self._roots.setdefault(span.trace_id, span)

    def scope(self, span: SpanView) -> Scope:
        """Trace name, and agent, conversation and user of the nearest ancestor that has them."""
        agent = conversation = user = None
        parent = span.parent_span_id
        for _ in range(_MAX_ANCESTORS):
            found = self._read.get((span.trace_id, parent)) if parent else None
            if found is None:
                break
            above, partial = found
            if agent is None and partial is not None and (partial.kind or partial.implied_kind) == AGENT:
                agent = partial.agent_name or (None if partial.operation_raw == "agent_step" else above.name)
            conversation = conversation or conversation_of(above.attributes)
            user = user or user_of(above.attributes)
            if partial is not None:
                conversation = conversation or partial.conversation_id
                user = user or partial.user
            parent = above.parent_span_id
        root = self._roots.get(span.trace_id)
        said = (root.name if root else None, agent, conversation, user)
        return Scope(self._tenant, self._lineage, *(s and s[:_MAX_INHERITED] for s in said))


def _add_documents(
    built: dict[SpanId, Interaction], read: Mapping[SpanId, tuple[SpanView, Partial | None]]
) -> None:
    """Documents retrieved earlier in a trace are context of the calls after it."""
    retrieved: dict[str, _Documents] = {}
    for place, (span, partial) in enumerate(read.values()):
        if partial is not None and partial.documents and not is_call(partial):
            retrieved.setdefault(span.trace_id, _Documents()).add(span.end_ns, place, partial.documents)
    for key, interaction in sorted(built.items(), key=_by_start) if retrieved else ():
        texts = retrieved[key[0]].until(interaction.start_ns) if key[0] in retrieved else ()
        if texts:
            unique = tuple(dict.fromkeys((*interaction.context_texts, *texts)))
            built[key] = replace(interaction, context_texts=unique[:_MAX_DOCUMENTS])


def _by_start(item: tuple[SpanId, Interaction]) -> int:
    return item[1].start_ns


class _Documents:
    """What was retrieved in one trace: first all is added, then asked for at times that only move on."""

    def __init__(self) -> None:
        self._all: list[tuple[int, int, tuple[str, ...]]] = []
        self._done = 0
        self._known: dict[str, tuple[int, int]] = {}

    def add(self, end_ns: int, place: int, documents: tuple[str, ...]) -> None:
        """Documents that were there at ``end_ns``; ``place`` orders them among others."""
        self._all.append((end_ns, place, documents))

    def until(self, at_ns: int) -> Sequence[str]:
        """The first `_MAX_DOCUMENTS` different ones that were there by then, in order of their places."""
        if not self._done:
            self._all.sort()
        done = self._done
        while done < len(self._all) and self._all[done][0] <= at_ns:
            _, place, documents = self._all[done]
            for number, document in enumerate(documents):
                at = (place, number)
                self._known[document] = min(at, self._known.get(document, at))
            done += 1
            if len(self._known) > 2 * _MAX_DOCUMENTS:
                self._cut()
        if done > self._done:
            self._done = done
            self._cut()
        return tuple(self._known)

    def _cut(self) -> None:
        """Only the first ones: one that is not among them never will be, as others only come before it."""
        first = sorted(self._known.items(), key=lambda item: item[1])[:_MAX_DOCUMENTS]
        self._known = dict(first)


def _loose_contents(
    logs: _Logs, read: Mapping[SpanId, tuple[SpanView, Partial | None]], tenant: str, lineage: str
) -> list[Interaction]:
    """Content whose span is not here."""
    out: list[Interaction] = []
    for key in sorted({*logs.details, *logs.messages} - set(read)):
        records = logs.of(key)
        partials = _log_partials(logs, key)
        merged = precedence.merge_logs(partials)
        content = build_content(key[0], key[1], max(r.time_ns for r in records), merged)
        named = (text(r.resource.get("service.name")) for r in records)
        service = min((name for name in named if name), default=None)
        content = replace(content, tenant=tenant, lineage=lineage, service=service or content.service)
        out.append(_with_log_redactions(content, records))
    return out


def _with_log_redactions(interaction: Interaction, records: Sequence[LogView]) -> Interaction:
    """With the redactor's reports on the log records of a call added to that on its span."""
    reports = [read_redactions(r.attributes.get(REDACTIONS_KEY)) for r in records]
    if all(r is None for r in reports):
        return interaction
    found: dict[FieldRedaction, None] = dict.fromkeys(interaction.redactions or ())
    for report in reports:
        found.update(dict.fromkeys(report or ()))
    return replace(interaction, redactions=tuple(found))


def _judge(
    built: dict[SpanId, Interaction],
    duplicate_of: Mapping[SpanId, SpanId],
    judgements: Sequence[Judgement],
    out: Assembled,
) -> None:
    """Attach each judgement to the interaction it refers to."""
    if not judgements:
        return
    found: defaultdict[SpanId, dict[Evaluation, None]] = defaultdict(dict)
    known = EvaluationTarget()
    for interaction in built.values():
        known.add(interaction)
    known.add_spans(duplicate_of.items())
    for step in out.context_spans:
        known.add_step(step.trace_id, step.span_id)
    for judgement in judgements:
        j = judgement
        target = known.find(j.trace_id, j.span_id, j.response_id, j.conversation_id)
        if target is None or target not in built:
            out.judgements.append(judgement)
            continue
        found[target][judgement.evaluation] = None
    for key, evaluations in found.items():
        have = built[key]
        built[key] = replace(have, evaluations=tuple(dict.fromkeys((*have.evaluations, *evaluations))))
