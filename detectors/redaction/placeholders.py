"""Telling invented stand-ins (``<your password>``, ``${TOKEN}``, ``sk-xxxx``) from real values."""

from __future__ import annotations

import math
from collections import Counter

from detectors.redaction.matching import Pattern, one_byte_each


def _in_one_case(*words: str) -> str:
    """Alternatives for short words as people write them; ``yOUr`` in the middle of a token is chance."""
    return "|".join(form for word in words for form in (word, word.upper(), word.capitalize()))


_STAND_IN = Pattern(
    _in_one_case("your", "fake", "mock", "todo", "x{4,}") + r"|(?i)"
    r"example|placeholder|change[-_ ]?me|replace|insert|redact|dummy|sample|lorem|foobar"
    r"|fixme|\*{3,}|\.{3,}|-{4,}|_{4,}|^<.*>$|^\{.*\}$|^\[.*\]$|^%.*%$|^\$[a-z_{(]|\$\{|\$\(|\{\{"
    r"|^%[sdv({]|^:[a-z]|process\.env|environ|getenv|^@|^#\{|my[-_]?(?:pass|secret|token|key|api)"
    r"|(?:pass|password|secret|token|key|value)[-_ ]?here|^enter[-_ ]|_goes_"
    r"|(?:some|any|the|long|strong|super|very|my|test|new|old)[-_]?"
    r"(?:secret|secure|strong|long|random|password|token|key)"
    r"|a[-_]?(?:secret|secure|strong|random|password|token)|(?:\b|_)a[-_]?(?:long|key)"
)
_COMMON = frozenset({
    "pass", "passwd", "password", "pwd", "secret", "secrets", "token", "tokens", "key", "apikey", "api_key",
    "user", "username", "admin", "root", "test", "testing", "none", "null", "nil", "undefined", "true",
    "false", "string", "str", "int", "number", "bool", "boolean", "bytes", "any", "optional", "required",
    "hidden", "empty", "p@ssw0rd", "pass123", "pass1234", "password1", "password123", "secret123", "abc123",
    "test123", "test1234", "admin123", "1234", "12345", "123456", "1234567", "12345678", "123456789",
    "1234567890", "qwerty", "letmein",
})  # fmt: skip
_VENDOR_EXAMPLE = Pattern(
    _in_one_case("your") + r"|(?i)example|placeholder|x{6,}|\*{3,}|\.{3,}|replace|insert|redact|dummy"
    r"|(?:0123456789|1234567890)(?:0123456789|1234567890)"
)
_JWT_IO = "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
"""Signature of the token that jwt.io and countless answers show."""


def is_placeholder(value: str) -> bool:
    """Whether ``value`` only says where a secret would go."""
    text = value.strip()
    lower = text.lower()
    return lower in _COMMON or len(set(lower)) < 3 or _STAND_IN.found(one_byte_each(text))


def is_vendor_example(type_: str, token: str) -> bool:
    """Whether a token of a vendor's form is one of the documentation's."""
    if _VENDOR_EXAMPLE.found(one_byte_each(token)) or len(set(token)) < 8:
        return True
    if type_ == "jwt":
        return token.endswith(_JWT_IO)
    if type_ == "openai_key":
        body = token[3:]
        return not any(c.isdigit() for c in body) or (body.count("-") > 2 and body.islower())
    return type_ in ("saas_token", "cloud_token", "llm_provider_key") and not any(
        c.isdigit() for c in token[4:]
    )


def bits_per_character(value: str) -> float:
    """Shannon entropy of the characters of ``value``: 4 at most for hexadecimal, 6 for base64."""
    if not value:
        return 0.0
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values())
