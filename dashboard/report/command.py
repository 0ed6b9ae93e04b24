"""``lightship report``: a period of the store as a page of HTML, and beside it as JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from alerts.briefs.known_scores import learn_custom_scores
from dashboard.queries import scope as scopes
from dashboard.queries.days_and_cells import Weeks
from dashboard.queries.store import LIVE, TIMEOUT_S, ClickHouse, Scope, Store
from dashboard.report.contents import as_json, contents
from dashboard.report.gather import gather
from dashboard.report.page import page
from dashboard.wording import report as words
from infra import clickhouse
from infra.clock import SystemClock, to_datetime
from infra.embedded.addresses import reach
from infra.errors import Misconfigured
from infra.settings import load

P = ParamSpec("P")
T = TypeVar("T")

DAY = timedelta(days=1)
MOST_DAYS = 366


def report(
    config: Path | None,
    *,
    first: str,
    last: str,
    service: str | None,
    tenant: str,
    lineage: str,
    to: Path,
) -> dict[str, Any]:
    """Write ``to`` and the JSON beside it; what was written. Days are UTC, both ends within.

    Raises
    ------
    Misconfigured
        If the days cannot be read, or are not over yet in live records, or the file cannot be written.
    Unavailable
        If the store does not answer.
    """
    begin, end = _day("--from", first), _day("--to", last) + DAY
    if not timedelta(0) < end - begin <= MOST_DAYS * DAY:
        raise Misconfigured(
            f"--from {first} --to {last}: expected 1 to {MOST_DAYS} days, the first one first"
        )
    if to.suffix.lower() not in {".html", ".htm"}:
        raise Misconfigured(
            f"--out {str(to)!r}: expected a name that ends in .html; the JSON stands beside it"
        )
    settings = reach(load(config))
    learn_custom_scores(settings)
    wall = to_datetime(SystemClock().now_ns())
    if lineage == LIVE and end > wall:
        over = (wall - DAY).date().isoformat()
        raise Misconfigured(f"--to {last}: that day is not over; the last one that is: {over}")
    store = ClickHouse(clickhouse.connect(settings.store, answer_within_s=TIMEOUT_S + 2))
    bare = Scope(tenant, lineage, int(wall.timestamp()))
    clock = scopes.clock(scopes.lineages(store, Scope(tenant, LIVE, bare.now_s)), bare, wall)
    scope = Scope(tenant, lineage, int(clock.timestamp()))

    def ask(query: Callable[Concatenate[Store, Scope, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return query(store, scope, *args, **kwargs)

    period = Weeks(int(begin.timestamp()), int(end.timestamp()), service or "")
    told = contents(gather(ask, scope, period, settings.budget.pages_per_month, settings.config_hash()))
    beside = to.with_suffix(".json")
    try:
        to.write_text(page(told), encoding="utf-8")
        beside.write_bytes(as_json(told))
    except OSError as error:
        raise Misconfigured(f"cannot write {error.filename}: {error.strerror}") from error
    return {
        "html": str(to),
        "json": str(beside),
        "interactions": told["interactions"],
        "categories": len(told["categories"]),
        "incidents": told["incidents"]["fired"],
    }


def show_written(written: dict[str, Any]) -> str:
    """One line for a person."""
    return words.WRITTEN.format(
        n=f"{written['interactions']:,}", **{k: v for k, v in written.items() if k != "n"}
    )


def _day(option: str, text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Misconfigured(f"{option} {text!r}: expected a day such as 2026-03-17") from None
