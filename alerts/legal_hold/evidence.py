"""What an incident rests on, table by table: which rows are copied while a person holds it. Pure.

An incident is held so that it can be looked into, and what it rests on must not expire meanwhile. Rows are
copied as JSON into ``held_rows``, which has no TTL. A row that was copied is never copied again, only a newer
version of it: what has lost its text since does not replace what still had it. Of each table at most so many
rows are kept, those that matter most first, and `Bound` says when there were more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alerts.briefs.examples import BEFORE_S
from alerts.incidents import multi_service
from alerts.incidents.identity import onset_interval
from alerts.incidents.incident import Incident
from detectors.schema import slice_condition
from detectors.scorers import SPECS
from infra.clock import NS_PER_S

MAX_BYTES = 256 * 1024 * 1024
"""Bytes of all rows of one incident, as JSON."""
MAX_INTERACTIONS = 5_000
MAX_AROUND = 20_000
"""Spans, judgements, ticks and messages of a log beside them."""
DAY_S = 86_400

_OWNED = "tenant = {tenant:String} AND lineage = {lineage:String} AND service IN {services:Array(String)}"
_HERE = f"{_OWNED} AND environment = {{environment:String}}"
_FOUND = "tenant = {tenant:String} AND finding_id IN {findings:Array(String)}"
_TIMES = "start >= fromUnixTimestamp64Nano({low:Int64}) AND start < fromUnixTimestamp64Nano({high:Int64})"
_SOUGHT = "(start, trace_id, span_id)"
_MINE = "tenant = {tenant:String} AND incident_id = {incident:String}"
_TRACES = f"""trace_id IN (
    SELECT JSONExtractString(body, 'trace_id') FROM held_rows WHERE {_MINE} AND source = 'interactions'
)"""  # noqa: S608 - of constants
_JUDGED = f"tenant = {{tenant:String}} AND lineage = {{lineage:String}} AND judged_{_TRACES}"
_POSITION = "concat_ws(' ', source_topic, source_partition, source_offset, ordinal)"
_SNAPSHOTS = f"""(room, shard, next_offset) IN (
    SELECT room, partition, assumeNotNull(snapshot_offset) FROM evidence FINAL
    WHERE {_FOUND} AND snapshot_offset IS NOT NULL
)"""  # noqa: S608 - of constants

RANGES = f"""
SELECT partition, min(ifNull(snapshot_offset, 0)), max(version)
FROM evidence FINAL
WHERE {_FOUND} AND room = {{room:String}}
GROUP BY partition
ORDER BY partition
"""  # noqa: S608 - of constants
"""Which messages of a log the findings rest on: from the snapshot before the first statement to the last."""

LOGS = {"observations": "detect", "closed_ticks": "fleet"}
"""The logs that findings rest on, and the room that applied each."""


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of a table that belong to an incident.

    ``key`` tells a row from others, ``version`` a row that was written again; both are expressions, like
    ``first``, which is greater for what is kept first where there are more than ``most``. ``sought`` are the
    columns by which rows are found quickly (by default ``key``). ``blob`` is a column of bytes. ``given`` are
    parameters beside those of `given_of`.
    """

    table: str
    where: str
    key: str
    version: str = "0"
    most: int = MAX_AROUND
    first: str = "0"
    sought: str = ""
    blob: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bound:
    """How many rows of a table belong to an incident, and how many of them are held, with their bytes."""

    source: str
    there: int
    kept: int
    size: int

    @property
    def cut(self) -> bool:
        """Whether the bound on size kept some out."""
        return self.there > self.kept

    def text(self) -> str:
        """In words."""
        rows = f"{self.kept:,} of {self.there:,} rows: the bound kept out the rest" if self.cut else ""
        return f"{self.source}: {rows or f'{self.kept:,} rows'}, {self.size / 1e6:.1f} MB"


def window_ns(incident: Incident) -> tuple[int, int]:
    """From a minute before the earliest onset to the end, or to what was last seen."""
    lows = [onset_interval(f).low_ns for f in incident.findings]
    lows += [incident.hits.first_ns] if incident.hits.count else []
    high = max(incident.end_ns or incident.clock_ns, incident.hits.last_ns, incident.opened_ns)
    return min(lows) - 60 * NS_PER_S, high + 60 * NS_PER_S


def given_of(incident: Incident) -> dict[str, Any]:
    """Parameters that every statement about an incident may name."""
    place, (low, high) = incident.place, window_ns(incident)
    series = dict.fromkeys((f.unit, f.score, f.slice) for f in incident.findings)
    return {
        "tenant": place.tenant,
        "lineage": place.lineage,
        "environment": place.environment or "",
        "services": list(multi_service.services_of(incident)),
        "incident": incident.incident_id,
        "findings": [*(f.finding_id for f in incident.findings), *incident.seen],
        "low": low,
        "high": high,
        "before": incident.onset.low_ns - BEFORE_S * NS_PER_S,
        "onset": incident.onset.low_ns,
        "cells_low": low // NS_PER_S - DAY_S,
        "cells_high": high // NS_PER_S,
        "series": ["\n".join(one) for one in series],
        "baselines": [f"{f.series}\n{f.baseline_version}" for f in incident.findings if f.baseline_version],
    }


