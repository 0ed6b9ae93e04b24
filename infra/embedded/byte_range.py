"""One HTTP byte range (RFC 9110, section 14)."""

from __future__ import annotations


class Unsatisfiable(ValueError):
    """The range lies outside the content: 416."""


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte position asked for; None for the whole content.

    A header that is not understood, or asks for several ranges, is ignored, as the RFC allows.

    Raises
    ------
    Unsatisfiable
        If no byte of the content is in the range.
    """
    unit, _, spec = (header or "").partition("=")
    first, dash, last = spec.strip().partition("-")
    if unit.strip().lower() != "bytes" or not dash or not _is_number(first) or not _is_number(last):
        return None
    if not first and not last:
        return None
    if not first:
        length = int(last)
        if not length or not size:
            raise Unsatisfiable
        return max(size - length, 0), size - 1
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return start, min(int(last), size - 1) if last else size - 1


def _is_number(text: str) -> bool:
    return not text or (len(text) < 20 and text.isascii() and text.isdigit())
