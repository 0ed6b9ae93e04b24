"""From stored counts to what the incident's charts draw: windows, points, the baseline's band, bars. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from dashboard.charts.change import Change, Mark, Reference, Tick
from dashboard.charts.where import Bar, Bin
from dashboard.estimates import levels
from dashboard.measures import intervals
from dashboard.measures.intervals import Interval
from dashboard.measures.measures import Measure
from dashboard.queries.releases import Marked
from dashboard.queries.series import Bucket, Comparison, Half, SliceCounts, Window
from dashboard.safe_text import clean
from dashboard.tables.incident import Incident

STEPS_S = (300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
"""Widths of buckets; every one is a whole number of ticks of 1, 5 or 10 minutes."""
POINTS = 72
"""About so many buckets fill a chart."""
BEFORE = timedelta(hours=3)
BASELINE = timedelta(days=7)
MOST_MARKS = 4
"""Changes that are drawn into one picture."""
MIN_OUTPUTS = 20
"""A slice with fewer outputs on either side gets no bar."""
MAX_BARS = 8
MIN_FOR_SPREAD = 12
"""Buckets before the onset from which their own spread is judged."""


def window(incident: Incident, now: datetime, points: int = POINTS) -> Window:
    """From well before the onset to now (or to an hour after the end), in round buckets."""
    end = max(incident.onset + timedelta(minutes=10), min(now, _end(incident, now) + timedelta(hours=1)))
    after = end - incident.onset
    start = incident.onset - max(BEFORE, min(after, timedelta(days=3)))
    return in_buckets(start, end, points)


def overview_window(incident: Incident, now: datetime, points: int) -> Window:
    """The last three hours, or from an hour before an older onset."""
    return in_buckets(min(now - BEFORE, incident.onset - timedelta(hours=1)), now, points)


def _end(incident: Incident, now: datetime) -> datetime:
    resolved = incident.stored.resolved
    return now if incident.is_open or resolved is None else resolved


def in_buckets(start: datetime, end: datetime, points: int) -> Window:
    """A stretch of time in at most about ``points`` round buckets; its oldest part is left out if it must."""
    span = (end - start).total_seconds()
    step = next((s for s in STEPS_S if span / s <= points), STEPS_S[-1])
    start = max(start, end - timedelta(seconds=step * (3 * points)))  # a year-old incident keeps its bound
    first, last = int(start.timestamp()) // step * step, math.ceil(end.timestamp() / step) * step
    return Window(first, last, step)


def comparison(incident: Incident, now: datetime) -> Comparison:
    """The week before the onset's interval against what came from the onset on."""
    end = _end(incident, now)
    before = int(incident.onset_low.timestamp())
    after = int(incident.onset.timestamp())
    return Comparison(
        before - int(BASELINE.total_seconds()), before, after, max(after + 60, int(end.timestamp()) + 60)
    )


def points(
    measure: Measure, buckets: Sequence[Bucket], width_s: int, confidence: float = intervals.CONFIDENCE
) -> list[Tick]:
    """Buckets as points in their middle; a bucket without outputs is no point."""
    out = []
    for bucket in buckets:
        half = Half(bucket.n, bucket.total, bucket.cells, bucket.names)
        found = levels.level(measure, half, confidence)
        if found is not None:
            out.append(Tick(bucket.at + timedelta(seconds=width_s / 2), *found, bucket.n))
    return out


def reference(measure: Measure, ticks: Sequence[Tick], onset: datetime, baseline: float | None) -> Reference:
    """The baseline, and where 95 % of buckets of this size fall if nothing changed.

    Shares: the binomial interval at the usual number of outputs, widened by how much more the buckets
    before the onset vary than coin tosses do. Numbers: the spread of those buckets.
    """
    before = [t for t in ticks if t.time < onset]
    level = baseline
    if level is None:
        level = median(t.value for t in before) if before else (ticks[0].value if ticks else 0.0)
    if not measure.is_share:
        spread = _spread([t.value for t in before], level)
        return Reference(level, Interval(max(0.0, level - 1.96 * spread), level + 1.96 * spread))
    n = median(t.n for t in ticks) if ticks else 1
    band = intervals.predicted(level, n)
    wider = math.sqrt(_overdispersion(before, level))
    return Reference(
        level,
        Interval(max(0.0, level - (level - band.low) * wider), min(1.0, level + (band.high - level) * wider)),
    )


def complete(buckets: Sequence[Bucket], window: Window, incident: Incident, now: datetime) -> list[Bucket]:
    """Buckets that are over; a running one, or the one in which silence began, would look like a fall."""
    last = min(now, incident.onset) if incident.is_silent and incident.is_open else now
    return [b for b in buckets if b.at + timedelta(seconds=window.bucket_s) <= last]


def volumes(buckets: Sequence[Bucket], width_s: int) -> list[Tick]:
    """Outputs per bucket as points; a count has no interval of its own."""
    return [
        Tick(b.at + timedelta(seconds=width_s / 2), float(b.n), float(b.n), float(b.n), b.n) for b in buckets
    ]


def volume_reference(ticks: Sequence[Tick], onset: datetime) -> Reference:
    """Usual outputs per bucket: their mean and spread before the onset."""
    values = [t.value for t in ticks if t.time < onset] or [t.value for t in ticks] or [0.0]
    level = sum(values) / len(values)
    spread = max(_spread(values, level), math.sqrt(level))
    return Reference(level, Interval(max(0.0, level - 1.96 * spread), level + 1.96 * spread))


