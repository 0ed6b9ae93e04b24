"""A scorer that reads one item at a time: a record, a trace or a conversation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from detectors.record import Conversation, Record, Trace
from detectors.scorers.protocol import Scores, ScoreSpec

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Each(Generic[T]):
    """A scorer made of a pure function of one item."""

    name: str
    version: str
    specs: tuple[ScoreSpec, ...]
    score_one: Callable[[T], Scores]

    def score(self, items: Sequence[T]) -> list[Scores]:
        """Values of each item."""
        return [self.score_one(item) for item in items]


class EachRecord(Each[Record]):
    """Implements `Scorer`."""

    __slots__ = ()


class EachTrace(Each[Trace]):
    """Scores whole runs of agents."""

    __slots__ = ()


class EachConversation(Each[Conversation]):
    """Scores conversations that have come to rest."""

    __slots__ = ()
