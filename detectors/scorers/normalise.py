"""Undoes common disguises of text before it is hashed, and says which ones it undid.

Each step stands behind a cheap gate, and all of them take time linear in the text. In this order: *hidden*
(tag characters and bytes in variation selectors spell a text of their own), *invisible* (zero-width, bidi and
variation marks are deleted), *compatibility* (NFKC: full-width, mathematical and circled letters), *marks*
(piled-up combining marks are deleted), *lookalikes* (letters of other scripts between Latin ones become
Latin), *spaced* (``i g n o r e`` is joined), *leet* (``1gn0r3`` is spelt out), *encoded* (base64 and
hexadecimal runs that decode to text). What was hidden or encoded becomes a text of its own.

The gates let ordinary text in any language pass unchanged but for NFKC and invisible marks, which ordinary
text has too: those alone count for nothing in `Normalised.disguised`.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections import Counter
from dataclasses import dataclass

from detectors.scorers.patterns import large

LONGEST = 8_192
"""Characters of a text that are kept when compatibility forms unfold: some are eighteen characters long."""

MOST_PARTS = 4
"""Texts taken out of one text."""

SHORTEST_PART = 6
"""Characters from which something decoded is a text of its own."""

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef"
)
"""Characters that show nothing, as a character class."""

_TAGS = {code: code - 0xE0000 for code in range(0xE0020, 0xE007F)}
_LOOKALIKES = str.maketrans(
    # Cyrillic, Greek, Armenian, Cherokee, and Latin letters that NFKC leaves alone; all of them in lower case
    "асеорхуіјѕԁԛԝһӏґкмнтвгпьъғѵҽ" "αονρτυιεκχηωβγνσςζμ" "օսոցհաքզ" "ꭰꮐꮋꮮꮲꮪ"
    "ɑɡıɩʟʏɪɴʀɢʙʜᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜱɾʋƅɗɵøłđ",
    "aceopxyijsdqwhlrkmhtbrnbbfve" "aovptuiekxnwbyvoczu" "ounghapq" "dghlps"
    "agiilyinrgbhacdejkmoptuvwzsrvbdoold",
)  # fmt: skip
_LEET = str.maketrans("0134578@$!|", "oieastbasil")


_INVISIBLE = large(f"[{INVISIBLE}]+")
_HIDDEN = large("[\U000e0020-\U000e007e]{2,}|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{6,}")
_BETWEEN_LATIN = large(f"[A-Za-z][{INVISIBLE}]+")
_MARKS = large("[\u0300-\u036f\u0488\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+")
_FOREIGN = r"\p{Cyrillic}\p{Greek}\p{Armenian}\p{Cherokee}\x{a730}-\x{a7ff}\x{1d00}-\x{1d7f}\x{250}-\x{2af}"
_MIXED_SCRIPTS = large(f"[a-zA-Z][{_FOREIGN}]|[{_FOREIGN}][a-zA-Z]")
_SEPARATORS = r" .\-_*·|/~,"
_SPACED = large(
    rf"(?:^|[^\pL\pN])((?:[\p{{Latin}}\p{{Cyrillic}}\p{{Greek}}0-9][{_SEPARATORS}]{{1,5}}){{5,}}"
    r"[\p{Latin}\p{Cyrillic}\p{Greek}0-9])(?:$|[^\pL\pN])"
)
_LEET_LETTER = large(r"[a-zA-Z][0134578@$!|]+[a-zA-Z]")
_LEET_WORD = large(r"[a-zA-Z0-9@$!|]*[a-zA-Z0-9@$]")
_PAIR = "[0-9A-Fa-f]{2}"
_HEXADECIMAL = (
    rf"(?:{_PAIR}){{12,}}|(?:{_PAIR}[ ,:]){{11,}}{_PAIR}|(?:\\x{_PAIR}){{12,}}|(?:%{_PAIR}){{12,}}"
    rf"|(?:0x{_PAIR}[ ,]{{0,2}}){{12,}}"
)
_ENCODED = large(
    rf"(?:^|[^0-9A-Za-z])((?:{_HEXADECIMAL})(?:$|[^0-9A-Za-z+/=])"
    r"|[A-Za-z0-9+/_-]{24,}(?:\r?\n[A-Za-z0-9+/_-]{8,})*={0,2}|[A-Za-z0-9+/]{11,}={1,2})"
)
_ONLY_HEXADECIMAL = large(rf"(?:{_HEXADECIMAL})[^0-9A-Za-z+/=]?")
_HEX_MARKS = large(r"0x|\\x|[^0-9A-Fa-f]+")

_FEWEST = 3
"""Places where a disguise shows before it counts as one."""
_LONGEST_WORD = 24
_LEAST_LEET = 0.06
"""Share of words from which digits between letters are a disguise: code has some, too."""
_LEAST_MIXED = 0.04
"""Letters of two scripts side by side, per word."""
_LEAST_USUAL = 0.45
"""Share of one mark between spaced letters."""
_FEWEST_LETTERS = 5
_LEAST_MARKS = 0.1
"""Combining marks per character that no spelling needs."""


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text without disguises.

    ``steps`` names what was undone; ``parts`` are texts that were hidden or encoded in it, normalised but
    for what is encoded in them again; ``disguised`` in 0..1 is the share of the text that was disguised.
    """

    text: str
    steps: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    disguised: float = 0.0


