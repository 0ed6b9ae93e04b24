"""What a change deserves."""

from __future__ import annotations

from detectors.scorers.protocol import ScoreSpec


def severity_of(spec: ScoreSpec, *, rises: bool) -> str:
    """A change in the harmful direction deserves what the score declares; any other is a ticket."""
    harms = spec.harmful == 0 or (spec.harmful > 0) == rises
    return spec.severity if harms else "ticket"
