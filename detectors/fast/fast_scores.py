"""Which scores the fast path bets on, and what of a service's budget each of them may spend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from detectors.budgets.budget import CLASS_SHARES
from detectors.scorers.protocol import ScoreSpec

ASKED = frozenset({"prompt_length", "input_tokens", "audio_duration_s"})
"""What users send moves by itself; what it does to latency and cost is watched there."""


def is_fast(spec: ScoreSpec) -> bool:
    """Whether a score is a flag whose rise is worth a page."""
    return spec.kind == "flag" and spec.harmful > 0 and spec.severity == "page"


def is_fast_value(spec: ScoreSpec) -> bool:
    """Whether a score is a number of single calls whose gross rise is worth a message within minutes."""
    return (
        spec.kind == "positive"
        and spec.unit == "interaction"
        and spec.harmful >= 0
        and spec.name not in ASKED
    )


def shares(specs: Iterable[ScoreSpec]) -> dict[str, float]:
    """Part of the service's budget for its severity that each score on the fast path may spend.

    Scores of a severity divide the class of the fast path evenly, flags and numbers alike.
    """
    fast = {s.name: s.severity for s in specs if is_fast(s) or is_fast_value(s)}
    sizes = Counter(fast.values())
    return {name: CLASS_SHARES["fast"] / sizes[severity] for name, severity in sorted(fast.items())}
