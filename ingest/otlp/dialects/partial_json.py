"""JSON that may have been cut off by an attribute length limit.

``OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`` cuts a string after N characters, so what arrives is a prefix of
a JSON document. The prefix is closed again at its last complete value: what was sent is read, nothing is
made up.
"""

from __future__ import annotations

import json
from typing import Any

import orjson
import re2

_HALF_A_PAIR = re2.compile(r"^\\u[dD][89abAB][0-9a-fA-F]{2}$")
_SCALAR_ENDS = " \t\r\n,]}"


def load(text: str) -> tuple[Any, bool]:
    """Value of ``text`` and whether it had to be salvaged; linear in the length.

    Raises
    ------
    ValueError
        If it is not JSON and no salvageable prefix of an object or array either.
    """
    try:
        return orjson.loads(text), False
    except orjson.JSONDecodeError:
        pass
    try:
        return _lenient(text)
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error


def _lenient(text: str) -> tuple[Any, bool]:
    try:  # lone surrogates, NaN and Infinity: not JSON for orjson, sent by Python's json
        return _clean(json.loads(text)), False
    except ValueError:
        return _clean(_salvage(text)), True


def _clean(value: Any) -> Any:
    """``value`` with lone surrogates replaced, so that it can be encoded."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_clean(v) for v in value]
    if isinstance(value, dict):
        return {_clean(k): _clean(v) for k, v in value.items()}
    return value


def _salvage(text: str) -> Any:
    """Close an object or array that ends early.

    ``keep`` is the end of the last complete value; brackets never change between it and the end of the
    text, so ``stack`` closes it.
    """
    stack: list[str] = []
    keep = 0
    in_key = False  # the string being read is a key
    i, n = 0, len(text)
    while i < n:
        c = text[i]
        if c == '"':
            end = _string_end(text, i)
            if end < 0:
                if not in_key and stack:
                    return _close(text[:i] + _close_string(text[i:]), stack)
                break
            i = end
            keep = keep if in_key else i
            continue
        i += 1
        if c in "[{":
            stack.append("]" if c == "[" else "}")
            in_key = c == "{"
            keep = i
        elif c in "]}":
            if len(stack) < 2 or stack.pop() != c:
                break  # complete, or no JSON
            keep = i
        elif c == ",":
            in_key = bool(stack) and stack[-1] == "}"
        elif c == ":":
            in_key = False
        elif c not in " \t\r\n":
            while i < n and text[i] not in _SCALAR_ENDS:
                i += 1
            if i < n:  # a number that touches the end may go on, so it isn't complete
                keep = i
    if not keep:
        raise ValueError("neither JSON nor the beginning of it")
    return _close(text[:keep], stack)


def _string_end(text: str, start: int) -> int:
    """Index after the string that starts at ``start``, or -1 if it does not end."""
    i = start + 1
    while True:
        quote = text.find('"', i)
        if quote < 0:
            return -1
        back = quote - 1
        while text[back] == "\\":
            back -= 1
        if (quote - back) % 2:
            return quote + 1
        i = quote + 1


def _close_string(piece: str) -> str:
    """An unterminated string closed, without the escape it may break off in."""
    slashes = len(piece) - len(piece.rstrip("\\"))
    if slashes % 2:
        piece = piece[:-1]
    start = piece.rfind("\\u", max(len(piece) - 5, 0))
    if start > 0 and (start - len(piece[:start].rstrip("\\"))) % 2 == 0:
        piece = piece[:start]
    elif _HALF_A_PAIR.search(piece[-6:]) and (len(piece[:-6]) - len(piece[:-6].rstrip("\\"))) % 2 == 0:
        piece = piece[:-6]
    return piece + '"'


def _close(text: str, stack: list[str]) -> Any:
    return json.loads(text + "".join(reversed(stack)), strict=False)
