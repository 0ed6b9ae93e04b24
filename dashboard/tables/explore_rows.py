"""What the explore page shows: a score's level on both sides, its change, and the same by slice. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from dashboard import formats
from dashboard.estimates import levels, readings
from dashboard.estimates.levels import Effect, Level
from dashboard.measures import intervals
from dashboard.measures.measures import Measure
from dashboard.queries.series import Bucket, SliceCounts
from dashboard.safe_text import clean
from dashboard.tables import incident_picture
from dashboard.tables.incident_picture import MIN_OUTPUTS

ALL = "all"


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One value of a dimension: levels of both sides and the change; ``None`` where there were too few."""

    slice: str
    value: str
    n: int
    n_before: int
    level: Level | None
    before: Level | None
    effect: Effect | None

    @property
    def verdict(self) -> str:
        """What the interval of the change allows us to say."""
        if self.effect is None:
            return "few"
        if self.effect.low > 0:
            return "▲ above"
        return "▼ below" if self.effect.high < 0 else "no clear change"


def dimensions(slices: Sequence[str]) -> list[str]:
    """Dimensions that these slices divide by, in order of their first slice."""
    return list(dict.fromkeys(name.partition("=")[0] for name in slices if "=" in name and "," not in name))


def by_value(measure: Measure, slices: Sequence[SliceCounts], dimension: str) -> list[SliceRow]:
    """Values of a dimension, most outputs first; intervals of the changes hold together over them."""
    mine = [s for s in slices if s.slice.startswith(f"{dimension}=") and "," not in s.slice]
    enough = [s for s in mine if min(s.before.n, s.after.n) >= MIN_OUTPUTS]
    confidence = intervals.together(len(enough))
    rows = [row(measure, s, confidence if s in enough else None) for s in mine]
    return sorted(rows, key=lambda r: (-r.n, r.slice))


def row(measure: Measure, counts: SliceCounts, confidence: float | None) -> SliceRow:
    """One slice; without a ``confidence`` there were too few outputs to compare."""
    effect = None
    if confidence is not None:
        effect = levels.change(measure, counts.before, counts.after, confidence)
    return SliceRow(
        counts.slice,
        unquote(counts.slice.partition("=")[2]) or ALL,
        counts.after.n,
        counts.before.n,
        levels.level(measure, counts.after) if counts.after.n >= MIN_OUTPUTS else None,
        levels.level(measure, counts.before) if counts.before.n >= MIN_OUTPUTS else None,
        effect,
    )


def whole(measure: Measure, slices: Sequence[SliceCounts], name: str) -> SliceRow | None:
    """The slice that is looked at; ``None`` if it had no outputs in the period."""
    found = next((s for s in slices if s.slice == name), None)
    if found is None:
        return None
    enough = min(found.before.n, found.after.n) >= MIN_OUTPUTS
    return row(measure, found, intervals.CONFIDENCE if enough else None)


def level_text(measure: Measure, level: Level | None) -> str:
    """A level with its interval, or that there were too few."""
    return "few" if level is None else readings.level_words(measure, *level)


def effect_text(measure: Measure, effect: Effect | None) -> str:
    """A change with its interval."""
    if effect is None:
        return formats.NONE
    if measure.is_share:
        return formats.points(effect.value / 100, effect.low / 100, effect.high / 100)
    return formats.difference(effect.value, effect.low, effect.high, measure.score.unit)


def apart(
    measure: Measure, buckets: Sequence[Bucket], width_s: int, reference: Level | None
) -> set[datetime]:
    """Middles of the buckets whose interval, with those of all the others, excludes the reference's."""
    if reference is None:
        return set()
    joint = incident_picture.points(measure, buckets, width_s, intervals.together(len(buckets)))
    return {t.time for t in joint if t.low > reference.high or t.high < reference.low}


def exported(measure: Measure, rows: Sequence[SliceRow], reference: str) -> list[dict[str, object]]:
    """Rows of slices to take away; shares are 0..1, other levels in the unit of the score."""
    scale = 100 if measure.is_share else 1
    return [
        {
            "slice": r.slice,
            "measure": measure.title,
            "n": r.n,
            **_parts("", r.level, 1),
            "reference": reference,
            "reference_n": r.n_before,
            **_parts("reference_", r.before, 1),
            **_parts("change_", r.effect, scale),
            "verdict": r.verdict.lstrip("▲▼ "),
        }
        for r in rows
    ]


def _parts(prefix: str, found: Level | Effect | None, scale: float) -> dict[str, object]:
    names = ("value", "low", "high")
    return {f"{prefix}{n}": None if found is None else getattr(found, n) / scale for n in names}


def named(row_: SliceRow) -> str:
    """A value as a grid shows it."""
    return clean(row_.value, 64)
