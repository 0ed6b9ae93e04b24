"""How long texts and rows are kept: ``store.text_days`` and ``store.score_months`` as TTLs of the tables.

The migrations declare the defaults, ``INTERVAL 30 DAY`` for text and ``INTERVAL 13 MONTH`` for what may stay;
other intervals (snapshots) are nobody's setting. Tables that have another interval than the settings ask for
are altered; ClickHouse then drops what is past it in the background.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clickhouse_connect.driver.exceptions import ClickHouseError

from infra import clickhouse
from infra.clickhouse import Migration
from infra.errors import Unavailable
from infra.settings import StoreSettings

_TABLE = re.compile(r"^(?:CREATE|ALTER) TABLE (\w+)", re.MULTILINE)
_TTL = re.compile(
    r"^\s*(?:(?:ALTER TABLE \w+ ADD COLUMN IF NOT EXISTS )?(\w+) .*)?"
    r"\bTTL (toDateTime\(\w+\)) \+ INTERVAL (30 DAY|13 MONTH),?$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Kept:
    """Something with a TTL: a column of a table, or (``column`` empty) its rows, counted from ``since``."""

    table: str
    column: str
    since: str
    is_text: bool

    def interval(self, settings: StoreSettings) -> str:
        """How long, as ClickHouse writes it."""
        days, months = settings.text_days, settings.score_months
        return f"toIntervalDay({days})" if self.is_text else f"toIntervalMonth({months})"

    def clause(self, settings: StoreSettings) -> str:
        """The part of an ``ALTER TABLE`` that sets it."""
        what = f"MODIFY COLUMN {self.column}" if self.column else "MODIFY"
        return f"{what} TTL {self.since} + {self.interval(settings)}"

    def is_so(self, created: str, settings: StoreSettings) -> bool:
        """Whether a table's definition, as ClickHouse shows it, says the same already."""
        want = f"TTL {self.since} + {self.interval(settings)}"
        if not self.column:
            return want in created.rpartition(") ENGINE = ")[2]
        return want in created.partition(f"`{self.column}` ")[2].partition("`")[0]


def declared(migrations: Iterable[Migration]) -> tuple[Kept, ...]:
    """Everything in the migrations that is kept for as long as a setting says."""
    found = []
    for statement in (s for m in migrations for s in m.up):
        table = _TABLE.search(statement)
        for column, since, interval in _TTL.findall(statement):
            if table is not None:
                found.append(Kept(table[1], column, since, interval == "30 DAY"))
    return tuple(found)


def changes(kept: Iterable[Kept], created: Mapping[str, str], settings: StoreSettings) -> dict[str, str]:
    """The ``ALTER TABLE`` each table needs; ``created`` are their definitions as ClickHouse shows them.

    What is said of rows stands last: what follows a comma there would be another TTL of rows.
    """
    clauses: dict[str, list[str]] = {}
    for one in sorted(kept, key=lambda k: not k.column):
        if one.table in created and not one.is_so(created[one.table], settings):
            clauses.setdefault(one.table, []).append(one.clause(settings))
    return {table: f"ALTER TABLE {table} {', '.join(parts)}" for table, parts in clauses.items()}


def keep(settings: StoreSettings) -> list[str]:
    """Make the tables keep as long as the settings say; what was changed, in words.

    Raises
    ------
    Misconfigured, Unavailable
        As `clickhouse.connect`, and if ClickHouse refuses a statement.
    """
    kept = declared(clickhouse.read_migrations())
    client = clickhouse.connect(settings)
    try:
        rows = client.query(
            "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()"
        ).result_rows
        altered = changes(kept, {str(name): str(sql) for name, sql in rows}, settings)
        for statement in altered.values():
            client.command(statement)
    except ClickHouseError as error:
        raise Unavailable(f"cannot change how long rows are kept: {error}") from error
    finally:
        client.close()
    spans = f"text {settings.text_days} days, rows {settings.score_months} months"
    return [f"{table} keeps {spans}" for table in altered]
