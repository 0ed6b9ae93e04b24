"""The message about an incident: nine parts, each able to stand alone. Pure.

What happened in one line; what was measured; when; where; what else changed then; examples; how to compute it
again; what to do; how far to trust it. Every text is one line of visible characters and bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.briefs import limits, runbook, words
from alerts.briefs.headline import headline
from alerts.briefs.tally import Tally, tally_of
from alerts.incidents import primary_finding
from alerts.incidents.identity import PIPELINE, POLICY, SILENCE
from alerts.incidents.incident import Incident
from detectors.finding import ALL, Finding, SliceEffect, Suspect
from infra.clock import NS_PER_S, to_datetime

MAX_SLICES = 8
MAX_CLEARED = 12
MAX_OTHERS = 6
MAX_SCORE = 200
"""Characters of a score's name: those of judgements come with telemetry."""
MAX_NOTE = 240
SAID = ("rule", "slo")
"""Kinds of findings whose notes are the operator's own words for what is not allowed."""
MAX_EXAMPLE = 280
"""Characters of a prompt or output in an example."""


@dataclass(frozen=True, slots=True)
class What:
    """The measurement. ``values`` is baseline, current value and interval in words.

    ``notes`` is what a rule or an objective says of itself: its limit, and what is left of a budget.
    ``particulars`` is what is known of the hits beyond their number: types of errors, kinds of secrets, which
    tool. ``compared`` are the dimensions in which suspects were looked for.
    """

    title: str
    unit: str
    score: str
    alert_kind: str
    values: str
    effect: float | None
    effect_low: float | None
    effect_high: float | None
    effect_unit: str | None
    baseline_value: float | None
    current_value: float | None
    direction: str | None
    n: int | None
    n_baseline: int | None
    n_users: int | None
    n_conversations: int | None
    largest_share: float | None
    inputs_changed: bool | None
    evidence: float | None
    threshold: float | None
    detector: str | None
    hits: int
    others: tuple[str, ...]
    more: int
    notes: tuple[str, ...] = ()
    particulars: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    inputs_moved_high: float | None = None


@dataclass(frozen=True, slots=True)
class When:
    """Aware UTC times on the clock of the lineage. ``delay_s`` is from the onset to the firing."""

    onset: datetime
    onset_low: datetime
    onset_high: datetime
    first_finding: datetime
    fired: datetime | None
    resolved: datetime | None
    delay_s: float | None


@dataclass(frozen=True, slots=True)
class Where:
    """Whose traffic. ``slices`` are ranked, ``cleared`` were checked and are unaffected."""

    tenant: str
    lineage: str
    environment: str | None
    service: str
    slice: str
    slices: tuple[SliceEffect, ...]
    cleared: tuple[str, ...]
    services_hit: tuple[str, ...] = ()
    services_spared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """One redacted interaction, cut. ``when`` is ``current`` or ``baseline``."""

    when: str
    interaction_id: str
    prompt: str
    output: str


@dataclass(frozen=True, slots=True)
class Reproduce:
    """What it takes to compute the finding again; offsets are of the observation log.

    ``log_digest`` is the head of its chain of digests at ``log_to``; ``command`` the command that does it,
    ``None`` if nothing can.
    """

    finding_ids: tuple[str, ...]
    series: str | None
    config_hash: str | None
    baseline_version: str | None
    log_from: int | None
    log_to: int | None
    log_partition: int | None
    log_digest: str | None
    version: str
    command: str | None


@dataclass(frozen=True, slots=True)
class Act:
    """A link that does something, and what people read of it."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Do:
    """What to do: a runbook, its first checks, and where to look and act.

    ``acts`` are links for the receiver of a message; what is stored or shown elsewhere has none.
    ``runbook_url`` is where the team keeps the runbook; empty without such a place.
    """

    runbook: str
    checks: tuple[str, ...]
    dashboard: str
    api: str
    acts: tuple[Act, ...] = ()
    runbook_url: str = ""


@dataclass(frozen=True, slots=True)
class Trust:
    """How far to believe it: endings of this detector's incidents in the last ``days``, and the pipeline."""

    false_alarms: int = 0
    incidents: int = 0
    days: int = 90
    lag_s: float | None = None
    late_share: float | None = None


