"""A brief as text for people and as JSON for programs. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from alerts.briefs import figures, words
from alerts.briefs.brief import Brief, What, When
from detectors.finding import ALL, SliceEffect, rfc3339

VERSION = 1
"""Version of the JSON form; readers take this and the one before."""

MAX_TEXT = 8_000
"""Characters of the text form."""


def render_json(brief: Brief) -> dict[str, Any]:
    """JSON-ready form: ``v``, times as RFC 3339 with ``Z``, absent values as null."""
    data = asdict(brief)
    where = data.pop("where")
    data["where"] = {**where, "slices": list(where["slices"])}
    out: dict[str, Any] = _jsonable({"v": VERSION, **data})
    return out


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, dict):
        return {k: _jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(v) for v in value]
    return value


def to_bytes(data: dict[str, Any]) -> bytes:
    """Compact UTF-8 JSON, keys in a fixed order."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def render_text(brief: Brief) -> str:
    """Plain text, one part a paragraph; at most `MAX_TEXT` characters."""
    body = [
        f"{name:<10} {line}" if k == 0 else f"{'':<10} {line}"
        for name, lines in parts(brief)
        for k, line in enumerate(lines)
    ]
    acts = [f"{act.name}: {act.url}" for act in brief.do.acts]
    first = [f"{label(brief)} · {brief.headline}", "", *acts, *([""] if acts else [])]
    text = "\n".join([*first, *body, ""])
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 2]}…\n"


def parts(brief: Brief) -> list[tuple[str, list[str]]]:
    """Name and lines of each part that says something, in order of reading."""
    found = [
        ("What", _what_lines(brief.what)),
        ("When", _when_lines(brief.when)),
        ("Where", _where_lines(brief)),
        ("Suspects", _suspect_lines(brief)),
        ("Examples", _example_lines(brief)),
        ("Do", _do_lines(brief)),
        ("Reproduce", _reproduce_lines(brief)),
        ("Trust", _trust_lines(brief)),
    ]
    return [(name, lines) for name, lines in found if lines]


def cut_to(text: str, limit: int) -> str:
    """Text of at most ``limit`` characters; what was cut ends with an ellipsis."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def label(brief: Brief) -> str:
    """Severity, state and why it is said: ``PAGE · firing · got worse``."""
    why = {
        "raised": "got worse",
        "reopened": "is back",
        "reminder": "nobody has taken it",
        "resolved": brief.ending or "resolved",
    }
    said = why.get(brief.kind, "").replace("_", " ")
    return " · ".join(x for x in (brief.severity.upper(), brief.state, said) if x)


def _what_lines(what: What) -> list[str]:
    lines = [f"{words.plain(what.title)}: {what.values}" if what.values else words.plain(what.title)]
    if what.n is not None and what.n_baseline is not None:
        unit = words.unit_plural(what.unit)
        lines.append(f"over {figures.count(what.n)} {unit}, baseline {figures.count(what.n_baseline)}")
    people = [
        f"{figures.count(n)} {name}"
        for n, name in ((what.n_users, "users"), (what.n_conversations, "conversations"))
        if n is not None
    ]
    if what.largest_share is not None and people:
        people.append(f"the busiest makes up {figures.share(what.largest_share)}")
    lines.append(", ".join(people) or "users and conversations: not computed")
    inputs = {
        None: "changes of inputs: not computed",
        True: "inputs changed too",
        False: "inputs did not change",
    }
    lines.append(inputs[what.inputs_changed])
    if what.hits and what.alert_kind != "policy":
        lines.append(f"{figures.count(what.hits)} policy hits")
    if what.evidence is not None and what.threshold is not None:
        by = f", detector {words.plain(what.detector)}" if what.detector else ""
        lines.append(f"evidence {what.evidence:.1f} against a threshold of {what.threshold:.1f} (log){by}")
    lines += what.notes
    lines += [f"also: {other}" for other in what.others]
    return [*lines, f"and {what.more} more changes"] if what.more else lines


def _when_lines(when: When) -> list[str]:
    now = when.fired or when.first_finding
    low, high = (figures.clock(t, now).removesuffix(" UTC") for t in (when.onset_low, when.onset_high))
    lines = [f"onset {figures.clock(when.onset, now)} ({low} to {high})"]
    if when.fired is not None and when.delay_s is not None:
        lines.append(f"fired {figures.clock(when.fired, now)}, {figures.span(when.delay_s)} after the onset")
    if when.resolved is not None:
        lines.append(f"ended {figures.clock(when.resolved, now)}")
    return lines


def _where_lines(brief: Brief) -> list[str]:
    where = brief.where
    place = [f"tenant {where.tenant}"] if where.tenant != "default" else []
    place += [where.environment] if where.environment else []
    place += [where.lineage] if where.lineage != "live" else []
    lines = [" · ".join([where.service, *place])]
    if where.services_hit:
        lines.append(f"hit: {', '.join(where.services_hit)}")
    if where.services_spared:
        lines.append(f"not hit: {', '.join(where.services_spared)}")
    lines.append("all traffic" if where.slice == ALL else f"explained by {where.slice}")
    lines += [f"{s.slice}{_slice_words(s)}" for s in where.slices]
    return [*lines, f"unaffected: {', '.join(where.cleared)}"] if where.cleared else lines


def _slice_words(ranked: SliceEffect) -> str:
    return "" if ranked.share is None else f": {figures.share(ranked.share)} of the change"


def _suspect_lines(brief: Brief) -> list[str]:
    now = brief.when.fired or brief.when.first_finding
    return [f"{s.kind} {s.value} since {figures.clock(s.since, now)}" for s in brief.suspects] or [
        "none found"
    ]


def _example_lines(brief: Brief) -> list[str]:
    return [f"{e.when} {e.interaction_id}: {e.prompt} ⇒ {e.output}" for e in brief.examples]


def _do_lines(brief: Brief) -> list[str]:
    lines = [f"{k}. {check}" for k, check in enumerate(brief.do.checks, 1)]
    lines.append(f"runbook {brief.do.runbook}")
    return [*lines, brief.do.dashboard] if brief.do.dashboard else lines


def _reproduce_lines(brief: Brief) -> list[str]:
    r = brief.reproduce
    known = [
        f"{name} {value}"
        for name, value in (("config", r.config_hash), ("baseline", r.baseline_version), ("code", r.version))
        if value
    ]
    if r.log_from is not None and r.log_to is not None:
        known.append(f"log {r.log_from} to {r.log_to}")
    if r.log_digest is not None:
        known.append(f"chain {r.log_digest}")
    return [*([r.command] if r.command else []), *([" · ".join(known)] if known else [])]


def _trust_lines(brief: Brief) -> list[str]:
    t = brief.trust
    if t.incidents:
        lines = [f"{t.false_alarms} of {t.incidents} incidents of this detector were false in {t.days} days"]
    else:
        lines = [f"first incident of this detector in {t.days} days"]
    if t.lag_s is not None:
        lines.append(f"pipeline lag {figures.span(t.lag_s)}")
    if t.late_share is not None:
        lines.append(f"late data {figures.share(t.late_share)}")
    return lines
