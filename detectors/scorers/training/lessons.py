"""What a head learns from: real rows, our own texts where those are of few genres, and disguised copies."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from detectors.scorers.training.disguises import DISGUISES
from detectors.scorers.training.fit import RARITY
from detectors.scorers.training.pool import Example, distinct, held
from detectors.scorers.training.sources import as_read, examples
from detectors.scorers.training.synthetic import attacks, harmless, harmless_questions

DISGUISED_CHARACTERS = 1_500
COPIES = 1_600
"""Disguised copies, half of them of hits: what the normaliser leaves of a disguise is no sign of either."""
DISGUISED = "disguised"
"""Source of such copies."""
TAUGHT_DISGUISES = ("full-width", "homoglyphs", "leet", "spaced", "zero-width")
LONG_WEIGHT = 60.0
"""Long prompts of real users are few in the pool and many in the world."""
LONG_TEXTS = 2_000
PARTS = (2, 5)
FEWEST_OF_A_PART = 20
"""Everyday texts one after the other: of so many parts, each of more characters than this."""
BETWEEN = ("\n\n", "\n", " ")
LONG_SOURCES = ("arena_hard_v01.prompt", "arena_hard_v2_prompts.prompt", "vicuna_blog_eval.prompt")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a head is taught: penalties, synthetic texts, disguised copies, and what a text counts.

    ``c`` is the inverse penalty and ``rarity`` how much lighter it is on rare grams. ``attacks`` and
    ``harmless`` are the weights of synthetic texts, ``questions`` that of harmless questions in many
    languages, ``long`` that of everyday texts one after the other. ``plain`` is the share of a second fit, in
    which only rows of the pool teach, all count the same, and rare grams are not favoured.
    """

    c: float
    rarity: float = RARITY
    plain: float = 0.3
    synthetic: int = 0
    attacks: float = 0.0
    harmless: float = 0.0
    disguised: bool = False
    questions: float = 0.0
    long: float = 0.0


RECIPES: Mapping[str, Recipe] = {
    "injection": Recipe(
        c=50,
        rarity=3.0,
        synthetic=10_000,
        attacks=0.1,
        harmless=1.6,
        disguised=True,
        questions=0.5,
        long=40.0,
    ),
    "harm": Recipe(c=100, disguised=True, questions=1.0),
    "toxicity": Recipe(c=100, disguised=True, questions=0.5),
    "refusal": Recipe(c=100),
    "image_unsafe": Recipe(c=10),
}


@dataclass(frozen=True, slots=True)
class Lesson:
    """An example, how much it counts, and whether it is kept to judge by."""

    example: Example
    weight: float
    held: bool

    @property
    def of_the_pool(self) -> bool:
        """Whether somebody else wrote it, and as it is."""
        return not self.example.is_synthetic and self.example.source != DISGUISED


