"""Judgements of a batch: which interaction each one meets, and which position counts it.

A judgement and its interaction may come in any order and on different partitions. Only two parties ever bring
them together: the message the judgement stands in, if the interaction is known by then; else the first later
message of the same partition number (which the same worker reads) that brings the interaction, or a step that
makes it known. What is decided is stored before anything is sent, and before the interactions of the batch,
so that a later run finds a judgement that was met as it left it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from detectors.observation import SourcePosition
from infra.clock import NS_PER_S
from ingest.assemble import Assembled
from ingest.clock_marks import LIVE
from ingest.envelope import Envelope
from ingest.event_time import MAX_NS
from ingest.interaction import ContextSpan, Interaction
from ingest.judgeable import Judgeable, SpanId
from ingest.known_spans import KnownSpans
from ingest.store import Ask, Lineage, StageStore
from ingest.stored_interaction import InteractionKey, StoredInteraction
from ingest.stored_judgement import Place, StoredJudgement, from_row, from_span
from ingest.tables import JUDGEMENTS

NEAR_NS = 2 * 3600 * NS_PER_S
"""Most judgements come this soon after their interaction: it is sought there first."""

FAR_NS = 31 * 24 * 3600 * NS_PER_S
"""A live interaction is not sought further back than this."""


class Message(Protocol):
    """What judging needs of a message."""

    @property
    def position(self) -> SourcePosition:
        """Where it stands."""

    @property
    def envelope(self) -> Envelope:
        """Whose it is."""

    @property
    def said(self) -> list[StoredJudgement]:
        """Judgements in its log records."""

    @property
    def assembled(self) -> Assembled | None:
        """What its spans come to."""


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
        self._judgeable: dict[Lineage, Judgeable] = {}
        self._rows: dict[Place, StoredJudgement] = {}
        self._same: defaultdict[tuple[str, str, str], list[StoredJudgement]] = defaultdict(list)
        self._of_trace: defaultdict[tuple[str, str, str], list[StoredJudgement]] = defaultdict(list)
        self._meetings: dict[Place, Meeting] = {}
        self._changed: dict[Place, StoredJudgement] = {}
        self._counted: defaultdict[SourcePosition, list[StoredJudgement]] = defaultdict(list)

    def look_up(self, messages: Sequence[Message]) -> None:
        """Ask the store for everything that the judgements of these messages turn on."""
        self._find_rows(messages)
        wanted: defaultdict[Lineage, list[StoredJudgement]] = defaultdict(list)
        for m in messages:
            for j in m.said:
                wanted[j.tenant, j.lineage].append(j)
            e = m.envelope
            for n, said in enumerate(m.assembled.said if m.assembled else ()):
                wanted[e.tenant, e.lineage].append(from_span(said, m.position, n, e))
        for j in self._rows.values():
            if j.met is None:
                wanted[j.tenant, j.lineage].append(j)
        for lineage, judgements in sorted(wanted.items()):
            self._find_judged(lineage, judgements)
            judgeable = self._judgeable[lineage] = Judgeable()
            for key, stored in self._known.interactions.items():
                if key[:2] == lineage:
                    judgeable.add(stored.interaction)
            for key in self._known.contexts:
                if key[:2] == lineage:
                    judgeable.add_step(*key[2:])

    def _find_rows(self, messages: Sequence[Message]) -> None:
        """Judgements that are stored already and concern these messages."""
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
            for said in m.said:
                j = said.judgement
                if j.trace_id:
                    traces[lineage].add(j.trace_id)
                else:
                    column = "response_id" if j.response_id else "conversation_id"
                    nameless[lineage, column].add(j.response_id or j.conversation_id or "")
        asks = [Ask(*lineage, frozenset(), frozenset(ids)) for lineage, ids in sorted(traces.items()) if ids]
        asks += [
            Ask(*lineage, frozenset(), frozenset(("",)), column=column, values=frozenset(values))
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
        if j.judgement.trace_id:
            self._of_trace[j.tenant, j.lineage, j.judgement.trace_id].append(j)
        if j.met is not None and j.met.counted_by is not None:
            self._counted[j.met.counted_by].append(j)

    def _find_judged(self, lineage: Lineage, judgements: Sequence[StoredJudgement]) -> None:
        """Interactions and steps of the traces, responses and conversations that are named."""
        times = [j.judgement.at_ns or j.received_ns for j in judgements]
        traces = {j.judgement.trace_id for j in judgements} - {None}
        self._seek(lineage, "", {t for t in traces if t}, times)
        tenant, name = lineage
        steps = frozenset(
            t
            for j in judgements
            if (t := j.judgement.trace_id)
            and (s := j.judgement.span_id)
            and (tenant, name, t, s) not in self._known.interactions
        )
        if steps:
            self._known.find_contexts([Ask(tenant, name, frozenset(), steps)])
        responses = {j.judgement.response_id or "" for j in judgements} - {""}
        self._seek(lineage, "response_id", responses, times)
        alone = [j.judgement for j in judgements if not (j.judgement.trace_id or j.judgement.response_id)]
        self._seek(lineage, "conversation_id", {j.conversation_id or "" for j in alone} - {""}, times)

    def _seek(self, lineage: Lineage, column: str, ids: set[str], times: Sequence[int]) -> None:
        """Interactions by trace or another column: near in time, and what is not there further back."""
        if not ids:
            return
        latest = max(times) + NEAR_NS
        first, last = (min(times) - FAR_NS, latest) if lineage[1] == LIVE else (0, MAX_NS)
        for from_ns, to_ns in ((min(times) - NEAR_NS, latest), (first, last)):
            sought = frozenset(ids)
            by_trace, values = (frozenset(), sought) if column else (sought, frozenset())
            self._known.find_interactions(
                [Ask(*lineage, frozenset(), by_trace, None, max(from_ns, 0), to_ns, column, values)]
            )
            ids = ids - self._held(lineage, column)
            if not ids:
                return

    def _held(self, lineage: Lineage, column: str) -> set[str]:
        """What is named of the interactions that are known."""
        held = [s.interaction for k, s in self._known.interactions.items() if k[:2] == lineage]
        return {getattr(i, column or "trace_id") or "" for i in held}

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
        for c in assembled.context_spans:
            judgeable.add_step(c.trace_id, c.span_id)
        for n, said in enumerate(assembled.said):
            carried = from_span(said, message.position, n, e)
            if carried.place not in self._rows and self._is_new(
                message, judgeable, said.trace_id, said.span_id
            ):
                self._decide(carried, message, judgeable)
        traces = {i.trace_id for i in assembled.interactions} | {c.trace_id for c in assembled.context_spans}
        for trace_id in sorted(traces):
            for j in self._of_trace.get((e.tenant, e.lineage, trace_id), ()):
                near = j.source.partition == message.position.partition
                if near and j.met is None and j.place not in self._meetings:
                    self._try(j, message, judgeable)

    def _is_new(
        self, message: Message, judgeable: Judgeable, trace_id: str | None, span_id: str | None
    ) -> bool:
        """Whether the span that carries a judgement is stored from this message."""
        e = message.envelope
        target = judgeable.find(trace_id, span_id, None, None)
        key = (e.tenant, e.lineage, trace_id or "", span_id or "")
        if judgeable.is_step(key[2], key[3]):
            return self._known.contexts.get(key) == message.position
        stored = self._known.interactions.get((e.tenant, e.lineage, *target)) if target else None
        return stored is not None and stored.source == message.position

    def logs(self, message: Message) -> tuple[list[StoredJudgement], int]:
        """Judgements in the log records of a message: those it stores, and how many came before."""
        kept: list[StoredJudgement] = []
        repeated = 0
        for j in message.said:
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

    def _decide(self, j: StoredJudgement, message: Message, judgeable: Judgeable) -> None:
        self._keep(j)
        self._changed[j.place] = j
        self._try(j, message, judgeable)

    def _try(self, j: StoredJudgement, message: Message, judgeable: Judgeable) -> None:
        """Bring a judgement together with its interaction if that is known."""
        named = j.judgement
        if named.trace_id and named.span_id and not j.of_trace:
            j.of_trace = judgeable.is_step(named.trace_id, named.span_id)
            if j.of_trace and j.place not in self._changed:
                j.revision += 1
                self._changed[j.place] = j
        target: SpanId | None = judgeable.find(
            named.trace_id,
            None if j.of_trace else named.span_id,
            named.response_id,
            named.conversation_id,
        )
        if target is None:
            return
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
                self._counted[met.counted_by].append(meeting.judgement)
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

    def drop(self, j: StoredJudgement) -> None:
        """A judgement that could not be stored counts nowhere."""
        j.met = None

    def counted(self) -> Mapping[SourcePosition, Sequence[StoredJudgement]]:
        """What each position counts, in order of where it stands."""
        return {
            at: sorted((j for j in found if j.met is not None), key=lambda j: j.place)
            for at, found in self._counted.items()
        }
