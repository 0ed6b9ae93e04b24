"""What customers write and what the support model answers, in four languages."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache

from ingest.demo.phrases import LANGUAGES, Writer, table

INTENTS = ("order_status", "refund", "shipping", "account", "damaged", "cancel")

CONTACT_SHARE = 0.05
"""Share of messages in which a customer types an e-mail address or telephone number."""

_ORDER = re.compile(r"TT-\d{6}")
_DETAILS = (0, 1, 1, 2, 2, 3)  # how many further sentences an answer has


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model understood of a message."""

    language: str
    intent: str
    order: str | None
    product: str | None


def customer_message(language: str, rng: random.Random) -> str:
    """One message to the support desk."""
    words = table(language)
    write = Writer(language, rng)
    parts = [rng.choice(words["greetings"]), write.pick(words["ask"][rng.choice(INTENTS)])]
    parts += write.several(words["asides"], rng.choice((0, 0, 1, 1, 2)))
    if rng.random() < CONTACT_SHARE:
        parts.append(write.pick(words["contacts"]))
    parts.append(write.pick(words["thanks"]))
    return _join(parts)


def read(message: str) -> Reading:
    """Language, intent and order of a message; English and a general intent if it is none of ours."""
    match = _ORDER.search(message)
    order = match[0] if match else None
    for fragment, language, intent in _fragments():
        if fragment in message:
            products = table(language)["slots"]["product"]
            return Reading(language, intent, order, next((p for p in products if p in message), None))
    return Reading("en", "shipping", order, None)


@cache
def _fragments() -> tuple[tuple[str, str, str], ...]:
    """The longest fixed part of every question, longest first."""
    found = [
        (max(re.split(r"\{\w+\}", template), key=len).strip(), language, intent)
        for language in LANGUAGES
        for intent in INTENTS
        for template in table(language)["ask"][intent]
    ]
    return tuple(sorted(found, key=lambda f: -len(f[0])))


def answer(reading: Reading, rng: random.Random) -> str:
    """An answer that helps."""
    words = table(reading.language)
    write = _writer(reading, rng)
    parts = [rng.choice(words["openings"]), write.pick(words["answer"][reading.intent])]
    parts += write.several(words["general"], rng.choice(_DETAILS))
    parts.append(rng.choice(words["closings"]))
    return _join(parts)


def refusal(reading: Reading, rng: random.Random) -> str:
    """A polite refusal, about as long as an answer that helps."""
    words = table(reading.language)
    write = _writer(reading, rng)
    forms = words["refusal"]
    parts = [rng.choice(words["openings"][:2]) if rng.random() < 0.5 else "", write.pick(forms["core"])]
    parts += write.several(forms["reason"], rng.choice((1, 1, 1, 2, 2, 3)))
    parts += write.several(forms["offer"], rng.choice((0, 1, 1, 2)))
    return _join(parts)


def _writer(reading: Reading, rng: random.Random) -> Writer:
    known = {"order": reading.order, "product": reading.product}
    return Writer(reading.language, rng, {slot: text for slot, text in known.items() if text})


def _join(parts: list[str]) -> str:
    return " ".join(part for part in parts if part)
