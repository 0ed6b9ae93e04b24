"""An invented fleet, written into the real tables: five services, three incidents, twelve weeks.

Every name, text and number is made up here; the generator is seeded, so pictures can be compared. Cells are
daily for the oldest weeks, hourly for the last nine days and five-minute for the last, as sums are exact
at any width.
"""

from __future__ import annotations

import functools
import math
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from detectors.grid import LogGrid
from detectors.scorers import SPECS
from ingest.agents.detect.days import Days
from tests.dashboard import world_incidents, world_texts

NOW = datetime(2026, 3, 17, 3, 12, 40, tzinfo=UTC)
"""The moment the pictures are taken at, unless a test asks for another."""
TENANT = "default"
LANGUAGES = {"en": 0.46, "de": 0.30, "fr": 0.11, "es": 0.07, "pt": 0.04, "ja": 0.02}
MODELS = {"aurora-2": 0.6, "aurora-1": 0.4}
RATES = {
    "refusal": 0.021,
    "error": 0.006,
    "secrets": 0.0003,
    "pii": 0.0014,
    "truncated": 0.011,
    "tool_loop": 0.004,
    "degenerate": 0.012,
}


@dataclass(frozen=True)
class Made:
    """One invented service."""

    service: str
    environment: str
    per_hour: float
    began: timedelta = timedelta(weeks=12)
    stopped: timedelta = timedelta(0)


FLEET = (
    Made("support-bot", "production", 2076),
    Made("claims-triage", "production", 1310),
    Made("code-helper", "production", 5420),
    Made("newsletter-writer", "staging", 220, began=timedelta(hours=31)),
    Made("invoice-reader", "production", 410, stopped=timedelta(minutes=85)),
)


CELL_COLUMNS = (
    "tenant",
    "lineage",
    "service",
    "environment",
    "unit",
    "score",
    "generation",
    "slice",
    "tick",
    "n",
    "total",
    "cell",
    "count",
    "category",
    "applied_offset",
)


@dataclass
class Cells:
    """Rows of cells of one tenant and lineage."""

    tenant: str
    lineage: str
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add(
        self,
        made: Made,
        score: str,
        slice_: str,
        at: datetime,
        n: int,
        total: float,
        *,
        cells: tuple[list[int], list[int]] | None = None,
        names: list[str] | None = None,
    ) -> None:
        """One cell of one tick; flags need no ``cells``, categories name theirs."""
        if n == 0:
            return
        if cells is None:
            hits = int(total)
            pairs = [(c, k) for c, k in ((0, n - hits), (1, hits)) if k]
            cells = ([c for c, _ in pairs], [k for _, k in pairs])
        place = (self.tenant, self.lineage, made.service, made.environment)
        self.rows.append((*place, unit_of(score), score, 1, slice_, at, n, total, *cells, names or [], 1))

    def insert(self, client: Client) -> None:
        """Write them."""
        client.insert("cells", self.rows, column_names=list(CELL_COLUMNS))
        Days(client).run()


def fill(client: Client, now: datetime = NOW, lineage: str = "live", tenant: str = TENANT) -> dict[str, str]:
    """Write the whole fleet for one tenant and lineage; the ids of its incidents by name."""
    Cells(tenant, lineage, [(tenant, lineage, *row) for row in _drawn(now)]).insert(client)
    _series(client, now, tenant, lineage)
    newest = {(m.service, m.environment): now - m.stopped - timedelta(seconds=4) for m in FLEET}
    world_texts.fill(client, now, tenant, lineage, newest)
    _pipeline(client, now, tenant, lineage)
    return world_incidents.fill(client, now, tenant, lineage)


@functools.cache
def _drawn(now: datetime) -> tuple[tuple[Any, ...], ...]:
    """Cells of the fleet without tenant and lineage; drawn once, as many tests fill tables with them."""
    rng = np.random.default_rng(20260317)
    cells = Cells("", "")
    for made in FLEET:
        _cells(cells, made, now, rng)
    return tuple(row[2:] for row in cells.rows)


def _ticks(made: Made, now: datetime) -> list[tuple[datetime, float]]:
    """(start, hours) of every tick of a service, oldest first."""
    out: list[tuple[datetime, float]] = []
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = now - made.began, now - made.stopped
    fine, hourly = midnight - timedelta(days=1), midnight - timedelta(days=9)
    at = (midnight - timedelta(weeks=12)).replace(hour=0)
    while at < end:
        hours = 24.0 if at < hourly else 1.0 if at < fine else 1 / 12
        if at >= start:
            out.append((at, hours))
        at += timedelta(hours=hours)
    return out


