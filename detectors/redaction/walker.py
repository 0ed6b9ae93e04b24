"""Redaction of whole trees, whatever they are made of.

`Walker` has one method per kind of leaf, so that a caller can walk protobuf, JSON or anything else and
hand over what it meets; `Walker.redact_value` walks plain Python values with them. All of them count what
they removed in one `Report`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detectors.redaction.assignments import secret_type
from detectors.redaction.budget import Meter
from detectors.redaction.keyed import keyed_value
from detectors.redaction.report import Report
from detectors.redaction.text import Redactor, redact_text

MAX_DEPTH = 64
"""Levels of nesting walked one by one; what lies deeper is redacted as one JSON-like text."""

_LARGE_NUMBER = 10**40
_SMALL_NUMBER = 10**6
"""Whole numbers below are searched for nothing, whatever their key says, except ids of users and sessions."""


class Walker:
    """Redacts leaves of a tree under ``redactor`` and counts what it removes in ``report``.

    ``field`` names where a leaf stands in reports (the attribute key); ``key``, by default the same, is the
    key directly above the leaf, whose name may say that it is an id, a user, a session or a secret.
    ``allowance`` is what all leaves may cost together; beyond it every method raises `OverBudget`.
    """

    __slots__ = ("allowance", "redactor", "report")

    def __init__(self, redactor: Redactor, report: Report, allowance: Meter | None = None) -> None:
        self.redactor = redactor
        self.report = report
        self.allowance = allowance

    def redact_str(self, field: str, text: str, key: str | None = None) -> str:
        """``text`` redacted; the same object if nothing was found."""
        if not text:
            return text
        key = field if key is None else key
        policy = self.redactor.policy
        rule = policy.rule(key)
        whole = self._whole(key, text)
        if whole is not None:
            self.report.add(field, whole[0])
            return whole[1]
        redacted, found = redact_text(
            text, self.redactor, exempt=rule.exempt, place=rule.place, allowance=self.allowance
        )
        for item in found:
            self.report.add(field, item.type)
        return redacted

    def _whole(self, key: str, text: str) -> tuple[str, str] | None:
        """Type and placeholder for all of ``text`` if ``key`` asks for that."""
        redactor = self.redactor
        rule = redactor.policy.rule(key)
        if not rule.names_value or redactor.pseudonymiser.owns_part_of(text):
            return None  # redacted already, perhaps when it was too long for an id
        hit = keyed_value(key, text, redactor.policy)
        type_, value = (None, "") if hit is None else (hit.type, hit.value)
        if type_ is None and rule.secret:
            is_password_word = any(word in key.lower() for word in ("pass", "pwd"))
            type_, value = secret_type(text, is_password_word=is_password_word, quoted=True), text
        if type_ is None or type_ not in redactor.policy.types:
            return None
        return type_, redactor.pseudonymiser.placeholder(type_, value)

    def redact_key(self, field: str, key: str) -> str:
        """A key of a mapping, which may itself be a value such as an e-mail address."""
        if len(key) < 6:
            return key
        redacted, found = redact_text(key, self.redactor, exempt=True, allowance=self.allowance)
        for item in found:
            self.report.add(field, item.type)
        return redacted

    def redact_number(self, field: str, number: float, key: str | None = None) -> int | float | str:
        """``number``, or a placeholder if its digits are a card number or its key asks for one."""
        if isinstance(number, bool) or not abs(number) < _LARGE_NUMBER or number != int(number):
            return number  # not-a-number fails the comparison too
        digits = str(int(number))
        key = field if key is None else key
        if abs(number) < _SMALL_NUMBER and self.redactor.policy.rule(key).pseudonym is None:
            return number
        redacted = self.redact_str(field, digits, key)
        return number if redacted == digits else redacted

    def redact_bytes(self, field: str, data: bytes, key: str | None = None) -> bytes:
        """UTF-8 bytes redacted as text; other bytes as ``[bytes:<hash>] <n> bytes``."""
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            self.report.add(field, "bytes")
            placeholder = self.redactor.pseudonymiser.placeholder("bytes", data.hex())
            return f"{placeholder} {len(data)} bytes".encode()
        redacted = self.redact_str(field, text, key)
        return data if redacted is text else redacted.encode("utf-8", "surrogatepass")

    def redact_value(self, field: str, value: Any, key: str | None = None, depth: int = 0) -> Any:
        """Any value of strings, bytes, numbers, lists, tuples and mappings, keys included.

        Values of other types come back as the redacted text of their ``str``. Lists of a key count as values
        of that key. The result is new where something was removed and may share parts with ``value``.
        """
        if isinstance(value, str):
            return self.redact_str(field, value, key)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self.redact_number(field, value, key)
        if isinstance(value, bytes | bytearray | memoryview):
            return self.redact_bytes(field, bytes(value), key)
        if depth >= MAX_DEPTH or not isinstance(value, Mapping | list | tuple):
            return self.redact_str(field, str(value), key)
        if isinstance(value, Mapping):
            return self._redact_mapping(field, value, depth)
        return [self.redact_value(field, item, key, depth + 1) for item in value]

    def _redact_mapping(self, field: str, mapping: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
        out: dict[Any, Any] = {}
        for name, item in mapping.items():
            new = self.redact_key(field, name) if isinstance(name, str) else self._other_key(field, name)
            at = new
            copies = 1
            while at in out:  # two keys that differ only in how the same value is written
                copies += 1
                at = f"{new}#{copies}"
            out[at] = self.redact_value(field, item, name if isinstance(name, str) else None, depth + 1)
        return out

    def _other_key(self, field: str, name: Any) -> Any:
        """A key that is no string: kept if small, else looked at like a value."""
        if isinstance(name, bytes):
            return self.redact_bytes(field, name)
        return self.redact_number(field, name, "") if isinstance(name, int | float) else name


def redact_value(key: str, value: Any, redactor: Redactor, report: Report | None = None) -> Any:
    """``value``, found under ``key``, redacted; what was removed is counted in ``report``."""
    return Walker(redactor, Report() if report is None else report).redact_value(key, value)
