"""Text that users or models wrote, made safe to show.

Two doors only. `clean` is for places that draw text as text (grids, charts, ``st.text``): it shortens and
makes invisible or direction-changing characters visible. `escape` is for Streamlit labels, which are
markdown: on top of that every punctuation mark is escaped, so nothing can become a link, an image, an icon,
a colour, mathematics or HTML. Interaction texts pass neither: they go to the text cards as data.
"""

from __future__ import annotations

import unicodedata

LIMIT = 80
"""Characters of a name that are shown."""

_HIDDEN = frozenset("\u061c\u200b\u200e\u200f\u2060\ufeff")


def clean(text: str, limit: int = LIMIT) -> str:
    r"""``text`` on one line, at most ``limit`` characters, with unseen characters written out.

    >>> clean("bot\u202egnp.exe")
    'bot[U+202E]gnp.exe'
    """
    cut = text[: limit + 1]
    shown = "".join(_visible(character) for character in cut)
    return shown if len(cut) <= limit and len(shown) <= 2 * limit else f"{shown[:limit]}…"


def _visible(character: str) -> str:
    if character in " \t\r\n\u2028\u2029":
        return " "
    code = ord(character)
    category = unicodedata.category(character)
    steers = category == "Cf" and (
        character in _HIDDEN or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
    )
    if steers or category in {"Cc", "Cs", "Co", "Cn"} or 0xE0000 <= code <= 0xE0FFF:
        return f"[U+{code:04X}]"
    return character


_JOINER = "\u2060"
"""Drawn as nothing. Streamlit looks for addresses and emoji names in finished text, where no escape helps."""


def escape(text: str, limit: int = LIMIT) -> str:
    r"""``text`` for a markdown label: looks exactly as `clean` gives it.

    >>> escape("**bold** [x]")
    '\\*\\*bold\\*\\* \\[x\\]'
    """
    shown = clean(text, limit)
    out = []
    for place, c in enumerate(shown):
        if c == "@" or (c == "." and shown[place - 1 : place] in {"w", "W"}):
            out.append(_JOINER)
        # every ASCII mark may be escaped in CommonMark; Streamlit's directives and $…$ obey it too
        out.append(f"\\{c}" if c.isascii() and not c.isalnum() and c != " " else c)
        if c == ":" and _names_something(shown, place):
            out.append(_JOINER)
    return "".join(out)


def _names_something(text: str, colon: int) -> bool:
    """Whether an address (``://``) or an emoji's name (``:name:``) begins at this colon."""
    end = colon + 1
    while end < len(text) and (text[end].isalnum() or text[end] in "_+-/"):
        end += 1
    return text.startswith("//", colon + 1) or (end > colon + 1 and text[end : end + 1] == ":")