def sources_of(incident: Incident, ranges: Mapping[str, Iterable[Sequence[int]]]) -> list[Source]:
    """What is to be copied, in order of weight; ``ranges`` are the answers to `RANGES` by table of `LOGS`."""
    return [
        Source("incidents", _MINE, "incident_id", "revision"),
        Source("incident_transitions", _MINE, "toString(seq)"),
        Source("findings", _FOUND, "finding_id", "version"),
        Source("evidence", _FOUND, "concat(finding_id, ' ', toString(version))"),
        Source(
            "baselines",
            f"{_OWNED} AND concat(series_id, '\\n', version) IN {{baselines:Array(String)}}",
            "concat(service, ' ', environment, ' ', series_id, ' ', version, ' ', channel)",
        ),
        *_interactions(incident),
        Source("judgements", _JUDGED, _POSITION, "revision"),
        Source("kept_snapshots", _SNAPSHOTS, "concat_ws(' ', room, shard, next_offset)", blob="blob"),
        Source("context_spans", f"{_OWNED} AND {_TRACES}", "concat(trace_id, ':', span_id)"),
        Source("traces", f"{_OWNED} AND {_TRACES}", "trace_id"),
        Source(
            "cells",
            f"{_HERE} AND concat(unit, '\\n', score, '\\n', slice) IN {{series:Array(String)}} "
            "AND tick >= toDateTime({cells_low:Int64}) AND tick < toDateTime({cells_high:Int64})",
            "concat_ws(' ', service, unit, score, generation, slice, toUnixTimestamp(tick), part)",
            "applied_offset",
        ),
        Source("notifications", _MINE, "concat_ws(' ', receiver, dedup_key, attempt, outcome)"),
        *(s for table, found in ranges.items() if (s := _log(table, found)) is not None),
    ]


def _interactions(incident: Incident) -> list[Source]:
    """Those of its slice in its window, and whatever was a hit there; some from before, to compare with."""
    hits, named = _hits(incident)
    slice_, values = slice_condition(incident.slice)
    key = "concat(trace_id, ':', span_id)"
    most = MAX_INTERACTIONS
    during = f"{_HERE} AND {_TIMES} AND NOT synthetic AND (({slice_}) OR ({hits}))"
    before = (
        f"{_HERE} AND start >= fromUnixTimestamp64Nano({{before:Int64}}) "
        f"AND start < fromUnixTimestamp64Nano({{onset:Int64}}) AND NOT synthetic AND ({slice_})"
    )
    newest = f"{_SOUGHT} IN (SELECT {_SOUGHT} FROM interactions WHERE {before} ORDER BY start DESC LIMIT 50)"  # noqa: S608
    given = {**values, **named}
    return [
        Source("interactions", during, key, "revision", most, f"toUInt8({hits})", _SOUGHT, given=given),
        Source(
            "interactions", f"{before} AND {newest}", key, "revision", most + 50, sought=_SOUGHT, given=given
        ),
    ]


def _hits(incident: Incident) -> tuple[str, dict[str, str]]:
    """Whether an interaction is a hit of one of its scores, as an expression and its parameters."""
    scores = dict.fromkeys(f.score for f in incident.findings)
    asked = [s for s in scores if (spec := SPECS.get(s)) is not None and spec.kind in ("flag", "bounded")]
    typed = {"secrets", "pii", "refusal", "error", "truncated", "degenerate"}
    parts = [
        f"ifNull(score_{s}, 0) >= 0.5" if s in typed else f"other_scores[{{hit{k}:String}}] >= 0.5"
        for k, s in enumerate(asked)
    ]
    return " OR ".join(parts) or "false", {f"hit{k}": s for k, s in enumerate(asked) if s not in typed}


def _log(table: str, ranges: Iterable[Sequence[int]]) -> Source | None:
    parts: list[str] = []
    given: dict[str, int] = {}
    for k, (partition, low, high) in enumerate(ranges):
        parts.append(f"(partition = {{p{k}:UInt16}} AND offset BETWEEN {{a{k}:UInt64}} AND {{b{k}:UInt64}})")
        given |= {f"p{k}": partition, f"a{k}": low, f"b{k}": high}
    if not parts:
        return None
    key = "concat_ws(' ', partition, offset)"
    return Source(table, " OR ".join(parts), key, first="offset", blob="blob", given=given)
