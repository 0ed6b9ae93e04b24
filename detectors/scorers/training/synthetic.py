"""Prompts and documents of our own with and without instructions of somebody else, and harmless questions.

`phrases.toml` and `questions.toml` hold what they are made of. Real attacks come in few families, and a head
learns their genre as much as what they ask for. Here the genres are even: the same documents, with and
without an instruction; the same words, in attacks and in harmless prompts; questions in every language.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

_SLOT = re.compile(r"\{(\w+)\}")


@cache
def phrases() -> dict[str, Any]:
    """The file, by language."""
    return tomllib.loads(files(__package__).joinpath("phrases.toml").read_text(encoding="utf-8"))


@cache
def questions() -> dict[str, Any]:
    """`questions.toml`, by language."""
    return tomllib.loads(files(__package__).joinpath("questions.toml").read_text(encoding="utf-8"))


def harmless_questions(kept: bool) -> Iterator[tuple[str, str]]:
    """Every question about every topic, with its language; every fourth question is kept to judge by."""
    for language, words in questions().items():
        for i, question in enumerate(words["questions"]):
            if (i % 4 == 3) == kept:
                yield from ((question.replace("{t}", topic), language) for topic in words["topics"])


def languages() -> list[str]:
    """Languages there are phrases in."""
    return [name for name in phrases() if name != "slots"]


def filled(template: str, rng: random.Random, **given: str) -> str:
    """``template`` with its slots filled, three levels deep."""
    for _ in range(3):
        template = _SLOT.sub(
            lambda m: given.get(m.group(1)) or rng.choice(phrases()["slots"].get(m.group(1), [m.group(0)])),
            template,
        )
    return template


def document(rng: random.Random, language: str, carriers: Sequence[str]) -> list[str]:
    """Sentences of a document: of our own phrases, or a real text cut at its sentence ends."""
    if carriers and rng.random() < 0.6:
        text = rng.choice(carriers)[: rng.choice((300, 700, 1_500))]
        return [s for s in re.split(r"(?<=[.!?。])\s+|\n+", text) if s.strip()] or [text]
    known = phrases()[language]["mails"]
    pool = [*known, *phrases()["en"]["mails"]] if len(known) < 10 and rng.random() < 0.3 else known
    return [filled(rng.choice(pool), rng) for _ in range(rng.randint(3, 14))]


def planted(rng: random.Random, sentences: Sequence[str], instruction: str) -> list[str]:
    """``sentences`` with an instruction at the beginning, in the middle or at the end."""
    at = rng.choice((0, len(sentences), rng.randint(0, len(sentences))))
    return [*sentences[:at], instruction, *sentences[at:]]


def joined(rng: random.Random, sentences: Sequence[str]) -> str:
    """The sentences as one text, on lines or in one paragraph."""
    return rng.choice((" ", " ", "\n", "\n\n")).join(sentences)


def instruction(rng: random.Random, language: str) -> str:
    """What someone else wants of the assistant."""
    found = filled(rng.choice(phrases()[language]["overrides"]), rng)
    return found.upper() if rng.random() < 0.05 else found


def _with_a_task(rng: random.Random, text: str, share: float) -> str:
    """``text`` with what is to be done with it, or in the other cases alone."""
    return filled(rng.choice(phrases()["en"]["tasks"]), rng, d=text) if rng.random() < share else text


def attacks(
    rng: random.Random, n: int, asks: Sequence[str], carriers: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """``n`` prompts that attack, with their language: documents, takeovers, leaks and roles."""
    known = languages()
    for _ in range(n):
        language = "en" if rng.random() < 0.45 else rng.choice(known)
        kind = rng.random()
        words = phrases()[language]
        if kind < 0.4:
            text = joined(rng, planted(rng, document(rng, language, carriers), instruction(rng, language)))
            yield _with_a_task(rng, text, 0.7), language
        elif kind < 0.6:
            found = instruction(rng, language)
            yield (f"{rng.choice(asks)} {found}" if rng.random() < 0.3 else found), language
        elif kind < 0.8:
            yield filled(rng.choice(words["leaks"]), rng), language
        else:
            yield filled(rng.choice(phrases()["en"]["roles"]), rng, ask=rng.choice(asks)), "en"


def harmless(
    rng: random.Random, n: int, asks: Sequence[str], carriers: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """``n`` prompts like those of `attacks`, of people who want nothing but an answer."""
    known = languages()
    for _ in range(n):
        language = "en" if rng.random() < 0.45 else rng.choice(known)
        kind = rng.random()
        if kind < 0.5:
            text = joined(rng, document(rng, language, carriers))
            yield _with_a_task(rng, text, 0.8), language
        elif kind < 0.75:
            twin = filled(rng.choice(phrases()[language]["twins"]), rng)
            yield (f"{twin}\n\n{rng.choice(asks)}" if rng.random() < 0.3 else twin), language
        else:  # several requests, or a request with a long text
            yield "\n\n".join(rng.choice(asks) for _ in range(rng.randint(2, 4))), "en"
