"""Learned scores: injection, harm, toxicity, unsafe image prompts; and how much of a text is disguised.

All texts of a batch are read in one pass: capped, freed of disguises, hashed. What was encoded or hidden in a
text is a text of its own, and the highest counts. Values are probabilities; what they are worth, where they
fail and what they learned from is in the model cards beside the weights. They are made for rates and
distributions, not for verdicts on one interaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.grid import LogitGrid
from detectors.record import Record
from detectors.scorers import harm_category
from detectors.scorers.harm_category import HazardReader
from detectors.scorers.heads import Heads, shared
from detectors.scorers.normalise import normalise
from detectors.scorers.protocol import Scores, ScoreSpec
from detectors.scorers.text_parts import scored

IMAGE = "image"
"""Operation of calls whose prompt is for an image."""

PROMPT, OUTPUT, CONTEXT = "prompt", "output", "context"

HARMFUL = 0.5
"""Probability of harm from which a prompt's hazard is named."""

MOST_CONTEXT = 256 << 10
"""Characters of all documents and tool results that are read, whole ones in their order."""

_HEADS_OF = {
    PROMPT: (("injection", "injection"), ("harm", "harm"), ("toxicity", "toxicity")),
    OUTPUT: (("toxicity", "toxicity"), ("toxicity", "toxicity_output")),
    CONTEXT: (("injection", "injection_context"),),
}
"""Heads that read a side, and the scores they give."""


def sides(record: Record) -> Iterator[tuple[str, str]]:
    """Texts of a record that are read, with their sides; tool results count as context."""
    for side, text in ((PROMPT, record.prompt), (OUTPUT, record.output)):
        read = scored(text)
        if read:
            yield side, read
    left = MOST_CONTEXT
    for text in (*record.context, *record.tool_results):
        read = scored(text)
        if not read:
            continue
        left -= len(read)
        if left < 0:
            return
        yield CONTEXT, read


@dataclass(frozen=True, slots=True)
class Learned:
    """Implements `Scorer`; the shipped heads and hazards are read when first used if none are given."""

    name: str
    version: str
    specs: tuple[ScoreSpec, ...]
    heads: Heads | None = None
    hazards: HazardReader | None = None

    def score(self, records: Sequence[Record]) -> list[Scores]:
        """Values of each record."""
        heads = self.heads or shared()
        texts: list[str] = []
        owners: list[tuple[int, str]] = []
        found: list[Scores] = [{} for _ in records]
        for index, record in enumerate(records):
            left = 2 * MOST_CONTEXT
            for side, text in sides(record):
                read = normalise(text)
                left -= len(read.text) if side == CONTEXT else 0
                if left < 0:  # compatibility forms unfold
                    break
                if side == PROMPT:
                    found[index]["obfuscation"] = read.disguised
                for part in (read.text, *read.parts):
                    texts.append(part)
                    owners.append((index, side))
        if texts:
            values = heads.probabilities(texts)
            harmful: dict[int, str] = {}
            for (index, side), row, text in zip(owners, values, texts, strict=True):
                before = found[index].get("harm")
                self._keep_highest(found[index], side, records[index], heads, row)
                harm = found[index].get("harm")
                if harm != before and isinstance(harm, float) and harm >= HARMFUL:
                    harmful[index] = text
            self._name_hazards(found, harmful)
        return found

    def _name_hazards(self, found: list[Scores], harmful: Mapping[int, str]) -> None:
        """What the most harmful text of each of these records is about."""
        if harmful:
            hazards = self.hazards or harm_category.shared()
            for index, hazard in zip(harmful, hazards.hazards_of(list(harmful.values())), strict=True):
                if hazard is not None:
                    found[index]["harm_category"] = hazard

    def _keep_highest(
        self, scores: Scores, side: str, record: Record, heads: Heads, row: npt.NDArray[np.float64]
    ) -> None:
        lane = heads.lanes
        for head, score in _HEADS_OF[side]:
            _raise_to(scores, score, float(row[lane[head]]))
        if side == PROMPT and IMAGE in (record.operation, record.kind):
            _raise_to(scores, "image_unsafe", float(row[lane["image_unsafe"]]))


def _raise_to(scores: Scores, name: str, value: float) -> None:
    before = scores.get(name)
    if not isinstance(before, float) or value > before:
        scores[name] = value


def _bounded(name: str, title: str, generation: int = 1) -> ScoreSpec:
    return ScoreSpec(name, title, "bounded", LogitGrid(), harmful=1, severity="ticket", generation=generation)


LEARNED = Learned(
    name="learned",
    version="1",
    specs=(
        _bounded("injection", "Prompt injection and jailbreaks", generation=4),
        _bounded("injection_context", "Instructions hidden in context", generation=4),
        _bounded("harm", "Harmful requests", generation=2),
        ScoreSpec("harm_category", "Hazards of harmful requests", "category", None),
        _bounded("toxicity", "Toxicity", generation=2),
        _bounded("toxicity_output", "Toxicity of outputs", generation=2),
        _bounded("image_unsafe", "Unsafe image prompts", generation=2),
        _bounded("obfuscation", "Disguised prompts"),
    ),
)
