"""A store, a post and a channel in memory; a process that uses them can be killed at any step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from alerts.allow_rules.rule import AllowRule, AllowRules
from alerts.allow_rules.rule import newest as allow_rules_of
from alerts.briefs.brief import Brief
from alerts.changes.change_event import RecordedChange
from alerts.errors import Unavailable
from alerts.incidents.codec import incident_from_json, incident_to_json
from alerts.incidents.identity import Place
from alerts.incidents.incident import Incident, Transition
from alerts.notify.pipeline import Attempt
from alerts.notify.protocol import GAVE_UP, SENT, Delivery, Outcome
from alerts.repository.incidents import dedup_key
from alerts.silences.silence import Silence, Silences, newest
from alerts.state.incident_state import Change
from alerts.state.ports import FAR_FUTURE_NS, Closed, Source, Undelivered
from detectors.finding import Finding
from detectors.observation import Control
from infra.clock import to_ns


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Steps:
    """Counts the places where a process can be killed, and kills it at one of them."""

    kill_at: int | None = None
    n: int = 0
    names: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        self.n += 1
        self.names.append(name)
        if self.n == self.kill_at:
            raise Killed(name)


@dataclass
class MemoryStore:
    """What survives a kill: rows, written once per key however often they are written."""

    steps: Steps = field(default_factory=Steps)
    transitions: dict[tuple[str, int], tuple[Transition, str]] = field(default_factory=dict)
    states: dict[str, tuple[int, str]] = field(default_factory=dict)
    attempts: dict[tuple[str, str, int, str], Attempt] = field(default_factory=dict)
    hushed: dict[tuple[str, bool], Silence] = field(default_factory=dict)
    allowing: dict[tuple[str, bool], AllowRule] = field(default_factory=dict)
    hits: list[Finding] = field(default_factory=list)
    marked: dict[RecordedChange, None] = field(default_factory=dict)
    hours_of_traffic: float = 0.0
    interactions: int = 0
    hits_to_come: int = 0
    rewritten: list[tuple[str, int]] = field(default_factory=list)
    answers: bool = True

    def store(self, changes: Sequence[Change], brief: Callable[[Incident], Brief]) -> None:
        self.steps("before history")
        if not self.answers:
            raise Unavailable("no store")
        for change in changes:
            for row in change.rows:
                key, body = (row.incident.incident_id, row.seq), incident_to_json(row.incident)
                if key in self.transitions and self.transitions[key][1] != body:
                    self.rewritten.append(key)
                self.transitions[key] = (row, body)
        self.steps("between history and state")
        for change in changes:
            brief(change.incident)
            text = incident_to_json(change.incident)
            self.states[change.incident.incident_id] = (change.incident.revision, text)
        self.steps("after state")

    def load(self) -> list[Incident]:
        newest = dict(self.states)
        for row, body in self.transitions.values():
            i = row.incident
            newest[i.incident_id] = max(newest.get(i.incident_id, (0, "")), (i.revision, body))
        return [incident_from_json(body) for _, body in newest.values()]

    def outbox(self) -> list[Undelivered]:
        out = []
        for (incident_id, seq), (row, body) in sorted(self.transitions.items()):
            for receiver in row.receivers if row.notify else ():
                key = dedup_key(incident_id, seq)
                mine = [a for (k, to, _, _), a in self.attempts.items() if (k, to) == (key, receiver)]
                done = any(a.outcome in (SENT, GAVE_UP) for a in mine)
                n = max((a.number for a in mine), default=0)
                out.append(Undelivered(incident_from_json(body), seq, row.notify, receiver, n, done))
        return out

    def silences(self) -> Silences:
        return newest(self.hushed.values())

    def store_silence(self, silence: Silence) -> None:
        self.steps("before silence")
        if not self.answers:
            raise Unavailable("no store")
        self.hushed[silence.silence_id, silence.in_force] = silence
        self.steps("after silence")

    def allow_rules(self) -> AllowRules:
        return allow_rules_of(self.allowing.values())

    def store_allow_rule(self, rule: AllowRule) -> None:
        self.steps("before allow rule")
        self.allowing[rule.rule_id, rule.ended_ns is None] = rule

    def policy_findings(self, tenant: str, lineage: str, after_ns: int) -> list[Finding]:
        mine = [f for f in self.hits if (f.tenant, f.lineage) == (tenant, lineage)]
        return [f for f in mine if after_ns <= to_ns(f.made_at)]

    def store_changes(self, changes: Sequence[RecordedChange]) -> None:
        if not self.answers:
            raise Unavailable("no store")
        self.marked |= dict.fromkeys(changes)

    def decisions(self) -> dict[str, tuple[str, str]]:
        return {
            i: (row.actor, row.reason)
            for (i, _), (row, _) in self.transitions.items()
            if row.what == "resolved" and row.incident.ending in ("accepted", "false_alarm")
        }

    def closed(
        self, place: Place, scores: Sequence[str], after_ns: int, before_ns: int = FAR_FUTURE_NS
    ) -> Closed:
        assert place.service
        assert after_ns < before_ns
        hits = self.hits_to_come if scores else 0
        return Closed(self.interactions, hits, min(after_ns + int(self.hours_of_traffic * 3600e9), before_ns))

    def record_attempt(self, attempt: Attempt) -> None:
        d = attempt.delivery
        self.steps(f"before {attempt.outcome}")
        self.attempts[d.dedup_key, d.receiver, attempt.number, attempt.outcome] = attempt
        self.steps(f"after {attempt.outcome}")


@dataclass
class MemoryPost:
    """What was posted."""

    steps: Steps = field(default_factory=Steps)
    incidents: list[tuple[str, str]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    letters: list[tuple[Source, str]] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    answers: bool = True

    def incident(self, incident_id: str, value: str) -> None:
        self.steps("before post")
        if not self.answers:
            raise Unavailable("no broker")
        self.incidents.append((incident_id, value))

    def action(self, key: str, value: dict[str, Any]) -> None:
        assert value.get("incident_id", value.get("silence_id", value.get("rule_id"))) == key
        self.actions.append(value)

    def control(self, record: Control) -> None:
        self.steps("before control")
        if not self.answers:
            raise Unavailable("no broker")
        self.controls.append(record)

    def dead_letter(self, source: Source, value: bytes, kind: str, reason: str) -> None:
        assert kind
        self.letters.append((source, f"{reason} ({len(value)} bytes)"))

    def flush(self) -> None:
        self.steps("before flush")


@dataclass
class Channel:
    """A receiver: what it got, and what it answers."""

    steps: Steps = field(default_factory=Steps)
    got: list[Delivery] = field(default_factory=list)
    answers: list[Outcome] = field(default_factory=list)

    def send(self, delivery: Delivery) -> Outcome:
        self.steps("before send")
        outcome = self.answers.pop(0) if self.answers else Outcome(SENT, code=200)
        self.got.append(delivery)
        self.steps("after send")
        return outcome

    def close(self) -> None:
        """Nothing."""


@dataclass
class HandClock:
    """A clock that a test moves."""

    ns: int = 1_773_720_000_000_000_000

    def now_ns(self) -> int:
        return self.ns

    def sleep(self, seconds: float) -> None:
        self.ns += int(seconds * 1e9)
