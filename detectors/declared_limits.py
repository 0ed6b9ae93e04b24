"""Levels that an operator declared to be nothing to page for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from detectors.service_patterns import matches


@dataclass(frozen=True, slots=True)
class Limit:
    """The rate ``at_most`` (0..1) of a flag in ``services`` (patterns with ``*`` and ``?``; none: all)."""

    score: str
    at_most: float
    services: tuple[str, ...] = ()


def declared(limits: Sequence[Limit], service: str, score: str) -> float | None:
    """The first limit that is declared for a score of a service; ``None`` where there is none."""
    for limit in limits:
        named = matches(service, limit.services)
        if limit.score == score and named:
            return limit.at_most
    return None
