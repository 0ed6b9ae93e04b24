"""A judgement as it is stored; to a row of ``judgements`` and back.

The row is what later runs obey: which interaction it met, what that interaction was by then, and which source
position counts it. It is written before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from detectors.observation import ServiceKey, SourcePosition
from detectors.scorers.judgement import score_of, shown_name
from infra.clock import NS_PER_S
from ingest.clock_marks import LIVE
from ingest.envelope import Envelope
from ingest.event_time import MAX_NS, event_time
from ingest.interaction import Evaluation
from ingest.otlp.assembly.assemble import Judgement, judgement_of
from ingest.otlp.dialects.values import text
from ingest.otlp.views import LogView
from ingest.repository.interaction import StoredInteraction, position_text, read_position
from ingest.repository.observations import Observed, observed_interaction
from ingest.repository.tables import JUDGEMENTS, Row
from ingest.requests.evaluation import UID, WHO

MAX_BEHIND_NS = 60 * NS_PER_S
"""A live judgement that met its interaction later than this after it was made counts when they met."""

LONGEST_UID = 200
"""Characters of a sender's id that are kept; a longer one is kept as its hash."""

Place = tuple[SourcePosition, int]
"""Position of a message and the place of a judgement in it: what makes a row the same row."""


@dataclass(frozen=True, slots=True)
class Matched:
    """The interaction as it was when the judgement met it.

    ``counted_ns`` is the event time at which the judgement counts, ``counted_by`` the position that counts
    it; ``None`` if nothing does (synthetic traffic, a backfill, a correction, neither number nor label).
    """

    service: ServiceKey
    trace_id: str
    span_id: str
    start_ns: int
    dimensions: Mapping[str, str]
    user: str | None
    conversation: str | None
    counted_ns: int
    counted_by: SourcePosition | None


@dataclass(slots=True)
class StoredJudgement:
    """One judgement and everything decided about it.

    ``corrects`` says that another with its id came before it. ``of_trace`` says that it names a trace, or a
    step of one. ``revision`` counts decisions.
    """

    tenant: str
    lineage: str
    judgement: Judgement
    source: SourcePosition
    ordinal: int
    received_ns: int
    uid: str
    hash: str
    who: str | None = None
    corrects: bool = False
    of_trace: bool = False
    met: Matched | None = None
    revision: int = 0

    @property
    def place(self) -> Place:
        """What makes it the same row."""
        return self.source, self.ordinal

    @property
    def trace_id(self) -> str | None:
        """The trace it names, if it stands on that trace's partition."""
        return None if self.is_linked else self.judgement.trace_id

    @property
    def is_linked(self) -> bool:
        """Whether a span of another trace said it."""
        carrier = self.judgement.carrier
        return carrier is not None and carrier[0] != self.judgement.trace_id

    @property
    def id(self) -> tuple[str, str, str, str]:
        """What makes it the same judgement, wherever it stands."""
        return self.tenant, self.lineage, self.uid, self.hash

    @property
    def score(self) -> tuple[str, float | str] | None:
        """Name and value of the score it gives."""
        e = self.judgement.evaluation
        return score_of(e.name, e.score, e.label)

    def meet(self, stored: StoredInteraction, by: SourcePosition, received_ns: int, *, counts: bool) -> None:
        """Take the interaction as it is known at ``by``, a position received at ``received_ns``."""
        i = stored.interaction
        row = observed_interaction(stored, by)
        at_ns, _ = event_time(self.judgement.at_ns or self.received_ns, self.received_ns, self.lineage)
        if self.lineage == LIVE and received_ns - at_ns > MAX_BEHIND_NS:
            at_ns = received_ns
        counts = counts and stored.observed and not self.corrects and self.score is not None
        self.met = Matched(
            ServiceKey(i.tenant, i.lineage, i.environment or "", i.service),
            i.trace_id,
            i.span_id,
            i.start_ns,
            {name: value for name, value in row.dimensions.items() if value is not None},
            i.user,
            i.conversation_id,
            max(at_ns, stored.event_ns),
            by if counts else None,
        )
        self.revision += 1

    def part(self) -> None:
        """Forget an interaction that could not be stored after all."""
        self.met = None
        self.revision += 1

    def observed(self) -> tuple[ServiceKey, Observed] | None:
        """Its row of an observation and whose it is; ``None`` if it does not count."""
        m, score = self.met, self.score
        if m is None or m.counted_by is None or score is None:
            return None
        return m.service, Observed(m.counted_ns, m.dimensions, dict((score,)), m.user, m.conversation)


