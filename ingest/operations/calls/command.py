"""``lightship tail`` and ``lightship show``: calls as they are stored, and one with all its texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from detectors.finding import rfc3339
from infra import clickhouse
from infra.clock import NS_PER_S, Clock, SystemClock, to_datetime
from infra.embedded.addresses import dashboard_address, reach
from infra.errors import Misconfigured
from infra.settings import load
from ingest.errors import Unavailable
from ingest.operations.calls.query import SPAN_DIGITS, TRACE_DIGITS, Scope, newest, of_trace, steps_of
from ingest.operations.calls.text import line, step, to_dict, whole
from ingest.repository.interaction import InteractionKey, StoredInteraction
from ingest.settings_check import checked

EVERY_S = 0.5
"""How often the store is asked."""
OVERLAP_S = 300
"""How much of what was received before the last look is looked at again: calls are not stored in order."""
MOST_AT_ONCE = 500
MOST_AWAY = 10
"""Failed looks in a row before following ends."""

Look = Callable[[int], list[StoredInteraction]]
"""Calls received since a time, ns since 1970, oldest first; `MOST_AT_ONCE` at most."""


@dataclass(slots=True)
class Following:
    """Which calls were shown already, so that each is shown once.

    ``shown`` holds the calls of the last `OVERLAP_S`, by key, with when they were received.
    """

    shown: dict[InteractionKey, int] = field(default_factory=dict)

    def fresh(self, found: Iterable[StoredInteraction], now_ns: int) -> list[StoredInteraction]:
        """Of the calls found those not shown yet, which are from now on."""
        out = [stored for stored in found if stored.key not in self.shown]
        self.shown.update((stored.key, stored.received_ns) for stored in out)
        oldest = now_ns - 2 * OVERLAP_S * NS_PER_S
        self.shown = {key: at_ns for key, at_ns in self.shown.items() if at_ns >= oldest}
        return out


def tail(
    config: Path | None,
    scope: Scope,
    *,
    n: int,
    follow: bool,
    warn: Callable[[str], None],
    clock: Clock | None = None,
) -> Iterator[StoredInteraction]:
    """The ``n`` newest calls of the last day, oldest first; then each as it is stored, until interrupted.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    store = _store(config)
    clock = clock or SystemClock()
    began_ns = clock.now_ns()
    following = Following()
    latest = newest(store, scope, began_ns - 86_400 * NS_PER_S, max(n, MOST_AT_ONCE))
    yield from following.fresh(latest, began_ns)[-n:] if n else ()
    if not follow:
        return
    if not latest:
        warn("nothing yet: waiting for the first call")

    def look(since_ns: int) -> list[StoredInteraction]:
        return newest(store, scope, since_ns, MOST_AT_ONCE, following.shown)

    yield from followed(look, following, clock, warn)


def followed(
    look: Look, following: Following, clock: Clock, warn: Callable[[str], None]
) -> Iterator[StoredInteraction]:
    """Calls as they are stored, each once, for ever.

    Raises
    ------
    Unavailable
        If the store did not answer `MOST_AWAY` times in a row.
    """
    away = 0
    while True:
        clock.sleep(EVERY_S)
        now_ns = clock.now_ns()
        try:
            found = following.fresh(look(now_ns - OVERLAP_S * NS_PER_S), now_ns)
            away = 0
        except Unavailable as error:
            away += 1
            if away == 1:
                warn(f"{error}: trying again")
            if away > MOST_AWAY:
                raise
            continue
        if len(found) == MOST_AT_ONCE:
            warn(f"more than {MOST_AT_ONCE} calls at once, older ones are left out: narrow it with --service")
        yield from found


def show(config: Path | None, tenant: str, wanted: str) -> dict[str, Any]:
    """The calls of a trace, or the one of a span, with the spans around them.

    Raises
    ------
    Misconfigured
        If it is no id of a trace or span, or nothing is stored under it.
    Unavailable
        If ClickHouse does not answer.
    """
    wanted = wanted.strip().lower().replace("-", "")
    if not re.fullmatch(rf"[0-9a-f]{{{SPAN_DIGITS}}}([0-9a-f]{{{TRACE_DIGITS - SPAN_DIGITS}}})?", wanted):
        raise Misconfigured(
            f"{wanted[:80]!r} must be a trace id of {TRACE_DIGITS} or a span id of {SPAN_DIGITS} hexadecimal "
            "digits: `lightship tail` ends its lines with trace ids"
        )
    store = _store(config)
    calls = of_trace(store, tenant, wanted)
    steps = _steps(store, tenant, calls) if len(wanted) == TRACE_DIGITS else []
    if not calls and not steps:
        raise Misconfigured(
            f"no call of {wanted} is stored for tenant {tenant}: it is stored seconds after its span has "
            "ended, and `lightship doctor` says what hinders it"
        )
    return {"calls": calls, "steps": steps}


def _steps(store: Client, tenant: str, calls: list[StoredInteraction]) -> list[Any]:
    traces = dict.fromkeys((c.interaction.lineage, c.interaction.trace_id) for c in calls)
    return [s for lineage, trace_id in traces for s in steps_of(store, tenant, lineage, trace_id)]


def as_line(stored: StoredInteraction, *, full: bool) -> str:
    """A call of ``tail`` for a person."""
    return "\n".join([*whole(stored, full=True), ""]) if full else line(stored)


def as_text(found: dict[str, Any], *, full: bool) -> str:
    """What ``show`` found, for a person: calls first, then the spans around them."""
    parts = ["\n".join(whole(stored, full=full)) for stored in found["calls"]]
    if found["steps"]:
        parts.append("\n".join(row for one in found["steps"] for row in step(one, full=full)))
    return "\n\n".join(parts)


def as_json(found: dict[str, Any]) -> dict[str, Any]:
    """What ``show`` found, for machines."""
    steps = []
    for one in found["steps"]:
        facts = asdict(one)
        facts["start"] = rfc3339(to_datetime(facts.pop("start_ns")))
        steps.append(facts)
    return {"v": 1, "calls": [to_dict(stored) for stored in found["calls"]], "steps": steps}


def trace_page(config: Path | None) -> str:
    """Address of the dashboard's page about a trace, with a place for its id."""
    return f"{dashboard_address(checked(load(config)))}/trace?id=TRACE"


def _store(config: Path | None) -> Client:
    return clickhouse.connect(reach(checked(load(config))).store)
