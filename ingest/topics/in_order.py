"""Whether messages arrive as they stand in the log: none may be left out.

A rebalance throws away what the client had read and not yet handed out, and reads again from what is
committed. What slips through in between comes after a gap. Going on behind it would claim (by a mark, by a
snapshot) that everything before is done, and lose it for detection; so the partition is read again from
where the gap begins. Pure: the caller knows what the log holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ingest.messages import RawMessage

Place = tuple[str, int]
"""Topic and partition."""

IsHole = Callable[[Place, int, int], bool]
"""Whether a partition holds nothing from an offset on, up to but not with another."""


@dataclass(slots=True)
class Sifted:
    """Messages that may be worked on, by index, and where partitions must be read again from.

    ``next`` is what will come next when they are taken.
    """

    kept: list[int] = field(default_factory=list)
    rewind: dict[Place, int] = field(default_factory=dict)
    next: dict[Place, int] = field(default_factory=dict)


class InOrder:
    """Which offset comes next, for each partition that this process reads.

    ``generation`` grows with every `forget`: what was sifted before must not be taken after, since it was
    compared with an order that is no longer.

    Parameters
    ----------
    committed
        Offset from which a partition is read when it is new here; ``None`` while that is not known, or if
        none is committed. Then it is about to be read from where it must be, without our asking.
    is_hole
        Asked about every gap; logs may have holes (see `ingest.agents.detect.shard.Shard.apply`).
    """

    def __init__(self, committed: Callable[[Place], int | None], is_hole: IsHole) -> None:
        self._committed = committed
        self._is_hole = is_hole
        self._next: dict[Place, int] = {}
        self.generation = 0

    def sift(self, messages: Sequence[RawMessage]) -> Sifted:
        """Keep what follows on what came before, or comes again; leave out what is behind a gap.

        Changes nothing until it is taken; may block.
        """
        out = Sifted()
        behind: set[Place] = set()
        for index, message in enumerate(messages):
            place = (message.topic, message.partition)
            if place in behind:
                continue
            due = out.next.get(place, self._next.get(place))
            if due is None:
                due = self._committed(place)
            begin = due or 0
            if message.offset > begin and not self._is_hole(place, begin, message.offset):
                behind.add(place)
                if due is not None:
                    out.rewind[place] = due
                continue
            out.kept.append(index)
            out.next[place] = max(message.offset + 1, begin)
        return out

    def take(self, sifted: Sifted) -> None:
        """The messages kept are worked on."""
        self._next |= sifted.next

    def forget(self, places: Iterable[Place]) -> None:
        """These partitions are given away, or were given out anew."""
        self.generation += 1
        for place in places:
            self._next.pop(place, None)
