"""A batch of raw messages, worked through as if its messages came one by one.

Everything is asked of the store at once, decided in order, scored at once and stored at once; the result is
that of single steps, so it does not depend on how messages were cut into batches. What is stored already is
obeyed: an interaction stored from the same position is observed as its row says, one stored from another
position is a duplicate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from detectors.observation import SourcePosition
from ingest.agents.score.decoding import Decoded, assemble_message
from ingest.agents.score.event_calls import EventCalls
from ingest.agents.score.late_content import add_late, contents_of, is_incomplete, redactions_of, with_content
from ingest.agents.score.late_names import LateNames, TraceKey
from ingest.agents.score.late_span import add_span
from ingest.agents.score.lent_content import LentContent
from ingest.agents.score.parameters import parameters_text
from ingest.agents.score.work import Batch, ToScore, Work
from ingest.envelope import position_of
from ingest.evaluations.matching import Judging
from ingest.interaction import UNKNOWN_SERVICE, ContextSpan, Interaction
from ingest.otlp.assembly.assemble import EVALUATION_EVENT, Assembled
from ingest.otlp.dialects.span_facts import sdk_language
from ingest.repository.content_record import ContentRecord, content_record
from ingest.repository.content_record import from_row as content_from_row
from ingest.repository.evaluation import StoredJudgement
from ingest.repository.evaluation import from_log as judgement_from_log
from ingest.repository.interaction import InteractionKey, StoredInteraction
from ingest.repository.stage_store import NEAR_NS, Lineage, SpanPlace, SpanQuery, StageStore, span_queries
from ingest.repository.tables import CONTENT_RECORDS, JUDGEMENTS, Table
from ingest.stage_settings import ContextScope, StageSettings
from ingest.units.duplicate_calls import (
    DuplicateCalls,
    Views,
    as_context,
    came_before,
    duplicate_queries,
    is_bare_sdk,
    learned,
    learned_within,
)
from ingest.units.known_spans import KnownSpans
from ingest.units.open_events import Message, OpenEvent

Recall = Callable[..., SourcePosition | None]
"""Where a recently acknowledged id was stored from."""
LookAgain = Callable[[Interaction], Interaction]
"""Redacts the texts of an interaction once more, now that they are put together."""
GivenUp = Callable[[Message], Sequence[OpenEvent]]
"""Log records of calls whose spans are waited for no longer as of a message."""


class Planner:
    """Decides on a batch.

    Parameters
    ----------
    store
        Answers what is stored.
    recall
        Position of a recently acknowledged id, given its parts; may know nothing.
    has
        Whether a lineage has content in log records, or judgements, at all.
    look_again
        A secret may come in parts, which no look at single values finds.
    views
        From how many places calls are told, over all batches.
    obeyed
        The settings that new interactions are stored under.
    given_up
        Of which log records the calls are made although no span of them came; by default of none.
    replays
        Whether the messages were acknowledged before: scopes found to be context since then were not yet.
    """

    def __init__(
        self,
        store: StageStore,
        recall: Recall,
        has: Callable[[Table, str, str], bool],
        look_again: LookAgain,
        views: Views,
        obeyed: StageSettings,
        given_up: GivenUp = lambda _: (),
        *,
        replays: bool = False,
    ) -> None:
        self._store = store
        self._recall = recall
        self._has_content = partial(has, CONTENT_RECORDS)
        self._look_again = look_again
        self._views = views
        self._obeyed = obeyed
        self._replays = replays
        self._twins = DuplicateCalls()
        self._spans_known = KnownSpans(store)
        self._known, self._contexts = self._spans_known.interactions, self._spans_known.contexts
        self._late_names = LateNames(store, self._spans_known)
        self._lent = LentContent(self._spans_known)
        self._events = EventCalls(store, self._spans_known)
        self._given_up = given_up
        self._judging = Judging(store, self._spans_known, recall, partial(has, JUDGEMENTS))
        self._records: dict[TraceKey, list[ContentRecord]] = {}
        self._record_places: dict[tuple[str, ...], SourcePosition] = {}

    def plan(self, messages: Sequence[Decoded], again: Sequence[StoredJudgement] = ()) -> Batch:
        """Decide on every message, in order; ``again`` as `Judging.look_up` has it.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """
        batch = Batch([Work(d, position_of(d.raw)) for d in messages], self._judging, known=self._known)
        for work in batch.works:
            d = work.decoded
            if d.spans:
                work.assembled = assemble_message(d)
                work.scopes = {(v.trace_id, v.span_id): v.scope for _, v in d.spans}
                work.sdk_languages = {(v.trace_id, v.span_id): sdk_language(v.resource) for _, v in d.spans}
                for i in work.assembled.interactions:
                    self._views.note(i, work.scope_of(i))
            for n, view in d.logs:
                if view.event == EVALUATION_EVENT:
                    work.evaluations.append(judgement_from_log(view, work.position, n, d.envelope))
                else:
                    work.records.append(content_record(view, work.position, n, d.envelope))
        self._look_up(batch.works)
        self._lent.look_up(batch.works)
        self._late_names.look_up(batch.works)
        self._judging.look_up(batch.works, again)
        for work in batch.works:
            if work.assembled is not None:
                self._spans(batch, work, work.assembled)
                for base, content in list(self._lent.of_message(work)):
                    self._add(batch, work, base, add_late(base, self._look_again(content)))
                before = partial(came_before, position=work.position)
                batch.late_names += self._late_names.of_message(work.assembled, work.position, before)
                if not self._judging.is_idle:
                    self._judging.spans(work, [t for t in work.touched if t.source == work.position])
            if work.records:
                self._logs(batch, work)
            for call, backfill in self._events.of_message(work.position):
                self._told_by_event(batch, work, call, observed=not (call.synthetic or backfill))
            if work.event_calls and not self._judging.is_idle:
                self._judging.event_calls(work, [t for t in work.touched if t.source == work.position])
            if work.evaluations:
                work.evaluations, repeated = self._judging.logs(work)
                work.duplicate += repeated
        self._judging.again(batch.works, again)
        return batch

    def _look_up(self, works: Sequence[Work]) -> None:
        calls: list[SpanPlace] = []
        contexts: list[SpanPlace] = []
        traces: dict[Lineage, set[str]] = {}
        logged: list[SpanPlace] = []
        twins: list[Interaction] = []
        for work in works:
            for i in work.assembled.interactions if work.assembled else ():
                if self._recalled(work.position, i) is None:
                    calls.append(_place(i))
                    if self._may_be_context(i, work.scope_of(i)):
                        contexts.append(_place(i))
                        twins.append(i)
                if is_incomplete(i) and self._has_content(i.tenant, i.lineage):
                    traces.setdefault((i.tenant, i.lineage), set()).add(i.trace_id)
            steps = work.assembled.context_spans if work.assembled else ()
            contexts.extend(_place(c) for c in steps if self._recalled(work.position, c) is None)
            for r in work.records:
                tenant, lineage, trace_id, span_id = r.span_key
                if trace_id and self._has_content(tenant, lineage):
                    traces.setdefault((tenant, lineage), set()).add(trace_id)
                if r.joins:
                    at_ns = r.view.time_ns or r.received_ns
                    logged.append(SpanPlace(tenant, lineage, r.service, trace_id, span_id, at_ns))
        if calls or logged:
            self._spans_known.find_interactions([*span_queries(calls), *map(_wider, span_queries(logged))])
        if twins:
            self._spans_known.find_interactions(duplicate_queries(twins))
        self._look_up_events(works)
        self._twins.add(self._known.values())
        if contexts:
            self._spans_known.find_contexts(span_queries(contexts))
        self._find_records(traces)

    def _look_up_events(self, works: Sequence[Work]) -> None:
        """Calls that only log records tell of, and spans of such calls."""
        for work in works:
            if work.assembled is not None and self._has_content(work.envelope.tenant, work.envelope.lineage):
                self._events.look_up_spans(work.assembled)
        records = [r for work in works for r in work.records]
        self._events.look_up([(w.position, self._given_up(w)) for w in works], records)
        self._events.note(self._known.values())
        for work in works:
            work.event_traces = self._events.traces(work.position)

    def _recalled(self, position: SourcePosition, span: Interaction | ContextSpan) -> SourcePosition | None:
        """Where a span is known to be stored from, if that is not ``position``."""
        at = self._recall(*_key(span))
        return None if at == position else at

    def _find_records(self, traces: Mapping[Lineage, set[str]]) -> None:
        for (tenant, lineage), ids in sorted(traces.items()):
            ask = SpanQuery(tenant, lineage, frozenset(), frozenset(ids))
            for row in self._store.find(CONTENT_RECORDS, ask):
                self._keep(content_from_row(row))

    def _keep(self, record: ContentRecord) -> None:
        tenant, lineage, trace_id, _ = record.span_key
        self._record_places.setdefault(record.key, record.source)
        if record.joins:
            self._records.setdefault((tenant, lineage, trace_id), []).append(record)

    def _spans(self, batch: Batch, work: Work, assembled: Assembled) -> None:
        """Interactions and context of one message."""
        work.duplicate += len(work.decoded.spans) - len(assembled.interactions) - len(assembled.context_spans)
        for interaction in assembled.interactions:
            key = _key(interaction)
            work.learned += learned_within(interaction, work.scope_of(interaction), work.scopes)
            have = self._known.get(key)
            told = self._events.told_again(interaction) if have is None or have.of_event else None
            if told is not None:  # counted already, as a log record told of it
                work.duplicate += 1
                self._add(batch, work, told, add_span(told, self._look_again(interaction)))
                continue
            at = (
                have.source if have else self._contexts.get(key) or self._recalled(work.position, interaction)
            )
            if at is not None and at != work.position:
                work.duplicate += 1
                continue
            if have is None and self._repeats(batch, work, interaction, stored=at is not None):
                continue
            work.interactions += 1
            if have is None:
                have = self._fresh(work, interaction)
                self._known[key] = have
                self._twins.add([have])
                batch.to_score.append(ToScore(work, have))
            work.touched.append(have)
        for context in assembled.context_spans:
            key = _key(context)
            at = self._contexts.get(key) or self._recalled(work.position, context)
            if at is not None and at != work.position:
                work.duplicate += 1
                continue
            work.contexts.append(context)
            if at is None:
                self._contexts[key] = work.position
                batch.new_contexts.append((work, context))

    def _may_be_context(self, interaction: Interaction, scope: str) -> bool:
        """Whether a call may be told, or have been told, by another span."""
        i = interaction
        return self._views.may_be_duplicated(i.tenant, i.lineage) or is_bare_sdk(i, scope)

    def _repeats(self, batch: Batch, work: Work, interaction: Interaction, *, stored: bool) -> bool:
        """Whether a call is one that another span stands for; then it is context, with what it alone knows.

        ``stored``: an earlier run has stored it as context from this position.
        """
        i, scope = interaction, work.scope_of(interaction)
        twins = [t for t in self._twins.of(i) if came_before(t.source, work.position)]
        ruled = is_bare_sdk(i, scope) and self._obeyed.is_context(
            ContextScope(i.tenant, i.lineage, i.service, scope),
            work.envelope.received_ns if self._replays else None,
        )
        if not (stored or ruled or twins):
            return False
        twin = twins[0] if twins else None
        context = as_context(i, twin.interaction.interaction_id if twin else None)
        work.contexts.append(context)
        if not stored:
            self._contexts[_key(i)] = work.position
            batch.new_contexts.append((work, context))
        if twin is None:
            return True
        rule = learned(i, scope, twin.interaction, twin.scope)
        work.learned += [rule] if rule is not None else []
        base = self._known.get(twin.key, twin)
        near = (base.source.topic, base.source.partition) == (work.position.topic, work.position.partition)
        if near and (is_incomplete(base.interaction) or base.is_added_to_at(work.position)):
            self._add(batch, work, base, add_late(base, self._look_again(i)))
        return True

    def _told_by_event(self, batch: Batch, work: Work, call: Interaction, *, observed: bool) -> None:
        """A call of which no span came."""
        have = self._known.get(_key(call))
        if have is None:
            call = self._look_again(call)
            have = StoredInteraction(
                call,
                work.position,
                work.envelope.received_ns,
                observed=observed,
                redactions=redactions_of((), [call]),
                settings_version=self._obeyed.version,
                parameters=parameters_text(call.request_parameters),
            )
            self._known[have.key] = have
            self._twins.add([have])
            self._events.note([have])
            batch.to_score.append(ToScore(work, have))
        work.event_calls += 1
        work.touched.append(have)

    def _add(self, batch: Batch, work: Work, base: StoredInteraction, late: StoredInteraction) -> None:
        """What came after its call, put together with it."""
        self._known[base.key] = late
        work.touched.append(late)
        batch.to_score.append(ToScore(work, late, base))

    def _fresh(self, work: Work, interaction: Interaction) -> StoredInteraction:
        """A new interaction with the content known by now."""
        e = work.decoded.envelope
        interaction = self._look_again(interaction)
        redactions = redactions_of((), [interaction])
        if is_incomplete(interaction):
            records = self._records.get((e.tenant, e.lineage, interaction.trace_id), ())
            spans = {interaction.span_id, *interaction.duplicate_spans}
            found = contents_of(r for r in records if r.view.span_id in spans)
            contents = [self._look_again(content) for content in found.values()]
            redactions = redactions_of(redactions, contents)
            interaction = with_content(interaction, contents)
        return StoredInteraction(
            interaction,
            work.position,
            e.received_ns,
            observed=not (interaction.synthetic or e.backfill),
            redactions=redactions,
            settings_version=self._obeyed.version,
            scope=work.scope_of(interaction),
            sdk_language=work.sdk_language_of(interaction),
            parameters=parameters_text(interaction.request_parameters),
        )

    def _logs(self, batch: Batch, work: Work) -> None:
        """Content records of one message: kept, and joined to interactions that are there already."""
        kept: list[ContentRecord] = []
        again = {r.key for r in work.records if self._record_places.get(r.key) == work.position}
        for record in work.records:
            at = self._record_places.get(record.key) or self._recall(*record.key)
            if at is not None and at != work.position:
                work.duplicate += 1
                continue
            kept.append(record)
            if record.key not in again:
                batch.new_records.append((work, record))
                self._keep(record)
        work.records = kept
        for key in sorted({r.span_key for r in kept if r.joins}):
            base = self._known.get(key)
            if base is None:
                continue
            records = self._records.get(key[:3], ())
            content = contents_of(r for r in records if _is_before(r, work.position)).get(key[3])
            if content is None:
                continue
            self._add(batch, work, base, add_late(base, self._look_again(content)))


def _is_before(record: ContentRecord, position: SourcePosition) -> bool:
    """Whether a record had come when ``position`` was read; the log of one partition tells."""
    s = record.source
    return (s.topic, s.partition) == (position.topic, position.partition) and s.offset <= position.offset


def _key(span: Interaction | ContextSpan) -> InteractionKey:
    return span.tenant, span.lineage, span.trace_id, span.span_id


def _place(span: Interaction | ContextSpan) -> SpanPlace:
    return SpanPlace(span.tenant, span.lineage, span.service, span.trace_id, span.span_id, span.start_ns)


def _wider(ask: SpanQuery) -> SpanQuery:
    """For spans of which only a log record is known: its time, and its service if it names one."""
    services = frozenset() if UNKNOWN_SERVICE in ask.services else ask.services
    return replace(ask, services=services, from_ns=max(ask.from_ns - NEAR_NS, 0), to_ns=ask.to_ns + NEAR_NS)
