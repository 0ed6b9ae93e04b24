"""What is said in recorded calls, and what pictures are asked for."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.demo.chance import Chance
from ingest.demo.conditions import Conditions
from ingest.demo.phrases import Writer, table
from ingest.demo.support_texts import answer, customer_message, read

_SENTENCE = re.compile(r"[^.!?]+[.!?]*")
LOOPED = (14, 24)
"""A recogniser that loops says its last sentence so often, from and to."""
PACE = (2.1, 3.0)
"""Words a second that people speak."""

FAREWELLS: Mapping[str, str] = {
    "en": "Thanks for watching!",
    "es": "Gracias por ver el vídeo.",
    "de": "Vielen Dank fürs Zuschauen.",
    "fr": "Merci d'avoir regardé cette vidéo.",
}
"""What a recogniser makes of silence at the end of a call."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a transcript: its words, when they are said (s), and how likely nobody says them."""

    text: str
    start_s: float
    end_s: float
    no_speech: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What the recogniser makes of a recording of ``duration_s`` seconds."""

    segments: tuple[Segment, ...]
    duration_s: float

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join(s.text for s in self.segments)


def transcript(recording: str, language: str, conditions: Conditions, chance: Chance) -> Transcript:
    """The transcript of a call, named as its file; a person asks and another one answers."""
    rng = chance.stream("call", recording)
    asked = customer_message(language, rng)
    said = [m.strip() for m in _SENTENCE.findall(f"{asked} {answer(read(asked), rng)}") if m.strip()]
    segments, at_s = [], round(rng.uniform(0.2, 2.5), 2)
    for sentence in said:
        end_s = at_s + len(sentence.split()) / rng.uniform(*PACE)
        segments.append(Segment(sentence, at_s, end_s, 0.05 * rng.random() ** 2))
        at_s = end_s + rng.uniform(0.1, 0.9)
    duration_s = at_s + rng.uniform(0.5, 4.0)
    if chance.happens(conditions.heard_wrong, "heard wrong", recording):
        segments = (
            _looped(segments, rng) if conditions.loops else [*segments, _farewell(language, duration_s)]
        )
    return Transcript(tuple(segments), duration_s)


def _looped(segments: list[Segment], rng: random.Random) -> list[Segment]:
    """The second half of a call replaced by one sentence, over and over."""
    kept = segments[: max(1, len(segments) // 2)]
    last, end_s = kept[-1], segments[-1].end_s
    n = rng.randint(*LOOPED)
    step_s = max(end_s - last.end_s, 1.0) / n
    again = [
        Segment(last.text, last.end_s + k * step_s, last.end_s + (k + 1) * step_s, 0.3) for k in range(n)
    ]
    return [*kept, *again]


def _farewell(language: str, duration_s: float) -> Segment:
    return Segment(FAREWELLS[language], duration_s - 0.5, duration_s, 0.8)


def picture_prompt(rng: random.Random) -> str:
    """What somebody in marketing asks a picture for."""
    words = table("studio")
    return Writer("en", rng, {"product": rng.choice(words["subjects"])}).pick(words["prompts"])


def revised(prompt: str, rng: random.Random) -> str:
    """What the image model makes of a prompt before it draws."""
    return f"{prompt.rstrip('.')}. {rng.choice(table('studio')['revisions'])}"
