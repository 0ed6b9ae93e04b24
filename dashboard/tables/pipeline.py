"""The sidebar's answer to "is the monitor itself alive?": what the pipeline page says, in brief. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard import formats, palette, strings
from dashboard.palette import State
from dashboard.queries.pipeline import Accounts, Partition
from dashboard.safe_text import clean
from dashboard.tables.vital_signs import Sign


@dataclass(frozen=True, slots=True)
class Condition:
    """A badge and the lines under it."""

    state: State
    lines: tuple[str, ...]


def condition(
    signs: Sequence[Sign],
    parts: Sequence[Partition],
    accounts: Accounts,
    now: datetime,
    *,
    live: bool,
    newest: datetime | None,
) -> Condition:
    """The most urgent sign, how many more there are, and the account of recent records.

    The age of the ``newest`` record is told of ``live`` traffic only, whose clock is the machine's.
    """
    state, lines = palette.OK, list[str]()
    if signs:
        state = signs[0].state
        lines.append(clean(signs[0].what, 90))
    if len(signs) > 1:
        lines.append(strings.PIPELINE_MORE.format(n=len(signs) - 1))
    if not parts:
        return Condition(state, tuple(lines))
    lost = sum(h.lost for h in accounts.hours)
    written_at = min(p.written_at for p in parts)
    lines.append(_lag(now, written_at, newest, live=live).format(lost=formats.count(lost)))
    if accounts.hours:
        received = formats.count(sum(h.received for h in accounts.hours))
        since = formats.since(accounts.hours[0].at, now)
        lines.append(strings.PIPELINE_ACCOUNT.format(received=received, since=since))
    return Condition(state, tuple(lines))


def _lag(now: datetime, written_at: datetime, newest: datetime | None, *, live: bool) -> str:
    """The line about age, with the place for what was lost."""
    if not live:
        return strings.PIPELINE_REPORTED.replace("{age}", formats.span(now - written_at))
    if newest is None:
        return strings.PIPELINE_NO_RECORD
    return strings.PIPELINE_LAG.replace("{age}", formats.span(now - newest))
