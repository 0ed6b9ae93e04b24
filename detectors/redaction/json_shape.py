r"""What the quotes of a text say about JSON in JSON, without parsing it.

A quote that delimits a string inside ``d`` strings has ``2**d - 1`` backslashes before it, plus a multiple
of ``2**(d + 1)`` for backslashes that end the string itself.
"""

from __future__ import annotations

from collections.abc import Sequence

_NEAR = 64
"""Characters around a number in which the punctuation of JSON is looked for."""


def backslashes(text: str, end: int) -> int:
    """Number of backslashes in a row directly before ``end``."""
    start = end
    while start > 0 and text[start - 1] == "\\":
        start -= 1
    return end - start


def quote_depth(text: str, at: int) -> int:
    """Number of strings around the string that the quote at ``at`` delimits."""
    if text[at - 1 : at] != "\\":
        return 0
    count = backslashes(text, at)
    depth = 0
    while count & 1:
        depth += 1
        count >>= 1
    return depth


def enclosing_strings(text: str, positions: Sequence[int]) -> list[tuple[int, int]]:
    """How many strings are around each of the ascending ``positions``, and where the innermost begins."""
    out: list[tuple[int, int]] = []
    starts = [0]
    at = text.find('"')
    for position in positions:
        while 0 <= at < position:
            depth = quote_depth(text, at)
            if depth == len(starts) - 1:
                starts.append(at + 1)
            else:
                del starts[depth + 1 :]
            at = text.find('"', at + 1)
        out.append((len(starts) - 1, starts[-1]))
    return out


def number_in_json(text: str, start: int, end: int, string_start: int) -> bool:
    """Whether ``start`` to ``end`` is all of a number in the JSON that begins at ``string_start``."""
    if not text[start:end].removeprefix("-").replace(".", "", 1).isdigit():
        return False
    if text[string_start : string_start + _NEAR].lstrip()[:1] not in ("{", "["):
        return False
    before = text[max(0, start - _NEAR) : start].rstrip().removesuffix("-")
    after = text[end : end + _NEAR].lstrip()
    return before.rstrip()[-1:] in (":", "[", ",") and after[:1] in (",", "}", "]")