class _Work:
    """A text while it is normalised."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps: list[str] = []
        self.parts: list[str] = []
        self.disguised = 0.0

    @property
    def data(self) -> bytes:
        return self.text.encode("utf-8", "replace")

    def undone(self, step: str, share: float) -> None:
        self.steps.append(step)
        self.disguised += max(share, 0.0)

    def part(self, text: str) -> None:
        if len(text) >= SHORTEST_PART and len(self.parts) < MOST_PARTS:
            self.parts.append(text)


def normalise(text: str, *, decode: bool = True) -> Normalised:
    """``text`` without disguises; ``decode`` says whether encoded runs are decoded."""
    work = _Work(text)
    if not text.isascii():
        _unhide(work)
        _compose(work)
        _latinise(work)
    _join(work)
    _spell(work)
    if decode:
        _decode(work)
    if not work.steps:
        return Normalised(work.text)
    parts = tuple(normalise(part, decode=False).text for part in work.parts) if work.parts else ()
    return Normalised(work.text, tuple(work.steps), parts, min(work.disguised, 1.0))


def _unhide(work: _Work) -> None:
    data = work.data
    if _INVISIBLE.search(data) is None:
        return
    n = len(work.text)
    for run in _HIDDEN.findall(data):
        spelt = _spelt(run.decode("utf-8"))
        if spelt:
            work.part(spelt)
            work.undone("hidden", len(spelt) / n)
    between = len(_BETWEEN_LATIN.findall(data))
    work.text = _INVISIBLE.sub(b"", data).decode("utf-8")
    work.undone("invisible", between / n if between >= _FEWEST else 0.0)


def _spelt(run: str) -> str:
    """What tag characters say, or the bytes that variation selectors stand for, if that is text."""
    if ord(run[0]) in _TAGS:
        return run.translate(_TAGS)
    codes = bytes(c - 0xFE00 if c < 0xE0000 else c - 0xE0100 + 16 for c in map(ord, run))
    return _readable(codes)


def _compose(work: _Work) -> None:
    if not unicodedata.is_normalized("NFKC", work.text):
        composed = unicodedata.normalize("NFKC", work.text)[:LONGEST]
        changed = sum(c.isascii() and c.isalnum() for c in composed) - sum(
            c.isascii() and c.isalnum() for c in work.text
        )
        work.undone("compatibility", changed / len(composed) if changed > 20 else 0.0)
        work.text = composed
    found = _MARKS.findall(work.data)
    piled = sum(len(run.decode("utf-8")) for run in found)
    if piled > _LEAST_MARKS * len(work.text):
        work.undone("marks", piled / len(work.text))
        work.text = _MARKS.sub(b"", work.data).decode("utf-8")


def _latinise(work: _Work) -> None:
    mixed = len(_MIXED_SCRIPTS.findall(work.data))
    words = work.text.count(" ") + 1
    if mixed >= _FEWEST and mixed > _LEAST_MIXED * words:
        before = work.text.lower()
        work.text = before.translate(_LOOKALIKES)
        changed = sum(a != b for a, b in zip(before, work.text, strict=True))
        work.undone("lookalikes", changed / len(before))


def _join(work: _Work) -> None:
    data = work.data
    if _SPACED.search(data) is None:
        return
    pieces: list[str] = []
    done = joined = 0
    for match in _SPACED.finditer(data):
        start, end = match.span(1)
        run = data[start:end].decode("utf-8")
        plain = _joined(run)
        if plain:
            pieces += [data[done:start].decode("utf-8"), plain]
            joined += len(run)
            done = end
    if joined:
        n = len(work.text)
        work.text = "".join([*pieces, data[done:].decode("utf-8")])
        work.undone("spaced", joined / n)


def _joined(run: str) -> str:
    """``i g n o r e   a l l`` and ``i-g-n-o-r-e a-l-l`` as words: the usual mark joins, any other parts.

    Nothing where there are few letters, or no usual mark.
    """
    marks = Counter(c for c in run if not c.isalnum())
    joiner, n = marks.most_common(1)[0]
    if n < _LEAST_USUAL * marks.total() or sum(c.isalpha() for c in run) < _FEWEST_LETTERS:
        return ""
    out: list[str] = []
    gap = ""
    for character in run:
        if not character.isalnum():
            gap += character
            continue
        if gap not in ("", joiner):
            out.append(" ")
        out.append(character)
        gap = ""
    return "".join(out)


def _spell(work: _Work) -> None:
    data = work.data
    if len(_LEET_LETTER.findall(data)) < _FEWEST:
        return
    words = data.count(b" ") + 1
    spelt = mixed = done = 0
    pieces: list[str] = []
    for match in _LEET_WORD.finditer(data):
        word = match.group()
        if len(word) > _LONGEST_WORD:
            continue
        plain = word.decode("ascii").translate(_LEET)
        if plain.isalpha() and word != plain.encode():
            mixed += _LEET_LETTER.search(word) is not None
            pieces += [data[done : match.start()].decode("utf-8"), plain]
            done = match.end()
            spelt += len(word)
    if mixed >= _FEWEST and mixed > _LEAST_LEET * words:
        work.undone("leet", spelt / len(work.text))
        work.text = "".join([*pieces, data[done:].decode("utf-8")])


def _decode(work: _Work) -> None:
    data = work.data
    n = len(data)
    for run in _ENCODED.findall(data):
        text = _decoded(run)
        if text:
            work.part(text)
            work.undone("encoded", len(run) / n)


def _decoded(run: bytes) -> str:
    """The text that a run of base64 or hexadecimal digits stands for, or nothing."""
    try:
        if _ONLY_HEXADECIMAL.fullmatch(run) is not None:
            digits = _HEX_MARKS.sub(b"", run)
            return _readable(binascii.unhexlify(digits[: len(digits) // 2 * 2]))
        digits = b"".join(run.split()).rstrip(b"=").translate(_URL_SAFE)
        return _readable(base64.b64decode(digits[: len(digits) // 4 * 4] + _tail(digits)))
    except binascii.Error:
        return ""


_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def _tail(digits: bytes) -> bytes:
    """The last incomplete group of base64, padded; a single digit is none."""
    rest = digits[len(digits) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def _readable(data: bytes) -> str:
    """``data`` as text, if that is what it is: UTF-8, printable, most of it letters and blanks."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    if sum(c.isalpha() or c == " " for c in text) < 0.7 * len(text):
        return ""
    return text if all(c.isprintable() or c.isspace() for c in text) else ""
