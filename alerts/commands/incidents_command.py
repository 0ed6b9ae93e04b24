"""``lightship incidents``: what is open and what people decide, asked of the alerts API, in words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alerts.allow_rules.rule import HOLDS
from alerts.briefs.figures import THIN
from alerts.briefs.reportable import NOT_ADVICE, deadlines
from alerts.briefs.words import plain
from alerts.commands.client import get, post
from alerts.errors import Unavailable as AlertsUnavailable
from alerts.legal_hold.evidence import Bound
from alerts.repository.incidents import IncidentRepository
from alerts.silences.matchers import Matcher, matchers_text
from alerts.silences.silence import MATCHERS
from detectors.finding import parse_rfc3339, rfc3339
from infra import clickhouse
from infra.clock import SystemClock, to_datetime
from infra.embedded.addresses import reach
from infra.errors import Misconfigured, Unavailable
from infra.settings import load

MAX_CELL = 300
"""Characters of a line that a person wrote."""


def listed(config: Path | None, **filters: str | None) -> dict[str, Any]:
    """Incidents that match, newest first."""
    return get(config, "/incidents", **filters)


def one(config: Path | None, incident_id: str) -> dict[str, Any]:
    """One incident whole: state, findings, brief, history."""
    return get(config, f"/incidents/{_id(incident_id, 'list')}")


def fared(config: Path | None, days: float, lineage: str, tenant: str) -> dict[str, Any]:
    """How the people on call fared lately."""
    return get(config, "/oncall", days=str(days), lineage=lineage, tenant=tenant)


def acted(config: Path | None, incident_id: str, action: str, actor: str, reason: str) -> dict[str, Any]:
    """The incident after an action."""
    return post(config, f"/incidents/{_id(incident_id, 'list')}/{action}", actor, reason)


def silenced(
    config: Path | None,
    incident_id: str | None,
    lasts: str,
    actor: str,
    reason: str,
    begins: str | None = None,
    **patterns: str | None,
) -> dict[str, Any]:
    """Make a silence; of an incident it takes service, score and slice where no pattern is given.

    Raises
    ------
    Misconfigured
        If the incident is about several services: a silence of them all is said in patterns.
    """
    if incident_id is not None:
        incident = one(config, incident_id)
        if incident["service"] == "*" and patterns.get("service") is None:
            raise Misconfigured(
                f"incident {incident_id} is about several services: name them with --service, a pattern"
            )
        own = {"tenant": incident["tenant"]} | {n: incident[n] for n in ("service", "score", "slice")}
        patterns = {**own, **{n: p for n, p in patterns.items() if p is not None}}
    return post(config, "/silences", actor, reason, lasts=lasts, begins=begins, **patterns)


def silences(config: Path | None, tenant: str | None, *, ended: bool) -> dict[str, Any]:
    """Silences in force, and with ``ended`` those that ended lately."""
    return get(config, "/silences", tenant=tenant, state="all" if ended else None)


def lifted(config: Path | None, silence_id: str, actor: str, reason: str) -> dict[str, Any]:
    """End a silence before its time."""
    return post(config, f"/silences/{_id(silence_id, 'silences')}/lift", actor, reason)


def exported(config: Path | None, incident_ids: Sequence[str], to: Path | None) -> str:
    """Incidents whole, one JSON line each: the text of it, or (with ``to``) a line that says where it is.

    Raises
    ------
    Misconfigured
        If the file is there already or cannot be written.
    """
    lines = [json.dumps(one(config, each), ensure_ascii=False) for each in incident_ids]
    if to is None:
        return "\n".join(lines)
    try:
        with to.open("x", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    except FileExistsError as error:
        raise Misconfigured(f"{to} is there already: name another file with --to") from error
    except OSError as error:
        raise Misconfigured(f"{to} cannot be written: {error.strerror}") from error
    return f"{len(lines)} incident{'s' if len(lines) > 1 else ''} in {to}"


def legal_hold(config: Path | None, incident_id: str) -> dict[str, Any]:
    """What is kept of an incident from expiring, table by table."""
    return get(config, f"/incidents/{_id(incident_id, 'list')}/held")


def deadlines_of(config: Path | None, incident_id: str, aware: str | None) -> dict[str, Any]:
    """When clocks of duties to report would run out, from ``aware`` on, or from when it fired.

    Raises
    ------
    Misconfigured
        If ``aware`` is no time with its zone.
    """
    incident = one(config, incident_id)
    since = aware or incident["brief"]["when"]["fired"] or incident["brief"]["when"]["first_finding"]
    try:
        began = parse_rfc3339(since)
    except ValueError as error:
        raise Misconfigured(
            f"--aware {since[:64]!r} is not a time with its zone, such as 2026-11-27T09:30:00Z"
        ) from error
    now = to_datetime(SystemClock().now_ns())
    found = {"incident_id": incident_id, "aware": rfc3339(began), "deadlines": deadlines(began, now)}
    return {"v": 1, **found, "note": NOT_ADVICE}


def export_legal_hold(config: Path | None, incident_id: str, to: Path) -> str:
    """Write what is kept of an incident, texts and all, into a new file; a line that says where it is.

    The rows are read from the store, not from the alerts service: who may read texts is who may read it.

    Raises
    ------
    Misconfigured
        If nothing is kept of it, or the file is there already or cannot be written.
    Unavailable
        If the store does not answer.
    """
    report = legal_hold(config, incident_id)
    if not report["sources"]:
        raise Misconfigured(f"nothing is held of incident {incident_id}: `lightship incidents hold` keeps it")
    settings = reach(load(config))
    log = IncidentRepository(lambda: clickhouse.connect(settings.store))
    n, rows = 0, log.legal_hold_usage().rows(report["tenant"], incident_id)
    try:
        with to.open("x", encoding="utf-8") as file:
            for n, (source, body) in enumerate(rows, 1):  # noqa: B007 - counted
                file.write(f'{{"source":{json.dumps(source)},"row":{body}}}\n')
    except FileExistsError as error:
        raise Misconfigured(f"{to} is there already: name another file with --to") from error
    except OSError as error:
        raise Misconfigured(f"{to} cannot be written: {error.strerror}") from error
    except AlertsUnavailable as error:
        raise Unavailable(str(error)) from error
    finally:
        log.close()
    return f"{n} rows of incident {incident_id} in {to}"


def show_legal_hold(report: Mapping[str, Any]) -> str:
    """What is kept, a line a table, for a person."""
    sources = report["sources"]
    if not sources:
        now = "its rows are copied within seconds" if report["held_by"] else "nobody holds it"
        return f"nothing is kept of incident {report['incident_id']} yet: {now}"
    bounds = [Bound(s["source"], s["there"], s["kept"], s["size"]) for s in sources]
    who = f"held by {report['held_by']}" if report["held_by"] else "released: it is being taken away"
    return "\n".join([f"{report['incident_id']}  {who}", *(bound.text() for bound in bounds)])


def _id(text: str, command: str) -> str:
    if not re.fullmatch("[0-9a-f]{16}", text):
        raise Misconfigured(f"{text[:MAX_CELL]!r} is no id: `lightship incidents {command}` shows them")
    return text


def show_list(report: Mapping[str, Any]) -> str:
    """A table for a person."""
    rows = report["incidents"]
    if not rows:
        return "no incident matches; --state resolved shows what is over, --state all everything"
    lines = [("incident", "state", "severity", "since", "who", "what")]
    lines += [(i["incident_id"], _state(i), i["severity"], i["onset"], _who(i), i["headline"]) for i in rows]
    more = report["total"] - len(rows)
    return _table(lines) + (f"\n{more} more: raise --limit or name a --service" if more > 0 else "")


def _state(incident: Mapping[str, Any]) -> str:
    ending = f" ({incident['ending']})" if incident["ending"] else ""
    return f"{incident['state']}{ending}{', silenced' if incident['silence'] else ''}"


def _who(incident: Mapping[str, Any]) -> str:
    held = f"held by {incident['held_by']}" if incident["held_by"] else ""
    return ", ".join(said for said in (incident["acknowledged_by"] or "", held) if said)


def show_one(incident: Mapping[str, Any]) -> str:
    """One incident for a person: all that a message says, then who has it, its notes and its history."""
    facts = (incident["incident_id"], _state(incident), incident["severity"], f"onset {incident['onset']}")
    lines = [*_printable(incident["text"]), "", "  ".join(facts)]
    if who := _who(incident):
        lines.append(f"with {who}")
    lines += [f"note of {n['actor']}, {n['at']}: {plain(n['text'], MAX_CELL)}" for n in incident["notes"]]
    holds = dict.fromkeys(n for f in incident["findings"] for n in f["notes"] if n.startswith(HOLDS))
    lines += [plain(note, MAX_CELL) for note in holds]
    if incident["history"] is None:
        return "\n".join([*lines, "its history cannot be read now: the store does not answer"])
    rows = [("at", "what", "state", "who", "why")]
    rows += [(m["at"], m["what"], m["state"], m["actor"], m["reason"]) for m in incident["history"]]
    return "\n".join([*lines, "", _table(rows)])


def _printable(text: str) -> list[str]:
    """Lines of a message, each of visible characters."""
    lines = text.rstrip().splitlines()
    return ["".join(c if c.isprintable() or c == THIN else " " for c in line).rstrip() for line in lines]


def show_fared(report: Mapping[str, Any]) -> str:
    """The figures for a person."""
    weekly = f"{report['pages_per_week']:.3g} pages a week ({report['pages']} in {report['days']:g} days)"
    lines = [f"{report['lineage']}: {weekly}, {report['tickets']} tickets"]
    for name, what in (("acted_on", "acted on"), ("false", "false alarms")):
        share = report[name]
        if share["share"] is not None:
            interval = f"95 % interval {share['low']:.0%} to {share['high']:.0%}"
            lines.append(
                f"{what}: {share['n']} of {report['pages']} pages, {share['share']:.0%} ({interval})"
            )
    for name, what in (("minutes_to_acknowledge", "acknowledged"), ("minutes_to_resolve", "resolved")):
        if report[name] is not None:
            lines.append(f"{what} after {report[name]:g} min (median)")
    if report["waiting"]:
        lines.append(f"not acknowledged: {', '.join(report['waiting'])}")
    lines += [f"{f['incident_id']} came back {f['reopened']} times" for f in report["flapping"]]
    return "\n".join(lines)


def show_acted(incident: Mapping[str, Any]) -> str:
    """What became of it."""
    lines = [f"{incident['incident_id']}  {_state(incident)}  {_who(incident)}".rstrip()]
    if undone := incident.get("undone"):
        ending = f" as {undone['ending'].replace('_', ' ')}" if undone["ending"] else ""
        lines.append(f"took back: {undone['act']}{ending} by {undone['actor']} at {undone['at']}")
        lines += [
            f"allow rule {rule_id} stays: `lightship allow remove {rule_id}` removes it"
            for rule_id in undone["allow_rules"]
        ]
    return "\n".join(lines)


def show_silenced(report: Mapping[str, Any]) -> str:
    """What is silent now."""
    silence, covers = report["silence"], report["covers"]
    if not silence["begun"]:
        now = f"begins {silence['begins_at']}"
        return f"{silence['silence_id']}  {_patterns(silence)}  until {silence['ends_at']}  {now}"
    now = f"covers {', '.join(covers)}" if covers else "covers nothing that is open now"
    return f"{silence['silence_id']}  {_patterns(silence)}  until {silence['ends_at']}  {now}"


def show_silences(report: Mapping[str, Any]) -> str:
    """A table for a person."""
    rows = report["silences"]
    if not rows:
        return "no silence is in force"
    lines = [("silence", "of", "from", "until", "who", "why", "made in", "ended")]
    for s in rows:
        ended = f"{s['ended_at']} by {s['ended_by']}" if s["ended_at"] else ""
        who, made_in = (s["actor"], s["reason"]), s.get("origin") or "lightship"
        lines.append((s["silence_id"], _patterns(s), s["begins_at"], s["ends_at"], *who, made_in, ended))
    return _table(lines)


def show_lifted(report: Mapping[str, Any]) -> str:
    """What is over."""
    silence = report["silence"]
    return f"{silence['silence_id']}  {_patterns(silence)}  ended {silence['ended_at']}"


def _patterns(silence: Mapping[str, Any]) -> str:
    if silence.get("origin"):  # made in an Alertmanager
        return matchers_text([Matcher(**one) for one in silence["matchers"]])
    return " ".join(f"{name}={silence[name]}" for name in MATCHERS if silence[name] != "*")


def _table(lines: Sequence[Sequence[str]]) -> str:
    lines = [[plain(cell, MAX_CELL) for cell in line] for line in lines]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )
