"""Judgements on no trace's partition that have not met their interaction: tried again while messages pass.

What names a response or a conversation alone, or is said by a span of another trace, may stand on another
partition than its interaction, so no message of its own partition brings that. The worker that reads a
judgement's partition looks for it again and again, less and less often, and counts it at the message it is
reading by then. Nobody else does.

What is decided here is also kept until that message is acknowledged: a message that is read again says the
same. After a restart the store tells both.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Container, Iterable, Mapping

from detectors.observation import SourcePosition
from infra.clock import NS_PER_S
from ingest.repository.evaluation import Place, StoredJudgement, from_row
from ingest.repository.stage_store import Lineage, Partition, SpanQuery, StageStore
from ingest.repository.tables import JUDGEMENTS

FIRST_NS = 5 * NS_PER_S
LONGEST_NS = 3600 * NS_PER_S
"""A judgement is tried again this long after it came, then after twice as long, up to an hour."""

GIVEN_UP_NS = 2 * 24 * 3600 * NS_PER_S
"""After this it stays without an interaction."""

MOST = 10_000
"""Judgements that are tried again; of more the oldest are not."""

READ_AGAIN = 10_000
"""Messages of a partition, before the last one accounted for, that a restart may read again."""


class Unmatched:
    """The judgements of this worker's partitions that name no trace."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Place, tuple[StoredJudgement, int, int]] = OrderedDict()
        self._settled: dict[SourcePosition, dict[Place, StoredJudgement]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def learn(
        self, rows: Iterable[StoredJudgement], next_offsets: Mapping[Partition, int], now_ns: int
    ) -> None:
        """What the store says of partitions that are new here, and how far all are accounted for.

        Of one row there may be several versions.
        """
        latest: dict[Place, StoredJudgement] = {}
        for j in rows:
            have = latest.get(j.place)
            if have is None or have.revision < j.revision:
                latest[j.place] = j
        for j in latest.values():
            if j.met is None:
                self._wait(j, now_ns)
                continue
            by = j.met.counted_by
            if by is None or by == j.source:
                continue
            if by.offset >= next_offsets.get((by.topic, by.partition), 0) - READ_AGAIN:
                self._settled.setdefault(by, {})[j.place] = j

    def _wait(self, j: StoredJudgement, now_ns: int) -> None:
        named = j.judgement
        if not (named.trace_id or named.response_id or named.conversation_id):
            return
        if now_ns - j.received_ns < GIVEN_UP_NS and j.place not in self._waiting:
            self._waiting[j.place] = (j, now_ns + FIRST_NS, FIRST_NS)
            if len(self._waiting) > MOST:
                self._waiting.popitem(last=False)

    def due(self, partitions: Collection[int], now_ns: int) -> list[StoredJudgement]:
        """Those of these partitions (numbers) that are to be tried now."""
        out = []
        for place, (j, at_ns, wait_ns) in list(self._waiting.items()):
            if at_ns > now_ns or j.source.partition not in partitions:
                continue
            if now_ns - j.received_ns >= GIVEN_UP_NS:
                del self._waiting[place]
                continue
            longer_ns = min(2 * wait_ns, LONGEST_NS)
            self._waiting[place] = (j, now_ns + longer_ns, longer_ns)
            out.append(j)
        return out

    def settled(self, positions: Iterable[SourcePosition]) -> list[StoredJudgement]:
        """What was decided at these positions before."""
        return [j for at in positions for _, j in sorted(self._settled.get(at, {}).items())]

    def take(self, decided: Iterable[StoredJudgement], now_ns: int) -> None:
        """What a batch decided on judgements."""
        for j in decided:
            if j.trace_id:
                continue
            if j.met is None:
                self._wait(j, now_ns)
                continue
            self._waiting.pop(j.place, None)
            by = j.met.counted_by
            if by is not None and by != j.source:
                self._settled.setdefault(by, {})[j.place] = j

    def acknowledge(self, positions: Iterable[SourcePosition]) -> None:
        """These messages are not read again by this process."""
        for at in positions:
            self._settled.pop(at, None)

    def forget(self, partitions: Container[Partition]) -> None:
        """These partitions went to another worker."""
        for place in [p for p in self._waiting if (p[0].topic, p[0].partition) in partitions]:
            del self._waiting[place]
        for at in [at for at in self._settled if (at.topic, at.partition) in partitions]:
            del self._settled[at]


def stored_nameless(
    store: StageStore, lineages: Iterable[Lineage], partitions: Container[int], now_ns: int
) -> list[StoredJudgement]:
    """Judgements of these partitions (numbers) that name no trace and may still meet their interaction.

    Raises
    ------
    Unavailable
        If the store does not answer.
    """
    since_ns, nameless = max(now_ns - GIVEN_UP_NS, 0), frozenset(("",))
    asks = [SpanQuery(*lineage, frozenset(), nameless, from_ns=since_ns) for lineage in sorted(lineages)]
    found = (from_row(row) for ask in asks for row in store.find(JUDGEMENTS, ask))
    return [j for j in found if j.source.partition in partitions]