@dataclass(frozen=True, slots=True)
class Brief:
    """All of it. ``kind`` says why it is sent: opened, raised, reopened or resolved."""

    kind: str
    incident_id: str
    state: str
    severity: str
    ending: str | None
    acknowledged_by: str | None
    at: datetime
    headline: str
    what: What
    when: When
    where: Where
    suspects: tuple[Suspect, ...]
    examples: tuple[Example, ...]
    reproduce: Reproduce
    do: Do
    trust: Trust
    tally: Tally | None = None
    ended_by: str | None = None
    ended_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """Where people look and act: addresses without a final slash. ``version`` is the code's."""

    dashboard: str = ""
    api: str = ""
    version: str = ""
    runbooks: str = ""


def brief_of(
    incident: Incident,
    *,
    kind: str = "opened",
    links: Links = Links(),
    trust: Trust = Trust(),
    examples: Sequence[Example] = (),
    tally: Tally | None = None,
    particulars: Sequence[str] = (),
) -> Brief:
    """The message about an incident as it stands.

    Without a ``tally`` that was counted lately, figures are those of its findings.
    """
    finding = incident.spokesman
    book = runbook.load(runbook.name_of(finding))
    where = incident.slice
    page = f"{links.dashboard}/incident?id={incident.incident_id}" if links.dashboard else ""
    return Brief(
        kind=kind,
        incident_id=incident.incident_id,
        state=incident.state,
        severity=incident.severity,
        ending=incident.ending,
        acknowledged_by=incident.acknowledged_by and words.plain(incident.acknowledged_by),
        at=to_datetime(incident.clock_ns),
        headline=headline(incident),
        what=_what(incident, finding, particulars),
        when=_when(incident),
        where=Where(
            tenant=words.plain(finding.tenant),
            lineage=words.plain(finding.lineage),
            environment=words.plain(finding.environment) if finding.environment else None,
            service=words.whose(finding),
            slice=words.plain(where, 80),
            slices=_ranked(incident),
            cleared=tuple(words.plain(s, 80) for s in incident.primary_finding.cleared[:MAX_CLEARED]),
            services_hit=tuple(words.plain(s) for s in incident.primary_finding.services_hit[:MAX_SLICES]),
            services_spared=tuple(
                words.plain(s) for s in incident.primary_finding.services_spared[:MAX_CLEARED]
            ),
        ),
        suspects=tuple(
            Suspect(
                words.plain(s.kind), words.plain(s.value), s.since, s.replaced and words.plain(s.replaced)
            )
            for s in incident.suspects
        ),
        examples=cut(examples),
        reproduce=Reproduce(
            finding_ids=tuple(f.finding_id for f in incident.findings),
            series=finding.series,
            config_hash=finding.config_hash,
            baseline_version=finding.baseline_version and words.plain(finding.baseline_version),
            log_from=finding.log_from,
            log_to=finding.log_to,
            log_partition=finding.log_partition,
            log_digest=finding.log_digest,
            version=links.version,
            command=_verify(incident),
        ),
        do=Do(
            runbook=book.name,
            checks=book.checks,
            dashboard=page,
            api=f"{links.api}/incidents/{incident.incident_id}" if links.api else "",
            runbook_url=f"{links.runbooks.rstrip('/')}/{book.name}" if links.runbooks else "",
        ),
        trust=trust,
        tally=tally or tally_of(incident),
        ended_by=incident.ended_by and words.plain(incident.ended_by),
        ended_reason=incident.ended_reason and words.plain(incident.ended_reason, MAX_NOTE),
    )


def _verify(incident: Incident) -> str | None:
    """The command that computes its findings again; what a worker says of itself has none."""
    if all(f.alert_kind == PIPELINE for f in incident.findings):
        return None
    return f"lightship verify {incident.incident_id}"


