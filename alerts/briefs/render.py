"""A brief as text for people and as JSON for programs. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from alerts.briefs import figures, words
from alerts.briefs.brief import Brief, What
from alerts.briefs.causes import COMPARES, nothing_changed, suspect_text
from alerts.briefs.tally import counted_as
from alerts.incidents.identity import PIPELINE, RULE, SILENCE
from alerts.incidents.incident import RESOLVED
from detectors.finding import ALL, SliceEffect, rfc3339

VERSION = 1
"""Version of the JSON form; readers take this and the one before."""

ALL_OF_IT = 0.995
"""A slice that explains more than this of a change explains all of it."""
STATED = (*words.LIMITS, PIPELINE, SILENCE)
"""Kinds of findings whose values are a sentence of their own."""

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
    links = [brief.do.dashboard] if brief.do.dashboard else []
    links += [f"{act.name}: {act.url}" for act in brief.do.acts]
    first = [f"{label(brief)} · {brief.headline}", "", *links, *([""] if links else [])]
    text = "\n".join([*first, *body, ""])
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 2]}…\n"


def parts(brief: Brief) -> list[tuple[str, list[str]]]:
    """Name and lines of each part that says something, in order of reading.

    First what whoever was woken acts on: the likely cause, how bad, the next step; hashes and evidence last.
    """
    found = [
        ("Suspects", _suspect_lines(brief)),
        ("What", _what_lines(brief)),
        ("Do", _do_lines(brief)),
        ("Where", _where_lines(brief)),
        ("When", _when_lines(brief)),
        ("Examples", _example_lines(brief)),
        ("Trust", _trust_lines(brief)),
        ("Reproduce", _reproduce_lines(brief)),
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
        "reminder": "not acknowledged",
        "escalated": "escalated: nobody has acknowledged it",
        "resolved": brief.ending or "resolved",
    }
    said = why.get(brief.kind, "").replace("_", " ")
    return " · ".join(x for x in (brief.severity.upper(), brief.state, said) if x)


def _what_lines(brief: Brief) -> list[str]:
    what, now = brief.what, _now(brief)
    counted = brief.tally.text(now) if brief.tally is not None else ""
    lines = [counted] if counted else []
    if what.alert_kind in STATED:
        lines.insert(0, what.values or words.plain(what.title, 80))
        if what.alert_kind == RULE and what.n:
            lines.append(f"over {figures.count(what.n)} {counted_as(what.score, what.unit)} in that time")
    elif what.values:
        lines.append(f"{words.plain(what.title, 80)}: {what.values}{_against(what)}")
    elif not lines:
        lines.append(words.plain(what.title, 80))
    lines += what.particulars
    if what.largest_share is not None:
        lines.append(f"the busiest user makes up {figures.share(what.largest_share)} of them")
    if what.inputs_changed is not None:
        lines.append(_inputs(what))
    if what.hits and what.alert_kind != "policy":
        lines.append(f"{figures.count(what.hits)} policy hits")
    lines += what.notes
    lines += [f"also: {other}" for other in what.others]
    return [*lines, f"and {what.more} more changes"] if what.more else lines


def _against(what: What) -> str:
    """How much it is compared with."""
    if what.n_baseline is None or not what.n_baseline:
        return ""
    return f", against {figures.count(what.n_baseline)} {counted_as(what.score, what.unit)} before"


def _inputs(what: What) -> str:
    """Whether what is asked changed, as far as it was compared."""
    if what.inputs_changed:
        return "the mix of languages asked in changed too: look at what is asked first"
    if what.inputs_moved_high is None:
        return "the mix of languages asked in did not change"
    most = figures.share(what.inputs_moved_high)
    return f"the mix of languages asked in did not change (at most {most} of the traffic moved, 95 %)"


def _now(brief: Brief) -> datetime:
    """The day that times are read on."""
    return brief.when.fired or brief.when.first_finding


def _when_lines(brief: Brief) -> list[str]:
    when, now = brief.when, _now(brief)
    low, high = (figures.clock(t, now).removesuffix(" UTC") for t in (when.onset_low, when.onset_high))
    between = f" (between {low} and {high})" if low != high else ""
    lines = [f"began {figures.clock(when.onset, now)}{between}"]
    if when.fired is not None and when.delay_s is not None:
        later = f", {figures.span(when.delay_s)} later" if when.delay_s >= 1 else ""
        lines.append(f"noticed {figures.clock(when.fired, now)}{later}")
    if brief.acknowledged_by and when.resolved is None:
        lines.append(f"acknowledged by {brief.acknowledged_by}")
    if when.resolved is not None:
        lines.append(f"ended {figures.clock(when.resolved, now)}{_by_whom(brief)}")
    if brief.where.lineage != "live":
        lines.append(f"times are those of the data of {brief.where.lineage}, not of the clock on the wall")
    return lines


def _by_whom(brief: Brief) -> str:
    """Who ended it, and what they said of it; empty where detection did."""
    if brief.ended_by is None:
        return ""
    return f" by {brief.ended_by}" + (f": {brief.ended_reason}" if brief.ended_reason else "")


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
    if brief.what.alert_kind == PIPELINE:
        return lines
    lines.append("all traffic" if where.slice == ALL else f"explained by {where.slice}")
    lines += [f"{s.slice}{_slice_words(s)}" for s in where.slices if s.slice != ALL]
    return [*lines, f"unaffected: {', '.join(where.cleared)}"] if where.cleared else lines


def _slice_words(ranked: SliceEffect) -> str:
    """How much of the change a slice explains; more than all of it, since others fell, is all of it."""
    if ranked.share is None or ranked.share <= 0:
        return ""
    return (
        ": all of the change"
        if ranked.share > ALL_OF_IT
        else f": {figures.share(ranked.share)} of the change"
    )


def _suspect_lines(brief: Brief) -> list[str]:
    what, now = brief.what, _now(brief)
    found = [suspect_text(s, brief.suspects, now) for s in brief.suspects]
    if found or what.alert_kind not in COMPARES:
        return found
    if what.inputs_changed:
        return ["what users ask: the mix of languages changed at the same time"]
    if not what.compared:
        return ["none found"]
    return list(nothing_changed(what.compared, what.score, what.unit, brief.when.onset, now))


def _example_lines(brief: Brief) -> list[str]:
    return [f"{e.when} {e.interaction_id}: {e.prompt} ⇒ {e.output}" for e in brief.examples]


def _do_lines(brief: Brief) -> list[str]:
    if brief.state == RESOLVED:
        return []
    lines = [f"{k}. {check}" for k, check in enumerate(brief.do.checks, 1)]
    where = f": {brief.do.runbook_url}" if brief.do.runbook_url else ""
    return [*lines, f"runbook {brief.do.runbook}{where}"]


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
    what = brief.what
    if what.evidence is not None and what.threshold is not None:
        by = f" ({words.plain(what.detector)})" if what.detector else ""
        known.append(f"evidence {figures.times(what.evidence - what.threshold)} its threshold{by}")
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
