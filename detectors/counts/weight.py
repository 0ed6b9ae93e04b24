"""How much one conversation or user weighs: no more than a few calls an hour.

Calls of one conversation are alike, and a retry loop makes hundreds of one. Those beyond `MOST_CALLS` of a
conversation, or of a user, in an hour are counted for charts and left out of detection: no model is needed,
and what is left is nearer to independent. A loop so is heard in one or two ticks of an hour, and a page needs
four that agree. Users are taken for people once `PEOPLE` of them were seen: a service that names one account
for everybody is not silenced by it. Which calls are left out follows from the order of the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from detectors.observation import Observation

MOST_CALLS = 10
PEOPLE = 5
MOST_KNOWN = 200_000
"""Conversations and users of an hour that are told apart; later ones are not limited."""


class Weight:
    """Calls so far of each conversation and user in the hours that are open."""

    def __init__(self) -> None:
        self._calls: dict[int, dict[tuple[str, str, bool, int], int]] = {}
        self._people: set[int] = set()

    def beyond(self, o: Observation, first_minute: int) -> list[bool]:
        """Per row, whether its conversation or user has had its calls; not for rows before a minute."""
        out = [False] * len(o.minutes)
        if len(self._people) < PEOPLE:
            for user in o.users:
                if user and len(self._people) < PEOPLE:
                    self._people.add(user)
        people = len(self._people) >= PEOPLE
        named = [(False, o.conversations), *([(True, o.users)] if people else [])]
        for is_user, places in named:
            for row, place in enumerate(places):
                if place and o.minutes[row] >= first_minute:
                    calls = self._calls.setdefault(o.minutes[row] // 60, {})
                    # what is known of a call may come in two messages of different topics
                    key = (o.unit, o.source.topic, is_user, place)
                    had = calls.get(key, 0)
                    if had or len(calls) < MOST_KNOWN:
                        calls[key] = had + 1
                    out[row] |= had >= MOST_CALLS
        return out

    def close(self, until_minute: int) -> None:
        """Forget hours that are over before a minute."""
        self._calls = {h: calls for h, calls in self._calls.items() if h >= until_minute // 60}

    def state(self) -> list[Any]:
        """Plain form for a snapshot."""
        calls = [[h, [[*k, n] for k, n in c.items()]] for h, c in sorted(self._calls.items())]
        return [calls, sorted(self._people)]

    def restore(self, state: Iterable[Any]) -> None:
        """Inverse of `state`."""
        calls, people = state
        self._calls = {h: {(u, o, i, p): n for u, o, i, p, n in some} for h, some in calls}
        self._people = set(people)
