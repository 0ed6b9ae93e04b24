"""A hash of a system prompt that ignores what changes on every call.

Applications put today's date, the user's name or an order number into their system prompt. The hash masks
digits, dates and capitalised words, so that only an edit of the instructions changes it.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import re2

_LONGEST = 65_536
_PLACEHOLDER = re2.compile(r"\[[a-z_]{1,40}(?::[0-9a-f]{8,32})?\]")
_DATES = re2.compile(
    r"(?i)\b(?:mon|tues?|wed(?:nes)?|thurs?|fri|sat(?:ur)?|sun)(?:day)?\b"
    r"|\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b"
)
_NUMBERS = re2.compile(r"\p{N}[\p{N}.,:/T+\-]*")
_NAMES = re2.compile(r"\p{Lu}[\p{L}\p{M}'’\-]*")
_RUNS = re2.compile(r"(?:[#@](?:[ \t]*[#@])*)")
_SPACE = re2.compile(r"\s+")


@lru_cache(maxsize=256)  # an application has few, and sends one with every call
def system_prompt_hash(prompt: str | None) -> str | None:
    """16 hex digits of SHA-256 over the masked prompt; ``None`` without a prompt."""
    if not prompt:
        return None
    return hashlib.sha256(mask(prompt).encode("utf-8", "replace")).hexdigest()[:16]


def mask(prompt: str) -> str:
    """``prompt`` with numbers, dates, names and redaction placeholders replaced, spaces collapsed."""
    out = prompt[:_LONGEST]
    out = _PLACEHOLDER.sub("@", out)
    out = _DATES.sub("#", out)
    out = _NUMBERS.sub("#", out)
    out = _NAMES.sub("@", out)
    out = _RUNS.sub("#", out)
    return str(_SPACE.sub(" ", out)).strip()
