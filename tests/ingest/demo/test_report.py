"""Planted against found: a strict match."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from detectors.finding import rfc3339
from infra.clock import NS_PER_S, to_datetime
from ingest.demo.report import FoundIncident, judge, render, report
from ingest.demo.schedule import HOUR_NS, SUPPORT, Planted, build

TICK_NS = 300 * NS_PER_S
SCHEDULE = build(1_795_514_821_000_000_000, interactions=3000)
PLANTED = {p.name: p for p in SCHEDULE.planted}
REFUSALS = PLANTED["refusals-es"]
LEDGER = {"received": 10, "stored": 8, "duplicate": 2, "rejected": 0, "dead_lettered": 0}


def _found(planted: Planted, **changes: Any) -> FoundIncident:
    """An incident that states a planted cause exactly, with some facts changed."""
    at = planted.onset_ns
    exact = FoundIncident(
        f"id-{planted.name}", planted.service, planted.score, planted.slice, at, at, at, at + HOUR_NS
    )
    return replace(exact, **changes)


def _report(found: list[FoundIncident], ledger: dict[str, int] | None = None) -> dict[str, Any]:
    return report(
        SCHEDULE.planted,
        found,
        tick_ns=TICK_NS,
        count=lambda _planted, low, high: (high - low) // TICK_NS,
        interactions=123,
        ready_s=4.5,
        ledger=ledger or LEDGER,
    )


ONSET = REFUSALS.onset_ns
CASES = [
    ("exact", {}, True),
    ("interval around the onset", {"low_ns": ONSET - HOUR_NS, "high_ns": ONSET + HOUR_NS}, True),
    ("one tick too late", {"low_ns": ONSET + TICK_NS, "high_ns": ONSET + 2 * TICK_NS}, True),
    ("more than a tick too late", {"low_ns": ONSET + TICK_NS + 1, "high_ns": ONSET + HOUR_NS}, False),
    ("one tick too early", {"low_ns": ONSET - HOUR_NS, "high_ns": ONSET - TICK_NS}, True),
    ("more than a tick too early", {"low_ns": ONSET - HOUR_NS, "high_ns": ONSET - TICK_NS - 1}, False),
    ("no interval", {"low_ns": None, "high_ns": None}, False),
    ("the whole instead of the slice", {"slice": "all"}, False),
    ("another slice", {"slice": "language=de"}, False),
    ("a finer slice", {"slice": "language=es,prompt_version=8"}, False),
    ("another score", {"score": "latency_s"}, False),
    ("the other service", {"service": "code-copilot"}, False),
]


@pytest.mark.parametrize(("changes", "right"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_service_score_slice_and_onset_must_all_agree(changes: dict[str, Any], right: bool) -> None:
    others = [_found(p) for p in SCHEDULE.planted if p is not REFUSALS]
    result = _report([_found(REFUSALS, **changes), *others])
    assert result["missed"] == ([] if right else ["refusals-es"])
    assert [f["incident"] for f in result["false_alarms"]] == ([] if right else ["id-refusals-es"])
    assert result["ok"] is right


def test_every_planted_incident_found() -> None:
    result = _report([_found(p) for p in SCHEDULE.planted])
    assert result["ok"]
    assert result["interactions"] == 123
    assert result["ready_s"] == 4.5
    assert [p["name"] for p in result["planted"]] == list(PLANTED)
    for entry in result["found"]:
        assert entry["planted"] in PLANTED
        assert entry["delay_s"] == 3600
        assert entry["delay_interactions"] == 12


def test_nothing_found_means_all_missed() -> None:
    result = _report([])
    assert result["missed"] == list(PLANTED)
    assert not result["ok"]


def test_each_score_of_a_cause_finds_it() -> None:
    for planted in SCHEDULE.planted:
        for score in planted.scores:
            (verdict,) = judge(SCHEDULE.planted, [_found(planted, score=score)], TICK_NS)
            assert verdict.planted is planted
            assert not verdict.echo


def test_a_consequence_neither_finds_its_cause_nor_is_false() -> None:
    loop = PLANTED["tool-loop"]
    result = _report(
        [_found(p) for p in SCHEDULE.planted if p is not loop] + [_found(loop, score="input_tokens")]
    )
    assert result["missed"] == ["tool-loop"]
    assert result["false_alarms"] == []
    assert _report([*(_found(p) for p in SCHEDULE.planted), _found(loop, score="input_tokens")])["ok"]


def test_an_alarm_before_anything_was_planted_is_false() -> None:
    early = _found(REFUSALS, onset_ns=SCHEDULE.event_day_ns, low_ns=SCHEDULE.event_day_ns)
    early = replace(early, incident="early", high_ns=SCHEDULE.event_day_ns + HOUR_NS)
    result = _report([*(_found(p) for p in SCHEDULE.planted), early])
    assert [f["incident"] for f in result["false_alarms"]] == ["early"]
    assert "misses" in result["false_alarms"][0]["why"]
    assert not result["ok"]


def test_a_ledger_that_does_not_balance_fails_the_demo() -> None:
    found = [_found(p) for p in SCHEDULE.planted]
    assert not _report(found, {**LEDGER, "stored": 7})["ok"]


def test_an_incident_is_read_from_the_alerts_rooms_json() -> None:
    onset, opened = to_datetime(ONSET), to_datetime(ONSET + HOUR_NS)
    data = {
        "incident_id": "0123456789abcdef",
        "service": SUPPORT,
        "score": "refusal",
        "slice": "language=es",
        "onset": rfc3339(onset),
        "onset_low": rfc3339(onset),
        "onset_high": rfc3339(onset),
        "opened_at": rfc3339(opened),
        "findings": [{"made_at": rfc3339(to_datetime(ONSET + 2 * HOUR_NS))}],
    }
    found = FoundIncident.from_json(data)
    assert found == _found(REFUSALS, incident="0123456789abcdef")
    with pytest.raises(KeyError, match="score"):
        FoundIncident.from_json({k: v for k, v in data.items() if k != "score"})


def _text(result: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=200, force_terminal=False)
    console.print(render(result))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_the_table_names_what_was_found_and_when() -> None:
    text = _text(_report([_found(p) for p in SCHEDULE.planted]))
    assert all(p.title in text for p in SCHEDULE.planted)
    assert "refusal (language=es)" in text
    assert "1 h 00 min" in text
    assert "no false alarm" in text
    assert "missed" not in text


def test_the_table_names_what_went_wrong() -> None:
    text = _text(_report([_found(REFUSALS, slice="all", onset_ns=None, found_ns=None)]))
    assert text.count("missed") == 5
    assert "false alarm" in text
    assert "no false alarm" not in text