def lessons(data: Path, head: str, seed: int) -> list[Lesson]:
    """All of a head; the same for the same seed."""
    recipe = RECIPES[head]
    rng = random.Random(f"{seed} {head}")
    real = distinct(examples(data, head))
    found = [Lesson(e, _weight(head, e), held(e.group)) for e in real]
    if recipe.synthetic:
        for kept, n in ((False, recipe.synthetic * 3 // 4), (True, recipe.synthetic // 4)):
            side = [lesson.example for lesson in found if lesson.held == kept and not lesson.example.label]
            made = _prompts(rng, n, _asks(side, data, kept), _carriers(side))
            weights = recipe.harmless, recipe.attacks
            found += [Lesson(e, weights[e.label], kept) for e in made]
    if recipe.questions:
        found += [Lesson(e, recipe.questions, kept) for kept in (False, True) for e in _questions(kept)]
    taught = [lesson.example for lesson in found if not lesson.held]
    if recipe.disguised:
        found += [Lesson(e, 0.5, False) for e in _copies(rng, taught)]
    if recipe.long:
        found += [Lesson(e, recipe.long, False) for e in _one_after_the_other(rng, taught)]
    return found


def _weight(head: str, example: Example) -> float:
    return LONG_WEIGHT if head == "injection" and example.source in LONG_SOURCES else 1.0


_EVERYDAY = (
    "arena_hard_v01.prompt", "arena_hard_v2_prompts.prompt", "vicuna_blog_eval.prompt",
    "self_instruct_human_eval.prompt", "arena_hard_v01.output", "vicuna_blog_eval.output",
    "self_instruct_human_eval.output", "cyberseceval_insecure_code.prompt", "humaneval.prompt",
    "gsm8k.prompt", "truthfulqa.prompt", "synth_memorised.output",
)  # fmt: skip
_ASKED = (
    "self_instruct_human_eval.prompt", "vicuna_blog_eval.prompt", "arena_hard_v01.prompt",
    "truthfulqa.prompt", "gsm8k.prompt", "arena_hard_v2_prompts.prompt", "advbench.prompt",
    "strongreject.prompt", "partiprompts.prompt",
)  # fmt: skip
_CARRYING = (
    "arena_hard_v01.output", "vicuna_blog_eval.output", "self_instruct_human_eval.output",
    "udhr_langid.output", "presidio_synth.output", "openai_moderation_eval.prompt",
    "hh_rlhf_harmless_test.output",
)  # fmt: skip


def _asks(side: Sequence[Example], data: Path, kept: bool) -> list[str]:
    """Short requests of real users."""
    found = [e.text for e in side if e.source in _ASKED and len(e.text) < 400]
    if found:
        return found
    others = distinct(examples(data, "injection"))
    return [e.text for e in others if held(e.group) == kept and e.source in _ASKED and len(e.text) < 400]


def _carriers(side: Sequence[Example]) -> list[str]:
    """Ordinary texts that are long enough to hide something in."""
    return [e.text for e in side if e.source in _CARRYING and len(e.text) > 150]


def _questions(kept: bool) -> Iterator[Example]:
    for text, language in harmless_questions(kept):
        yield Example(as_read(text), 0, "synthetic.question", language, f"q{text}", labelled=False)


def _prompts(rng: random.Random, n: int, asks: Sequence[str], carriers: Sequence[str]) -> Iterator[Example]:
    for i, (text, language) in enumerate(attacks(rng, n * 2 // 5, asks, carriers)):
        yield Example(as_read(text), 1, "synthetic.attack", language, f"a{i}", labelled=False)
    for i, (text, language) in enumerate(harmless(rng, n * 3 // 5, asks, carriers)):
        yield Example(as_read(text), 0, "synthetic.harmless", language, f"h{i}", labelled=False)


def _one_after_the_other(rng: random.Random, taught: Sequence[Example]) -> Iterator[Example]:
    """Long texts of which every part is harmless: many words that are a little odd are no sign of a hit."""
    parts: dict[str, list[str]] = {}
    for example in taught:
        if example.source in _EVERYDAY and not example.label and len(example.text) > FEWEST_OF_A_PART:
            parts.setdefault(example.source, []).append(example.text)
    sources = sorted(parts)
    for i in range(LONG_TEXTS):
        n, between = rng.randint(*PARTS), rng.choice(BETWEEN)
        text = between.join(rng.choice(parts[rng.choice(sources)]) for _ in range(n))
        yield Example(as_read(text), 0, "synthetic.long", "und", f"l{i}", labelled=False)


def _copies(rng: random.Random, taught: Sequence[Example]) -> Iterator[Example]:
    for label in (0, 1):
        whole = [e for e in taught if e.label == label and len(e.text) > 30]
        for example in rng.sample(whole, min(COPIES // 2, len(whole))):
            disguise = DISGUISES[rng.choice(TAUGHT_DISGUISES)]
            text = as_read(disguise(example.text[:DISGUISED_CHARACTERS], rng))
            yield replace(example, text=text, source=DISGUISED, labelled=False)
