"""Which finding speaks for an incident, and which slice explains it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alerts.incidents.primary_finding import explaining_slice, merged_suspects, primary_finding_of, spokesman
from detectors.finding import Finding, SliceEffect, Suspect
from tests.alerts.invented import at, lengths, overall, refusals, secret


def _moved(score: str, effect: float, **more: Any) -> Finding:
    """In a share of interactions that is known to within half of it."""
    ends = {"effect_low": effect / 2, "effect_high": effect * 1.5}
    return lengths(score, score=score, effect=effect, effect_unit="rate", **ends, **more)


@pytest.mark.parametrize(
    ("findings", "leader"),
    [
        ([lengths("t", evidence=900.0), refusals("p", evidence=15.0)], "p"),  # a page before a ticket
        ([lengths("d", severity="page"), refusals("h")], "h"),  # harm before a moved distribution
        ([refusals("weak", evidence=15.0), refusals("strong", evidence=16.0)], "strong"),
        ([refusals("small", effect=0.1), refusals("large", effect=-0.4)], "large"),
        # of rates of harm the one that hurts most, however it was noticed
        ([overall("many", effect=0.9, evidence=15.0), overall("few", score="pii", evidence=99.0)], "many"),
        # a slice's own rate says nothing about how many users are hurt
        ([overall("all"), overall("pii", score="pii", effect=0.3), refusals("es", effect=0.6)], "pii"),
        ([refusals("gone", status="withdrawn"), lengths("left")], "left"),
        ([refusals("gone", status="withdrawn")], "gone"),
        ([refusals("drift"), secret("hit")], "drift"),  # both harm: evidence decides
        ([lengths("d"), secret("hit", severity="ticket")], "hit"),
        ([lengths("cause"), lengths("wait", score="latency_s", evidence=90.0)], "cause"),
        # what people ask explains how long it is, though it was noticed later
        ([lengths("long", evidence=90.0), lengths("asked", score="topic", made_at=at("23:00"))], "asked"),
        # as it explains that more prompts look like injections, if it moved in at least as many of them
        ([_moved("injection", 0.1), _moved("topic", 0.08, made_at=at("23:00"))], "topic"),
        ([_moved("injection", 0.2), _moved("topic", 0.08, made_at=at("23:00"))], "injection"),
        ([_moved("injection", -0.2), _moved("topic", 0.08, made_at=at("23:00"))], "topic"),  # fewer of them
        ([_moved("prompt_length", 0.2), _moved("topic", 0.08, made_at=at("23:00"))], "topic"),  # hurts nobody
    ],
)
def test_the_lead_is_the_gravest(findings: list[Finding], leader: str) -> None:
    assert primary_finding_of(findings).finding_id == leader
    assert primary_finding_of(findings[::-1]).finding_id == leader


@pytest.mark.parametrize(
    ("findings", "where"),
    [
        ([overall()], "language=es"),  # the ranking
        ([overall(slices=())], "all"),
        ([refusals()], "language=es"),  # only a slice's own finding
        ([overall(slices=()), refusals()], "language=es"),  # five times the whole's effect
        ([overall(slices=()), refusals(effect=0.13, evidence=50.0)], "all"),  # about the whole's effect
        ([overall(slices=(SliceEffect("release=9", 0.9, 0.6),)), refusals()], "release=9"),
        ([overall(slices=(SliceEffect("release=9", 0.9, None),)), refusals()], "release=9"),
        ([overall(slices=(SliceEffect("all", 1.0, 0.11),)), refusals()], "language=es"),
        ([overall(slices=(SliceEffect("all", 1.0, 0.11),))], "all"),
        ([overall(slices=()), refusals(effect_low=0.1, effect_high=0.9)], "all"),  # too uncertain
        ([overall(slices=()), refusals(effect=80.0, effect_unit="characters")], "all"),  # not comparable
        ([refusals(slices=(SliceEffect("all", 1.0, 0.5),))], "all"),
        ([overall(slices=()), refusals(status="withdrawn")], "all"),
        ([overall(slices=()), lengths(slice="language=es", effect=-900.0)], "all"),  # another score
    ],
)
def test_the_slice_that_explains(findings: list[Finding], where: str) -> None:
    assert explaining_slice(findings) == where
    assert explaining_slice(findings[::-1]) == where


def test_numbers_are_of_the_slice_where_it_has_its_own_finding() -> None:
    assert spokesman([overall(), refusals()]).finding_id == "f1"
    assert spokesman([overall(), lengths()]).finding_id == "f2"


def test_suspects_are_merged_once_each_lead_first() -> None:
    other = lengths(
        suspects=(
            Suspect("release", "4.2", at("04:01")),
            Suspect("prompt_version", "v18", at("04:03") + timedelta(minutes=9)),
        )
    )
    assert [(s.kind, s.value) for s in merged_suspects([other, overall()])] == [
        ("prompt_version", "v18"),
        ("release", "4.2"),
    ]
    assert merged_suspects([other, overall()])[0].since == at("04:03")
