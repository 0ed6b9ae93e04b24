"""Sentence templates with slots, read from the files beside this one."""

from __future__ import annotations

import random
import re
import string
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "es", "de", "fr")
"""Languages the support desk is written to in."""

_SLOT = re.compile(r"[{<]([a-z_]+)[}>]")
_REMEMBERED = frozenset(
    {
        "order",
        "product",
        "amount",
        "city",
        "carrier",
        "language",
        "task",
        "service",
        "thing",
        "fn",
        "var",
        "size",
    }
)
_CARRIERS = ("Parcelo", "Kurier Nord", "Blauwal Express", "Swiftline", "Rapido Sur")
_RANGES = {
    "day": (1, 28),
    "days": (5, 14),
    "few": (2, 4),
    "hour": (9, 20),
    "size": (20, 900),
    "whole": (8, 240),
    "years": (2, 12),
}
# contractions that a slot with its article needs
_JOINTS = {"es": ((" de el ", " del "), (" a el ", " al ")), "fr": ((" de le ", " du "), (" à le ", " au "))}


@cache
def table(name: str) -> Mapping[str, Any]:
    """Content of ``texts/<name>.toml``."""
    text = (Path(__file__).parent / "texts" / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


class Writer:
    """Fills templates of one language for one conversation.

    What a conversation is about (order, product, city ...) stays the same from sentence to sentence.
    """

    def __init__(self, language: str, rng: random.Random, known: Mapping[str, str] | None = None) -> None:
        self._language = language
        self._rng = rng
        self._slots: Mapping[str, list[str]] = table(language)["slots"]
        self._known = dict(known or {})

    def fill(self, template: str) -> str:
        """The template with every ``{slot}`` or ``<slot>`` replaced."""
        text = _SLOT.sub(self._value, template)
        for apart, joined in _JOINTS.get(self._language, ()):
            text = text.replace(apart, joined)
        return text

    def pick(self, templates: list[str]) -> str:
        """One template, filled."""
        return self.fill(self._rng.choice(templates))

    def several(self, templates: list[str], n: int) -> list[str]:
        """``n`` different templates, filled."""
        return [self.fill(t) for t in self._rng.sample(templates, min(n, len(templates)))]

    def _value(self, match: re.Match[str]) -> str:
        name = match[1]
        if name in self._known:
            return self._known[name]
        value = self._draw(name)
        if name in _REMEMBERED:
            self._known[name] = value
        return value

    def _draw(self, name: str) -> str:
        rng = self._rng
        name = "product" if name == "other" else name
        if name in self._slots:
            return self.fill(rng.choice(self._slots[name]))
        if name in _RANGES:
            return str(rng.randint(*_RANGES[name]))
        if name == "order":
            return f"TT-{rng.randint(100_000, 999_999)}"
        if name == "carrier":
            return rng.choice(_CARRIERS)
        if name in ("two", "three", "cents"):
            digits = 3 if name == "three" else 2
            return f"{rng.randrange(10**digits):0{digits}d}"
        if name == "email":
            local = "".join(rng.choices(string.ascii_lowercase, k=rng.randint(5, 9)))
            return f"{local}.{rng.randint(10, 99)}@example.{rng.choice(('com', 'org', 'net'))}"
        if name == "fn":
            return f"{rng.choice(self._slots['verb'])}_{rng.choice(self._slots['noun'])}"
        raise KeyError(f"no slot {name!r} in {self._language}")
