"""Which calls say something new of a rate: those of a conversation up to its first hit, and only a few.

A conversation (else its user, else the call itself) is bet on call by call, in order of time, until its first
hit or `MOST_TRIALS` calls, whichever comes first. If its calls are alike in any way (each conversation has
a rate of its own, on average p), the probability of a hit given that there was none yet is at most p, so
every such bet has a mean of at most one; and a user who repeats one refused request counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from detectors.engine.ticks import Floats

MOST_TRIALS = 5
"""Calls of a conversation that are bet on: one that goes well a thousand times hides nobody's trouble."""
SPENT = 15
REMEMBER_MIN = 1440
"""A conversation without a call for so long is forgotten; a user without conversations, after an hour."""
USER_MIN = 60
MOST_REMEMBERED = 50_000
_BITS = 4


class Place(NamedTuple):
    """Who is remembered: a conversation, or a user who has none, by 64-bit hash; the other one is 0."""

    conversation: int
    user: int


NOBODY = Place(0, 0)


class Call(NamedTuple):
    """One row of an observation; ``applies`` and ``hits`` have a bit for each flag. Calls order by time."""

    at_ms: int
    topic: str
    partition: int
    offset: int
    row: int
    conversation: int
    user: int
    applies: int
    hits: int

    @property
    def minute(self) -> int:
        """Minute of its end."""
        return self.at_ms // 60_000

    @property
    def place(self) -> Place:
        """Whose it is: a conversation, else a user, else `NOBODY`."""
        return Place(self.conversation, 0) if self.conversation else Place(0, self.user)


class Known(NamedTuple):
    """What is remembered of a conversation: minutes of its first and last call and last hit (-1: none).

    ``trials`` holds four bits a flag, `SPENT` after a hit: more than 64 bits for more than 16 flags.
    """

    first: int
    last: int
    user: int
    trials: int
    hit: int


@dataclass(frozen=True, slots=True)
class Trials:
    """What one minute adds: bets, hits among them and conversations not seen in this run, per flag."""

    bets: Floats
    hits: Floats
    conversations: Floats

    def plus(self, more: Trials) -> Trials:
        """Both together."""
        return Trials(self.bets + more.bets, self.hits + more.hits, self.conversations + more.conversations)


@dataclass(frozen=True, slots=True)
class Reach:
    """Who stands behind the hits of a run; ``largest`` is the greatest part of one user or conversation."""

    conversations: int
    users: int
    largest: float


@dataclass(slots=True)
class Distinct:
    """Memory of one service and unit for ``flags`` flags. Minutes must not go back.

    ``under`` is a memory that this one adds to and leaves as it is. With ``lasts`` everybody is met anew so
    many minutes after the first call.
    """

    flags: int
    under: Distinct | None = None
    places: dict[Place, Known] = field(default_factory=dict)
    lasts: int | None = None

    def take(self, calls: Iterable[Call], minute: int, since: Sequence[int]) -> Trials:
        """Count the calls of one minute in order; per flag ``since`` is the minute its run began."""
        bets, hits, new = ([0] * self.flags for _ in range(3))
        for call in calls:
            place = call.place
            known = self._find(place, minute) if place != NOBODY else None
            trials = known.trials if known is not None else 0
            hit_at = known.hit if known is not None else -1
            for flag in range(self.flags):
                if not call.applies >> flag & 1:
                    continue
                shift = _BITS * flag
                had = trials >> shift & SPENT
                if had >= MOST_TRIALS:
                    continue
                hit = call.hits >> flag & 1
                bets[flag] += 1
                hits[flag] += hit
                new[flag] += known is None or known.last < since[flag] or not had
                trials += ((SPENT if hit else had + 1) - had) << shift
                hit_at = minute if hit else hit_at
            if place != NOBODY:
                first = known.first if known is not None else minute
                self.places[place] = Known(first, minute, call.user, trials, hit_at)
        return Trials(*(np.array(side, dtype=float) for side in (bets, hits, new)))

    def _find(self, place: Place, minute: int) -> Known | None:
        known = self.places.get(place)
        if known is None and self.under is not None:
            known = self.under.places.get(place)
        if known is None:
            return None
        if self.lasts is not None:
            old = minute - known.first >= self.lasts
        elif place.conversation:
            old = minute - known.last >= REMEMBER_MIN
        else:
            old = minute - known.first >= USER_MIN
        return None if old else known

    def reach(self, flag: int, since: int, hits: int) -> Reach:
        """Who stands behind the ``hits`` of a run that began at minute ``since``."""
        shift, users, places = _BITS * flag, Counter[int](), 0
        everyone = self._everyone()
        for known in everyone.values():
            if known.trials >> shift & SPENT == SPENT and known.hit >= since:
                places += 1
                users[known.user] += 1
        unnamed = users.pop(0, 0) + max(hits - places, 0)
        user, most = users.most_common(1)[0] if users else (0, 0)
        shared = sum(k.user == user for k in everyone.values()) > 0.9 * len(everyone)
        if shared:  # one account for everybody says nothing of who they are
            unnamed, most = unnamed + most, 0
        largest = max(most, min(unnamed, 1)) / max(hits, 1)
        return Reach(max(hits, places), len(users) + unnamed, largest)

    def _everyone(self) -> Mapping[Place, Known]:
        return self.places if self.under is None else {**self.under.places, **self.places}

    def forget(self, minute: int) -> None:
        """Drop what is too old to matter, and the oldest beyond what may be kept."""
        lasts = REMEMBER_MIN if self.lasts is None else self.lasts
        kept = {p: k for p, k in self.places.items() if minute - k.last < lasts}
        if len(kept) > MOST_REMEMBERED:
            newest = sorted(kept.items(), key=lambda item: (-item[1].last, *_order(item[0])))
            kept = dict(newest[:MOST_REMEMBERED])
        self.places = kept

    def state(self) -> list[Any]:
        """Plain form for a snapshot: the conversation, 0 where a user has none, and what is known of it."""
        known = sorted(self.places.items(), key=lambda item: _order(item[0]))
        return [[place.conversation, *of] for place, of in known]

    def restore(self, state: Iterable[Sequence[int]]) -> None:
        """Inverse of `state`; earlier states have minus the user's hash in place of the 0."""
        self.places = {}
        for conversation, *rest in state:
            known = Known(*rest)
            place = Place(conversation, 0) if conversation > 0 else Place(0, known.user)
            self.places[place] = known


def _order(place: Place) -> tuple[int, int]:
    """Users come before conversations; the one with the largest hash first."""
    return place.conversation, -place.user
