"""Values whose key says what they are, inside JSON and similar text: ``"user_id": "u-100"``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from detectors.redaction.hits import RANK_KEYED, Hit
from detectors.redaction.json_shape import quote_depth
from detectors.redaction.matching import MASKED, Pattern
from detectors.redaction.placeholders import is_placeholder
from detectors.redaction.policy import RedactionPolicy
from detectors.redaction.views import View

_WORDS = (
    "user", "session", "conversation", "thread", "chat", "customer", "member", "visitor", "patient",
    "employee", "student", "dialog", "safety_identifier", "cookie", "authorization", "api-key",
)  # fmt: skip
_BEFORE_WORD = r"[A-Za-z0-9_.\-]{0,60}"
_VALUE = r"\s{0,8}:\s{0,8}(?:\"((?:[^\"\\\r\n]|\\.)*)\"|'((?:[^'\"\\\r\n])*)'|(-?\d+)\b)"
MAX_ID = 256
"""Longer values of id keys are text; they are searched like any other."""


def keyed_ids(view: View, policy: RedactionPolicy) -> Iterator[Hit]:
    """Ids of users and sessions, and credentials in headers, by the names of their keys."""
    for match in _pattern(policy).all(view.data, view.meter):
        group = next(g for g in (2, 3, 4) if match.start(g) >= 0)
        start, end = match.span(group)
        marks = [match.start(), match.end(1), *([start - 1, end] if group < 4 else [])]
        if not _one_level(view, marks):
            continue
        hit = keyed_value(match.group(1).decode("latin-1"), view.text[start:end], policy, at=start)
        if hit is not None:
            yield hit


def _one_level(view: View, marks: list[int]) -> bool:
    """Whether the quotes at ``marks`` are quotes of the same level of JSON in the original."""
    text = view.origin.text
    depth = -1
    for mark in marks:
        place = view.span(mark, mark + 1)[1] - 1
        if text[place] not in "\"'":
            return False
        here = quote_depth(text, place)
        if depth not in (-1, here):
            return False
        depth = here
    return True


def keyed_value(key: str, value: str, policy: RedactionPolicy, *, at: int = 0) -> Hit | None:
    """The hit that covers all of ``value``, which stands at ``at``, if ``key`` asks for that."""
    if not value or len(value) > MAX_ID or MASKED in value:
        return None
    rule = policy.rule(key)
    if rule.header:
        credential = value.strip().split(" ")[-1]
        if len(credential) < 8 or value.endswith(" ") or is_placeholder(credential):
            return None
        return Hit(at, at + len(value), "bearer_token", value, RANK_KEYED)
    if rule.pseudonym is None or (rule.bare and not looks_like_id(value)):
        return None
    return Hit(at, at + len(value), rule.pseudonym, value.strip(), RANK_KEYED)


def looks_like_id(value: str) -> bool:
    """Whether ``value`` can be an id: one word with a digit or an ``@`` in it."""
    return (
        len(value) <= 128
        and not any(c.isspace() for c in value)
        and any(c.isdigit() or c == "@" for c in value)
    )


def worth(policy: RedactionPolicy) -> str:
    """What no text with such an id lacks, as a pattern."""
    return rf"(?i:(?:{_words(policy)})[A-Za-z0-9_.\-]*[\"']\s*:)"


def _words(policy: RedactionPolicy) -> str:
    own = sorted(policy.user_keys | policy.session_keys)
    quoted = [
        "".join(c if c.isalnum() or c == "_" else f"\\x{{{ord(c):X}}}" for c in k) for k in own if k.isascii()
    ]
    return "|".join([*_WORDS, *quoted])


@lru_cache(maxsize=64)
def _pattern(policy: RedactionPolicy) -> Pattern:
    return Pattern(
        rf"[\"']({_BEFORE_WORD}(?:{_words(policy)})[A-Za-z0-9_.\-]{{0,24}})[\"']{_VALUE}", ignore_case=True
    )
