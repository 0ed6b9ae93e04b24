"""Fields of a JSON object that somebody outside wrote, each checked as it is taken.

Every error names the field, what it holds and what it may hold.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection
from datetime import datetime
from typing import Any

from infra.clock import to_ns
from ingest.errors import BadRecord
from ingest.event_time import MAX_NS

LONGEST_NAME = 200
LONGEST_TEXT = 16_384
LONGEST_ID = 256
_SHOWN = 60


class Fields:
    """The fields of ``body``, which stands at ``where`` in the request (``[3].`` for one of a list)."""

    def __init__(self, body: Any, where: str = "") -> None:
        self._where = where
        if not isinstance(body, dict):
            raise BadRecord(f"{where.rstrip('.') or 'the body'} must be a JSON object, got {_kind(body)}")
        self._body: dict[str, Any] = body

    def has(self, key: str) -> bool:
        """Whether there is a value."""
        return self._body.get(key) is not None

    def raw(self, key: str) -> Any:
        """The value as it came."""
        return self._body.get(key)

    def bad(self, key: str, says: str) -> BadRecord:
        """The error for a field."""
        return BadRecord(f"{self._where}{key} {says}")

    def only(self, known: Collection[str]) -> None:
        """Refuse fields of other names, with the nearest known one."""
        for key in self._body:
            if key not in known:
                near = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.5)
                hint = f", did you mean {near[0]}?" if near else f": known are {', '.join(sorted(known))}"
                raise self.bad(key[:_SHOWN], f"is no field here{hint}")

    def text(self, key: str, longest: int = LONGEST_NAME, *, required: bool = False) -> str | None:
        """A text of at most ``longest`` characters; empty counts as absent."""
        value = self._body.get(key)
        if value is None or value == "":
            if required:
                raise self.bad(key, "is missing: give it a text")
            return None
        if not isinstance(value, str):
            raise self.bad(key, f"must be a text, got {_kind(value)} {_show(value)}")
        if len(value) > longest:
            raise self.bad(key, f"has {len(value)} characters: at most {longest} are taken")
        return value

    def hex_id(self, key: str, digits: int) -> str | None:
        """A trace or span id: so many hexadecimal digits, not all of them 0; lower case."""
        value = self._body.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or not is_hex_id(value, digits):
            raise self.bad(key, f"= {_show(value)} is not {digits} hexadecimal digits, not all 0")
        return value.lower()

    def score(self, key: str) -> tuple[float | None, str | None]:
        """A number or a label: numbers and true/false (1 and 0) are the first, texts the second."""
        value = self._body.get(key)
        if value is None:
            return None, None
        if isinstance(value, bool):
            return float(value), None
        if isinstance(value, str):
            return None, self.text(key)
        if isinstance(value, int | float):
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if math.isfinite(number):
                return number, None
        raise self.bad(key, f"= {_show(value)} must be a finite number, true, false or a label")

    def time_ns(self, key: str) -> int | None:
        """A time, RFC 3339 with its zone."""
        value = self.text(key, 64)
        if value is None:
            return None
        try:
            at = datetime.fromisoformat(value)
            at_ns = to_ns(at)
        except (ValueError, OverflowError):
            raise self.bad(
                key, f"= {_show(value)} is not a time with its zone, such as 2026-11-27T09:30:00Z"
            ) from None
        if not 0 <= at_ns <= MAX_NS:
            raise self.bad(key, f"= {_show(value)} is not between 1970 and 2262")
        return at_ns


def is_hex_id(text: str, digits: int) -> bool:
    """Whether ``text`` is so many hexadecimal digits, not all of them 0."""
    return len(text) == digits and text.strip("0") != "" and all(c in "0123456789abcdefABCDEF" for c in text)


def _kind(value: Any) -> str:
    return {dict: "an object", list: "a list", str: "the text", bool: "the value", type(None): "null"}.get(
        type(value), "the number"
    )


def _show(value: Any) -> str:
    if isinstance(value, dict | list):
        return ""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
