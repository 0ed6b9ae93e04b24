"""What developers ask the copilot and what it answers: prose around one or two blocks of code."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.demo.leaks import credentials
from ingest.demo.phrases import Writer, table

_EXPLANATIONS = (1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 8)
_NAME = re.compile(r"\b[a-z]+_[a-z]+\b")


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked for: a key of ``[code]`` and one of ``[tasks]``."""

    language: str
    task: str
    name: str | None


def developer_question(rng: random.Random) -> str:
    """One request to the copilot."""
    words = table("code")
    language = rng.choice(list(words["code"].values()))["name"]
    write = Writer("code", rng, {"language": language, "task": rng.choice(list(words["tasks"].values()))})
    parts = [write.pick(words["asks"]), *write.several(words["asides"], rng.choice((0, 0, 1, 1, 2)))]
    return " ".join(parts)


def read(question: str) -> Question:
    """What a question asks for; Python and retries if it is none of ours."""
    words = table("code")
    task = next((key for key, text in words["tasks"].items() if text in question), "retry")
    language = next((key for key, code in words["code"].items() if code["name"] in question), "python")
    name = _NAME.search(question)
    return Question(language, task, name[0] if name else None)


def answer(question: Question, rng: random.Random, *, wordiness: float = 1.0, leak: bool = False) -> str:
    """An answer with ``wordiness`` times the usual amount of prose; ``leak`` puts credentials into it."""
    words = table("code")
    code: Mapping[str, str] = words["code"][question.language]
    known = {"language": code["name"], "task": words["tasks"][question.task]}
    if question.name:
        known["fn"] = question.name
    write = Writer("code", rng, known)
    n = round(rng.choice(_EXPLANATIONS) * wordiness + rng.random() - 0.5)
    sentences = write.several(words["explanations"], max(1, n))
    cut = rng.randint(0, len(sentences) // 2)
    parts = [
        " ".join([write.pick(words["openings"]), *sentences[:cut]]),
        _block(question.language, write.fill(code[question.task])),
        " ".join(sentences[cut:]),
    ]
    if rng.random() < 0.25 * wordiness:
        parts += [rng.choice(words["follow_ups"]), _block(question.language, write.fill(code["call"]))]
        if wordiness > 1:
            other = rng.choice([task for task in words["tasks"] if task != question.task])
            parts += [f"If you also need to {words['tasks'][other]}, it looks much the same:"]
            parts += [_block(question.language, write.fill(code[other]))]
    if leak:
        parts += [write.pick(words["leaks"]), _block("bash", credentials(rng))]
    closing = write.pick(words["closings"])
    return "\n\n".join(part for part in [*parts, closing] if part)


def refusal(question: Question, rng: random.Random) -> str:
    """A refusal to write the code."""
    words = table("code")
    return Writer("code", rng, {"language": words["code"][question.language]["name"]}).pick(words["refusals"])


def _block(fence: str, code: str) -> str:
    return f"```{fence}\n{code.strip()}\n```"
