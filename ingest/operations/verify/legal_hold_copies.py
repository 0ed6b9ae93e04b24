"""Rows that held incidents keep, read where the tables have lost them.

Whoever holds an incident has every row that it rests on copied into ``held_rows``, as JSON and without a TTL.
A copy is believed no more than the row was: digests and the chain are of what was written at first.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from detectors.observation import SourcePosition
from infra.clock import to_ns
from ingest.repository.interaction import position_text
from ingest.repository.tables import INTERACTIONS, Row

Query = Callable[[str, Mapping[str, Any]], Sequence[Sequence[Any]]]

_ROWS = """
SELECT body FROM held_rows FINAL
WHERE (tenant, incident_id) IN (SELECT tenant, incident_id FROM holds)
    AND source = {{source:String}} AND ({where})
ORDER BY key, version DESC
LIMIT 1 BY key
"""
"""Every row once, in its newest version; two incidents may hold the same."""
_WHOLE = "toUInt64OrZero(trim(BOTH '\"' FROM JSONExtractRaw(body, '{}')))"
"""A column of whole numbers, which may be written in quotes."""


class LegalHoldCopies:
    """Copies by what is sought; `used` counts what was taken of each table."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._any: bool | None = None
        self._used: set[tuple[str, str]] = set()

    def there(self) -> bool:
        """Whether any incident is held."""
        if self._any is None:
            self._any = bool(self._query("SELECT 1 FROM holds LIMIT 1", {}))
        return self._any

    def take(self, table: str, *keys: object) -> None:
        """Note rows that are used instead of those of a table, by what tells them apart."""
        self._used.update((table, str(key)) for key in keys)

    def used(self) -> Counter[str]:
        """How many rows of each table were used since this was last asked."""
        used, self._used = self._used, set()
        return Counter(table for table, _ in used)

    def findings(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Findings by id."""
        return self._rows(
            "findings", "JSONExtractString(body, 'finding_id') IN {ids:Array(String)}", ids=list(ids)
        )

    def evidence(self, tenant: str, finding_id: str) -> list[dict[str, Any]]:
        """What the statements of a finding rest on."""
        return self._rows("evidence", _same("tenant", "finding_id"), tenant=tenant, finding_id=finding_id)

    def snapshot(self, room: str, shard: int, next_offset: int) -> dict[str, Any] | None:
        """A kept snapshot, its bytes as they were."""
        where = f"{_same('room')} AND {_number('shard')} AND {_number('next_offset')}"
        found = self._rows("kept_snapshots", where, room=room, shard=shard, next_offset=next_offset)
        return {**found[0], "blob": base64.b64decode(found[0]["blob"])} if found else None

    def references(self, given: Mapping[str, str]) -> list[dict[str, Any]]:
        """Baselines by their columns."""
        return self._rows("baselines", _same(*given), **given)

    def log(self, table: str, partition: int, first: int, last: int) -> Iterator[dict[str, Any]]:
        """Messages of a log with offsets ``first`` to ``last``, in order, their bytes as they were."""
        where = f"{_number('partition')} AND {_WHOLE.format('offset')} BETWEEN {{a:UInt64}} AND {{b:UInt64}}"
        found = self._rows(table, where, partition=partition, a=first, b=last)
        for row in sorted(found, key=lambda r: int(r["offset"])):
            yield {**row, "offset": int(row["offset"]), "blob": base64.b64decode(row["blob"])}

    def interaction(self, owner: Mapping[str, str], trace_id: str, span_id: str) -> list[Row]:
        """An interaction by its ids, as a query gives its columns."""
        given = {**owner, "trace_id": trace_id, "span_id": span_id}
        return list(map(_interaction_row, self._rows("interactions", _same(*given), **given)))

    def observed_at(self, owner: Mapping[str, str], position: SourcePosition, score: str) -> list[Row]:
        """The same of those of which a score, or the span, was observed at a position."""
        source = ("source_partition", "source_offset")
        where = (
            f"{_same(*owner)} AND ({_same('source_topic')} AND {' AND '.join(map(_number, source))} "
            "OR JSONExtractString(body, 'late_scores', {score:String}) = {position:String})"
        )
        given = {"source_topic": position.topic, "score": score, "position": position_text(position)}
        numbers = dict(zip(source, (position.partition, position.offset), strict=True))
        return list(map(_interaction_row, self._rows("interactions", where, **owner, **given, **numbers)))

    def _rows(self, table: str, where: str, **given: Any) -> list[dict[str, Any]]:
        """Rows of a table that an expression over the JSON of a row, ``body``, chooses."""
        if not self.there():
            return []
        found = self._query(_ROWS.format(where=where), {"source": table, **given})
        return [json.loads(body) for (body,) in found]


def _same(*columns: str) -> str:
    """Whether columns of text are what the parameters of their names say."""
    return " AND ".join(f"JSONExtractString(body, '{c}') = {{{c}:String}}" for c in columns)


def _number(column: str) -> str:
    """The same of a column of whole numbers."""
    return f"{_WHOLE.format(column)} = {{{column}:UInt64}}"


def at(value: str | None) -> datetime | None:
    """A time as ClickHouse writes it, of a column in UTC."""
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


def _interaction_row(row: Mapping[str, Any]) -> list[Any]:
    """A row of ``interactions`` as a query gives it: times in nanoseconds, numbers as wide as the column."""
    return [_value(row[name], kind) for name, kind in INTERACTIONS.columns]


def _value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind.startswith("DateTime64"):
        whole_s, _, fraction = value.partition(".")
        return to_ns(datetime.fromisoformat(whole_s).replace(tzinfo=UTC)) + int(fraction.ljust(9, "0"))
    if kind.startswith("Map"):
        return {k: _value(v, kind.partition(", ")[2].removesuffix(")")) for k, v in value.items()}
    if "Float32" in kind:
        return float(np.float32(value))
    return int(value) if "Int" in kind and isinstance(value, str) else value
