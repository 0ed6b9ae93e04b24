"""Whether secrets or personal data stood in an output or a prompt, by the redactor's own report.

Never by counting placeholders in the text, which anyone can write. What a model puts out is a leak; what a
user types about themselves is use, so the prompt side has scores of its own that only raise tickets.
"""

from __future__ import annotations

from detectors.grid import FlagGrid
from detectors.record import Record
from detectors.redaction.kinds import PII_TYPES, SECRET_TYPES
from detectors.scorers.each import EachRecord
from detectors.scorers.protocol import Scores, ScoreSpec


def _score(record: Record) -> Scores:
    if record.redactions is None:
        return {}
    scores: Scores = {}
    for side, suffix, present in (
        ("output", "", record.output is not None or bool(record.tool_calls)),
        ("prompt", "_prompt", record.prompt is not None),
    ):
        types = {r.type for r in record.redactions if r.side == side and r.n > 0}
        if types or present:
            scores["secrets" + suffix] = float(not types.isdisjoint(SECRET_TYPES))
            scores["pii" + suffix] = float(not types.isdisjoint(PII_TYPES))
    return scores


REDACTION_FLAGS = EachRecord(
    name="redaction_flags",
    version="1",
    specs=(
        ScoreSpec(
            "secrets", "Secrets in outputs", "flag", FlagGrid(), harmful=1, severity="page", usual=0.01
        ),
        ScoreSpec("pii", "PII in outputs", "flag", FlagGrid(), harmful=1, severity="page"),
        ScoreSpec("secrets_prompt", "Secrets in prompts", "flag", FlagGrid(), harmful=1),
        ScoreSpec("pii_prompt", "PII in prompts", "flag", FlagGrid(), harmful=1),
    ),
    score_one=_score,
)
