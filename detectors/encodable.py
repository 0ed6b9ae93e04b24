"""Text that UTF-8 can hold: JSON and client libraries may bring half of a character."""

from __future__ import annotations


def encodable(text: str) -> str:
    """``text`` without lone surrogates, which are no characters: RE2 and ClickHouse refuse them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
