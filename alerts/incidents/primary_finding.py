"""Which finding of an incident speaks for it, and which slice explains it. Pure functions over findings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from alerts.incidents.identity import POLICY, RULE, SILENCE
from detectors.finding import ALL, SEVERAL, SEVERITIES, Finding, Suspect
from detectors.scorers import SPECS

MUCH_LARGER = 2.0
"""A slice explains a change when its own effect is this many times the effect over all traffic."""

MAX_SUSPECTS = 10

ANOMALY = "anomaly"
"""The kind of finding that tells of a burst which was over by itself."""

PRODUCED = (
    *("input_tokens", "prompt_length", "output_tokens", "output_length", "trace_output_tokens"),
    *(
        "trace_input_tokens",
        "conversation_output_tokens",
        "conversation_input_tokens",
        "steps",
        "model_calls",
    ),
)
"""Scores of how much is read and written: waiting times follow from it."""

FOLLOWS = ("tokens_per_second", "words_per_second", "cost_usd")
"""Scores computed from others: where those moved, they say why."""

ACCOUNTS = 0.5
"""Waiting times follow from what is produced where that moved by this part of their own move, or more."""

SLIGHT = 0.02
"""A distribution that moved by less names no incident in which anything else did, nor is told beside it."""

ASKED = ("language", "topic")
"""Scores of what is asked: lengths, tokens, cost and answers follow from it."""


CONVERSATION = "conversation"
ECHO_S = 5400.0
"""How long after calls recovered conversations may be counted that were held before: they last for a while,
and wait half an hour for another call. If they still show a change later, that is told (`unconfirmed`)."""


def supports(finding: Finding) -> bool:
    """Whether the statement still stands: it has not been withdrawn."""
    return finding.status != "withdrawn"


def is_active(finding: Finding) -> bool:
    """Whether a change worth acting on goes on. How long policy hits go on is the incident's business."""
    return (
        supports(finding)
        and finding.ended_at is None
        and finding.alert_kind != POLICY
        and finding.severity != "info"
    )


def is_bursts(findings: Sequence[Finding]) -> bool:
    """Whether there is nothing but bursts that were over by themselves."""
    return all(f.alert_kind == ANOMALY for f in findings)


def goes_on(findings: Sequence[Finding]) -> bool:
    """Whether any change worth acting on goes on, by what is known of now.

    Conversations are counted once nothing more comes of them: for a while (`ECHO_S`) they show how calls were
    before those were seen to be well again. A burst is over when it is filed: it may begin an
    incident, and keeps none of something else going.
    """
    bursts = is_bursts(findings)
    active = [f for f in findings if is_active(f) and (bursts or f.alert_kind != ANOMALY)]
    if not active or any(f.unit != CONVERSATION for f in active):
        return bool(active)
    ended = [f.ended_at for f in findings if supports(f) and f.unit != CONVERSATION and f.ended_at]
    return not ended or any((f.made_at - max(ended)).total_seconds() > ECHO_S for f in active)


def is_harm(finding: Finding) -> bool:
    """Whether users are hurt at a rate, rather than a distribution having moved."""
    spec = SPECS.get(finding.score)
    rate = spec is not None and spec.kind == "flag" and spec.harmful != 0
    return rate or finding.alert_kind in (POLICY, RULE, SILENCE, "slo")


def _worse(finding: Finding) -> float:
    """Share of interactions that got worse by degrees of harm; 0 where they did not, or none are measured."""
    spec = SPECS.get(finding.score)
    if spec is None or spec.kind != "bounded" or finding.effect_unit != "rate" or finding.slice != ALL:
        return 0.0
    return max(spec.harmful * (finding.effect or 0.0), 0.0)


def _asked_otherwise(findings: Sequence[Finding]) -> float:
    """Largest share of interactions in which what is asked may have changed.

    What follows from it cannot have changed in more of them: a channel does not increase the total variation
    distance of what enters it (data processing inequality; Polyanskiy and Wu, Information Theory, 2025,
    chapter 7).
    """
    return max((_bounds(f)[1] for f in findings if f.score in ASKED), default=0.0)


def primary_finding_of(findings: Sequence[Finding]) -> Finding:
    """The finding the headline is about: chosen by harm, size and certainty.

    One about several services before those of single ones. Highest severity first; a burst that is over by
    itself last of its severity; then what hurts users or breaks an operator's limit before moved
    distributions; among those what is asked first, unless harm by degree rose in more interactions than that
    can account for, and last what follows from others: waiting times where what is produced changed as much,
    and always speed and price. What hardly moved comes after what did, shares of a score's values after the
    score in its own unit. Of rates of harm the one that surely changed most, over all traffic where that is
    known: it hurts most users, while evidence says little more than that a threshold was passed. Of
    distributions the one found first: what moved most clearly. Then the strongest evidence, the largest
    effect. Withdrawn findings lead only when nothing else is left.

    Raises
    ------
    ValueError
        If there is no finding.
    """
    if not findings:
        raise ValueError("an incident without findings has no lead")
    standing = [f for f in findings if supports(f)] or findings
    whole = {(f.unit, f.score): _sure_size(f) for f in standing if f.slice == ALL}
    follows = max(map(_worse, standing)) <= _asked_otherwise(standing)
    produced = max((_moved(f) for f in standing if f.score in PRODUCED), default=0.0)

    def rank(f: Finding) -> tuple[Any, ...]:
        hurts = is_harm(f) and f.effect_unit == "rate"
        size = whole.get((f.unit, f.score), _sure_size(f)) if hurts else (0.0, 0.0)
        found = 0.0 if is_harm(f) else f.made_at.timestamp()
        kind = _kind(f, follows=follows, produced=produced)
        return (f.service != SEVERAL, *kind, -size[0], -size[1], found, *_strength(f))

    return min(standing, key=rank)


def _rank(finding: Finding) -> tuple[Any, ...]:
    """Order among findings about one score."""
    return (*_kind(finding), *_strength(finding))


def _kind(finding: Finding, *, follows: bool = True, produced: float = math.inf) -> tuple[Any, ...]:
    order = 0 if finding.score in ASKED and follows else 1
    if finding.score in FOLLOWS:
        order = 3
    elif finding.score.endswith("_s") and produced >= ACCOUNTS * _moved(finding):
        order = 2
    harm = is_harm(finding)
    slight = is_slight(finding)
    severity = SEVERITIES.index(finding.severity)
    return severity, finding.alert_kind == ANOMALY, not harm, slight, order, not harm and _is_share(finding)


def is_slight(finding: Finding) -> bool:
    """Whether a score that is no harm by itself moved by next to nothing, however sure that is."""
    return not is_harm(finding) and _moved(finding) < SLIGHT


def _moved(finding: Finding) -> float:
    """How far a score moved: of values the logarithm of their ratio, of a rate its change; 1 if not known."""
    before, now = finding.baseline_value, finding.current_value
    if finding.effect_unit in ("rate", "ratio"):
        return _size(finding) if finding.effect is not None else 1.0
    if before is None or now is None or before <= 0 or now <= 0:
        return 1.0
    return abs(math.log(now) - math.log(before))


def _is_share(finding: Finding) -> bool:
    """Whether it counts the share of a score's values in some range, not the score in its own unit."""
    spec = SPECS.get(finding.score)
    return spec is not None and spec.kind in ("positive", "real") and finding.effect_unit == "rate"


def _strength(finding: Finding) -> tuple[float, float, str]:
    return -(finding.evidence or 0.0), -_size(finding), finding.finding_id


def _size(finding: Finding) -> float:
    return abs(finding.effect or 0.0)


def _sure_size(finding: Finding) -> tuple[float, float]:
    """Size of an effect: at least, and estimated."""
    return _bounds(finding)[0], _size(finding)


def relatives(findings: Sequence[Finding], lead: Finding) -> list[Finding]:
    """Standing findings about the lead's score and service, the lead among them."""
    about = (lead.service, lead.unit, lead.score)
    same = [f for f in findings if (f.service, f.unit, f.score) == about and supports(f)]
    return same or [lead]


def explaining_slice(findings: Sequence[Finding]) -> str:
    """The slice that explains the incident, or ``all``.

    It is the first of the ranking that came with the finding over all traffic (else with the lead). Where
    that is all traffic, a slice's own finding takes its place if its effect is `MUCH_LARGER`, interval
    included.
    """
    lead = primary_finding_of(findings)
    family = relatives(findings, lead)
    parent = min((f for f in family if f.slice == ALL), key=_rank, default=lead)
    chosen = parent.slices[0].slice if parent.slices else parent.slice
    if chosen != ALL and (parent.slices or parent.slice != lead.slice):
        return chosen
    rivals = [f for f in family if f.slice != ALL and _dwarfs(f, parent)]
    return min(rivals, key=lambda f: (-abs(f.effect or 0.0), f.finding_id)).slice if rivals else chosen


def _dwarfs(part: Finding, whole: Finding) -> bool:
    """Whether a slice's effect is much larger than that over all traffic."""
    if part.effect_unit != whole.effect_unit or part.effect is None or whole.effect is None:
        return False
    near = _bounds(part)[0]
    return abs(part.effect) >= MUCH_LARGER * abs(whole.effect) and near >= _bounds(whole)[1]


def _bounds(finding: Finding) -> tuple[float, float]:
    """Least and greatest size the effect may have; its estimate where there is no interval."""
    ends = [e for e in (finding.effect_low, finding.effect_high) if e is not None]
    if len(ends) < 2:
        return abs(finding.effect or 0.0), abs(finding.effect or 0.0)
    least = 0.0 if ends[0] * ends[1] <= 0 else min(map(abs, ends))
    return least, max(map(abs, ends))


def spokesman(findings: Sequence[Finding]) -> Finding:
    """The finding whose numbers the headline shows: about the explaining slice where there is one."""
    lead = primary_finding_of(findings)
    where = explaining_slice(findings)
    about = [f for f in relatives(findings, lead) if f.slice == where]
    return min(about, key=_rank, default=lead)


def merged_suspects(findings: Sequence[Finding], recorded: Sequence[Suspect] = ()) -> tuple[Suspect, ...]:
    """What changed near the onset, each once, at most `MAX_SUSPECTS`: recorded, the lead's, others'."""
    lead = primary_finding_of(findings)
    ordered: Iterable[Finding] = (lead, *(f for f in findings if f is not lead and supports(f)))
    out = {(suspect.kind, suspect.value): suspect for suspect in recorded}
    for finding in ordered:
        for suspect in finding.suspects:
            out.setdefault((suspect.kind, suspect.value), suspect)
    return tuple(out.values())[:MAX_SUSPECTS]
