"""Values with their units, as people write them: ``$0.045``, ``6.1 s``, ``220 characters``. Pure."""

from __future__ import annotations

from alerts.briefs import figures

CURRENCIES = {"USD": "$"}
WHOLE = frozenset({"characters", "tokens", "calls", "turns", "steps", "calls per hour"})
"""Units of what is counted: there is no tenth of one."""


def amount(value: float, unit: str, digits: int = 3) -> str:
    """A value with its unit."""
    if unit in CURRENCIES:
        sign = figures.MINUS if value < 0 else ""
        return f"{sign}{CURRENCIES[unit]}{figures.measure(abs(value), digits)}"
    number = figures.measure(round(value) if unit in WHOLE else value, digits)
    return f"{number}{figures.THIN}{unit}" if unit else number


def step(before: float, after: float, unit: str) -> str:
    """``220 → 132 characters``; values that differ are never written alike."""
    old, new = figures.distinct(before, after, lambda x, more: amount(x, unit, 3 + more))
    return f"about {new}" if old == new else f"{_bare(old, unit)} → {new}"


def _bare(text: str, unit: str) -> str:
    """Without a unit that stands behind the other value."""
    return text.removesuffix(f"{figures.THIN}{unit}") if unit and unit not in CURRENCIES else text