def from_log(view: LogView, source: SourcePosition, ordinal: int, envelope: Envelope) -> StoredJudgement:
    """The judgement of a log record of the message at ``source``."""
    a = view.attributes
    return _new(judgement_of(view), source, ordinal, envelope, text(a.get(UID)), text(a.get(WHO)))


def from_span(
    judgement: Judgement, source: SourcePosition, ordinal: int, envelope: Envelope
) -> StoredJudgement:
    """A judgement that a span of the message at ``source`` carries."""
    return _new(judgement, source, ordinal, envelope, None, None)


def _new(
    j: Judgement, source: SourcePosition, ordinal: int, envelope: Envelope, uid: str | None, who: str | None
) -> StoredJudgement:
    e = j.evaluation
    says: list[Any] = [
        j.trace_id, j.span_id, j.response_id, j.conversation_id, who,
        e.name, e.score, e.label, e.explanation, e.source, e.error,
    ]  # fmt: skip
    digest = _digest(says if uid else [*says, j.at_ns])
    if uid and len(uid) > LONGEST_UID:
        uid = _digest([uid])
    return StoredJudgement(
        envelope.tenant,
        envelope.lineage,
        j,
        source,
        ordinal,
        envelope.received_ns,
        uid or digest,
        digest,
        who,
        of_trace=j.trace_id is not None and j.span_id is None,
    )


def _digest(value: Sequence[Any]) -> str:
    return blake2b(orjson.dumps(value), digest_size=16).hexdigest()


def to_row(stored: StoredJudgement, *, keep_text: bool = True) -> Row:
    """Row of ``judgements``, without what somebody wrote if no text is kept."""
    j, e, m, s = stored.judgement, stored.judgement.evaluation, stored.met, stored.source
    return (
        stored.tenant, stored.lineage, m.service.service if m else "", m.service.environment if m else "",
        stored.trace_id or "", j.span_id or "", j.response_id or "", j.conversation_id or "",
        (j.trace_id or "") if stored.is_linked else "",
        stored.ordinal, stored.uid, stored.hash, stored.corrects,
        shown_name(e.name) if e.name else "", e.score, e.label, e.explanation if keep_text else None,
        e.error, e.source or "", stored.who,
        min(j.at_ns or stored.received_ns, MAX_NS), stored.of_trace,
        m.trace_id if m else "", m.span_id if m else "", min(m.start_ns, MAX_NS) if m else 0,
        dict(m.dimensions) if m else {}, m.user if m else None, m.conversation if m else None,
        min(m.counted_ns, MAX_NS) if m else 0,
        position_text(m.counted_by) if m and m.counted_by else "",
        stored.revision, s.topic, s.partition, s.offset, stored.received_ns,
    )  # fmt: skip


def from_row(row: Row) -> StoredJudgement:
    """Inverse of `to_row`."""
    c = dict(zip(JUDGEMENTS.names, row, strict=True))
    evaluation = Evaluation(
        c["name"] or None, c["value"], c["label"], c["explanation"], c["said_by"] or None, c["error"]
    )
    trace_id, span_id = c["trace_id"] or c["linked_trace_id"] or None, c["span_id"] or None
    carrier = ("", "") if c["linked_trace_id"] else None
    response_id, conversation_id = c["response_id"] or None, c["conversation_id"] or None
    met = None
    if c["judged_span_id"]:
        met = Matched(
            ServiceKey(c["tenant"], c["lineage"], c["environment"], c["service"]),
            c["judged_trace_id"],
            c["judged_span_id"],
            int(c["judged_start"]),
            dict(c["dimensions"]),
            c["user_id"],
            c["judged_conversation_id"],
            int(c["counted_at"]),
            read_position(c["counted_by"]) if c["counted_by"] else None,
        )
    return StoredJudgement(
        c["tenant"],
        c["lineage"],
        Judgement(evaluation, trace_id, span_id, response_id, conversation_id, int(c["judged_at"]), carrier),
        SourcePosition(c["source_topic"], c["source_partition"], c["source_offset"]),
        c["ordinal"],
        int(c["received_at"]),
        c["uid"],
        c["record_hash"],
        c["who"],
        c["corrects"],
        c["of_trace"],
        met,
        c["revision"],
    )
