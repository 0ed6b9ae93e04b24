"""Judgements of a batch: which interaction each one meets, and which position counts it.

A judgement and its interaction may come in any order and on different partitions. Only the worker that reads
the judgement's partition number ever brings them together: with the message the judgement stands in, if the
interaction is known by then; else with the first later message that brings the interaction, or a step that
makes it known. One that names no trace is tried again (`ingest.evaluations.unmatched`). What is decided is
stored before anything is sent, and before the interactions of the batch, so that a later run finds a
judgement that was met as it left it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from detectors.observation import SourcePosition
from ingest.evaluations.search import Message, TargetSearch
from ingest.interaction import ContextSpan, Interaction
from ingest.otlp.assembly.evaluation_target import EvaluationTarget
from ingest.repository.evaluation import Place, StoredJudgement, from_row, from_span
from ingest.repository.interaction import InteractionKey, StoredInteraction
from ingest.repository.stage_store import Lineage, SpanQuery, StageStore
from ingest.repository.tables import JUDGEMENTS
from ingest.units.known_spans import KnownSpans


class Meeting:
    """A judgement that meets an interaction in this batch."""

    def __init__(self, judgement: StoredJudgement, interaction: StoredInteraction, by: Message) -> None:
        self.judgement, self.interaction, self.by = judgement, interaction, by

    def settle(self) -> None:
        """Take the interaction, now that it is scored."""
        e = self.by.envelope
        self.judgement.meet(self.interaction, self.by.position, e.received_ns, counts=not e.backfill)


class Judging:
    """Decides on the judgements of a batch, message by message, in order.

    Parameters
    ----------
    store
        Answers what is stored.
    known
        Interactions and steps, shared with the planner of the batch.
    recall
        Position of a recently acknowledged judgement, given its id.
    has_judgements
        Whether a lineage has judgements at all.
    """

    def __init__(
        self,
        store: StageStore,
        known: KnownSpans,
        recall: Callable[..., SourcePosition | None],
        has_judgements: Callable[[str, str], bool],
    ) -> None:
        self._store = store
        self._known = known
        self._recall = recall
        self._has = has_judgements
        self._judgeable: dict[Lineage, EvaluationTarget] = {}
        self._rows: dict[Place, StoredJudgement] = {}
        self._same: defaultdict[tuple[str, str, str], list[StoredJudgement]] = defaultdict(list)
        self._of_trace: defaultdict[tuple[str, str, str], list[StoredJudgement]] = defaultdict(list)
        self._meetings: dict[Place, Meeting] = {}
        self._changed: dict[Place, StoredJudgement] = {}
        self._counted: defaultdict[SourcePosition, dict[Place, StoredJudgement]] = defaultdict(dict)

    def look_up(self, messages: Sequence[Message], again: Sequence[StoredJudgement] = ()) -> None:
        """Ask the store for everything that the judgements of these messages turn on.

        ``again`` are judgements of earlier messages that are tried again, or were with these messages.
        """
        lineages = {(m.envelope.tenant, m.envelope.lineage) for m in messages}
        judged = {lineage for lineage in lineages if self._has(*lineage)}
        if not (
            again or judged or any(m.evaluations or (m.assembled and m.assembled.said) for m in messages)
        ):
            return
        self._find_rows(messages, [j for j in again if j.met is None])
        for j in again:
            if j.met is not None:  # decided before; whether it was stored is not known
                self._keep(j)
                self._changed[j.place] = j
        search = TargetSearch(self._known, messages, self._recall)
        fresh: defaultdict[Lineage, list[StoredJudgement]] = defaultdict(list)
        for m in messages:
            for j in (*m.evaluations, *_carried(m)):
                if j.place not in self._rows:
                    fresh[j.tenant, j.lineage].append(j)
        waiting: defaultdict[Lineage, list[StoredJudgement]] = defaultdict(list)
        for j in self._rows.values():
            if j.met is None:
                waiting[j.tenant, j.lineage].append(j)
        for lineage in sorted({*lineages, *fresh, *waiting}):
            search.seek(lineage, fresh[lineage], far=True)
            search.seek(lineage, waiting[lineage], far=False)
            judgeable = self._judgeable[lineage] = EvaluationTarget()
            for key, stored in self._known.interactions.items():
                if key[:2] == lineage:
                    judgeable.add(stored.interaction)
            for key in self._known.contexts:
                if key[:2] == lineage:
                    judgeable.add_step(*key[2:])

    def _find_rows(self, messages: Sequence[Message], again: Sequence[StoredJudgement]) -> None:
        """Judgements that are stored already and concern these messages, or are tried again."""
        traces: defaultdict[Lineage, set[str]] = defaultdict(set)
        nameless: defaultdict[tuple[Lineage, str], set[str]] = defaultdict(set)
        for m in messages:
            lineage = (m.envelope.tenant, m.envelope.lineage)
            if not self._has(*lineage):
                continue
            spans: Iterable[Interaction | ContextSpan] = ()
            if m.assembled is not None:
                spans = (*m.assembled.interactions, *m.assembled.context_spans)
            traces[lineage].update(s.trace_id for s in spans)
            traces[lineage].update(m.event_traces)
            traces[lineage].update(t for said in m.evaluations if (t := said.trace_id))
        for said in (*(j for m in messages for j in (*m.evaluations, *_carried(m))), *again):
            if not said.trace_id and self._has(said.tenant, said.lineage):
                column, value = _nameless(said)
                if value:
                    nameless[(said.tenant, said.lineage), column].add(value)
        asks = [
            SpanQuery(*lineage, frozenset(), frozenset(ids)) for lineage, ids in sorted(traces.items()) if ids
        ]
        asks += [
            SpanQuery(*lineage, frozenset(), frozenset(("",)), column=column, values=frozenset(values))
            for (lineage, column), values in sorted(nameless.items())
        ]
        found: dict[Place, StoredJudgement] = {}
        for ask in asks:
            for stored in map(from_row, self._store.find(JUDGEMENTS, ask)):
                have = found.get(stored.place)
                if have is None or stored.revision > have.revision:
                    found[stored.place] = stored
        for place in sorted(found):
            self._keep(found[place])

    def _keep(self, j: StoredJudgement) -> None:
        self._rows[j.place] = j
        self._same[j.tenant, j.lineage, j.uid].append(j)
        if j.trace_id:
            self._of_trace[j.tenant, j.lineage, j.trace_id].append(j)
        if j.met is not None and j.met.counted_by is not None:
            self._counted[j.met.counted_by][j.place] = j

    @property
    def is_idle(self) -> bool:
        """Whether nothing in the batch has to do with a judgement."""
        return not self._judgeable

    def spans(self, message: Message, touched: Sequence[StoredInteraction]) -> None:
        """Spans of a message: what they carry, and the judgements that waited for them.

        ``touched`` are the interactions that are stored from it.
        """
        e, assembled = message.envelope, message.assembled
        judgeable = self._judgeable.get((e.tenant, e.lineage))
        if judgeable is None or assembled is None:
            return
        for stored in touched:
            judgeable.add(stored.interaction)
        for i in assembled.interactions:
            own = (i.trace_id, i.span_id)
            judgeable.add_spans(((i.trace_id, other), own) for other in i.duplicate_spans)
        for c in (*assembled.context_spans, *message.contexts):
            judgeable.add_step(c.trace_id, c.span_id)
        for carried in _carried(message):
            if carried.place not in self._rows and self._is_new(message, judgeable, carried):
                self._decide(carried, message, judgeable)
        traces = {i.trace_id for i in assembled.interactions} | {c.trace_id for c in assembled.context_spans}
        self._meet(message, judgeable, traces)

    def event_calls(self, message: Message, touched: Sequence[StoredInteraction]) -> None:
        """Calls that are stored from a message as log records told of them: judgements waited for them."""
        e = message.envelope
        judgeable = self._judgeable.get((e.tenant, e.lineage))
        if judgeable is None:
            return
        for stored in touched:
            judgeable.add(stored.interaction)
        self._meet(message, judgeable, {stored.interaction.trace_id for stored in touched})

    def _meet(self, message: Message, judgeable: EvaluationTarget, traces: Iterable[str]) -> None:
        """Try the judgements that wait in these traces."""
        e = message.envelope
        for trace_id in sorted(traces):
            for j in self._of_trace.get((e.tenant, e.lineage, trace_id), ()):
                near = j.source.partition == message.position.partition
                if near and j.met is None and j.place not in self._meetings:
                    self._try(j, message, judgeable)

    def _is_new(self, message: Message, judgeable: EvaluationTarget, carried: StoredJudgement) -> bool:
        """Whether the span that carries a judgement is stored from this message."""
        trace_id, span_id = carried.judgement.carrier or ("", "")
        owner = (carried.tenant, carried.lineage)
        if judgeable.is_step(trace_id, span_id):
            return self._known.contexts.get((*owner, trace_id, span_id)) == message.position
        call = judgeable.find(trace_id, span_id, None, None)
        stored = self._known.interactions.get((*owner, *call)) if call else None
        return stored is not None and stored.source == message.position

    def logs(self, message: Message) -> tuple[list[StoredJudgement], int]:
        """Judgements in the log records of a message: those it stores, and how many came before."""
        kept: list[StoredJudgement] = []
        repeated = 0
        for j in message.evaluations:
            have = self._rows.get(j.place)
            if have is not None:
                kept.append(have)
                continue
            same = self._same.get((j.tenant, j.lineage, j.uid), ())
            at = self._recall("judgement", *j.id)
            if (at is not None and at != message.position) or any(o.hash == j.hash for o in same):
                repeated += 1
                continue
            j.corrects = bool(same)
            kept.append(j)
            self._decide(j, message, self._judgeable[j.tenant, j.lineage])
        return kept, repeated

    def again(self, messages: Sequence[Message], tried: Sequence[StoredJudgement]) -> None:
        """Try judgements of earlier messages with the last message of their partition number."""
        last = {m.position.partition: m for m in messages}
        for j in tried:
            stored = self._rows.get(j.place)
            judgeable = self._judgeable.get((j.tenant, j.lineage))
            if stored is not None and stored.met is None and judgeable is not None:
                self._try(stored, last[j.source.partition], judgeable)

    def _decide(self, j: StoredJudgement, message: Message, judgeable: EvaluationTarget) -> None:
        self._keep(j)
        self._changed[j.place] = j
        self._try(j, message, judgeable)

    def _try(self, j: StoredJudgement, message: Message, judgeable: EvaluationTarget) -> None:
        """Bring a judgement together with its interaction if that is known."""
        named = j.judgement
        of_trace = j.of_trace or judgeable.is_step(named.trace_id or "", named.span_id or "")
        span_id = None if of_trace else named.span_id
        target = judgeable.find(named.trace_id, span_id, named.response_id, named.conversation_id)
        if target is None:
            return
        j.of_trace = of_trace
        stored = self._known.interactions[j.tenant, j.lineage, *target]
        self._meetings[j.place] = Meeting(j, stored, message)
        self._changed[j.place] = j

    def settle(self, buried: Iterable[InteractionKey]) -> list[StoredJudgement]:
        """Finish the meetings, now that interactions are scored; the rows to store."""
        gone = set(buried)
        for place in sorted(self._meetings):
            meeting = self._meetings[place]
            if meeting.interaction.key in gone:
                continue
            meeting.settle()
            met = meeting.judgement.met
            if met is not None and met.counted_by is not None:
                self._counted[met.counted_by][place] = meeting.judgement
        return [self._changed[place] for place in sorted(self._changed)]

    def part(self, buried: Iterable[InteractionKey]) -> list[StoredJudgement]:
        """Undo meetings with interactions that could not be stored; the rows to store again."""
        gone = set(buried)
        out = []
        for place in sorted(self._meetings):
            meeting = self._meetings[place]
            j = meeting.judgement
            if j.met is not None and meeting.interaction.key in gone:
                j.part()
                out.append(j)
        return out

    def counted(self) -> Mapping[SourcePosition, Sequence[StoredJudgement]]:
        """What each position counts, in order of where it stands."""
        return {
            at: [j for _, j in sorted(found.items()) if j.met is not None]
            for at, found in self._counted.items()
        }


def _carried(message: Message) -> list[StoredJudgement]:
    """What the spans of a message say."""
    said = message.assembled.said if message.assembled else ()
    return [from_span(j, message.position, n, message.envelope) for n, j in enumerate(said)]


def _nameless(j: StoredJudgement) -> tuple[str, str]:
    """Column and value by which a judgement on no trace's partition is found."""
    named = j.judgement
    if j.is_linked:
        return "linked_trace_id", named.trace_id or ""
    if named.response_id:
        return "response_id", named.response_id
    return "conversation_id", named.conversation_id or ""
