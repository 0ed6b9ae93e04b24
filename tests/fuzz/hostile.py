"""Texts whose every corner looks like something to redact, by kind; and ordinary ones to compare with.

A text of a family is drawn anew for each seed, so that nothing can be remembered. Families that hold no
value at all but nearly do are the worst for a searcher that tries each candidate; those that are values
through and through are the worst for one that replaces each.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable

Draw = Callable[[random.Random], str]


def _digits(rng: random.Random, n: int) -> str:
    return f"{rng.randrange(10**n):0{n}}"


def _card(rng: random.Random, between: str) -> str:
    return between.join(("4" + _digits(rng, 3), *(_digits(rng, 4) for _ in range(3))))


def _letters(
    rng: random.Random, n: int, of: str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
) -> str:
    return "".join(rng.choices(of, k=n))


HOSTILE: dict[str, Draw] = {
    "cards with blanks": lambda r: _card(r, " ") + ", ",
    "cards with dashes": lambda r: _card(r, "-") + "\n",
    "cards with dots": lambda r: _card(r, ".") + "\n",
    "cards in a row": lambda r: _card(r, " ") + " ",
    "cards in one piece": lambda r: "4" + _digits(r, 15) + " ",
    "cards named": lambda r: f"visa 4{_digits(r, 15)}; ",
    "windows of digits that overlap": lambda r: _digits(r, r.randrange(1, 5)) + " ",
    "one endless number": lambda r: _digits(r, 18),
    "digits and dots": lambda r: _digits(r, r.randrange(1, 4)) + ".",
    "telephones": lambda r: f"tel {_digits(r, 3)}-{_digits(r, 3)}-{_digits(r, 4)}, ",
    "telephones abroad": lambda r: f"+{r.randrange(1, 99)} {_digits(r, 3)} {_digits(r, 6)} ",
    "telephones without a name": lambda r: f"{_digits(r, 3)} {_digits(r, 3)} {_digits(r, 4)}, ",
    "ids of eleven digits": lambda r: _digits(r, 11) + " ",
    "ids of eleven digits named": lambda r: f"ssn {_digits(r, 11)} ",
    "ids with dashes": lambda r: f"{_digits(r, 3)}-{_digits(r, 2)}-{_digits(r, 4)} ",
    "ids with letters": lambda r: f"{_digits(r, 8)}-{r.choice('ABCDEFGH')} ",
    "tables of numbers": lambda r: ",".join(_digits(r, 10) for _ in range(6)) + "\n",
    "bank accounts": lambda r: f"DE{_digits(r, 20)} ",
    "bank accounts cut off": lambda r: f"DE{_digits(r, 2)} {_digits(r, 4)} ",
    "addresses": lambda r: f"u{_digits(r, 5)}@x{_digits(r, 3)}.com ",
    "addresses without a host": lambda r: f"u{_digits(r, 3)}@ ",
    "networks": lambda r: f"{r.randrange(20, 256)}.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(256)} ",
    "networks of version 6": lambda r: f"20{_digits(r, 2)}:{_digits(r, 4)}::{_digits(r, 3)} ",
    "passwords in addresses": lambda r: f"http://u:{_letters(r, 9)}@h ",
    "passwords assigned": lambda r: f"password={_letters(r, 9)} ",
    "keys assigned": lambda r: f"token: {_letters(r, 20)} ",
    "flags": lambda r: f"--password {_letters(r, 7)} ",
    "tokens cut off": lambda r: f"sk-{_letters(r, 8)} ghp_{_letters(r, 5)} ",
    "tokens": lambda r: f"sk-{_letters(r, 24)} ",
    "web tokens": lambda r: f"eyJ{_letters(r, 9)}.eyJ{_letters(r, 9)}.{_letters(r, 5)} ",
    "keys of clouds": lambda r: f"AKIA{_letters(r, 16, 'ABCDEFGHIJ234567')} ",
    "base64": lambda r: _letters(r, 76) + "\n",
    "hexadecimal": lambda r: _letters(r, 32, "0123456789abcdef") + " ",
    "armour": lambda _: "-----BEGIN PRIVATE KEY-----\n",
    "placeholders": lambda r: f"[email:{_letters(r, 16, '0123456789abcdef')}] ",
    "ids in JSON": lambda r: f'{{"user_id":"u-{_digits(r, 6)}"}},',
    "numbers in JSON": lambda r: f'"a":4{_digits(r, 15)},',
    "brackets": lambda _: '{"a":[',
    "backslashes": lambda r: "\\" * r.randrange(1, 9) + '"',
    "escapes": lambda r: f"\\u00{r.randrange(30, 40)}",
    "JSON in JSON": lambda r: json.dumps(json.dumps(json.dumps({"a": f"x@{_letters(r, 4)}.com"}))),
    "invisible signs": lambda r: f"\u200b{r.randrange(10)}",
    "digits of other scripts": lambda r: "".join(chr(0x661 + r.randrange(9)) for _ in range(11)) + " ",
    "words for secrets": lambda r: f"пароль {_letters(r, 3)} ",
    "words for secrets without blanks": lambda r: f"::{r.randrange(99)}\\密码",
    "words for secrets, values at once": lambda _: "密码:",
    "flags without a name": lambda r: f"{_letters(r, 4, 'abcdefg')}--",
    "addresses without a password": lambda r: f"https://{_letters(r, r.randrange(4, 60))}:",
    "signatures in addresses": lambda r: f"http://u:?sig={_letters(r, 50)}",
    "numbers in lists": lambda r: f"[{_digits(r, r.randrange(6, 19))}",
}  # fmt: skip

_ORDINARY: tuple[Draw, ...] = (
    lambda r: f"write to {_letters(r, 7)}.{_letters(r, 5)}@harbour-books.org",
    lambda r: f"call +49 170 {_digits(r, 7)}",
    lambda r: f"order {_digits(r, 9)} of 2026-11-{r.randrange(10, 30)}",
    lambda r: f"from 203.0.{r.randrange(256)}.{r.randrange(256)}",
    lambda r: f'{{"user_id": "u-{_digits(r, 6)}", "total": {r.randrange(999)}.50}}',
    lambda r: f"DE{_digits(r, 2)} {_digits(r, 4)} {_digits(r, 4)} is a bank's",
    lambda r: f"see https://host.example/{_letters(r, 8)}?q={_digits(r, 4)}",
    lambda r: f"password = {_letters(r, 6)}$7q",
    lambda r: f"the key sk-{_letters(r, 24)}",
    lambda r: f"id {_digits(r, 8)}-{r.choice('ABCDEFGH')}",
)
_WORDS = [
    "the",
    "ship",
    "keeps",
    "a",
    "light",
    "in",
    "the",
    "harbour",
    "and",
    "people",
    "who",
    "come",
    "back",
    "know",
    "it",
    "by",
    "the",
    "number",
    "of",
    "turns",
]


def text_of(family: str, chars: int, seed: int = 1) -> str:
    """A text of a hostile family, of so many characters."""
    rng = random.Random(f"{family} {seed}")
    return _repeated(lambda: HOSTILE[family](rng), chars)


def ordinary(chars: int, seed: int = 1, every: int = 400) -> str:
    """Prose in which a value of some kind stands every so many characters, as in a support chat."""
    rng = random.Random(seed)
    turn = iter(range(chars))

    def part() -> str:
        words = " ".join(rng.choices(_WORDS, k=every // 5))
        return f"{words}. {_ORDINARY[next(turn) % len(_ORDINARY)](rng)}. "

    return _repeated(part, chars)


def prose(chars: int, seed: int = 1) -> str:
    """Words alone."""
    rng = random.Random(seed)
    return _repeated(lambda: " ".join(rng.choices(_WORDS, k=80)) + ". ", chars)


def _repeated(part: Callable[[], str], chars: int) -> str:
    pieces: list[str] = []
    size = 0
    while size < chars:
        pieces.append(part())
        size += len(pieces[-1])
    return "".join(pieces)[:chars]
