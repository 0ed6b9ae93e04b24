"""What whoever is woken reads: golden files of ten situations, and numbers that always say something."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.briefs.brief import brief_of
from alerts.briefs.causes import suspect_text
from alerts.briefs.headline import HEADLINE_LIMIT, headline
from alerts.briefs.render import parts, render_text
from alerts.briefs.runbook import name_of
from alerts.incidents.events import Reopen, Undo
from alerts.incidents.lifecycle import step
from detectors.finding import ALL, Finding, FulfilledCondition, SliceEffect, Suspect
from detectors.rules import Rule
from tests.alerts.deliveries import incident_of
from tests.alerts.invented import TIMING, at, lengths, refusals, secret
from tests.alerts.rendered import FOLDER, rendered
from tests.alerts.situation import ALL_COMPARED, change
from tests.alerts.situations import (
    SITUATIONS,
    dark_by_rule,
    latency,
    rolled_back,
    spending,
)


def spaced(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u2212", "-")


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_people_read_is_what_was_looked_at(name: str) -> None:
    """`python -m tests.alerts.rendered --update` accepts a change on purpose."""
    assert rendered(SITUATIONS[name]()) == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(SITUATIONS)


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_cause_stands_first_and_hashes_last(name: str) -> None:
    brief = SITUATIONS[name]().delivery().brief
    names = [part for part, _ in parts(brief)]
    assert names[-1] == "Reproduce"
    assert "Suspects" not in names[1:]
    assert len(brief.headline) < HEADLINE_LIMIT


def test_a_slow_service_is_told_as_slow_not_as_what_follows_or_hardly_moved() -> None:
    line = spaced(headline(latency().incident()))
    assert "latency 1.21 → 6.04 s" in line


def test_waiting_times_follow_from_answers_that_grew_as_much() -> None:
    slow = change("slow", "latency_s", "s", 1.2, 3.0, severity="ticket")
    longer = change("long", "output_length", "characters", 200.0, 480.0, severity="ticket")
    assert incident_of(slow, longer).primary_finding.finding_id == "long"


@pytest.mark.parametrize("name", ["dead_receiver", "refused_page"])
def test_what_lightship_says_of_itself_is_no_half_sentence(name: str) -> None:
    made = SITUATIONS[name]()
    assert "…" not in headline(made.incident())
    assert "nobody" in render_text(made.delivery().brief)


def test_what_no_longer_comes_is_named_as_the_rule_names_it() -> None:
    (found,) = dark_by_rule().findings
    priced = incident_of(replace(found, score="latency_s", slice="language=de"))
    assert "no calls with latency for 10 min in language=de" in spaced(headline(priced))
    assert name_of(found) == name_of(replace(found, score="latency_s")) == "volume"


def test_a_rule_on_a_quantile_says_which_one() -> None:
    asked = Rule("latency_s", "quantile", 600, ">", 9.0, quantile=0.95, slice="language=de")
    (found,) = spending().findings
    slow: dict[str, Any] = {
        "score": "latency_s",
        "measure": "quantile",
        "current_value": 9.2,
        "baseline_value": 9.0,
    }
    broken = replace(found, **slow, effect_unit="s", notes=(f"rule {asked.text()}",))
    assert "p95 latency 9.2 s in 10 min, limit 9 s" in spaced(headline(incident_of(broken)))
    met = FulfilledCondition("speed", "quantile", "fall", 3.0, 5.0, None)
    line = spaced(headline(incident_of(replace(broken, conditions=(met,)))))
    assert line.count("p95") == 1


def test_the_end_says_who_ended_it_and_why_until_it_is_undone() -> None:
    assert "by ana: rolled back" in render_text(rolled_back().delivery().brief)
    incident = rolled_back().incident()
    undone, _ = step(incident, Undo("ana"), incident.resolved_ns or 0, TIMING)
    assert undone is not None
    assert (undone.ended_by, undone.ended_reason) == (None, None)
    again, _ = step(incident, Reopen("bo"), incident.resolved_ns or 0, TIMING)
    assert again is not None
    assert (again.ended_by, again.ended_reason) == (None, None)


def test_a_burst_of_nine_outputs_names_no_incident() -> None:
    burst = lengths(
        "burst",
        alert_kind="anomaly",
        n=9,
        effect=0.958,
        effect_unit="rate",
        baseline_value=0.042,
        current_value=1.0,
        evidence=900.0,
        notes=("share of values above 512",),
    )
    slow = change("slow", "latency_s", "s", 1.2, 1.4, severity="ticket")
    assert incident_of(burst, slow).primary_finding.finding_id == "slow"
    assert headline(incident_of(burst)).startswith("support-assistant: a burst of output length")


def test_money_spent_against_a_limit_is_told_as_money_with_its_own_runbook() -> None:
    incident = spending().incident()
    assert "spent $0.045 in 10 min, limit $0.02" in spaced(headline(incident))
    assert name_of(incident.spokesman) == "cost"
    assert " pp" not in spaced(render_text(brief_of(incident)))


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        (
            {"measure": "rate", "current_value": 0.08, "baseline_value": 0.05},
            "refusals 8.0 % of answers in 10 min, limit 5.0 %",
        ),
        (
            {"measure": "count", "direction": "fall", "current_value": 3.0, "baseline_value": 10.0},
            "only 3 answers in 10 min, at least 10",
        ),
        (
            {"measure": "mean", "score": "latency_s", "current_value": 6.2, "baseline_value": 5.0},
            "mean latency 6.2 s in 10 min, limit 5 s",
        ),
        (
            {"measure": "p95", "score": "latency_s", "current_value": 8.21, "baseline_value": 5.0},
            "p95 of latency 8.21 s in 10 min, limit 5 s",
        ),
        (
            {"measure": "sum", "score": "input_tokens", "current_value": 1.2e6, "baseline_value": 1e6},
            "input tokens 1.20 M tokens in all in 10 min",
        ),
        (
            {"measure": "rate", "current_value": 0.05004, "baseline_value": 0.05},
            "5.004 % of answers in 10 min, limit 5.000 %",
        ),
    ],
)
def test_a_rule_is_told_as_what_it_measures(given_: dict[str, Any], said: str) -> None:
    rule = replace(spending().findings[0], **{"score": "refusal", **given_})
    assert said in spaced(headline(incident_of(rule)))


def test_inputs_are_said_to_be_the_same_only_where_they_were_compared() -> None:
    for told in (None, True, False):
        text = render_text(brief_of(incident_of(refusals(inputs_changed=told, inputs_moved_high=0.18))))
        assert ("did not change (at most 18" in text) == (told is False)
        assert ("changed too" in text) == (told is True)
        assert "not computed" not in text


def test_who_was_hit_is_counted_or_left_out() -> None:
    what = dict(parts(brief_of(incident_of(secret(), secret("h2", made_at=at("04:09"), n=2)))))["What"]
    assert what[0] == "since 04:07: 3 answers, the last at 04:09 (as of 04:09 UTC)"
    assert not [line for line in what if "user" in line]


def test_same_names_and_other_behaviour_point_at_the_provider() -> None:
    text = spaced(render_text(brief_of(incident_of(refusals(compared=ALL_COMPARED)))))
    assert "nothing of yours that is reported changed near 04:05 UTC: suspect the provider" in text
    assert "not reported, so not compared: parameters" in text
    whole = render_text(brief_of(incident_of(refusals(compared=(*ALL_COMPARED, "request_parameters")))))
    assert "nothing of yours changed near 04:05 UTC: suspect the provider" in spaced(whole)
    assert "none found" in render_text(brief_of(incident_of(refusals())))  # a finding of before


@pytest.mark.parametrize(
    ("suspect", "said"),
    [
        (Suspect("prompt_version", "8", at("01:00"), "7"), "prompt version 8, replaced 7 at 01:00 UTC"),
        (Suspect("release", "7.4", at("01:00")), "release 7.4, new at 01:00 UTC"),
        (Suspect("index", "faq 12", at("01:00")), "index faq 12, recorded for 01:00 UTC"),
        (
            Suspect("response_model", "m-2", at("01:00"), "m-1"),
            (
                "model that answered m-2, replaced m-1 at 01:00 UTC; the model asked for is the same, so the "
                "provider changed it"
            ),
        ),
    ],
)
def test_suspects_are_told_by_what_they_are(suspect: Suspect, said: str) -> None:
    assert suspect_text(suspect, [suspect], at("04:00")) == said


numbers = st.integers(-(10**11), 10**11).map(lambda k: k / 10_000)
amounts = st.integers(0, 10**11).map(lambda k: k / 10_000)
shares = st.integers(0, 10**6).map(lambda k: k / 10**6)


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    share = draw(st.booleans())
    value = shares if share else amounts
    before, now = draw(value), draw(value)
    low, high = sorted((draw(numbers), draw(numbers))) if not share else sorted((draw(shares), draw(shares)))
    unit = "rate" if share else draw(st.sampled_from(["characters", "USD", "s", "tokens/s", "median"]))
    return refusals(
        score=draw(st.sampled_from(["refusal", "output_length", "cost_usd", "latency_s", "steps"])),
        slice=ALL,
        alert_kind=draw(st.sampled_from(["drift", "fast", "rule", "slo", "anomaly"])),
        measure=draw(st.sampled_from([None, "sum", "mean", "p95", "rate", "count"])),
        window_s=600,
        baseline_value=before,
        current_value=now,
        effect=now - before,
        effect_low=low,
        effect_high=high,
        effect_unit=unit,
        evidence=draw(st.floats(0, 5000)),
        threshold=draw(st.floats(0, 20)),
        slices=(SliceEffect("language=es", draw(st.floats(-3, 3)), None),),
    )


@given(findings())
def test_numbers_that_people_read_say_something(finding: Finding) -> None:
    text = spaced(render_text(brief_of(incident_of(finding))))
    for old, new in re.findall(r"(\S+(?: %)?) → (\S+(?: %)?)", text):
        assert old != new, text
    for percent in re.findall(r"([\d.,]+) % of the change", text):
        assert float(percent.replace(",", "")) <= 100
    for tenth in re.findall(r"[+-]?[\d,]*\.\d+ (?:characters|tokens\b(?!/))", text):
        raise AssertionError(tenth)
    assert "log" not in re.sub(r"log \d+ to \d+", "", text)
    assert "-0 " not in text
    for now, limit in re.findall(r"(\$?[\d.,]+(?: %| s)?)[^;\n]*?, limit (\$?[\d.,]+(?: %| s)?)", text):
        assert now != limit or _reads_the_same(finding, text), text


def _reads_the_same(finding: Finding, text: str) -> bool:
    """Whether value and limit are equal, or apart by less than a character or token, which come whole."""
    assert finding.current_value is not None
    assert finding.baseline_value is not None
    apart = abs(finding.current_value - finding.baseline_value)
    return apart == 0 or (apart < 1 and re.search(r", limit [\d,]+ (?:characters|tokens)", text) is not None)
