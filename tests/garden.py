"""Invented secrets and personal data to plant.

Each place gets values of its own, so that one that is found tells where it got through, and a harmless word
beside them, which must be found: it shows that what stood in that place came to rest at all.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.detectors.redaction.plants import ALNUM, SECRET_KINDS, draw, secret
from tests.searching import Planted

PERSONAL_KINDS = ("email", "phone", "card", "iban", "us_ssn", "ip_address")
KINDS = (*SECRET_KINDS, *PERSONAL_KINDS)
TYPED = ("email", "card", "anthropic", "github_pat", "aws_access_key_id", "stripe_live", "slack_bot", "jwt")
"""Kinds with a form of their own, which are known even in keys and ids."""

FEW = 4
"""Kinds in a usual text; the next text has the next ones."""
_SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]


class Garden:
    """Makes values, remembers them, and gives texts with them. ``name`` stands before the names of places."""

    def __init__(self, name: str, seed: int) -> None:
        self.planted: list[Planted] = []
        self.name = name
        self._turn = 0
        self._rng = random.Random(f"{name}/{seed}")

    def word(self, place: str) -> str:
        """A harmless word that must be found."""
        word = "".join(self._rng.choice(_SYLLABLES) for _ in range(8))
        self._plant(place, "word", word, secret=False)
        return word

    def value(self, place: str, kind: str) -> str:
        """A value of ``kind`` as it would stand in a text."""
        text, core = secret(kind, self._rng) if kind in SECRET_KINDS else self._personal(kind)
        self._plant(place, kind, core)
        return text

    def line(self, place: str, kinds: Sequence[str] = ("email", "github_pat")) -> str:
        """One line with a word and values of ``kinds``."""
        return ", ".join([self.word(place), *(self.value(place, kind) for kind in kinds)])

    def text(self, place: str, kinds: Sequence[str] = ()) -> str:
        """A text with a word and values on lines of their own: of ``kinds``, or of the next few in turn."""
        if not kinds:
            kinds = [KINDS[(self._turn + i) % len(KINDS)] for i in range(FEW)]
            self._turn += FEW
        return "\n".join([f"About {self.word(place)}:", *(f"see {self.value(place, k)}" for k in kinds)])

    def name_of(self, place: str, kind: str = "email") -> str:
        """A short name with a word and one value."""
        return f"{self.word(place)} {self.value(place, kind)}"

    def card_number(self, place: str) -> int:
        """A card's number as a number."""
        digits = self._card()
        self._plant(place, "card", digits)
        return int(digits)

    def bare(self, place: str, kind: str) -> str:
        """Random characters that only their place makes something to hide."""
        core = draw(self._rng, ALNUM, 28)
        self._plant(place, kind, core)
        return core

    def in_parts(self, place: str, parts: int) -> list[str]:
        """A value cut in pieces: the pieces may be found, the value not."""
        value = f"ghp_{draw(self._rng, ALNUM, 36)}"
        self._plant(place, "github_pat", value, whole=True)
        size = -(-len(value) // parts)
        return [value[i : i + size] for i in range(0, len(value), size)]

    def _plant(self, place: str, kind: str, value: str, *, secret: bool = True, whole: bool = False) -> None:
        self.planted.append(Planted(f"{self.name} {place}", kind, value, secret, whole))

    def _card(self) -> str:
        body = "4929" + "".join(str(self._rng.randrange(10)) for _ in range(11))
        double = [sum(divmod(2 * int(c), 10)) if i % 2 == 0 else int(c) for i, c in enumerate(body)]
        return body + str(-sum(double) % 10)

    def _personal(self, kind: str) -> tuple[str, str]:
        rng = self._rng
        digits = "".join(str(rng.randrange(10)) for _ in range(18))
        if kind == "email":
            local = f"{draw(rng, ALNUM, 14).lower()}"
            return f"{local}@harbour-books.org", local
        if kind == "phone":
            value = f"+49 151 {digits[:8]}"
        elif kind == "card":
            card = self._card()
            value = " ".join(card[i : i + 4] for i in range(0, 16, 4))
        elif kind == "iban":
            check = 98 - int(f"{digits}131400") % 97
            value = f"DE{check:02d}{digits}"
        elif kind == "us_ssn":
            value = f"{rng.randrange(100, 660)}-{rng.randrange(10, 99)}-{rng.randrange(1000, 9999)}"
        else:
            value = f"81.{rng.randrange(100, 250)}.{rng.randrange(100, 250)}.{rng.randrange(100, 250)}"
        return value, value
