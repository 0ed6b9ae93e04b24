"""The one door to ClickHouse: bounded, read-only statements with bound parameters."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from infra.errors import Unavailable

logger = logging.getLogger(__name__)

TIMEOUT_S = 5
"""Seconds the store may work on one statement."""
MAX_ROWS = 5_000
"""Rows any statement may return; each has a smaller limit of its own."""

NOT_THERE = (60, 81)
"""ClickHouse's codes for an unknown table and an unknown database."""
TOO_SLOW = 159
"""Its code for a statement that ran out of time."""

LIVE = "live"

Row = tuple[Any, ...]
F = TypeVar("F", bound=Callable[..., object])
_TEXT = "_shows_text"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows, from which lineage, and what time it is there (seconds since 1970)."""

    tenant: str
    lineage: str = LIVE
    now_s: int = 0

    @property
    def at(self) -> datetime:
        """The clock as a time."""
        return datetime.fromtimestamp(self.now_s, UTC)

    def bind(self, **values: object) -> dict[str, object]:
        """Parameters of a statement: the scope's own and the given ones."""
        return {"tenant": self.tenant, "lineage": self.lineage, **values}


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """A series within a scope. ``environment`` is empty where none was given."""

    service: str
    environment: str
    unit: str
    score: str
    slice: str = "all"

    def bind(self) -> dict[str, object]:
        """Parameters that name the series; its slice is bound where a statement needs it."""
        return {
            "service": self.service,
            "environment": self.environment,
            "unit": self.unit,
            "score": self.score,
        }


def shows_text(query: F) -> F:
    """Mark a query whose answers hold texts of interactions: who may not read them is not answered."""
    setattr(query, _TEXT, True)
    return query


def is_text(query: Callable[..., object]) -> bool:
    """Whether a query is marked by `shows_text`."""
    return bool(getattr(query, _TEXT, False))


class Store(Protocol):
    """Answers statements."""

    def rows(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """Rows of a ``SELECT`` with ``{name:Type}`` parameters.

        Raises
        ------
        Unavailable
            If the store does not answer, or refuses the statement.
        """


@dataclass(frozen=True, slots=True)
class ClickHouse:
    """A store behind a clickhouse-connect client; may be shared between threads."""

    client: Client

    def rows(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """See `Store.rows`."""
        try:
            result = self.client.query(
                sql,
                parameters=dict(parameters),
                settings={
                    "max_execution_time": TIMEOUT_S,
                    "max_result_rows": MAX_ROWS,
                    "result_overflow_mode": "break",
                    # versions of a row share its key, and with it its partition
                    "do_not_merge_across_partitions_select_final": 1,
                },
            )
        except OperationalError as error:
            logger.warning("the store does not answer: %s", _first_line(error))
            raise Unavailable("no connection to the store") from error
        except ClickHouseError as error:
            said = _first_line(error)
            if any(f"code: {code}," in said for code in NOT_THERE):
                raise Unavailable(
                    "the store has no tables yet: start Lightship once, it makes them"
                ) from error
            if f"code: {TOO_SLOW}," in said:
                raise Unavailable(f"the store did not answer within {TIMEOUT_S} s") from error
            logger.warning("the store refused a statement: %s", said)
            raise Unavailable("the store refused a statement; its words are in the log") from error
        return [tuple(row) for row in result.result_rows[:MAX_ROWS]]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")[:300]
