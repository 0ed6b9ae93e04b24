"""Row 18: embeddings, by the codebook that comes with the scorers."""

from __future__ import annotations

from bench.detection.figure import Report
from bench.detection.plan import Plan
from detectors.scorers import SPECS


def vectors(plan: Plan) -> Report:
    """Nothing as long as no score is a vector: a codebook fitted here would say nothing of ours."""
    del plan
    names = [name for name, spec in SPECS.items() if str(spec.kind) == "vector"]
    said = f"scores {', '.join(names)}: not measured here yet" if names else "no vectors yet"
    return Report(notes=[f"row 18, embeddings: {said}"])
