"""Learned levels as proposals: beside their limits, beside other services, beside what people said. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from alerts.baselines.proposal import LearnedBaseline, proposals
from dashboard import formats, palette
from dashboard.estimates import taxonomy
from dashboard.estimates.proofs import noticed
from dashboard.measures.measures import Measure, measured
from dashboard.measures.scores import known
from dashboard.palette import BadgeColor
from detectors.baselines.proposal import BEYOND, BY_PERSON, FINE, PROPOSED, WITHIN


class Verdict(NamedTuple):
    """What is said to a level, as a grid shows it."""

    label: str
    color: BadgeColor


VERDICTS = {
    BEYOND: Verdict("▲ Beyond limit", "orange"),
    PROPOSED: Verdict("◇ Proposed", "violet"),
    WITHIN: Verdict(f"{palette.OK.glyph} Within limit", "green"),
    BY_PERSON: Verdict(f"{palette.OK.glyph} Accepted", "green"),
}
"""The most urgent first. Green: a limit or a person says that it is fine, not that it was learned."""


@dataclass(frozen=True, slots=True)
class Row:
    """One score of a service in words; ``of`` is the level it tells of."""

    of: LearnedBaseline
    verdict: Verdict
    service: str
    title: str
    level: str
    examples: str
    limit: str
    gap: str
    notices: str
    said: str


def is_open(level: LearnedBaseline) -> bool:
    """Whether nobody and no limit says yet that it is fine."""
    return level.verdict not in FINE


def place(level: LearnedBaseline) -> str:
    """Its service, with the environment where it has one."""
    return f"{level.service} · {level.environment}" if level.environment else level.service


def measure_of(level: LearnedBaseline) -> Measure:
    """How its values are written."""
    return measured(known(level.score, level.kind), None, ())


def title(level: LearnedBaseline) -> str:
    """Its row of the taxonomy; of scores that share one or have none, their own title."""
    for category in taxonomy.categories():
        if category.scores == (level.score,):
            return category.title
    return measure_of(level).title


def rows(levels: Sequence[LearnedBaseline], service: str = "", verdict: str = "") -> list[Row]:
    """In the order of verdicts, then of the taxonomy, then by service; of one service or verdict if named."""
    order = {score: n for n, c in enumerate(taxonomy.categories()) for score in c.scores}
    wanted = [
        one
        for one in levels
        if (not service or place(one) == service) and (not verdict or one.verdict == verdict)
    ]
    wanted.sort(key=lambda one: (_urgency(one), order.get(one.score, len(order)), one.score, one.service))
    out = []
    for proposal in proposals(levels, wanted):
        one = proposal.learned
        measure = measure_of(one)
        out.append(
            Row(
                of=one,
                verdict=VERDICTS.get(one.verdict, VERDICTS[PROPOSED]),
                service=place(one),
                title=title(one),
                level=_level(measure, one),
                examples=_examples(one),
                limit=formats.NONE if one.limit is None else measure.level(one.limit),
                gap=_gap(measure, proposal.gap, proposal.others),
                notices=noticed(measure, one.detectable_1d, one.detectable_unit),
                said=f"{one.accepted_by}: {one.accepted_reason}" if one.accepted_by else "",
            )
        )
    return out


def _urgency(one: LearnedBaseline) -> int:
    known_verdicts = list(VERDICTS)
    return known_verdicts.index(one.verdict) if one.verdict in VERDICTS else 1


def _level(measure: Measure, one: LearnedBaseline) -> str:
    if one.level is None:
        return formats.NONE
    if measure.is_share:
        return formats.share_level(one.level, one.low, one.high)
    said = measure.level(one.level)
    if one.low is None or one.high is None:
        return said
    return f"{said} ({formats.measure(one.low)}{formats.DASH}{formats.measure(one.high)})"


def _examples(one: LearnedBaseline) -> str:
    """``18 of 9,000``: hits among the outputs it rests on; of numbers the outputs alone."""
    n = formats.count(one.n)
    return n if one.examples is None else f"{formats.count(one.examples)} of {n}"


def _gap(measure: Measure, gap: float | None, others: int) -> str:
    """``+0.4 pp · 4``: above the median of how many other services."""
    if gap is None or not others:
        return formats.NONE
    if gap == 0:
        return f"0 · {others}"
    if measure.is_share:
        return f"{formats.split_interval(formats.points(gap, None, None))[0]} · {others}"
    return f"{formats.split_interval(formats.difference(gap, None, None, measure.score.unit))[0]} · {others}"


class Counted(NamedTuple):
    """How many levels each verdict has."""

    beyond: int
    proposed: int
    within: int
    accepted: int


def counted(levels: Sequence[LearnedBaseline]) -> Counted:
    """By verdict."""
    return Counted(*(sum(one.verdict == name for one in levels) for name in VERDICTS))


def compared(levels: Sequence[LearnedBaseline], score: str) -> list[LearnedBaseline]:
    """Every service's level of one score, the highest first."""
    found = [one for one in levels if one.score == score and one.level is not None]
    return sorted(found, key=lambda one: (-(one.level or 0.0), one.service, one.environment))
