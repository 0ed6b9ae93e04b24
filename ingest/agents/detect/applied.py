"""Which observations of a source partition a shard has applied, so that a repeated one is known."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Applied:
    """Which observations of a source partition have been applied.

    Every one below ``below`` has (a mark said so), and those in ``above``: (offset, key, unit).
    """

    below: int = 0
    above: set[tuple[int, str, str]] = field(default_factory=set)

    def mark(self, next_offset: int) -> None:
        """Everything below ``next_offset`` stands in the log before this."""
        if next_offset > self.below:
            self.below = next_offset
            self.above = {p for p in self.above if p[0] >= next_offset}
