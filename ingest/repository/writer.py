"""Stage 1's rows in ClickHouse: one insert per table and batch, and questions that follow the sort keys.

Inserts are column-oriented with the types given (no round trip to ask for them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clickhouse_connect.datatypes.base import ClickHouseType
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from ingest.errors import Unavailable
from ingest.repository.inserting import insert_rows
from ingest.repository.stage_store import Accounted, Partition, Progress, Refused, SpanQuery
from ingest.repository.tables import Row, Table

_IDS_PER_QUERY = 2000
"""Keeps a statement well below ClickHouse's default limit of 256 KiB (max_query_size)."""


class ClickHouseStore:
    """A `StageStore` over one client without a session; it may be used from several threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._types: dict[str, list[ClickHouseType]] = {}

    def insert(self, table: Table, rows: Sequence[Row]) -> list[Refused]:
        """Store rows; return those that can never be stored.

        Raises
        ------
        Unavailable
            If ClickHouse does not take them for another reason than their values.
        """
        if table.name not in self._types:
            self._types[table.name] = [get_from_name(t) for t in table.types]
        return insert_rows(self._client, table.name, table.names, rows, self._types[table.name])

    def find(self, table: Table, ask: SpanQuery, columns: Sequence[str] | None = None) -> list[Row]:
        """Matching rows; of one sort key there may be several.

        Raises
        ------
        Unavailable
            If ClickHouse does not answer.
        """
        names = tuple(columns or table.names)
        if ask.column:
            ids = sorted(ask.values)
            rows = self._query_all(table, ask, (*names, ask.column), ask.column, ids)
            return [row[: len(names)] for row in rows if row[-1] in ask.values]
        wanted = names if "trace_id" in names else (*names, "trace_id")
        if ask.span_ids is not None and "span_id" not in wanted:
            wanted = (*wanted, "span_id")
        by_span = table.time == "start" and ask.span_ids is not None
        ids = sorted(ask.span_ids or () if by_span else ask.trace_ids)
        rows = self._query_all(table, ask, wanted, "span_id" if by_span else "trace_id", ids)
        trace, span = wanted.index("trace_id"), wanted.index("span_id") if ask.span_ids is not None else 0
        return [
            row[: len(names)]
            for row in rows
            if row[trace] in ask.trace_ids and (ask.span_ids is None or row[span] in ask.span_ids)
        ]

    def _query_all(
        self, table: Table, ask: SpanQuery, names: Sequence[str], id_column: str, ids: list[str]
    ) -> list[Row]:
        """As many questions as the length of a statement allows."""
        return [
            row
            for at in range(0, len(ids), _IDS_PER_QUERY)
            for row in self._query_spans(table, ask, names, id_column, ids[at : at + _IDS_PER_QUERY])
        ]

    def _query_spans(
        self, table: Table, ask: SpanQuery, names: Sequence[str], id_column: str, ids: list[str]
    ) -> list[Row]:
        """One question by one kind of id; the sort key does the rest."""
        where = ["tenant = %(tenant)s", "lineage = %(lineage)s", f"{id_column} IN %(ids)s"]
        bound: dict[str, Any] = {"tenant": ask.tenant, "lineage": ask.lineage, "ids": ids}
        if table.time is not None:
            where.append(
                f"{table.time} >= fromUnixTimestamp64Nano(%(from_ns)s, 'UTC') AND "
                f"{table.time} <= fromUnixTimestamp64Nano(%(to_ns)s, 'UTC')"
            )
            bound |= {"from_ns": ask.from_ns, "to_ns": ask.to_ns}
        if ask.column and ask.trace_ids:
            where.append("trace_id IN %(trace_ids)s")
            bound["trace_ids"] = sorted(ask.trace_ids)
        if table.time == "start" and ask.services:
            where.append("service IN %(services)s")
            bound["services"] = sorted(ask.services)
        if ask.source is not None:
            topic, partition, offset = table.source
            where.append(f"{topic} = %(topic)s AND {partition} = %(partition)s AND {offset} IN %(offsets)s")
            bound |= {"topic": ask.source[0], "partition": ask.source[1], "offsets": sorted(ask.offsets)}
        columns = ", ".join(f"`{name}`" for name in names)
        return self._query(f"SELECT {columns} FROM {table.name} WHERE {' AND '.join(where)}", bound)  # noqa: S608

    def between(
        self, table: Table, place: Partition, begin: int, end: int, columns: Sequence[str]
    ) -> list[Row]:
        """Rows by where they came from; of one sort key there may be several.

        Raises
        ------
        Unavailable
            If ClickHouse does not answer.
        """
        topic, partition, offset = table.source
        names = ", ".join(f"`{name}`" for name in columns)
        sql = (
            f"SELECT {names} FROM {table.name} WHERE {topic} = %(topic)s AND {partition} = %(partition)s "  # noqa: S608
            f"AND {offset} >= %(begin)s AND {offset} < %(end)s"
        )
        return self._query(sql, {"topic": place[0], "partition": place[1], "begin": begin, "end": end})

    def has(self, table: Table, tenant: str, lineage: str) -> bool:
        """Whether any row of a lineage is stored in a table that has few of them, if any.

        Raises
        ------
        Unavailable
            If ClickHouse does not answer.
        """
        sql = f"SELECT 1 FROM {table.name} WHERE tenant = %(tenant)s AND lineage = %(lineage)s LIMIT 1"  # noqa: S608
        return bool(self._query(sql, {"tenant": tenant, "lineage": lineage}))

    def progress(self, since_ns: int) -> Progress:
        """Lineages received since then, and how far every source partition came.

        Raises
        ------
        Unavailable
            If ClickHouse does not answer.
        """
        ends = self._query("SELECT topic, partition, max(offset) FROM ledger GROUP BY topic, partition", {})
        lineages = self._query(
            "SELECT DISTINCT tenant, lineage FROM ledger WHERE received_at >= "
            "fromUnixTimestamp64Nano(%(since)s, 'UTC')",
            {"since": since_ns},
        )
        offsets: dict[Partition, int] = {(str(t), int(p)): int(end) + 1 for t, p, end in ends}
        return Progress(frozenset((str(t), str(name)) for t, name in lineages), offsets)

    def accounted(self, since: Mapping[Partition, int]) -> list[Accounted]:
        """How the messages of these partitions fared from these offsets on, in order of arrival.

        Raises
        ------
        Unavailable
            If ClickHouse does not answer.
        """
        rows: list[Row] = []
        for (topic, partition), offset in sorted(since.items()):
            rows += self._query(
                "SELECT received_at, topic, partition, offset, tenant, received, reasons FROM ledger FINAL "
                "WHERE topic = %(topic)s AND partition = %(partition)s AND offset >= %(offset)s",
                {"topic": topic, "partition": partition, "offset": offset},
            )
        rows.sort(key=lambda row: tuple(row[:4]))
        return [Accounted(str(row[4]), int(row[5]), dict(row[6])) for row in rows]

    def _query(self, sql: str, bound: dict[str, Any]) -> list[Row]:
        try:
            result = self._client.query(sql, parameters=bound, query_formats={"DateTime64": "int"})
        except ClickHouseError as error:
            raise Unavailable(f"ClickHouse did not answer: {str(error)[:300]}") from error
        rows: list[Row] = list(result.result_rows)
        return rows
