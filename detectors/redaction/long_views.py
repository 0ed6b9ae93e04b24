r"""Long texts read as arrays: one level of escapes undone, invisible characters left out.

A MiB of backslashes and quotes has two hundred thousand escapes. They are independent of each other: each run
of backslashes is so many pairs, and if one is left over an escape of what follows, which holds no backslash.
So which characters stay, and what they become, is computed for all runs as arrays.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.redaction.budget import Meter

Ints = NDArray[Any]
Flags = NDArray[np.bool_]

_BACKSLASH = 92
_ESCAPES_PER_US = 4
_CHARACTERS_PER_US = 50
_NONE = 255
_HEXADECIMAL = np.full(256, _NONE, np.uint32)
for _value, _sign in enumerate("0123456789abcdef"):
    _HEXADECIMAL[ord(_sign)] = _HEXADECIMAL[ord(_sign.upper())] = _value


def undone(
    text: str, data: bytes, simple: Mapping[str, str], meter: Meter | None
) -> tuple[str, array[int]] | None:
    r"""``text`` with one level of escapes undone, and where in it each character and the end come from.

    ``data`` is the text with one byte a character, ``simple`` what stands for each escape of one sign.
    ``None`` where nothing is escaped. Halves of a pair of surrogates, undone, become one character.
    """
    signs = np.frombuffer(data, np.uint8)
    edges = np.flatnonzero(np.diff(signs == _BACKSLASH, prepend=False, append=False))
    starts, ends = edges[0::2], edges[1::2]
    if meter is not None:
        meter.spend(len(starts) // _ESCAPES_PER_US + len(data) // _CHARACTERS_PER_US)
    run = ends - starts
    left_over = (run & 1 == 1) & (ends < len(signs))
    at, alone = ends[left_over] - 1, run[left_over] == 1
    value, width = _escaped(np.concatenate([signs, np.zeros(6, np.uint8)]), at, simple)
    if not (run > 1).any() and not (width > 1).any():
        return None
    kept = np.ones(len(signs), bool)
    _drop_second_of_pairs(kept, starts, run)
    for step in range(1, 6):
        kept[at[width > step] + step] = False
    _join_surrogates(value, width, at, alone, kept)
    changed = width > 1
    wide = not text.isascii() or bool((value > 127).any())
    out = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32) if wide else signs
    out = out.copy()
    out[at[changed]] = value[changed]
    source = np.append(np.flatnonzero(kept), len(signs))
    new = out[kept].tobytes()
    made = new.decode("utf-32-le", "surrogatepass") if wide else new.decode("ascii")
    return made, _offsets(source)


def visible(text: str, invisible: Sequence[str]) -> tuple[str, array[int], array[int]]:
    """``text`` without ``invisible`` characters, and where what is left begins, in it and in ``text``.

    The last piece is empty where ``text`` ends with such a character.
    """
    signs = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    kept = ~np.isin(signs, [ord(sign) for sign in invisible])
    edges = np.flatnonzero(np.diff(kept, prepend=False, append=False))
    starts, sizes = edges[0::2], edges[1::2] - edges[0::2]
    at = np.cumsum(sizes) - sizes
    if not kept[-1]:
        at, starts = np.append(at, sizes.sum()), np.append(starts, len(signs))
    return signs[kept].tobytes().decode("utf-32-le", "surrogatepass"), _offsets(at), _offsets(starts)


def _offsets(values: Ints) -> array[int]:
    return array("q", values.astype(np.int64).tobytes())


def _escaped(padded: Ints, at: Ints, simple: Mapping[str, str]) -> tuple[Ints, Ints]:
    """What stands for the escape at each place, and how many characters it has: 1 where it is none."""
    table = np.full(256, _NONE, np.uint32)
    for sign, plain in simple.items():
        table[ord(sign)] = ord(plain)
    kind = padded[at + 1]
    value = table[kind]
    width = np.where(value == _NONE, 1, 2)
    for letter, digits in ((ord("u"), 4), (ord("x"), 2)):
        some = np.flatnonzero(kind == letter)
        places = [_HEXADECIMAL[padded[at[some] + 2 + n]] for n in range(digits)]
        real = np.ones(len(some), bool)
        code = np.zeros(len(some), np.uint32)
        for digit in places:
            real &= digit != _NONE
            code = code * 16 + digit
        value[some[real]] = code[real]
        width[some[real]] = 2 + digits
    value[width == 1] = _BACKSLASH
    return value, width


def _drop_second_of_pairs(kept: Flags, starts: Ints, run: Ints) -> None:
    """Of each two backslashes of a run the first stays."""
    pairs = run // 2
    many = pairs > 0
    first, count = starts[many], pairs[many]
    if not len(first):
        return
    before = np.cumsum(count) - count
    within = np.arange(count.sum()) - np.repeat(before, count)
    kept[np.repeat(first, count) + 2 * within + 1] = False


def _join_surrogates(value: Ints, width: Ints, at: Ints, alone: Flags, kept: Flags) -> None:
    """Make one character of two escapes that stand next to each other and are halves of it."""
    if len(at) < 2:
        return
    high = (value >= 0xD800) & (value <= 0xDBFF)
    low = (value >= 0xDC00) & (value <= 0xDFFF) & alone
    first = np.flatnonzero(high[:-1] & low[1:] & (at[:-1] + width[:-1] == at[1:]))
    value[first] = 0x10000 + ((value[first] - 0xD800) << 10) + value[first + 1] - 0xDC00
    kept[at[first + 1]] = False
