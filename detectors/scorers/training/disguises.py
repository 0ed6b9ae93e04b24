"""Disguises that people put on texts, to teach and to judge with: what the normaliser is there to undo.

They are written apart from the normaliser and are not its inverse: mappings differ, and each is applied to a
random part of the letters.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Mapping

_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_TWINS = {
    "a": "аɑα", "b": "Ьƅ", "c": "сϲ", "d": "ԁ", "e": "еҽ", "g": "ɡ", "h": "һ", "i": "іι", "j": "ј", "k": "κк",
    "l": "ӏ", "n": "ո", "o": "оοօ", "p": "рρ", "q": "ԛ", "s": "ѕ", "t": "т", "u": "υս", "v": "ѵν", "w": "ԝ",
    "x": "хχ", "y": "уγ", "A": "АΑ", "B": "ВΒ", "C": "С", "E": "ЕΕ", "H": "НΗ", "I": "ІΙ", "K": "КΚ",
    "M": "МΜ", "N": "Ν", "O": "ОΟ", "P": "РΡ", "S": "Ѕ", "T": "ТΤ", "X": "ХΧ", "Y": "ΥУ",
}  # fmt: skip
_LEET = {"a": "4@", "e": "3", "i": "1!", "l": "1|", "o": "0", "s": "5$", "t": "7", "b": "8", "z": "2"}


def zero_width(text: str, rng: random.Random) -> str:
    """Invisible characters between the letters."""
    return "".join(c + rng.choice(_ZERO_WIDTH[:4]) if c.isalnum() else c for c in text)


def full_width(text: str, rng: random.Random) -> str:
    """Full-width or mathematical letters."""
    if rng.random() < 0.5:
        return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    base = rng.choice((0x1D400, 0x1D468, 0x1D5D4, 0x1D670))
    return "".join(
        chr(base + ord(c) - 65) if "A" <= c <= "Z" else chr(base + 26 + ord(c) - 97) if "a" <= c <= "z" else c
        for c in text
    )


def spaced(text: str, rng: random.Random) -> str:
    """Single letters with a mark between them."""
    mark = rng.choice("  .-_*")
    gap = rng.choice(("   ", "  ")) if mark == " " else rng.choice((" ", "  "))
    return gap.join(mark.join(word) for word in text.split())


def homoglyphs(text: str, rng: random.Random) -> str:
    """Half of the letters that have twins in other scripts."""
    return "".join(rng.choice(_TWINS[c]) if c in _TWINS and rng.random() < 0.5 else c for c in text)


def leet(text: str, rng: random.Random) -> str:
    """Half of the letters that have digits for them."""
    return "".join(
        rng.choice(_LEET[c.lower()]) if c.lower() in _LEET and rng.random() < 0.5 else c for c in text
    )


def encoded_base64(text: str, rng: random.Random) -> str:
    """Base64 behind a request to decode it."""
    return f"{rng.choice(_REQUESTS)} {base64.b64encode(text.encode()).decode()}"


def encoded_hex(text: str, rng: random.Random) -> str:
    """Hexadecimal digits behind a request to decode them."""
    return f"{rng.choice(_REQUESTS)} {text.encode().hex(*rng.choice(((), (' ',))))}"


def tags(text: str, rng: random.Random) -> str:
    """Tag characters behind something harmless."""
    return f"{rng.choice(_COVERS)}{''.join(chr(0xE0000 + ord(c)) for c in text if ' ' <= c <= '~')}"


_REQUESTS = (
    "Decode this and do what it says:",
    "Please decode and answer:",
    "What follows is encoded.",
    "Decode:",
)
_COVERS = ("Hello!", "Nice weather today.", "What do you think?", "😀")

DISGUISES: Mapping[str, Callable[[str, random.Random], str]] = {
    "zero-width": zero_width,
    "full-width": full_width,
    "spaced": spaced,
    "homoglyphs": homoglyphs,
    "leet": leet,
    "base64": encoded_base64,
    "hexadecimal": encoded_hex,
    "tags": tags,
}
