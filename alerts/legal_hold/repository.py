"""Rows of held incidents in ClickHouse: copied there, counted, read, and taken away on release.

Everything is done in the server: no text leaves it but what `rows` reads. Every statement may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from alerts.incidents.incident import Incident
from alerts.legal_hold.evidence import LOGS, MAX_BYTES, RANGES, Bound, Source, given_of, sources_of

Query = Callable[[str, dict[str, Any]], Sequence[Sequence[Any]]]
Command = Callable[[str, dict[str, Any]], None]

AT_ONCE = 500
"""Rows read with one statement."""

_MINE = "tenant = {tenant:String} AND incident_id = {incident:String}"
_KNOWN = f"FROM held_rows WHERE {_MINE} AND source = {{source:String}}"

_COPY = """
INSERT INTO held_rows (tenant, incident_id, source, key, version, body)
SELECT {{tenant:String}}, {{incident:String}}, {{source:String}}, row_key, row_version, row_body
FROM
(
    SELECT row_key, row_version, row_body,
        sum(length(row_body)) OVER (ORDER BY row_first DESC, row_key ROWS UNBOUNDED PRECEDING) AS so_far
    FROM
    (
        SELECT {key} AS row_key, toUInt64({version}) AS row_version, toUInt64({first}) AS row_first,
            formatRowNoNewline('JSONEachRow', *) AS row_body
        FROM (SELECT *{blob} FROM {table} FINAL WHERE ({where}) AND {sought} IN (
            SELECT {sought} FROM {table} WHERE ({where}) AND {key} NOT IN (SELECT key {known})
            GROUP BY {sought} ORDER BY max(toUInt64({first})) DESC, cityHash64({sought}) LIMIT {{room:UInt64}}
            UNION ALL
            SELECT {sought} FROM {table} WHERE ({where}) AND {key} IN (SELECT key {known})
                AND ({key}, toUInt64({version})) NOT IN (SELECT key, version {known})
        ))
    )
    WHERE (row_key, row_version) NOT IN (SELECT key, version {known})
)
WHERE so_far <= {{bytes:UInt64}}
"""
"""New rows up to the bound, those that matter most first, and newer versions of those that are held.

Which they are is asked of the columns that rows are found by, so texts are read of those alone."""

_THERE = "SELECT uniqExact({key}) FROM {table} WHERE {where}"

_HELD = f"""
SELECT source, uniqExact(key), sum(length(body)) FROM held_rows FINAL WHERE {_MINE} GROUP BY source
"""  # noqa: S608 - of constants
_BOUNDS = f"""
SELECT source, there, kept, bytes FROM holds FINAL WHERE {_MINE} ORDER BY kept DESC, source
"""  # noqa: S608 - of constants
_SAY = """
INSERT INTO holds (tenant, incident_id, source, there, kept, bytes, cut)
SELECT {tenant:String}, {incident:String}, {source:String}, {there:UInt64}, {kept:UInt64}, {bytes:UInt64},
    {there:UInt64} > {kept:UInt64}
"""
_RENEW = f"""
INSERT INTO incidents SELECT * REPLACE (now64(6) AS recorded_at) FROM incidents FINAL WHERE {_MINE}
"""  # noqa: S608 - of constants
_IDS = "SELECT DISTINCT tenant, incident_id FROM holds"
_ROWS = f"""
SELECT source, key, version, body FROM held_rows FINAL
WHERE {_MINE} AND (source, key, version) > ({{source:String}}, {{key:String}}, {{version:UInt64}})
ORDER BY source, key, version
LIMIT {{most:UInt32}}
"""  # noqa: S608 - of constants


class LegalHoldRepository:
    """Copies of what held incidents rest on; ``query`` and ``command`` raise `Unavailable`."""

    def __init__(self, query: Query, command: Command) -> None:
        self._query, self._command = query, command

    def keep(self, incident: Incident) -> list[Bound]:
        """Copy what it rests on as it is stored now; how much of each table is held after it.

        The incident's own row is written anew, so that it does not expire before it is released.
        """
        given = given_of(incident)
        ranges = {table: self._query(RANGES, {**given, "room": room}) for table, room in LOGS.items()}
        sources = sources_of(incident, ranges)
        tenant, incident_id = incident.place.tenant, incident.incident_id
        there: dict[str, int] = {}
        for source in sources:
            there[source.table] = there.get(source.table, 0) + self._copy(source, given)
        held, before = self._usage(given), {b.source: b for b in self.bounds(tenant, incident_id)}
        for table, n in there.items():
            known = before.get(table, Bound(table, 0, 0, 0))
            kept, size = held.get(table, (0, 0))
            bound = Bound(table, max(n, known.there), kept, size)
            if bound != known:
                said = {"source": table, "there": bound.there, "kept": kept, "bytes": size}
                self._command(_SAY, {**given, **said})
        self._command(_RENEW, given)
        return self.bounds(tenant, incident_id)

    def _usage(self, given: dict[str, Any]) -> dict[str, tuple[int, int]]:
        """Rows and bytes that are held, by table."""
        return {str(source): (int(n), int(size)) for source, n, size in self._query(_HELD, given)}

    def _copy(self, source: Source, given: dict[str, Any]) -> int:
        """Copy rows of one table; how many belong to the incident."""
        mine = {**given, **source.given, "source": source.table}
        named = {"key": source.key, "table": source.table, "where": source.where}
        ((there,),) = self._query(_THERE.format(**named), mine)
        if not there:
            return 0
        held = self._usage(mine)
        blob = f" REPLACE (base64Encode({source.blob}) AS {source.blob})" if source.blob else ""
        statement = _COPY.format(
            **named,
            version=source.version,
            first=source.first,
            sought=source.sought or source.key,
            blob=blob,
            known=_KNOWN,
        )
        room = max(0, source.most - held.get(source.table, (0, 0))[0])
        left = max(0, MAX_BYTES - sum(size for _, size in held.values()))
        self._command(statement, {**mine, "room": room, "bytes": left})
        return int(there)

    def let_go(self, tenant: str, incident_id: str) -> None:
        """Take away what was copied for an incident."""
        given = {"tenant": tenant, "incident": incident_id}
        for table in ("held_rows", "holds"):
            self._command(f"ALTER TABLE {table} DELETE WHERE {_MINE}", given)

    def ids(self) -> list[tuple[str, str]]:
        """Tenant and id of every incident of which something is held."""
        return [(str(tenant), str(incident)) for tenant, incident in self._query(_IDS, {})]

    def bounds(self, tenant: str, incident_id: str) -> list[Bound]:
        """How much of each table is held of an incident; empty if nothing is."""
        found = self._query(_BOUNDS, {"tenant": tenant, "incident": incident_id})
        return [Bound(str(source), int(there), int(kept), int(size)) for source, there, kept, size in found]

    def rows(self, tenant: str, incident_id: str) -> Iterator[tuple[str, str]]:
        """Every row that is held, as its table and its JSON."""
        after: dict[str, Any] = {"source": "", "key": "", "version": 0}
        while True:
            given = {"tenant": tenant, "incident": incident_id, "most": AT_ONCE, **after}
            found = self._query(_ROWS, given)
            for source, _, _, body in found:
                yield str(source), str(body)
            if len(found) < AT_ONCE:
                return
            after = dict(zip(("source", "key", "version"), found[-1][:3], strict=True))