def _swing(at: datetime, hours: float) -> float:
    """Traffic by time of day; a whole day has 1."""
    return 1.0 if hours == 24.0 else 1 + 0.35 * np.sin((at.hour + at.minute / 60 - 9) / 24 * 2 * np.pi)


def _cells(cells: Cells, made: Made, now: datetime, rng: np.random.Generator) -> None:
    for at, hours in _ticks(made, now):
        n = int(rng.poisson(max(0.0, made.per_hour * hours * _swing(at, hours))))
        if n == 0:
            continue
        ago = now - at
        slices = {"all": 1.0}
        slices |= {f"language={name}": share for name, share in LANGUAGES.items()}
        if made.service in {"support-bot", "claims-triage"}:
            slices |= {f"response_model={name}": share for name, share in MODELS.items()}
            late = ago <= timedelta(minutes=69)
            slices |= {"prompt_version=v18": 0.62} if late else {"prompt_version=v17": 1.0}
        for score, rate in RATES.items():
            for name, share in slices.items() if score == "refusal" else [("all", 1.0)]:
                size = n if name == "all" else round(n * share)
                total = float(rng.binomial(size, _rate(made, score, name, rate, ago)))
                cells.add(made, score, name, at, size, total)
        _numbers(cells, made, at, n, ago, rng)
        _names(cells, made, at, n, rng)


def unit_of(score: str) -> str:
    return "trace" if score == "tool_loop" else "interaction"


def _rate(made: Made, score: str, slice_: str, rate: float, ago: timedelta) -> float:
    if made.service == "support-bot" and score == "refusal" and ago <= timedelta(minutes=67):
        return {
            "all": 0.064,
            "language=de": 0.165,
            "prompt_version=v18": 0.088,
            "response_model=aurora-2": 0.068,
            "response_model=aurora-1": 0.058,
        }.get(slice_, 0.0225)
    if made.service == "code-helper" and score == "truncated" and ago <= timedelta(weeks=3):
        return rate * 1.6
    if score == "pii" and timedelta(weeks=4) <= ago <= timedelta(weeks=6):
        return rate * 2.4
    if score == "refusal" and slice_ in {"language=ja", "language=fr"}:
        return rate * 1.3
    return rate


def cell_of(score: str, value: float) -> int:
    """Cell of a value on the grid of its score."""
    grid = SPECS[score].grid
    assert grid is not None
    return grid.cell(value)


def _cells_of(score: str, drawn: NDArray[np.float64]) -> NDArray[np.int64]:
    """`cell_of` of many values at once, where all of them lie inside the grid."""
    grid = SPECS[score].grid
    assert isinstance(grid, LogGrid)
    assert grid.low <= drawn.min() <= drawn.max() < grid.high
    return np.rint(np.log(drawn / grid.low) / math.log(grid.ratio)).astype(np.int64) + 1


def _numbers(
    cells: Cells, made: Made, at: datetime, n: int, ago: timedelta, rng: np.random.Generator
) -> None:
    """Lengths, latency and repetition; a sample stands for all outputs of a tick."""
    slow = made.service == "claims-triage" and ago <= timedelta(hours=2.6)
    numbers = [("output_length", "all", 780.0, 0.6), ("prompt_length", "all", 240.0, 0.8)]
    latencies = {"all": 2.65, **dict.fromkeys(MODELS, 2.1), "aurora-2": 2.98} if slow else {"all": 2.1}
    if made.service == "claims-triage":
        latencies = {**dict.fromkeys(MODELS, 2.1), **latencies}
    for name, middle in latencies.items():
        slice_ = name if name == "all" else f"response_model={name}"
        numbers.append(("latency_s", slice_, middle, 0.45))
    for score, slice_, middle, spread in numbers:
        drawn = rng.lognormal(np.log(middle), spread, min(n, 120))
        found, counts = np.unique(_cells_of(score, drawn), return_counts=True)
        pair = ([int(c) for c in found], [int(c) for c in counts])
        cells.add(made, score, slice_, at, len(drawn), float(drawn.sum()), cells=pair)
    loops = int(rng.binomial(n, 0.012))
    low, high = cell_of("repetition", 0.04), cell_of("repetition", 0.9)
    pair = ([low, high], [n - loops, loops]) if loops else ([low], [n])
    cells.add(made, "repetition", "all", at, n, 0.04 * (n - loops) + 0.9 * loops, cells=pair)


