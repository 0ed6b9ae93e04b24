"""Whether receivers of alerts can be reached, and took what was sent last. Nothing is sent to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.receiver_reach import trouble_of
from infra.receivers import ReceiverSettings
from infra.silence_reach import silences_trouble
from ingest.operations.doctor.line import FAIL, OK, WARN, Line

_LAST = """
SELECT receiver, argMax(outcome, (at, outcome != 'sending')), argMax(reason, (at, outcome != 'sending'))
FROM notifications
WHERE at >= now() - toIntervalDay(7) AND outcome != 'sending'
GROUP BY receiver
"""
Last = Mapping[str, tuple[str, str]]
"""Outcome and reason of the newest attempt, by receiver."""


def last_attempts(client: Client) -> dict[str, tuple[str, str]]:
    """What became of the newest attempt at each receiver in the last week."""
    rows: Sequence[Sequence[Any]] = client.query(_LAST).result_rows
    return {str(receiver): (str(outcome), str(reason)) for receiver, outcome, reason in rows}


def check_receivers(receivers: Sequence[ReceiverSettings], last: Last) -> list[Line]:
    """A line for each receiver: each is connected to once, all at a time, for some seconds at most."""
    if not receivers:
        return [Line("receivers", OK, "none is configured: the alerts service prints alerts")]
    with ThreadPoolExecutor(max_workers=8) as pool:
        troubles = list(pool.map(_troubles, receivers))
    return [
        _line(receiver, *trouble, *last.get(receiver.name, ("", "")))
        for receiver, trouble in zip(receivers, troubles, strict=True)
    ]


def _troubles(receiver: ReceiverSettings) -> tuple[str, str]:
    """Why a receiver cannot be reached, and why what is silenced there cannot be read."""
    trouble = trouble_of(receiver)
    return (trouble, "") if trouble else ("", silences_trouble(receiver))


def _line(receiver: ReceiverSettings, trouble: str, unread: str, outcome: str, reason: str) -> Line:
    check, test = f"receiver {receiver.name}", f"then: lightship alerts test {receiver.name}"
    if trouble:
        return Line(check, FAIL, f"{receiver.kind}, cannot be reached: {trouble}", test)
    if outcome == "gave_up":
        return Line(check, FAIL, f"{receiver.kind}, gave up the last message: {reason}", test)
    if unread:
        return Line(check, FAIL, f"{receiver.kind}, its silences cannot be read: {unread}", test)
    if outcome == "retry":
        return Line(check, WARN, f"{receiver.kind}, did not take the last message: {reason}", test)
    took = ", took the last message" if outcome == "sent" else ""
    return Line(check, OK, f"{receiver.kind}, can be reached{took}")