def _overdispersion(before: Sequence[Tick], level: float) -> float:
    if len(before) < MIN_FOR_SPREAD or not 0 < level < 1:
        return 1.0
    squares = [(t.value - level) ** 2 / (level * (1 - level) / t.n) for t in before]
    return min(9.0, max(1.0, sum(squares) / len(squares)))


def _spread(values: Sequence[float], level: float) -> float:
    if len(values) < 3:
        return abs(level) / 4
    return math.sqrt(sum((v - level) ** 2 for v in values) / (len(values) - 1))


def change(incident: Incident) -> Change:
    """When the incident says it began."""
    return Change(incident.onset, incident.onset_low, incident.onset_high, incident.stored.fired)


def marks(incident: Incident) -> list[Mark]:
    """Suspects with a time, as rules on the time axis."""
    return [
        Mark(s.since, clean(f"{s.kind.replace('_', ' ')} {s.value}", 24))
        for s in incident.suspects[:MOST_MARKS]
        if s.since is not None
    ]


def recorded(found: Sequence[Marked]) -> list[Mark]:
    """Recorded changes, as rules on the time axis."""
    return [Mark(m.since, clean(f"{m.kind.replace('_', ' ')} {m.value}", 24)) for m in found[:MOST_MARKS]]


@dataclass(frozen=True, slots=True)
class Where:
    """Bars of the slices that changed or were checked; ``others`` are those without room for a bar."""

    bars: tuple[Bar, ...]
    unit: str
    unclear: tuple[str, ...]
    too_few: int


def where(measure: Measure, slices: Sequence[SliceCounts], shares: Mapping[str, float | None]) -> Where:
    """Effect of every slice with enough outputs; the intervals hold together over all of them."""
    rows = [item for item in slices if item.slice != "all"]
    whole = next((item for item in slices if item.slice == "all"), None)
    enough = [r for r in rows if min(r.before.n, r.after.n) >= MIN_OUTPUTS]
    confidence = intervals.together(len(enough))
    bars: list[Bar] = []
    unit = levels.POINTS
    for item in enough:
        effect = levels.change(measure, item.before, item.after, confidence)
        if effect is None:
            continue
        unit = effect.unit
        share = shares.get(item.slice)
        if share is None and whole is not None:
            share = _share(measure, item, whole)
        bars.append(Bar(readable(item.slice), effect.value, effect.low, effect.high, share))
    bars.sort(key=lambda bar: (not bar.clear, -abs(bar.effect)))
    unclear = tuple(bar.name for bar in bars if not bar.clear)
    return Where(tuple(bars[:MAX_BARS]), unit, unclear, len(rows) - len(enough))


def _share(measure: Measure, part: SliceCounts, whole: SliceCounts) -> float | None:
    """Part of the whole excess that stands in this slice; only shares of outputs add up."""
    if not measure.is_share:
        return None

    def excess(item: SliceCounts) -> float:
        before = levels.hits(measure, item.before) / item.before.n
        return levels.hits(measure, item.after) - before * item.after.n

    total = excess(whole) if whole.before.n else 0.0
    if total == 0:
        return None
    return min(1.0, max(0.0, excess(part) / total))


def bins(measure: Measure, before: Half, after: Half) -> list[Bin]:
    """Both distributions on common cells, the grid's own cells joined until a shape can be seen.

    Few outputs get few cells: a comb of single outputs is no distribution.
    """
    grid = measure.score.grid
    counted = [cell for half in (before, after) for cell, _ in half.cells]
    positive = [cell for cell in counted if cell > 0]
    if grid is None or not positive or before.n <= 0 or after.n <= 0:
        return []
    first, last = min(positive), max(positive)
    wanted = min(36, max(8, round(1.5 * math.sqrt(min(before.n, after.n)))))
    width = max(1, math.ceil((last - first + 1) / wanted))
    out = []
    for start in range(first, last + 1, width):
        cells = range(start, start + width)
        middle = grid.value(start + width // 2)
        out.append(
            Bin(
                middle,
                sum(n for cell, n in before.cells if cell in cells) / before.n,
                sum(n for cell, n in after.cells if cell in cells) / after.n,
            )
        )
    return out


def category_bars(before: Half, after: Half) -> Where:
    """Change of every name's share, for scores that are categories."""
    names = {name for name, _ in (*before.names, *after.names)}
    old, new = dict(before.names), dict(after.names)
    if not names or before.n <= 0 or after.n <= 0:
        return Where((), levels.POINTS, (), 0)
    confidence = intervals.together(len(names))
    bars = []
    for name in names:
        h0, h1 = old.get(name, 0), new.get(name, 0)
        low, high = intervals.difference(h0, before.n, h1, after.n, confidence)
        gap = h1 / after.n - h0 / before.n
        bars.append(Bar(clean(name, 24), 100 * gap, 100 * low, 100 * high, None))
    bars.sort(key=lambda bar: (not bar.clear, -abs(bar.effect), bar.name))
    return Where(tuple(bars[:MAX_BARS]), levels.POINTS, tuple(b.name for b in bars if not b.clear), 0)


def readable(slice_: str) -> str:
    """``language=es`` -> ``language = es``, decoded and safe to draw."""
    pairs = []
    for pair in slice_.split(","):
        dimension, mark, value = pair.partition("=")
        for code, character in (("%2C", ","), ("%3D", "="), ("%25", "%")):
            value = value.replace(code, character)
        pairs.append(f"{dimension.replace('_', ' ')} = {value}" if mark else dimension)
    return clean(", ".join(pairs), 40)


def at(seconds: int) -> datetime:
    """A time from seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
