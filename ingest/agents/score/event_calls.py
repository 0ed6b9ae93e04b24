"""Calls that only log records tell of, of a batch: made where their spans are waited for no longer.

Such a call is observed by the message with which the wait ends, and stored with that as its source. A span of
it that comes later adds what it alone knows (`ingest.agents.score.late_span`) and is no second call.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from detectors.observation import SourcePosition
from infra.clock import NS_PER_S
from infra.fault import Fault
from ingest.agents.fault import OF_THE_WHOLE
from ingest.interaction import UNKNOWN_SERVICE, Interaction
from ingest.otlp.assembly.assemble import Assembled
from ingest.otlp.assembly.duplicates import is_telling
from ingest.otlp.assembly.event_calls import NEAR_NS, EventCall, event_call, is_call_of
from ingest.repository.content_record import ContentRecord
from ingest.repository.content_record import from_row as content_from_row
from ingest.repository.interaction import InteractionKey, StoredInteraction
from ingest.repository.stage_store import Lineage, Partition, SpanPlace, SpanQuery, StageStore, span_queries
from ingest.repository.tables import CONTENT_RECORDS
from ingest.units.known_spans import KnownSpans
from ingest.units.open_events import OpenEvent
from ingest.units.trace_unit import AROUND_NS

logger = logging.getLogger(__name__)

LONGEST_CALL_NS = 600 * NS_PER_S
"""A span with the response id of an event begins at most this long before it."""


@dataclass(frozen=True, slots=True)
class _EventCall:
    """A record that is waited for no longer, and the call it tells."""

    event: EventCall
    backfill: bool


class EventCalls:
    """Finds the calls of a batch that only log records tell of, and those that a span tells of once more."""

    def __init__(self, store: StageStore, known: KnownSpans) -> None:
        self._store = store
        self._known = known
        self._told: dict[SourcePosition, list[_EventCall]] = {}
        self._by_response: dict[tuple[str, str, str], set[InteractionKey]] = {}

    def look_up(
        self,
        given_up: Iterable[tuple[SourcePosition, Sequence[OpenEvent]]],
        records: Iterable[ContentRecord],
    ) -> None:
        """Ask the store for what the records turn on that these messages give up; ``records`` are their own.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """
        waited = [(at, events) for at, events in given_up if events]
        if not waited:
            return
        events = [event for _, found in waited for event in found]
        self._find_spans(events)
        at_hand = {(r.source, r.ordinal): r for r in records}
        for record in self._find_records([e for e in events if (e.source, e.ordinal) not in at_hand]):
            at_hand[record.source, record.ordinal] = record
        for at, found in waited:
            self._told[at] = [
                _EventCall(call, known.backfill)
                for e in found
                if (known := at_hand.get((e.source, e.ordinal))) is not None
                and (call := _call(known)) is not None
            ]
        self.find_responses(t.event.call for found in self._told.values() for t in found)

    def _find_spans(self, events: Iterable[OpenEvent]) -> None:
        """Every span of the traces that these records name or would make."""
        places = [SpanPlace(*e.lineage, "", e.trace_id or e.digest, "", e.at_ns) for e in events]
        for ask in span_queries(places):
            near = replace(
                ask,
                services=frozenset(),
                span_ids=None,
                from_ns=ask.from_ns - AROUND_NS,
                to_ns=ask.to_ns + AROUND_NS,
            )
            self._known.find_interactions([near])
            self._known.find_contexts([near])

    def _find_records(self, events: Sequence[OpenEvent]) -> list[ContentRecord]:
        by_place: dict[tuple[Lineage, Partition], list[OpenEvent]] = {}
        for event in events:
            place = (event.source.topic, event.source.partition)
            by_place.setdefault((event.lineage, place), []).append(event)
        rows = [
            row
            for (lineage, place), found in sorted(by_place.items())
            for row in self._store.find(
                CONTENT_RECORDS,
                SpanQuery(
                    *lineage,
                    frozenset(),
                    frozenset(e.trace_id for e in found),
                    frozenset(e.span_id for e in found),
                    source=place,
                    offsets=frozenset(e.source.offset for e in found),
                ),
            )
        ]
        return [content_from_row(row) for row in rows]

    def find_responses(self, calls: Iterable[Interaction]) -> None:
        """Ask the store for calls with the response ids of these, in any trace."""
        by_lineage: dict[Lineage, list[Interaction]] = {}
        for i in calls:
            if is_telling(i.response_id):
                by_lineage.setdefault((i.tenant, i.lineage), []).append(i)
        for lineage, found in sorted(by_lineage.items()):
            ids = frozenset(i.response_id for i in found if i.response_id)
            from_ns = min(i.start_ns for i in found) - LONGEST_CALL_NS
            to_ns = max(i.end_ns for i in found) + LONGEST_CALL_NS
            ask = SpanQuery(*lineage, frozenset(), frozenset(), None, from_ns, to_ns, "response_id", ids)
            self._known.find_interactions([ask])

    def look_up_spans(self, assembled: Assembled) -> None:
        """Ask the store for calls made by log records that the spans of a message tell of once more.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """
        calls = assembled.interactions
        longest_ns = max((i.end_ns - i.start_ns for i in calls), default=0)
        places = [
            SpanPlace(i.tenant, i.lineage, i.service, i.trace_id, span_id, i.start_ns)
            for i in calls
            for span_id in (i.span_id, *i.duplicate_spans)
        ]
        for ask in span_queries(places):
            services = ask.services | {UNKNOWN_SERVICE}
            from_ns, to_ns = ask.from_ns - NEAR_NS, ask.to_ns + longest_ns + NEAR_NS
            self._known.find_interactions([replace(ask, services=services, from_ns=from_ns, to_ns=to_ns)])
        self.find_responses(calls)

    def note(self, calls: Iterable[StoredInteraction]) -> None:
        """Calls that are stored or planned; those that log records made may be told of once more."""
        for stored in calls:
            i = stored.interaction
            if stored.of_event and is_telling(i.response_id):
                place = (i.tenant, i.lineage, i.response_id or "")
                self._by_response.setdefault(place, set()).add(stored.key)

    def traces(self, position: SourcePosition) -> frozenset[str]:
        """The traces of the calls that a message may make."""
        return frozenset(told.event.call.trace_id for told in self._told.get(position, ()))

    def of_message(self, position: SourcePosition) -> list[tuple[Interaction, bool]]:
        """The calls that this message makes, or made when it was read before; and whether as a backfill.

        Call it in the order of the messages, and put among the known what is new.
        """
        told = self._told.get(position)
        if not told:
            return []
        known = _Calls(s.interaction for s in self._known.interactions.values())
        out: dict[InteractionKey, tuple[Interaction, bool]] = {}
        for one in told:
            call = self._made(one.event, position, known)
            if call is not None and _key(call) not in out:
                out[_key(call)] = (call, one.backfill)
                known.add(call)
        return list(out.values())

    def _made(self, event: EventCall, position: SourcePosition, known: _Calls) -> Interaction | None:
        """The call that an event makes; ``None`` if another one tells of it."""
        calls, contexts = self._known.interactions, self._known.contexts
        key, alone = _key(event.call), _key(event.alone)
        own = calls.get(key)
        if own is not None and own.source == position and is_call_of(event.call, own.interaction):
            return event.call
        own = calls.get(alone)
        if own is not None:
            return event.alone if own.source == position else None
        if known.tell(event.call):
            return None
        return event.alone if key in known.keys or key in contexts else event.call

    def told_again(self, interaction: Interaction) -> StoredInteraction | None:
        """The call that a log record made and that this one, of a span, tells of once more."""
        i, calls = interaction, self._known.interactions
        for span_id in (i.span_id, *i.duplicate_spans):
            found = calls.get((i.tenant, i.lineage, i.trace_id, span_id))
            if found is not None and found.of_event:
                return found
        for key in sorted(self._by_response.get((i.tenant, i.lineage, i.response_id or ""), ())):
            if key in calls and is_call_of(calls[key].interaction, i):
                return calls[key]
        return None


class _Calls:
    """Calls by what an event that tells one of them has in common with it."""

    def __init__(self, calls: Iterable[Interaction]) -> None:
        self.keys: set[InteractionKey] = set()
        self._near: dict[tuple[str, str, str], list[Interaction]] = {}
        for call in calls:
            self.add(call)

    def add(self, call: Interaction) -> None:
        self.keys.add(_key(call))
        self._near.setdefault(_key(call)[:3], []).append(call)
        if call.response_id is not None:
            self._near.setdefault((call.tenant, call.lineage, call.response_id), []).append(call)

    def tell(self, event: Interaction) -> bool:
        """Whether one of them is the call that an event tells."""
        owner = (event.tenant, event.lineage)
        near = (
            *self._near.get((*owner, event.trace_id), ()),
            *self._near.get((*owner, event.response_id or ""), ()),
        )
        return any(is_call_of(event, call) for call in near)


def _call(record: ContentRecord) -> EventCall | None:
    """The call that a record tells; one that cannot be read costs the call and no record."""
    try:
        return event_call(record.view, record.hash, tenant=record.tenant, lineage=record.lineage)
    except OF_THE_WHOLE:
        raise
    except Exception as error:  # noqa: BLE001 - the record is stored as it came
        logger.error("a call that a log record tells was not made: %s", Fault.of(error))
        return None


def _key(i: Interaction) -> InteractionKey:
    return i.tenant, i.lineage, i.trace_id, i.span_id
