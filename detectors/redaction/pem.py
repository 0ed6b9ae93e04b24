"""Private keys in PEM armour, whole or cut off, PGP and PuTTY keys included.

A key whose lines stand in quotes (a list in JSON, strings joined in code) is removed line by line, so that
the text around keeps its form.

Only with key material: an answer that explains the format with ``...`` in place of it is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.redaction.hits import RANK_STRUCTURE, Hit
from detectors.redaction.matching import Pattern
from detectors.redaction.views import View

WORTH = r"PRIVATE KEY|PuTTY-User-Key-File"
"""What no text with a private key lacks."""

_BEGIN = Pattern(r"-----BEGIN ([A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?)-----|PuTTY-User-Key-File-\d: ?\S*")
_END = Pattern(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_REST = Pattern(r"(?:[A-Za-z][A-Za-z\-]{2,20}: ?[^\r\n\"]{0,80}[\r\n]+|[A-Za-z0-9+/=]|[\s\\>|])*")
_MATERIAL = Pattern(r"[A-Za-z0-9+/]{24}")
_PIECE = Pattern(r"[A-Za-z0-9+/=]{8,}")
_PUTTY_REST = Pattern(r"(?:[\r\n]+[^\r\n\"]{0,80})*")


def private_keys(view: View) -> Iterator[Hit]:
    """Every private key, from its first line to its last or to where its text breaks off."""
    data = view.data
    begins = [match.span() for match in _BEGIN.all(data, view.meter)]
    ends = [match.span() for match in _END.all(data, view.meter)]
    next_end = 0
    for index, (start, body) in enumerate(begins):
        limit = begins[index + 1][0] if index + 1 < len(begins) else len(data)
        while next_end < len(ends) and ends[next_end][0] < body:
            next_end += 1
        if next_end < len(ends) and ends[next_end][1] <= limit:
            end = ends[next_end][1]
        else:
            rest = _PUTTY_REST if data.startswith(b"PuTTY", start) else _REST
            matched = rest.at(data, body, limit)
            end = body if matched is None else matched.end()
            while end > body and data[end - 1 : end].isspace():
                end -= 1
        if _MATERIAL.first(data, body, end) is None:
            continue
        if b'"' not in data[start:end]:
            yield Hit(start, end, "private_key", "".join(view.text[start:end].split()), RANK_STRUCTURE)
            continue
        for piece in _PIECE.all(data[body:end]):  # lines of code or of a JSON list, each in quotes
            a, b = piece.start() + body, piece.end() + body
            yield Hit(a, b, "private_key", view.text[a:b], RANK_STRUCTURE)
