"""What was planted, what was found, and whether they agree: pure, strict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from detectors.finding import parse_rfc3339, rfc3339
from infra.clock import NS_PER_S, to_datetime, to_ns
from ingest.demo.schedule import Planted

Count = Callable[[Planted, int, int], int]
"""Interactions a planted incident could touch between two event times, in ns."""


@dataclass(frozen=True, slots=True)
class FoundIncident:
    """An incident as the alerts room tells it; ``slice`` is its first-ranked explaining slice.

    ``found_ns`` is the event time at which its first finding was made. Absent times are ``None``.
    """

    incident: str
    service: str
    score: str
    slice: str
    onset_ns: int | None
    low_ns: int | None
    high_ns: int | None
    found_ns: int | None

    @classmethod
    def from_json(cls, incident: Mapping[str, Any]) -> FoundIncident:
        """Read an incident's JSON as the alerts room writes it.

        It was found when it was opened or when its earliest finding was made, whichever came first.

        Raises
        ------
        KeyError
            If ``incident_id``, ``service`` or ``score`` is missing.
        """
        onset_ns, low_ns, high_ns = (_time_ns(incident.get(k)) for k in ("onset", "onset_low", "onset_high"))
        said = [incident.get("opened_at"), *(f.get("made_at") for f in incident.get("findings") or ())]
        return cls(
            incident=incident["incident_id"],
            service=incident["service"],
            score=incident["score"],
            slice=incident.get("slice") or "all",
            onset_ns=onset_ns,
            low_ns=low_ns,
            high_ns=high_ns,
            found_ns=min((ns for ns in map(_time_ns, said) if ns is not None), default=None),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """One found incident: the planted one it states (``name``), or why it is a false alarm (``why``).

    ``echo`` is true for a true consequence of a planted cause, which neither finds it nor is false.
    """

    found: FoundIncident
    planted: Planted | None
    why: str = ""
    echo: bool = False


def judge(planted: Sequence[Planted], found: Iterable[FoundIncident], tick_ns: int) -> list[Verdict]:
    """Match found incidents with planted ones.

    One matches if service and score agree, its slice is the planted one, and the planted onset lies within
    ``[onset_low - 1 tick, onset_high + 1 tick]``; anything else is a false alarm, also a cause found with the
    wrong slice or onset.
    """
    return [_judge_one(planted, one, tick_ns) for one in found]


def _judge_one(planted: Sequence[Planted], found: FoundIncident, tick_ns: int) -> Verdict:
    reasons = []
    for cause in planted:
        known = found.score in cause.scores or found.score in cause.echoes
        if found.service != cause.service or not known:
            continue
        if found.slice != cause.slice:
            reasons.append(f"{cause.name} with slice {found.slice} instead of {cause.slice}")
        elif found.low_ns is None or found.high_ns is None:
            reasons.append(f"{cause.name} without an onset interval")
        elif not found.low_ns - tick_ns <= cause.onset_ns <= found.high_ns + tick_ns:
            reasons.append(f"{cause.name} with an onset interval that misses {_text(cause.onset_ns)}")
        else:
            return Verdict(found, cause, echo=found.score not in cause.scores)
    return Verdict(found, None, "; ".join(reasons) or "nothing was planted there")


def report(
    planted: Sequence[Planted],
    found: Sequence[FoundIncident],
    *,
    tick_ns: int,
    count: Count,
    interactions: int,
    ready_s: float | None = None,
    ledger: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """The JSON of ``lightship demo --once --json`` (docs/contracts.md), with ``ok`` and reasons added."""
    verdicts = judge(planted, found, tick_ns)
    stated = {v.planted.name for v in verdicts if v.planted and not v.echo}
    false = [v for v in verdicts if v.planted is None]
    missed = [p.name for p in planted if p.name not in stated]
    balanced = ledger is None or _balanced(ledger)
    return {
        "ready_s": ready_s,
        "interactions": interactions,
        "planted": [
            {
                "name": p.name,
                "title": p.title,
                "service": p.service,
                "score": p.score,
                "slice": p.slice,
                "onset": _text(p.onset_ns),
            }
            for p in planted
        ],
        "found": [_entry(v, count) for v in verdicts],
        "missed": missed,
        "false_alarms": [{"incident": v.found.incident, "why": v.why} for v in false],
        "ledger": dict(ledger) if ledger is not None else None,
        "ok": not missed and not false and balanced,
    }


def render(result: Mapping[str, Any]) -> Table:
    """The closing table: planted -> found, delay, slice, and false alarms."""
    table = Table(title="Planted and found", title_justify="left")
    for name in ("planted", "service", "slice", "found"):
        table.add_column(name)
    for name in ("onset", "delay", "interactions"):
        table.add_column(name, justify="right")
    found: dict[str | None, list[Mapping[str, Any]]] = {}
    for entry in result["found"]:
        found.setdefault(None if entry["echo"] else entry["planted"], []).append(entry)
    for planted in result["planted"]:
        entries = sorted(found.get(planted["name"], []), key=lambda e: e["delay_s"] or 0)
        row = [planted["title"], planted["service"], planted["slice"]]
        if entries:
            first = entries[0]
            row += [f"{first['score']} ({first['slice']})", _clock(first["onset"])]
            row += [_duration(first["delay_s"]), _number(first["delay_interactions"])]
        else:
            row += ["[bold]missed[/bold]", "", "", ""]
        table.add_row(*row)
    for alarm in result["false_alarms"]:
        entry = next(e for e in result["found"] if e["incident"] == alarm["incident"])
        table.add_row(
            "[bold]false alarm[/bold]",
            entry["service"],
            entry["slice"],
            entry["score"],
            _clock(entry["onset"]),
            "",
            "",
        )
    if not result["false_alarms"]:
        table.caption = "no false alarm"
    return table


def _entry(verdict: Verdict, count: Count) -> dict[str, Any]:
    found, planted = verdict.found, verdict.planted
    delay_s = n = None
    if planted is not None and found.found_ns is not None:
        delay_s = round((found.found_ns - planted.onset_ns) / NS_PER_S, 1)
        n = count(planted, planted.onset_ns, found.found_ns)
    return {
        "incident": found.incident,
        "planted": planted.name if planted else None,
        "service": found.service,
        "score": found.score,
        "slice": found.slice,
        "onset": _text(found.onset_ns),
        "onset_low": _text(found.low_ns),
        "onset_high": _text(found.high_ns),
        "delay_s": delay_s,
        "delay_interactions": n,
        "echo": verdict.echo,
    }


def _balanced(ledger: Mapping[str, int]) -> bool:
    parts = ("stored", "duplicate", "rejected", "dead_lettered")
    return ledger["received"] == sum(ledger[part] for part in parts)


def _time_ns(value: str | None) -> int | None:
    return None if value is None else to_ns(parse_rfc3339(value))


def _text(at_ns: int | None) -> str | None:
    return None if at_ns is None else rfc3339(to_datetime(at_ns))


def _clock(at: str | None) -> str:
    return "-" if at is None else f"{parse_rfc3339(at):%a %H:%M}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


def _number(n: int | None) -> str:
    return "-" if n is None else f"{n:,}"