def _what(incident: Incident, finding: Finding, particulars: Sequence[str]) -> What:
    same = (finding.unit, finding.score)
    beside = (f for f in incident.findings if f is not finding and primary_finding.supports(f))
    others = [f for f in beside if not primary_finding.is_slight(f)]
    said = list(
        dict.fromkeys(
            words.plain(f"{words.subject(f, 1)} {words.slice_words(f.slice)}", 120)
            for f in others
            if f.alert_kind != POLICY or (f.unit, f.score) != same
        )
    )
    return What(
        title=words.measured(finding),
        unit=words.plain(finding.unit),
        score=words.plain(finding.score, MAX_SCORE),
        alert_kind=finding.alert_kind,
        values=_values(finding),
        effect=finding.effect,
        effect_low=finding.effect_low,
        effect_high=finding.effect_high,
        effect_unit=finding.effect_unit,
        baseline_value=finding.baseline_value,
        current_value=finding.current_value,
        direction=finding.direction,
        n=finding.n,
        n_baseline=finding.n_baseline,
        n_users=finding.n_users,
        n_conversations=finding.n_conversations,
        largest_share=finding.largest_share,
        inputs_changed=finding.inputs_changed,
        evidence=finding.evidence,
        threshold=finding.threshold,
        detector=finding.detector and words.plain(finding.detector),
        hits=incident.hits.count,
        others=tuple(said[:MAX_OTHERS]),
        more=max(0, len(said) - MAX_OTHERS) + incident.beyond,
        notes=_notes(finding),
        particulars=tuple(words.plain(p, MAX_NOTE) for p in particulars),
        compared=tuple(words.plain(c) for c in finding.compared),
        inputs_moved_high=finding.inputs_moved_high,
    )


def _notes(finding: Finding) -> tuple[str, ...]:
    """What a rule or an objective says of itself: its limit, name, owner and the address of its runbook."""
    if finding.alert_kind not in SAID:
        return ()
    of_rule = {"named": finding.rule_name, "owner": finding.owner, "its runbook": finding.runbook}
    named = [f"{name} {value}" for name, value in of_rule.items() if value]
    return tuple(words.plain(note, MAX_NOTE) for note in (*finding.notes, *named))


def _values(finding: Finding) -> str:
    """The measurement in words; of a limit, what was measured against it."""
    if finding.alert_kind in words.LIMITS:
        said = limits.limit_text(finding, words.named)
        if said:
            return said
    if finding.alert_kind in (PIPELINE, SILENCE) and finding.notes:
        return words.plain(finding.notes[0], MAX_NOTE)
    return words.values(finding).text


def _when(incident: Incident) -> When:
    onset, fired = incident.onset, incident.fired_ns
    return When(
        onset=to_datetime(incident.onset_ns),
        onset_low=to_datetime(onset.low_ns),
        onset_high=to_datetime(onset.high_ns),
        first_finding=to_datetime(incident.opened_ns),
        fired=to_datetime(fired) if fired is not None else None,
        resolved=to_datetime(incident.resolved_ns) if incident.resolved_ns is not None else None,
        delay_s=(fired - incident.onset_ns) / NS_PER_S if fired is not None else None,
    )


def _ranked(incident: Incident) -> tuple[SliceEffect, ...]:
    """Slices by what they explain: the ranking over all traffic, else the slices' own findings."""
    family = primary_finding.relatives(incident.findings, incident.primary_finding)
    ranking = next((f.slices for f in family if f.slice == ALL and f.slices), incident.primary_finding.slices)
    if not ranking:
        own = [f for f in family if f.slice != ALL]
        own.sort(key=lambda f: (-abs(f.effect or 0.0), f.slice))
        ranking = tuple(SliceEffect(f.slice, None, f.effect) for f in own)
    return tuple(SliceEffect(words.plain(s.slice, 80), s.share, s.effect) for s in ranking[:MAX_SLICES])


def cut(examples: Sequence[Example]) -> tuple[Example, ...]:
    """Examples as lines of visible text, at most `MAX_EXAMPLE` characters a side."""
    return tuple(
        Example(
            e.when,
            words.plain(e.interaction_id, 80),
            words.plain(e.prompt, MAX_EXAMPLE),
            words.plain(e.output, MAX_EXAMPLE),
        )
        for e in examples
    )
