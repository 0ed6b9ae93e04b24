"""What became of messages, read from the history of incidents and the log of deliveries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from alerts.notify.delivery_state import KEPT_S, RESENT_S, Fate, late_key, number_of
from alerts.notify.protocol import GAVE_UP, SENT
from infra.clock import NS_PER_S

TRIAL = "trial"
"""Kind of the row that says a receiver took a message of ``lightship alerts test``."""

_DUE = """
SELECT incident_id, seq, notify, receivers, severity, toUnixTimestamp64Micro(recorded_at)
FROM incident_transitions FINAL
WHERE notify != '' AND recorded_at >= now64(6) - toIntervalHour({hours:UInt32})
"""

_TRIED = """
SELECT
    receiver, incident_id, dedup_key, any(kind), max(attempt),
    argMax(outcome, (attempt, outcome != 'sending')) AS newest,
    argMax(toUnixTimestamp64Micro(at), (attempt, outcome != 'sending')),
    argMax(reason, (attempt, outcome != 'sending'))
FROM notifications FINAL
WHERE at >= now64(6) - toIntervalHour({hours:UInt32})
GROUP BY receiver, incident_id, dedup_key
"""

_TOOK = """
SELECT receiver, toUnixTimestamp64Micro(max(at)) FROM notifications
WHERE outcome = {sent:String} AND at >= now64(6) - toIntervalHour({hours:UInt32})
GROUP BY receiver
"""

Rows = Callable[[str, dict[str, Any]], Sequence[Sequence[Any]]]
"""Runs a statement with parameters."""


def read_fates(rows: Rows, now_ns: int) -> tuple[list[Fate], dict[str, int]]:
    """What became of the messages of the last `KEPT_S` s, and when each receiver took one last (ns).

    One that no process tried any more before it was a day old counts as given up then.
    """
    hours = {"hours": int(KEPT_S // 3600)}
    tried = {(str(r), str(key)): (str(i), tuple(rest)) for r, i, key, *rest in rows(_TRIED, hours)}
    took = {str(r): int(us) * 1_000 for r, us in rows(_TOOK, {**hours, "sent": SENT})}
    due = {
        (str(incident_id), int(seq)): (str(kind), list(map(str, to)), str(severity), int(us) * 1_000)
        for incident_id, seq, kind, to, severity, us in rows(_DUE, hours)
    }
    fates = []
    for (incident_id, seq), (kind, receivers, severity, due_ns) in due.items():
        for receiver in receivers:
            _, known = tried.pop((receiver, late_key(incident_id, seq, 0)), ("", None))
            fates.append(_with(Fate(receiver, incident_id, seq, kind, severity, due_ns), known, now_ns))
    for (receiver, key), (incident_id, known) in tried.items():
        seq, late = number_of(key) or (0, 0)
        if (incident_id, seq) in due:  # else a digest, a trial, or older than what is remembered
            _, _, severity, due_ns = due[incident_id, seq]
            fate = Fate(receiver, incident_id, seq, str(known[0]), severity, due_ns, late)
            fates.append(_with(replace(fate, routed=False, handed=False), known, now_ns))
    return fates, took


def _with(fate: Fate, known: Sequence[Any] | None, now_ns: int) -> Fate:
    """A fate with what the log of deliveries says of it: kind, attempts, outcome, time and reason."""
    outcome, at_ns, attempts, reason = "", 0, 0, ""
    if known is not None:
        _, attempts, outcome, us, reason = known
        at_ns = int(us) * 1_000
    if outcome not in (SENT, GAVE_UP):
        given_up_ns = fate.due_ns + int(RESENT_S * NS_PER_S)
        outcome = GAVE_UP if fate.routed and given_up_ns < now_ns else ""
        at_ns = given_up_ns if outcome else 0
    return replace(fate, attempts=int(attempts), outcome=str(outcome), at_ns=at_ns, reason=str(reason))


def trial_row(receiver: str, at_ns: int) -> dict[str, Any]:
    """A row of ``notifications``: a receiver took a message of a trial."""
    return {
        "tenant": "default",
        "incident_id": "",
        "receiver": receiver,
        "dedup_key": f"{TRIAL} {at_ns}",
        "kind": TRIAL,
        "attempt": 1,
        "outcome": SENT,
        "response_code": None,
        "reason": "",
        "at": at_ns // 1_000,
        "reference": "",
    }
