"""Findings stated of ticks that are still open, until those close.

A provisional finding is confirmed under its id when the closed tick says the same, and withdrawn when it does
not. What closed ticks say never depends on what was provisional.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from detectors.finding import Finding


@dataclass(slots=True)
class OpenTick:
    """Provisional findings of one service, one at most for each kind and series."""

    _said: dict[str, tuple[int, Finding]] = field(default_factory=dict)
    _mute: dict[str, int] = field(default_factory=dict)

    def knows(self, name: str) -> bool:
        """Whether there is nothing to look for: it is said, or not to be said while its tick is open."""
        return name in self._said or name in self._mute

    def mute(self, name: str, tick: int) -> None:
        """Say nothing of it until ``tick`` has closed."""
        self._mute[name] = tick

    def say(self, name: str, tick: int, finding: Finding) -> Finding:
        """State a finding of the open ``tick``."""
        stated = replace(finding, status="provisional")
        self._said[name] = tick, stated
        return stated

    def confirm(self, name: str, finding: Finding) -> Finding:
        """A finding of a closed tick, under the id it was first stated with."""
        _, first = self._said.pop(name, (0, finding))
        return replace(finding, finding_id=first.finding_id)

    def withdraw(self, tick: int, at: datetime) -> list[Finding]:
        """Take back what ``tick``, now closed, did not confirm."""
        gone = [name for name, (of, _) in self._said.items() if of <= tick]
        self._mute = {name: of for name, of in self._mute.items() if of > tick}
        return [replace(self._said.pop(name)[1], status="withdrawn", made_at=at) for name in sorted(gone)]

    def __iter__(self) -> Iterator[Finding]:
        return (finding for _, finding in self._said.values())

    def state(self) -> list[Any]:
        """Plain form for a snapshot."""
        said = [[name, tick, finding.to_json()] for name, (tick, finding) in sorted(self._said.items())]
        return [said, sorted(self._mute.items())]

    def restore(self, state: Iterable[Any]) -> None:
        """Inverse of `state`."""
        said, mute = state
        self._said = {name: (tick, Finding.from_dict(json.loads(text))) for name, tick, text in said}
        self._mute = dict(map(tuple, mute))


def name_of(kind: str, *series: str) -> str:
    """Name of a kind of finding about one series."""
    return "/".join((kind, *series))
