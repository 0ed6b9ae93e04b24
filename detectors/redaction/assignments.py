"""Secrets that only their name gives away: ``password = "Blue88$Zq"``, ``api_key: 0186b4...``.

A name that ends in a secret word, an operator, and a value that looks random: for passwords a digit or a
strong sign among letters, for keys and tokens length, digits and entropy. References to variables, calls,
types, paths and stand-ins do not count.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from itertools import pairwise

from detectors.redaction.budget import ASSIGNED_US, CANDIDATE_US
from detectors.redaction.hits import RANK_ASSIGNED, Hit
from detectors.redaction.matching import MASKED, Match, Pattern, one_byte_each
from detectors.redaction.placeholders import bits_per_character, is_placeholder
from detectors.redaction.views import View, spend

_NAMES_FOR_WORDS = (
    # names of passwords, none of them one
    r"(?:[_\-]|\b|db|user|admin|root|login|my)pass|pass(?:word|wd|phrase|code)|passwort|kennwort|pwd|wachtwoord"
    r"|mot[ _]de[ _]passe|contrase(?:\xf1|n)a|clave|senha|parola|has(?:\?|l)o|l(?:o|\xf6)senord|adgangskode"
    r"|salasana|(?:\?|s)ifre"
)
_NAMES_FOR_KEYS = (
    r"secret|token|api[_\- ]?key|credentials?"
    r"|(?:access|secret|private|encryption|signing|master|account|service|auth|license|storage|subscription"
    r"|app|application|deploy|webhook|signature|hmac|session|cipher|aes|ssh|consumer|shared|sharedaccess"
    r"|service[_\-]?account)[_\- ]?key"
)
_SUFFIX = r"(?:[_\-]?(?:\d{1,2}|prod|production|dev|stage|staging|live|test|value|string|base64|b64|base))?"
_OPERATOR = (
    r"[\"'\]*`)]{0,3}\s{0,3}"
    r"(?::\s?[A-Za-z\[\]|. ]{1,20}\s?=|=>|:=|={1,3}|:|->|>|\||\bis\b:?|\bes\b|\best\b|\bist\b)"
    r"[*`]{0,3}\s{0,3}"
)
_OWNER = r"(?: (?:for|to|of|on) [A-Za-z0-9_@.\-]{1,40}(?: [A-Za-z0-9_@.\-]{1,40}){0,2})?"
_VALUE = (
    r"(?:\"([^\"\r\n\x01]{4,160})\"|'([^'\"\r\n\x01]{4,160})'|`([^`\"\r\n\x01]{4,160})`"
    r"|([^\s\"'`,;<>\x01]{6,}))"
)
_ASSIGNMENT = Pattern(
    rf"(?:({_NAMES_FOR_WORDS})|({_NAMES_FOR_KEYS})){_SUFFIX}{_OPERATOR}{_VALUE}", ignore_case=True
)
_SPOKEN = Pattern(
    rf"\b(?:{_NAMES_FOR_WORDS})(?:{_OWNER} is|)\s{{1,2}}([^\s\"'`,;<>\x01]{{6,}})", ignore_case=True
)
_FLAG = Pattern(
    rf"--[a-z\-]{{0,24}}(?:({_NAMES_FOR_WORDS})|({_NAMES_FOR_KEYS}))[ =]{_VALUE}", ignore_case=True
)
_REST = Pattern(_OPERATOR + _VALUE, ignore_case=True)

WORTH = (
    rf"(?i:(?:{_NAMES_FOR_WORDS})\s|(?:{_NAMES_FOR_WORDS}|{_NAMES_FOR_KEYS}){_SUFFIX}[\"'\]*`)]*\s*"
    r"(?::|=|->|>|\||\bis\b|\bes\b|\best\b|\bist\b)"
    rf"|--[a-z\-]*(?:{_NAMES_FOR_KEYS})[ =]"
    r"|\b(?:bearer|basic)\s|authorization[\"']?\s*[:=]|[?&]sig=)"
)
"""What no text with such a value lacks. It counts little: a count takes a state for each number and place."""
_OTHER_SCRIPTS = (
    "пароль",
    "密码",
    "密碼",
    "口令",
    "パスワード",
    "비밀번호",
    "كلمة المرور",
    "كلمة السر",
    "סיסמה",
    "पासवर्ड",
    "รหัสผ่าน",
    "κωδικός",
)

_BEARER = Pattern(r"\b(bearer|basic)\s{1,3}([A-Za-z0-9_\-.~+/=]{16,})", ignore_case=True)
_AUTHORIZATION = Pattern(
    r"authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:token|apikey|api-key|key)?\s{0,3}([A-Za-z0-9_\-.~+/=]{16,})",
    ignore_case=True,
)
_SAS = Pattern(r"[?&]sig=([A-Za-z0-9%+/=]{40,})")

_UUID_LENGTH = 36
_UUID = Pattern(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$", ignore_case=True)
"""In ids a UUID after a word such as ``token`` names a run of what bears that word (``get_token:<uuid>``)."""

_STRONG_SIGNS = frozenset("!@#$%^&*+=?~|§€£")
_CODE_SIGNS = frozenset("()[]{}<>\\")
_KEY_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+/=~:%$!@#^&*")
_FILE_ENDINGS = (
    ".pem",
    ".json",
    ".yaml",
    ".yml",
    ".key",
    ".txt",
    ".crt",
    ".env",
    ".py",
    ".js",
    ".ts",
    ".html",
    ".md",
    ".php",
)

_PATH_BEGINNINGS = ("/", "./", "../", "~/")
_WORDY = 1 / 3
"""Share of neighbours that differ in kind: about 0.6 in random base64, 0.2 in paths of capitalised words."""

_REACH = 256
"""Characters after a word in which its value is read: of a text without blanks no word reads all the rest."""
_MIN_PASSWORD = 6
_MAX_PASSWORD = 128
_SPOKEN_KINDS = 3
_FIRST_CJK = "\u2e80"
_MIN_KEY = 16
_MIN_KEY_BITS = 3.0
"""Random hexadecimal of 16 characters is above; repeated and counting digits are below."""
_MIXED_KEY_BITS = 4.4
"""Random base64 of 40 characters is above, even where it happens to hold one digit only."""


def secret_assignments(view: View) -> Iterator[Hit]:
    """Values assigned to names that end in a secret word, and credentials of ``Authorization`` headers."""
    data = view.data
    for match in _ASSIGNMENT.all(data, view.meter, ASSIGNED_US):
        yield from _judged(view, match, is_password_word=match.span(1) != (-1, -1))
    for match in _SPOKEN.all(data, view.meter, ASSIGNED_US):
        yield from _spoken(view, match)
    if b"--" in data:
        for match in _FLAG.all(data, view.meter, ASSIGNED_US):
            yield from _judged(view, match, is_password_word=match.span(1) != (-1, -1))
    lower = data.lower()
    if b"bearer" in lower or b"basic" in lower or b"authorization" in lower:
        yield from _authorization(view)
    if b"sig=" in lower:
        for match in _SAS.all(data, view.meter):
            yield _hit(view, "azure_key", *match.span(1))


def _judged(view: View, match: Match, *, is_password_word: bool, first_group: int = 3) -> Iterator[Hit]:
    for group in range(first_group, first_group + 4):
        start, end = match.span(group)
        if start < 0:
            continue
        quoted = group < first_group + 3
        if not quoted:
            end = _trimmed(view.text, start, end)
        type_ = secret_type(view.text[start:end], is_password_word=is_password_word, quoted=quoted)
        if type_ is not None:
            yield _hit(view, type_, start, end)


def _spoken(view: View, match: Match) -> Iterator[Hit]:
    """``with password hunter2aB``: without an operator only values that can hardly be a word."""
    start, end = match.span(1)
    end = _trimmed(view.text, start, end)
    value = view.text[start:end]
    if any(map(str.isdigit, value)) and _kinds(value) >= _SPOKEN_KINDS and is_password(value, quoted=False):
        yield _hit(view, "password", start, end)


def _kinds(value: str) -> int:
    """How many of small letters, capitals, digits and signs ``value`` has."""
    return sum(
        any(map(kind, value)) for kind in (str.islower, str.isupper, str.isdigit, _STRONG_SIGNS.__contains__)
    )


def other_scripts(view: View) -> Iterator[Hit]:
    """Passwords assigned to words for them in other scripts."""
    if view.text.isascii():
        return
    for word in _OTHER_SCRIPTS:
        at = view.text.find(word)
        while at >= 0:
            spend(view, ASSIGNED_US + CANDIDATE_US)
            after = at + len(word)
            match = _REST.at(view.data, after, min(len(view.data), after + _REACH))
            if match is not None:
                yield from _judged(view, match, is_password_word=True, first_group=1)
            at = view.text.find(word, at + len(word))


def _authorization(view: View) -> Iterator[Hit]:
    for match in _BEARER.all(view.data, view.meter):
        start, end = match.span(2)
        value = view.text[start:end]
        real = _is_basic(value) if match.group(1).lower() == b"basic" else is_key(value)
        if real:
            yield _hit(view, "bearer_token", start, end)
    for match in _AUTHORIZATION.all(view.data, view.meter):
        start, end = match.span(1)
        if is_key(view.text[start:end]):
            yield _hit(view, "bearer_token", start, end)


def _is_basic(value: str) -> bool:
    """Whether ``value`` is base64 of ``user:password``."""
    try:
        decoded = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    user, colon, password = decoded.partition(b":")
    return bool(colon and user and password) and not is_placeholder(password.decode("latin-1"))


def _hit(view: View, type_: str, start: int, end: int) -> Hit:
    value = view.text[start:end]
    is_uuid = len(value) == _UUID_LENGTH and _UUID.at(one_byte_each(value), 0) is not None
    return Hit(start, end, type_, value, RANK_ASSIGNED, loose=is_uuid)


def _trimmed(text: str, start: int, end: int) -> int:
    """End of an unquoted value without what of the sentence or the code around it touches it."""
    for index in range(start, end):
        if text[index] >= _FIRST_CJK:  # scripts without blanks: the sentence goes on
            end = index
            break
    while end > start and (
        text[end - 1] in ".)]}:*|\\?" or not (text[end - 1].isascii() or text[end - 1].isalnum())
    ):
        end -= 1
    return end


def secret_type(value: str, *, is_password_word: bool, quoted: bool) -> str | None:
    """Type of secret that ``value`` is when assigned to a password or key name; ``None`` if it is none."""
    if MASKED in value:
        return None
    if is_password_word:
        return "password" if is_password(value, quoted=quoted) else None
    if is_key(value):
        return "api_key"
    strong = quoted and len(value) >= 8 and any(c in _STRONG_SIGNS for c in value)
    return "password" if strong and is_password(value, quoted=True) else None


def is_password(value: str, *, quoted: bool) -> bool:
    """Whether ``value`` looks like a real password rather than a word, a reference or a stand-in."""
    if not _MIN_PASSWORD <= len(value) <= _MAX_PASSWORD or any(c.isspace() for c in value):
        return False
    digit = any(c.isdigit() for c in value)
    sign = any(c in _STRONG_SIGNS for c in value)
    if not (digit or sign) or not any(c.isalpha() for c in value):
        return False
    if "://" in value or value.startswith((*_PATH_BEGINNINGS, "=")) or value.lower().endswith(_FILE_ENDINGS):
        return False
    if not quoted:
        if any(c in _CODE_SIGNS for c in value) or value.startswith(("$", "%", "&")):
            return False
        if not sign and ("." in value or "passw" in value.lower() or "_" in value):
            return False
    return not is_placeholder(value)


def is_key(value: str) -> bool:
    """Whether ``value`` looks like a random key or token: long, with digits, of high entropy."""
    if len(value) < _MIN_KEY or not _KEY_CHARACTERS.issuperset(value):
        return False
    if "://" in value or value.startswith(("pk_", "sha256", "sha512", "sha1-", "ssh-")):
        return False
    if value.startswith(_PATH_BEGINNINGS) and _is_wordy(value):
        return False
    if value.lower().endswith(_FILE_ENDINGS) or not any(c.isdigit() for c in value):
        return False
    bits = bits_per_character(value)
    mixed = bits >= _MIXED_KEY_BITS and not value.islower() and not value.isupper()
    return bits >= _MIN_KEY_BITS and (mixed or _has_random_run(value)) and not is_placeholder(value)


def _is_wordy(value: str) -> bool:
    """Whether small letters, capitals and digits stand in runs, as in the names of a path.

    One in 64 keys in base64 begins with a slash.
    """
    kinds = ["a" if c.islower() else "A" if c.isupper() else "0" if c.isdigit() else "" for c in value]
    changes = sum(bool(a and b) and a != b for a, b in pairwise(kinds))
    return changes < _WORDY * len(value)


def _has_random_run(value: str) -> bool:
    """Whether eight or more letters and digits in a row mix both, which words and versions do not."""
    letters = digits = 0
    for character in value + ".":
        if character.isdigit():
            digits += 1
        elif character.isalpha():
            letters += 1
        else:
            if letters + digits >= 8 and letters and digits >= 2:
                return True
            letters = digits = 0
    return False
