"""Names of agents and traces for calls that come in other messages than the spans which hold them.

Spans end, and are sent, from the inside out: the agent's comes after its calls, the longer it works the
longer after. A call that lacks a name gets it with a revision of its row; nothing counts it again. A name
that is there stays. A call may also come after its agent: sent again, or from another service.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from detectors.observation import SourcePosition
from ingest.interaction import ContextSpan, Interaction
from ingest.otlp.assembly.assemble import Assembled
from ingest.otlp.dialects.partial import AGENT
from ingest.repository.interaction import NAMES, InteractionKey, StoredInteraction
from ingest.repository.stage_store import SpanPlace, SpanQuery, StageStore, span_queries
from ingest.repository.tables import CONTEXT_SPANS, INTERACTIONS, Row
from ingest.units.duplicate_calls import DUPLICATE
from ingest.units.known_spans import KnownSpans
from ingest.units.trace_unit import AROUND_NS

_MAX_ANCESTORS = 64
_LOOKED_AT = (
    "service",
    "start",
    "trace_id",
    "span_id",
    "parent_span_id",
    "agent_name",
    "trace_name",
    "revision",
)
_ABOVE = ("trace_id", "span_id", "parent_span_id", "kind", "name", "start", "attributes")


TraceKey = tuple[str, str, str]
"""Tenant, lineage and trace id."""


class Message(Protocol):
    """A message of the batch."""

    @property
    def assembled(self) -> Assembled | None:
        """What its spans come to."""


@dataclass(frozen=True, slots=True)
class LateName:
    """A name for the call ``key``, of its agent or of its trace, as of the message ``at``."""

    key: InteractionKey
    at: SourcePosition | None = None
    agent_name: str | None = None
    trace_name: str | None = None

    def added(self, stored: StoredInteraction) -> StoredInteraction:
        """``stored`` with what it lacks of this, as its next revision."""
        i = stored.interaction
        names = (i.agent_name or self.agent_name, i.trace_name or self.trace_name)
        if names == (i.agent_name, i.trace_name):
            return stored
        interaction = replace(i, agent_name=names[0], trace_name=names[1])
        given = [n for n in NAMES if getattr(i, n) != getattr(interaction, n) and self.at is not None]
        late = {**stored.late, **dict.fromkeys(given, self.at or stored.source)}
        return replace(stored, interaction=interaction, late=late, revision=stored.revision + 1)


class LateNames:
    """Finds the calls of a batch's agents and roots among those that came before."""

    def __init__(self, store: StageStore, known: KnownSpans) -> None:
        self._store = store
        self._known = known
        self._parents: dict[InteractionKey, str | None] = {}
        self._names: dict[TraceKey, dict[str, tuple[int, LateName]]] = {}

    def look_up(self, works: Sequence[Message]) -> None:
        """Ask the store for calls that lack a name which these messages hold.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """
        naming = [c for w in works if w.assembled for c in w.assembled.context_spans if _names(c)]
        longest_ns = max((c.end_ns - c.start_ns for c in naming), default=0)
        places = [SpanPlace(c.tenant, c.lineage, "", c.trace_id, "", c.start_ns) for c in naming]
        for ask in span_queries(places):
            self._look_around(
                replace(
                    ask,
                    services=frozenset(),
                    span_ids=None,
                    from_ns=ask.from_ns - AROUND_NS,
                    to_ns=ask.to_ns + longest_ns + AROUND_NS,
                )
            )

        self._look_above([i for w in works if w.assembled for i in w.assembled.interactions if _lacks(i)])

    def _look_above(self, unnamed: Sequence[Interaction]) -> None:
        """The spans around new calls that came before them."""
        places = [SpanPlace(i.tenant, i.lineage, "", i.trace_id, "", i.start_ns) for i in unnamed]
        for ask in span_queries(places):
            around = (ask.from_ns - AROUND_NS, ask.to_ns + AROUND_NS)
            wide = replace(ask, services=frozenset(), span_ids=None, from_ns=around[0], to_ns=around[1])
            for trace_id, span_id, parent, kind, name, start, attributes in self._store.find(
                CONTEXT_SPANS, wide, _ABOVE
            ):
                key = (ask.tenant, ask.lineage, trace_id, span_id)
                self._parents[key] = parent
                agent = attributes.get("agent_name") if kind == AGENT else None
                root = name if parent is None and kind != DUPLICATE else None
                self._note(key, int(start), agent, root)

    def _note(self, key: InteractionKey, start_ns: int, agent: str | None, trace: str | None) -> None:
        if agent or trace:
            named = self._names.setdefault(key[:3], {})
            named.setdefault(key[3], (start_ns, LateName(key, None, agent, trace)))

    def _look_around(self, ask: SpanQuery) -> None:
        """The calls of these traces that lack a name, and who is above whom in their traces."""
        at = {name: place for place, name in enumerate(_LOOKED_AT)}
        newest: dict[tuple[str, str], Row] = {}
        for row in self._store.find(INTERACTIONS, ask, _LOOKED_AT):
            have = newest.get((row[at["trace_id"]], row[at["span_id"]]))
            if have is None or row[at["revision"]] > have[at["revision"]]:
                newest[row[at["trace_id"]], row[at["span_id"]]] = row
        lacking: list[SpanPlace] = []
        for (trace_id, span_id), row in newest.items():
            self._parents[ask.tenant, ask.lineage, trace_id, span_id] = row[at["parent_span_id"]]
            if row[at["agent_name"]] is None or row[at["trace_name"]] is None:
                place = (row[at["service"]], trace_id, span_id, int(row[at["start"]]))
                lacking.append(SpanPlace(ask.tenant, ask.lineage, *place))
        if not lacking:
            return
        self._known.find_interactions(span_queries(lacking))
        above = replace(ask, trace_ids=frozenset(p.trace_id for p in lacking))
        for trace_id, span_id, parent in self._store.find(
            CONTEXT_SPANS, above, ("trace_id", "span_id", "parent_span_id")
        ):
            self._parents[ask.tenant, ask.lineage, trace_id, span_id] = parent

    def of_message(
        self, assembled: Assembled, position: SourcePosition, came_before: Callable[[SourcePosition], bool]
    ) -> list[LateName]:
        """Names for calls of messages before from the spans of a message, and the reverse.

        Call it in the order of the messages.
        """
        spans: list[Interaction | ContextSpan] = [*assembled.interactions, *assembled.context_spans]
        for span in spans:
            self._parents[span.tenant, span.lineage, span.trace_id, span.span_id] = span.parent_span_id
        naming = [c for c in assembled.context_spans if _names(c)]
        return [*self._of_earlier(assembled, position), *self._of_these(naming, position, came_before)]

    def _of_earlier(self, assembled: Assembled, position: SourcePosition) -> list[LateName]:
        """Names that spans of messages before have for the calls of a message."""
        out = []
        for i in assembled.interactions:
            key = (i.tenant, i.lineage, i.trace_id, i.span_id)
            stored = self._known.interactions.get(key)
            if stored is None or stored.source != position or not _lacks(i):
                continue
            found = self._names.get(key[:3], {})
            for span_id, (_, name) in sorted(found.items(), key=lambda item: (-item[1][0], item[0])):
                below = name.agent_name is not None and self._is_below(key, span_id)
                out.append(LateName(key, position, name.agent_name if below else None, name.trace_name))
        return out

    def _of_these(
        self,
        naming: Sequence[ContextSpan],
        position: SourcePosition,
        came_before: Callable[[SourcePosition], bool],
    ) -> list[LateName]:
        """Names that the spans of a message have for calls of messages before it."""
        for c in naming:
            key = (c.tenant, c.lineage, c.trace_id, c.span_id)
            root = c.name if c.parent_span_id is None else None
            self._note(key, c.start_ns, c.agent_name if c.kind == AGENT else None, root)
        if not naming:
            return []
        calls: dict[tuple[str, str, str], list[InteractionKey]] = {}
        for key, stored in self._known.interactions.items():
            if stored.source != position and came_before(stored.source):
                calls.setdefault(key[:3], []).append(key)
        out = []
        for c in sorted(naming, key=lambda c: (-c.start_ns, c.span_id)):  # the nearest agent first
            for key in sorted(calls.get((c.tenant, c.lineage, c.trace_id), ())):
                trace_name = c.name if c.parent_span_id is None else None
                agent_name = c.agent_name if c.kind == AGENT and self._is_below(key, c.span_id) else None
                if agent_name or trace_name:
                    out.append(LateName(key, position, agent_name, trace_name))
        return out

    def _is_below(self, key: InteractionKey, span_id: str) -> bool:
        above = self._parents.get(key)
        for _ in range(_MAX_ANCESTORS):
            if above is None or above == span_id:
                break
            above = self._parents.get((*key[:3], above))
        return above == span_id


def _lacks(i: Interaction) -> bool:
    """Whether a span above it may have a name for a call."""
    return i.parent_span_id is not None and (i.agent_name is None or i.trace_name is None)


def _names(c: ContextSpan) -> bool:
    return c.parent_span_id is None or (c.kind == AGENT and c.agent_name is not None)


def add_names(
    changed: dict[InteractionKey, StoredInteraction],
    known: Mapping[InteractionKey, StoredInteraction],
    names: Sequence[LateName],
    but: Container[InteractionKey],
) -> None:
    """Put the rows that get a name among those that change; ``but`` are calls that are not stored."""
    for name in names:
        have = changed.get(name.key) or known.get(name.key)
        if have is None or name.key in but:
            continue
        added = name.added(have)
        if added is not have:
            changed[name.key] = added
