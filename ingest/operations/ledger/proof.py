"""Proof that every record is accounted for: received = stored + duplicate + rejected + dead-lettered.

Three things are compared for every source partition: the offsets of the account are contiguous, the sums of
each message agree with the number its sender declared, and the rows that name a message as their source are
as many as the account says were stored. Unit: one span or log record that reached Kafka.

Offsets that no message has (`ingest.operations.ledger.holes`) are listed apart and are no gap. Pure:
`ingest.operations.ledger.read` asks the store, `ingest.operations.ledger.command` the topics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingest.operations.ledger.holes import Gap, without
from ingest.operations.ledger.waiting import Waiting
from ingest.repository.stage_store import Partition

SUMS = ("received", "stored", "duplicate", "rejected", "dead_lettered")
MAX_NAMED = 3
"""Ranges that a problem names."""


@dataclass(frozen=True, slots=True)
class PartitionAccount:
    """What the account and the rows say of one source partition, from one message to another (both included).

    ``gaps`` are the ranges of offsets without an account, in order, ``holes`` those that no message has;
    ``undeclared``, ``unequal`` and ``row_mismatches`` how many messages hold another number of records than
    declared, do not add up, or have other rows stored. ``begins`` is the first offset of the whole account,
    of which this may be a part.
    """

    topic: str
    partition: int
    first: int
    last: int
    received: int
    stored: int
    duplicate: int
    rejected: int
    dead_lettered: int
    undeclared: int
    unequal: int
    row_mismatches: int
    begins: int = 0
    gaps: tuple[Gap, ...] = ()
    holes: tuple[Gap, ...] = ()

    @property
    def place(self) -> Partition:
        """Topic and partition."""
        return self.topic, self.partition

    def problems(self) -> list[str]:
        """What is wrong, in words; empty if it balances."""
        out = []
        if self.gaps:
            missing = sum(last - first + 1 for first, last in self.gaps)
            out.append(f"{missing} offsets have no account: {_ranges(self.gaps)}")
        if self.undeclared:
            out.append(f"{self.undeclared} messages hold another number of records than declared")
        if self.unequal:
            out.append(f"{self.unequal} messages do not add up")
        if self.row_mismatches:
            out.append(
                f"{self.row_mismatches} messages have another number of rows stored than the account says"
            )
        return out


def _ranges(gaps: Sequence[Gap]) -> str:
    named = [str(a) if a == b else f"{a} to {b}" for a, b in gaps[:MAX_NAMED]]
    return ", ".join(named) + (" …" if len(gaps) > MAX_NAMED else "")


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """What a raw topic says of one partition; ``None`` where it did not answer.

    ``begins`` is the offset of the first message it holds, ``read`` the next offset the workers have
    acknowledged up to (asked *before* the account was read, so that the account holds all of it).
    """

    begins: int | None = None
    read: int | None = None


def with_topic(account: PartitionAccount, facts: TopicFacts) -> PartitionAccount:
    """The account with gaps outside it: messages before it begins, acknowledged ones behind its end."""
    gaps = list(account.gaps)
    if facts.begins is not None and facts.begins < account.begins:
        gaps.insert(0, (facts.begins, account.begins - 1))
    if facts.read is not None and facts.read > account.last + 1:
        gaps.append((account.last + 1, facts.read - 1))
    return replace(account, gaps=tuple(gaps))


def with_holes(account: PartitionAccount, holes: Sequence[Gap]) -> PartitionAccount:
    """The account with proven holes taken out of its gaps; of other holes it says nothing."""
    mine = [h for h in holes if without(account.gaps, [h]) != list(account.gaps)]
    return replace(
        account,
        gaps=tuple(without(account.gaps, mine)),
        holes=tuple(sorted({*account.holes, *mine})),
    )


def report(
    accounts: Sequence[PartitionAccount],
    tenants: Sequence[Mapping[str, Any]],
    log_ends: Mapping[Partition, int] | None = None,
    refused: Sequence[Mapping[str, Any]] | None = None,
    waiting: Waiting | None = None,
) -> dict[str, Any]:
    """The answer of ``lightship ledger --json``.

    Parameters
    ----------
    log_ends
        Next offsets of the topics where known. ``pending`` (offsets in Kafka that have no account yet) is
        ``None`` where the end is not known; it does not unbalance the account.
    refused
        What the gateway turned away since its start; ``None`` if it was not reached.
    waiting
        How long pending records have waited, and whether any is processed. The account balances either way:
        ``moving`` and the ``verdict`` say it.
    """
    ends, waits = dict(log_ends or {}), waiting or Waiting()
    partitions = []
    for a in sorted(accounts, key=lambda a: a.place):
        end = ends.pop(a.place, None)
        sums = {name: getattr(a, name) for name in SUMS}
        pending = None if end is None else max(end - a.last - 1, 0)
        partitions.append(
            {
                **_where(a.place, a.first, a.last),
                **sums,
                "pending": pending,
                "oldest_pending_s": _rounded(waits.ages_s.get(a.place)),
                "holes": _listed(a.holes),
                "problems": a.problems(),
            }
        )
    for place, end in sorted(ends.items()):
        none = dict.fromkeys(SUMS, 0)
        oldest_s = _rounded(waits.ages_s.get(place))
        rest: dict[str, Any] = {"pending": end, "oldest_pending_s": oldest_s, "holes": [], "problems": []}
        partitions.append({**_where(place, None, None), **none, **rest})
    balanced = not any(p["problems"] for p in partitions)
    return {
        "balanced": balanced,
        "moving": not waits.stuck,
        "verdict": _verdict(balanced, waits),
        "tenants": list(tenants),
        "partitions": partitions,
        "refused": None if refused is None else list(refused),
    }


def _verdict(balanced: bool, waits: Waiting) -> str:
    said = [] if balanced else ["not every record is accounted for"]
    said += [waits.text()] if waits.stuck else []
    return "; ".join(said) or "every record is accounted for"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _where(place: Partition, first: int | None, last: int | None) -> dict[str, Any]:
    return {"topic": place[0], "partition": place[1], "from": first, "to": last}


def _listed(ranges: Sequence[Gap]) -> list[dict[str, int]]:
    return [{"from": first, "to": last} for first, last in ranges]


def next_offsets(accounts: Sequence[PartitionAccount]) -> dict[Partition, int]:
    """The next offset of every source partition that has an account."""
    return {a.place: a.last + 1 for a in accounts}
