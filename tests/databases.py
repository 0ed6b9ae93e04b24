"""Databases of a test's own: the schema is there, and no rows.

To migrate from nothing takes a store seconds, and tables nobody needs any more keep it busy. So each store
is migrated once; what is asked for later is a copy of that, and goes with the module that asked.
"""

from __future__ import annotations

from contextlib import closing

from infra.clickhouse import connect, migrate
from infra.settings import StoreSettings

MIGRATED = "as_migrated"
_made: set[tuple[str, str]] = set()


def fresh_database(url: str, name: str) -> StoreSettings:
    """A database with the schema as `infra.clickhouse.migrate` leaves it, in place of one of that name."""
    settings = StoreSettings(url=url, database=name)
    with closing(connect(settings, database="default")) as root:
        there = {row[0] for row in root.query("SHOW DATABASES").result_rows}
        if MIGRATED not in there:
            migrate(StoreSettings(url=url, database=MIGRATED))
        root.command(f"DROP DATABASE IF EXISTS {name}")
        root.command(f"CREATE DATABASE {name}")
        tables = root.query(
            "SELECT create_table_query, name, total_rows FROM system.tables WHERE database = {of:String}"
            " ORDER BY engine = 'MaterializedView'",  # a view comes after what it reads and writes
            {"of": MIGRATED},
        ).result_rows
        for made_by, _, _ in tables:
            root.command(made_by.replace(f"{MIGRATED}.", f"{name}."))
        for _, table, rows in tables:
            if rows:
                root.command(f"INSERT INTO {name}.{table} SELECT * FROM {MIGRATED}.{table}")  # noqa: S608 - names of ours
    _made.add((url, name))
    return settings


def drop(settings: StoreSettings) -> None:
    """Drop a database that was made here."""
    _made.discard((settings.url, settings.database))
    with closing(connect(settings, database="default")) as root:
        root.command(f"DROP DATABASE IF EXISTS {settings.database}")


def drop_all() -> None:
    """Drop what was made here and is still there."""
    for url, name in sorted(_made):
        drop(StoreSettings(url=url, database=name))
