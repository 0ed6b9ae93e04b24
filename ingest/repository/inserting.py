"""Inserting rows so that those which can never be stored cost themselves alone.

An error that lies in the values is narrowed down to its rows by halving; every other error means waiting.
"""

from __future__ import annotations

from collections.abc import Sequence

from clickhouse_connect.datatypes.base import ClickHouseType
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.row_refusal import insert_by_halves, lies_in_values
from ingest.errors import Unavailable
from ingest.repository.stage_store import Refused
from ingest.repository.tables import Row

_SETTINGS = {"max_partitions_per_insert_block": 0}
"""Senders' clocks decide in which months rows fall; an insert must not fail for it."""


def insert_rows(
    client: Client,
    table: str,
    names: Sequence[str],
    rows: Sequence[Row],
    types: Sequence[ClickHouseType] | None = None,
) -> list[Refused]:
    """Insert rows column by column; return those that can never be stored.

    With ``types`` of the columns the server is not asked for them.

    Raises
    ------
    Unavailable
        If ClickHouse does not take them for another reason than their values.
    """
    refused = insert_by_halves(rows, lambda some: _tried(client, table, names, some, types))
    return [Refused(number, reason_of(error)) for number, error in refused]


def reason_of(error: Exception) -> str:
    """Why a row is refused, in a line."""
    return f"{type(error).__name__}: {str(error)[:200]}"


def _tried(
    client: Client,
    table: str,
    names: Sequence[str],
    rows: Sequence[Row],
    types: Sequence[ClickHouseType] | None,
) -> Exception | None:
    """Insert; return an error that lies in the values."""
    try:
        client.insert(
            table,
            list(zip(*rows, strict=True)),
            column_names=names,
            column_types=types,
            column_oriented=True,
            settings=_SETTINGS,
        )
    except Exception as error:
        if lies_in_values(error):
            return error
        if isinstance(error, ClickHouseError):
            raise Unavailable(
                f"ClickHouse did not take {len(rows)} rows of {table}: {str(error)[:300]}"
            ) from error
        raise
    return None
