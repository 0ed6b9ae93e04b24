"""How the values of a measure are written. Pure."""

from __future__ import annotations

from typing import NamedTuple

from dashboard import formats


class Scale(NamedTuple):
    """How values are written: ``share`` as percent, else a number with a ``unit`` in the title."""

    share: bool
    unit: str = ""

    @property
    def number(self) -> str:
        """Format of one value in a tooltip."""
        return ".2%" if self.share else ",.3~f"

    def words(self, value: float) -> str:
        """A value in a sentence."""
        return formats.share(value) if self.share else formats.measure(value, self.unit)
