"""Whether the text of an interaction is kept: a tenant's ``redaction.<tenant>.keep_text``.

Scores are always kept. The choice depends on the interaction's id and scores alone, so a re-run chooses the
same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b

from detectors.scorers.protocol import Scores, ScoreSpec
from infra.settings import RedactionSettings
from ingest.interaction import Interaction
from ingest.repository.interaction import NOT_CAPTURED, StoredInteraction

ALL, FLAGGED, NONE = "all", "flagged", "none"
BY_SETTING = "not kept by setting"
NOT_FLAGGED = "neither flagged nor sampled"


def why_absent(
    interaction: Interaction, scores: Scores, keep: RedactionSettings, specs: Mapping[str, ScoreSpec]
) -> str | None:
    """``None`` to keep the text, else the reason a row gives for not having it."""
    i = interaction
    texts = (i.input_text, i.input_texts, i.output_text, i.tool_calls, i.system_prompt, i.context_texts)
    if not any(texts):
        return NOT_CAPTURED
    if keep.keep_text == ALL:
        return None
    if keep.keep_text == NONE:
        return BY_SETTING
    for name, value in scores.items():
        spec = specs.get(name)
        if spec is not None and spec.kind == "flag" and not isinstance(value, str) and value >= 0.5:
            return None
    draw = int.from_bytes(blake2b(i.interaction_id.encode(), digest_size=8).digest(), "big") / 2**64
    return None if draw * 100 < keep.keep_percent else NOT_FLAGGED


def decide_text(
    stored: StoredInteraction, keep: RedactionSettings, specs: Mapping[str, ScoreSpec]
) -> StoredInteraction:
    """``stored`` with the decision on its text.

    The message of an error is kept with the text, and where no text was captured; who keeps no text keeps
    no message.
    """
    absent = why_absent(stored.interaction, stored.scores, keep, specs)
    error = stored.interaction.error
    stored.text_absent = absent
    if error is not None and absent == NOT_CAPTURED and keep.keep_text == NONE:
        stored.interaction = replace(stored.interaction, error=replace(error, message=None))
    return stored
