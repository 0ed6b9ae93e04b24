"""The account of one message: what it declared, what was in it, and what became of each record."""

from __future__ import annotations

from ingest.agents.score.broken_deploy import OURS, Outcome
from ingest.agents.score.work import Work
from ingest.repository.tables import Row

EVENT_CALLS = "event_calls"
"""How many calls are stored from the message, beside its records, that only log records tell of."""
RETRIED = "retried"
"""How many of the received records are those of a dead letter that was sent again."""


def stored_count(work: Work) -> int:
    """Rows whose source position is this message."""
    return work.interactions + len(work.contexts) + len(work.records) + len(work.evaluations)


def dead_count(work: Work) -> int:
    """Records that its dead letters stand for."""
    return sum(letter.records for letter in work.decoded.dead)


def outcome_of(work: Work) -> Outcome:
    """What became of its records, as far as our own defects are concerned."""
    d = work.decoded
    return Outcome(d.envelope.tenant, d.received, sum(x.records for x in d.dead if x.kind in OURS))


def ledger_row(work: Work, now_ns: int) -> Row:
    """Row of ``ledger``; ``now_ns`` stands in where the message does not say when it was received."""
    d = work.decoded
    reasons = dict(d.rejected)
    for letter in d.dead:
        reason = f"dead_letter:{letter.kind}"
        reasons[reason] = reasons.get(reason, 0) + letter.records
    if work.event_calls:
        reasons[EVENT_CALLS] = work.event_calls
    if d.envelope.retry_of is not None:
        reasons[RETRIED] = d.received
    return (
        work.position.topic, work.position.partition, work.position.offset,
        d.envelope.tenant, d.envelope.lineage, d.envelope.declared, d.received,
        stored_count(work), work.duplicate, sum(d.rejected.values()), dead_count(work), reasons,
        work.clock_ns,
        d.envelope.received_ns or now_ns,
    )  # fmt: skip