def _names(cells: Cells, made: Made, at: datetime, n: int, rng: np.random.Generator) -> None:
    counts = rng.multinomial(n, list(LANGUAGES.values()))
    pairs = [(name, int(c)) for name, c in zip(LANGUAGES, counts, strict=True) if c]
    names = [name for name, _ in pairs]
    cells.add(made, "language", "all", at, n, 0.0, cells=([], [c for _, c in pairs]), names=names)


SERIES_COLUMNS = (
    "tenant",
    "lineage",
    "service",
    "environment",
    "unit",
    "score",
    "generation",
    "slice",
    "series_id",
    "kind",
    "state",
    "first_seen",
    "last_seen",
    "watching_since",
    "ready_at",
    "baseline_version",
    "baseline_value",
    "baseline_low",
    "baseline_high",
    "current_value",
    "current_low",
    "current_high",
    "n_baseline",
    "n_current",
    "evidence",
    "threshold",
    "detectable_1h",
    "detectable_1d",
    "detectable_7d",
    "applied_offset",
)


def _series(client: Client, now: datetime, tenant: str, lineage: str) -> None:
    rows: list[tuple[Any, ...]] = []
    kinds = dict.fromkeys(RATES, "flag") | {
        "output_length": "positive",
        "latency_s": "positive",
        "language": "category",
    }
    for made in FLEET:
        learning = made.began < timedelta(days=14)
        for score, kind in kinds.items():
            slices = ["all", *(f"language={name}" for name in LANGUAGES)] if score == "refusal" else ["all"]
            level = RATES.get(score, {"output_length": 780.0, "latency_s": 2.1}.get(score))
            for name in slices:
                base = (
                    None if learning or level is None else level * (1.3 if name[-2:] in {"ja", "fr"} else 1)
                )
                noticed = None if level is None else level * np.array([1.6, 0.35, 0.12])
                last = now - made.stopped - timedelta(seconds=4)
                rows.append(
                    (
                        tenant,
                        lineage,
                        made.service,
                        made.environment,
                        unit_of(score),
                        score,
                        1,
                        name,
                        f"{len(rows):016x}",
                        kind,
                        "learning" if learning else "watching",
                        now - made.began,
                        last,
                        None if learning else now - made.began + timedelta(days=14),
                        now + timedelta(days=14) - made.began if learning else None,
                        None if learning else "v12",
                        base,
                        None if base is None else base * 0.96,
                        None if base is None else base * 1.04,
                        level,
                        None if level is None else level * 0.9,
                        None if level is None else level * 1.1,
                        0 if learning else 348_768,
                        int(made.per_hour * 24) if not learning else 5_400,
                        0.4,
                        12.2,
                        *((None,) * 3 if learning or noticed is None else (float(v) for v in noticed)),
                        1,
                    )
                )
    client.insert("series", rows, column_names=list(SERIES_COLUMNS))


def _pipeline(client: Client, now: datetime, tenant: str, lineage: str) -> None:
    wall = datetime.now(UTC)
    client.insert(
        "progress",
        [
            ("score", "otlp_spans", 0, 5_001, now - timedelta(seconds=2), wall - timedelta(seconds=2)),
            ("detect", "observations", 0, 4_880, now - timedelta(seconds=4), wall - timedelta(seconds=3)),
        ],
        column_names=["room", "topic", "partition", "next_offset", "event_time", "written_at"],
    )
    place = zlib.crc32(f"{tenant}/{lineage}".encode()) % 60_000  # a message belongs to one of each
    client.insert(
        "ledger",
        [
            (
                "otlp_spans",
                place,
                offset,
                tenant,
                lineage,
                40,
                40,
                39,
                1,
                0,
                0,
                {},
                wall - timedelta(minutes=1),
            )
            for offset in range(4_990, 5_001)
        ],
        column_names=[
            "topic",
            "partition",
            "offset",
            "tenant",
            "lineage",
            "declared",
            "received",
            "stored",
            "duplicate",
            "rejected",
            "dead_lettered",
            "reasons",
            "received_at",
        ],
    )
