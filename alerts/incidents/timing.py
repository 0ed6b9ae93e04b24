"""How long and how many: the numbers that decide grouping and the life cycle."""

from __future__ import annotations

from dataclasses import dataclass

from infra.clock import NS_PER_S
from infra.settings import Settings

CALMER, LONGEST_CALM_S = 24, 86_400.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Limits of the state machine and of grouping; times in seconds of the lineage's clock.

    ``hold_s``: how long a breach must last before it fires. ``keep_firing_s``: how long it must be over
    before the incident is resolved; each time it came back `CALMER` times as long, up to `LONGEST_CALM_S`:
    what flaps is one incident that goes on. ``reopen_s``: how long after that the same change reopens it.
    ``widen_ticks``: by how many ticks onset intervals are widened before they are compared.
    ``storm_findings`` within ``storm_s``: more than that at one place is one incident. Policy hits are over
    when there was none for ``quiet_s`` among at least ``quiet_interactions``: none among 300 says, with 95 %
    confidence, that fewer than one in a hundred is left (3 / n, the rule of three). ``remind_s``: how long,
    on the wall clock, a page may fire untaken before it is told once more; 0 for never. ``undo_s``: how long,
    on the wall clock, an act of a person can be undone; what it asks of detection waits so long.
    ``unfixed_s``: what is over and still measured so long afterwards was not.
    """

    tick_s: int = 300
    widen_ticks: int = 2
    hold_s: float = 0.0
    keep_firing_s: float = 600.0
    reopen_s: float = 3600.0
    storm_findings: int = 8
    storm_s: float = 60.0
    quiet_s: float = 3600.0
    quiet_interactions: int = 300
    remind_s: float = 1800.0
    undo_s: float = 300.0
    unfixed_s: float = 3600.0

    def __post_init__(self) -> None:
        if self.tick_s <= 0:
            raise ValueError(f"tick_s = {self.tick_s} must be positive")
        spans = (
            "hold_s",
            "keep_firing_s",
            "reopen_s",
            "storm_s",
            "quiet_s",
            "remind_s",
            "undo_s",
            "unfixed_s",
        )
        for name in (*spans, "widen_ticks"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} = {getattr(self, name)} must not be negative")

    @property
    def hold_ns(self) -> int:
        """``hold_s`` in ns."""
        return int(self.hold_s * NS_PER_S)

    def keep_firing_ns(self, reopened: int) -> int:
        """How long an incident that came back so often must be calm, ns."""
        calm_s = self.keep_firing_s * CALMER ** min(reopened, 9)
        return int(max(self.keep_firing_s, min(calm_s, LONGEST_CALM_S)) * NS_PER_S)

    @property
    def reopen_ns(self) -> int:
        """``reopen_s`` in ns."""
        return int(self.reopen_s * NS_PER_S)

    @property
    def slack_ns(self) -> int:
        """Widening of onset intervals, ns."""
        return self.widen_ticks * self.tick_s * NS_PER_S

    @property
    def storm_ns(self) -> int:
        """``storm_s`` in ns."""
        return int(self.storm_s * NS_PER_S)

    @property
    def quiet_ns(self) -> int:
        """``quiet_s`` in ns."""
        return int(self.quiet_s * NS_PER_S)

    @property
    def remind_ns(self) -> int:
        """``remind_s`` in ns."""
        return int(self.remind_s * NS_PER_S)

    @property
    def undo_ns(self) -> int:
        """``undo_s`` in ns."""
        return int(self.undo_s * NS_PER_S)

    @property
    def unfixed_ns(self) -> int:
        """``unfixed_s`` in ns."""
        return int(self.unfixed_s * NS_PER_S)

    @classmethod
    def of(cls, settings: Settings) -> Timing:
        """Limits with what the settings say."""
        return cls(
            tick_s=settings.detection.tick_s,
            reopen_s=settings.alerts.reopen_minutes * 60.0,
            remind_s=settings.alerts.remind_minutes * 60.0,
            undo_s=settings.alerts.undo_minutes * 60.0,
        )
