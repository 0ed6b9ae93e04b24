"""Placeholders: ``[email:3f9a0c71b2d4e856]`` stands for a value without telling it.

The 16 hex digits are 12 of HMAC-SHA256 over type and value (48 bits: the same value gives the same
placeholder under one key) and 4 of an HMAC over those (16 bits), by which the holder of a key recognises
its own placeholders and so leaves them alone on a second pass. Text that merely looks like one, written
by a client who lacks the key, becomes ``[literal email:3f9a0c71b2d4e856]``; guessing a check takes 65,536
tries on average and gains nothing, because counts come from the redactor's report, never from text.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence

from detectors.redaction.matching import Pattern, one_byte_each

VALUE_DIGITS = 12
CHECK_DIGITS = 4

MIN_KEY_BYTES = 16

_LOOKS_LIKE = Pattern(r"\[[a-z][a-z0-9_]{1,31}:[0-9a-f]{16}\]")


class Pseudonymiser:
    """Makes and recognises placeholders under one key.

    ``key`` makes new ones; ``previous`` keys are only recognised, so that text redacted before a rotation
    stays as it is. Keys shorter than 16 bytes raise ``ValueError``.
    """

    __slots__ = ("_key", "_keys", "key_id")

    def __init__(self, key: bytes, previous: Sequence[bytes] = ()) -> None:
        for candidate in (key, *previous):
            if len(candidate) < MIN_KEY_BYTES:
                raise ValueError(
                    f"a pseudonym key of {len(candidate)} bytes is too short,"
                    f" use {MIN_KEY_BYTES} random bytes or more"
                )
        self._key = key
        self._keys = (key, *previous)
        self.key_id = hashlib.sha256(b"lightship key id\x00" + key).hexdigest()[:8]
        """Names the key without telling it; stored beside what it redacted."""

    def placeholder(self, type_: str, value: str) -> str:
        """The text that stands for ``value``, given in its canonical form."""
        message = f"{type_}\x00{value}".encode("utf-8", "surrogatepass")
        digits = hmac.digest(self._key, message, "sha256").hex()[:VALUE_DIGITS]
        return f"[{type_}:{digits}{_check(self._key, type_, digits)}]"

    def is_ours(self, placeholder: str) -> bool:
        """Whether ``placeholder`` was made under one of the keys."""
        match = _LOOKS_LIKE.at(one_byte_each(placeholder), 0)
        if match is None or match.end() != len(placeholder):
            return False
        type_, _, digits = placeholder[1:-1].partition(":")
        value, check = digits[:VALUE_DIGITS], digits[VALUE_DIGITS:]
        return any(hmac.compare_digest(check, _check(key, type_, value)) for key in self._keys)

    def owns_part_of(self, text: str) -> bool:
        """Whether ``text`` holds a placeholder made under one of the keys: a redactor has been over it."""
        return (
            "[" in text
            and ":" in text
            and any(self.is_ours(text[a:b]) for a, b in spans_like_placeholders(one_byte_each(text)))
        )


def _check(key: bytes, type_: str, digits: str) -> str:
    return hmac.digest(key, f"check\x00{type_}\x00{digits}".encode(), "sha256").hex()[:CHECK_DIGITS]


def spans_like_placeholders(data: bytes) -> Iterator[tuple[int, int]]:
    """Offsets of everything shaped like a placeholder in a text with one byte a character."""
    for match in _LOOKS_LIKE.all(data):
        yield match.span()


def placeholders_in(text: str) -> Iterator[tuple[str, str]]:
    """Everything shaped like a placeholder in ``text``: its type, and all of it."""
    if "[" not in text or ":" not in text:
        return
    for start, end in spans_like_placeholders(one_byte_each(text)):
        whole = text[start:end]
        yield whole[1 : whole.index(":")], whole


def for_scorers(text: str) -> str:
    """``text`` with every placeholder reduced to its type: ``[email]``.

    Scorers must not learn from hashes: ``[email:3f9a0c71b2d4e856]`` becomes ``[email]``.
    """
    if "[" not in text or ":" not in text:
        return text
    data = one_byte_each(text)
    pieces: list[str] = []
    done = 0
    for start, end in spans_like_placeholders(data):
        pieces.append(text[done : text.index(":", start)])
        pieces.append("]")
        done = end
    return "".join([*pieces, text[done:]]) if pieces else text
