"""How many were hit since a change began, as of a stated time. Pure.

From findings alone it is what was known when they were stated; `alerts.briefs.live_tally` counts anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.briefs import figures
from alerts.incidents.identity import PIPELINE, POLICY, SILENCE
from alerts.incidents.incident import Incident
from detectors.finding import Finding
from detectors.scorers import SPECS, taxonomy
from infra.clock import to_datetime

_UNITS = {"trace": "runs", "conversation": "conversations"}
_ASKED = {"prompt", "system_prompt", "context", "tool_result"}
COUNTED = ("drift", "fast", "slo")
"""Kinds of findings that count hits since the onset; a rule counts those of its window."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts since ``since``; ``as_of`` is the time of the newest data that is counted.

    ``of`` says what is counted (``answers``); ``hits`` of ``n`` carry the change, where it is one that each
    carries or does not; ``users`` and ``conversations`` are those hit. ``None`` where it is not known.
    """

    since: datetime
    as_of: datetime
    of: str
    hits: int | None = None
    n: int | None = None
    users: int | None = None
    conversations: int | None = None
    last: datetime | None = None

    def text(self, now: datetime) -> str:
        """``since 04:05: 123 of 212 answers, 41 users, the last at 04:19 (as of 04:20 UTC)``."""
        counted = f"{figures.count(self.n)} {self.of}" if self.n is not None else ""
        if self.hits is not None:
            hits = figures.count(self.hits)
            counted = (
                f"{hits} of {counted}" if counted else f"{hits} {self.of if self.hits != 1 else self.one}"
            )
        said = [counted] if counted else []
        for n, name in ((self.users, "user"), (self.conversations, "conversation")):
            said += [f"{figures.count(n)} {name}{'' if n == 1 else 's'}"] if n is not None else []
        if not said:
            return ""
        if self.last is not None:
            said.append(f"the last at {_bare(self.last, now)}")
        when = f"as of {figures.clock(self.as_of, now)}"
        return f"since {_bare(self.since, now)}: {', '.join(said)} ({when})"

    @property
    def one(self) -> str:
        """One of what is counted."""
        return self.of.removesuffix("s")


def _bare(at: datetime, now: datetime) -> str:
    """A time without its zone, which the end of the sentence names."""
    return figures.clock(at, now).removesuffix(" UTC")


def counted_as(score: str, unit: str) -> str:
    """What a score is counted over: ``answers``, ``prompts``, ``calls`` or ``runs``."""
    if unit in _UNITS:
        return _UNITS[unit]
    place = taxonomy.place(score)
    if place is None or unit != "interaction":
        return "calls" if unit == "interaction" else f"{unit}s"
    reads = set(place.reads)
    if reads <= _ASKED:
        return "prompts"
    return "answers" if "output" in reads else "calls"


def is_rate_of_hits(finding: Finding) -> bool:
    """Whether each thing counted carries the change or does not."""
    spec = SPECS.get(finding.score)
    return spec is not None and spec.kind == "flag" and finding.effect_unit == "rate"


def tally_of(incident: Incident) -> Tally | None:
    """What the findings of an incident say; ``None`` where they count nothing since an onset."""
    finding = incident.spokesman
    of = counted_as(finding.score, finding.unit)
    since = to_datetime(incident.change_onset_ns)
    if finding.alert_kind == POLICY:
        hits = incident.hits
        last = to_datetime(hits.last_ns) if hits.count > 1 else None
        return Tally(since, to_datetime(max(hits.last_ns, incident.opened_ns)), of, hits.count, last=last)
    if finding.alert_kind not in COUNTED or finding.n is None or finding.alert_kind in (SILENCE, PIPELINE):
        return None
    share = finding.current_value if is_rate_of_hits(finding) else None
    hits_n = None if share is None else round(share * finding.n)
    people = finding.n_users, finding.n_conversations
    return Tally(since, finding.made_at, of, hits_n, finding.n, *people)
