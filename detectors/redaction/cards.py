"""Payment card numbers: issuer prefix and length (ISO/IEC 7812), Luhn, and the usual grouping."""

from __future__ import annotations

from detectors.redaction.hits import RANK_CHECKED, Hit
from detectors.redaction.number import Number

CARD_SHAPES = frozenset(
    {
        (4, 4, 4, 4),
        (4, 6, 5),
        (4, 6, 4),
        (4, 4, 4, 4, 3),
        (4, 4, 4, 4, 2),
        (6, 13),
        (4, 4, 4, 3),
        (4, 4, 4, 1),
    }
)
_WORDS = (
    "card",
    "visa",
    "master",
    "amex",
    "carte",
    "karte",
    "tarjeta",
    "cartão",
    "carta",
    "kaart",
    "карт",
    "卡",
    "カード",
    "카드",
    "kart",
)
_DOUBLE = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn(digits: str) -> bool:
    """Whether ``digits`` pass the Luhn check."""
    total = 0
    for index, character in enumerate(reversed(digits)):
        digit = int(character)
        total += _DOUBLE[digit] if index % 2 else digit
    return total % 10 == 0


def issuer_length(digits: str) -> bool:
    """Whether an issuer gives cards with this prefix this length."""
    n = len(digits)
    two, three, four = int(digits[:2]), int(digits[:3]), int(digits[:4])
    if two in (34, 37):
        return n == 15
    if digits[0] == "4":
        return n in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return n == 16
    if two in (36, 38, 39) or 300 <= three <= 305:
        return n in (14, 16)
    if four in (2131, 1800):
        return n == 15
    if two == 35:
        return n in (15, 16)
    if four == 6011 or 644 <= three <= 649 or two in (62, 65, 81):
        return 16 <= n <= 19
    if four in (5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763, 6390):
        return 12 <= n <= 19
    if two in (50, 56, 57, 58, 60, 63, 67) or 2200 <= four <= 2204 or four == 9792:
        return 16 <= n <= 19
    return False


def card(item: Number) -> Hit | None:
    """The card number that ``item`` is."""
    digits = item.digits
    if not 12 <= len(digits) <= 19 or item.plus or digits[0] == "0":
        return None
    if not item.plain and (
        item.shape not in CARD_SHAPES or len(set(item.gaps)) > 1 or item.gaps[0] not in (" ", "-", ".")
    ):
        return None
    if len(set(digits)) < 2 or not issuer_length(digits) or not luhn(digits):
        return None
    if (
        len(digits) < 14
        and item.plain
        and digits[0] != "4"
        and not any(word in item.before for word in _WORDS)
    ):
        return Hit(item.start, item.end, "card", digits, RANK_CHECKED, loose=True)
    return Hit(item.start, item.end, "card", digits, RANK_CHECKED)
