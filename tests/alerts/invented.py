"""Invented findings about services that do not exist."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.incidents.timing import Timing
from detectors.finding import Finding, SliceEffect, Suspect

DAY = datetime(2026, 3, 17, tzinfo=UTC)
TIMING = Timing()


def at(clock: str) -> datetime:
    """``04:05`` (or ``04:05:30``) on the invented day."""
    hours, minutes, *seconds = (int(part) for part in clock.split(":"))
    return DAY + timedelta(hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)


def refusals(finding_id: str = "f1", **changes: Any) -> Finding:
    """Refusals in Spanish rose from 1 % to 58 % at 04:05."""
    base = Finding(
        finding_id=finding_id,
        alert_kind="drift",
        status="provisional",
        tenant="default",
        lineage="live",
        environment="production",
        service="support-assistant",
        unit="interaction",
        score="refusal",
        slice="language=es",
        series="00112233aabbccdd",
        made_at=at("04:20"),
        severity="page",
        onset=at("04:05"),
        onset_low=at("04:00"),
        onset_high=at("04:10"),
        effect=0.57,
        effect_low=0.41,
        effect_high=0.66,
        effect_unit="rate",
        direction="rise",
        baseline_value=0.01,
        current_value=0.58,
        n=212,
        n_baseline=31_400,
        evidence=21.4,
        threshold=14.4,
        detector="e2",
        config_hash="9c41f0e2aa00bb11",
        baseline_version="b0b1b2b3b4b5b6b7",
        log_from=100,
        log_to=240,
    )
    return replace(base, **changes)


def overall(finding_id: str = "f2", **changes: Any) -> Finding:
    """The same change seen over all traffic, with the ranking that explains it."""
    given = {
        "slice": "all",
        "effect": 0.11,
        "effect_low": 0.09,
        "effect_high": 0.14,
        "current_value": 0.12,
        "n": 1_100,
        "n_baseline": 160_000,
        "evidence": 30.0,
        "slices": (SliceEffect("language=es", 0.97, 0.57), SliceEffect("operation=chat", 0.2, 0.11)),
        "cleared": ("language=fr", "language=de"),
        "suspects": (Suspect("prompt_version", "v18", at("04:03")),),
        **changes,
    }
    return refusals(finding_id, **given)


def lengths(finding_id: str = "f3", **changes: Any) -> Finding:
    """Outputs became shorter: a moved distribution, a ticket."""
    given = {
        "score": "output_length",
        "slice": "all",
        "severity": "ticket",
        "onset": at("04:10"),
        "onset_low": at("03:50"),
        "onset_high": at("04:25"),
        "effect": -88.0,
        "effect_low": -99.0,
        "effect_high": -75.0,
        "effect_unit": "characters",
        "direction": "fall",
        "baseline_value": 220.0,
        "current_value": 132.0,
        "evidence": 40.0,
        **changes,
    }
    return refusals(finding_id, **given)


def secret(finding_id: str = "h1", **changes: Any) -> Finding:
    """A secret stood in one output: a policy hit."""
    given = {
        "alert_kind": "policy",
        "status": "confirmed",
        "score": "secrets",
        "slice": "all",
        "made_at": at("04:07"),
        "onset": None,
        "onset_low": None,
        "onset_high": None,
        "effect": None,
        "effect_low": None,
        "effect_high": None,
        "effect_unit": None,
        "baseline_value": None,
        "current_value": None,
        "evidence": None,
        "threshold": None,
        "n": 1,
        "n_baseline": None,
        "detector": "policy",
        **changes,
    }
    return refusals(finding_id, **given)
