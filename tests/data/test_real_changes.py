"""Real answers through the whole pipeline in process: a change is one incident, no change is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.incidents.incident import Incident
from detectors.finding import Finding
from infra.clock import to_ns
from infra.kafka import FINDINGS
from tests.at_length import at_length
from tests.data import scenarios
from tests.data.in_process import Outcome, Pipeline
from tests.data.scenarios import AFTER, CHANGE, REFUSALS, REPETITION, Import
from tests.data.seeds import WIDE, least, seeds

pytestmark = pytest.mark.data

TICK = timedelta(seconds=300)
SEEDS = seeds(2)
MOST = least(len(SEEDS))
"""Seeds whose interval holds the true effect: 95 % is promised."""


class Real:
    """What comes of imports of real records."""

    def __init__(self, data_dir: Path, made: Path) -> None:
        self.pipeline = Pipeline(made)
        self.data_dir = data_dir
        self.made = made

    def of(self, imports: Sequence[Import]) -> Outcome:
        return self.pipeline.outcome(self.pipeline.short_log_of([i.job("import-real") for i in imports]))

    def rate(self, chosen: Import, score: str) -> float:
        """Share of hits in our scorer's verdicts over all records that an import chooses from."""
        verdicts = [float(s.scores.get(score, 0.0)) for s in self.pipeline.stored(chosen.job("import-pool"))]
        return sum(verdicts) / len(verdicts)


@pytest.fixture(scope="module")
def real(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Real:
    return Real(data_dir, tmp_path_factory.mktemp("real"))


def only(outcome: Outcome) -> Incident:
    """The one incident, of which people heard once that it opened, and at most once that it is graver."""
    (incident,) = outcome.incidents
    assert sorted(d.kind for d in outcome.told) in (["opened"], ["opened", "raised"])
    assert (incident.state, incident.severity) == ("firing", "page")
    return incident


def holds(finding: Finding, true_effect: float) -> bool:
    assert finding.effect_unit == "rate"
    assert finding.effect_low is not None
    assert finding.effect_high is not None
    return finding.effect_low <= true_effect <= finding.effect_high


def is_a_rise_at_the_change(finding: Finding, score: str) -> None:
    assert finding.alert_kind in ("drift", "fast")
    assert (finding.score, finding.slice) == (score, "all")
    assert finding.direction == "rise"
    assert finding.onset_low is not None
    assert finding.onset_high is not None
    assert finding.onset_low - TICK <= CHANGE <= finding.onset_high + TICK


def said(outcome: Outcome) -> list[Finding]:
    """Findings without their place in the log, which depends on where requests are cut."""
    findings = [replace(f, log_from=None, log_to=None, log_digest=None) for f in outcome.findings]
    return sorted(findings, key=lambda f: (f.made_at, f.finding_id))


@pytest.mark.parametrize(("change", "score"), at_length([(REFUSALS, "refusal"), (REPETITION, "degenerate")]))
def test_another_model_is_one_incident_that_says_what_how_much_when_and_why(
    real: Real, change: tuple[str, str, str], score: str
) -> None:
    source, before, after = change
    old, new = (real.rate(scenarios.of_model(real.data_dir, source, m), score) for m in (before, after))
    held = 0
    for seed in SEEDS:
        incident = only(real.of(scenarios.model_change(real.data_dir, change, seed)))
        is_a_rise_at_the_change(incident.primary_finding, score)
        suspects = {(s.kind, s.value) for s in incident.suspects}
        assert {("request_model", after), ("response_model", after)} <= suspects
        assert incident.primary_finding.made_at - CHANGE < timedelta(hours=6)
        held += holds(incident.primary_finding, new - old)
    assert held >= MOST


@pytest.mark.long
def test_a_model_that_is_rolled_back_is_one_page_and_one_end(real: Real) -> None:
    outcome = real.of(scenarios.rolled_back(real.data_dir, REFUSALS, 1))
    (incident,) = outcome.incidents
    assert [d.kind for d in outcome.told] == ["opened", "resolved"]
    assert (incident.state, incident.ending) == ("resolved", "recovered")
    assert incident.end_ns is not None
    assert incident.end_ns >= to_ns(CHANGE + timedelta(days=2))


@pytest.mark.long
def test_a_score_that_flaps_is_one_incident_that_goes_on_when_it_has_come_back(real: Real) -> None:
    """Eighteen turns in three days: people hear that it began, ended and is back, then no more."""
    outcome = real.of(scenarios.flapping(real.data_dir, real.made, REFUSALS, 1))
    (incident,) = outcome.incidents
    assert [d.kind for d in outcome.told] == ["opened", "resolved", "reopened"]
    assert (incident.state, incident.reopened) == ("firing", 1)


def test_secrets_that_begin_to_leak_are_one_incident(real: Real) -> None:
    held = 0
    for seed in SEEDS:
        imports = scenarios.planted_secrets(real.data_dir, real.made, seed)
        leaked = real.rate(imports[1], "secrets")
        outcome = real.of(imports)
        incident = only(outcome)
        is_a_rise_at_the_change(incident.primary_finding, "secrets")
        assert incident.primary_finding.n is not None
        assert incident.primary_finding.n <= AFTER
        hits = [f for f in outcome.findings if f.alert_kind == "policy"]
        assert len(hits) == incident.hits.count == round(leaked * AFTER)
        assert outcome.findings[0] in hits  # nobody waits for statistics
        assert min(f.made_at for f in hits) >= CHANGE
        held += holds(incident.primary_finding, leaked)
    assert held >= MOST


@pytest.mark.long
def test_hits_that_run_ahead_of_detection_change_nothing(real: Real) -> None:
    """As they do where stage 1 is through with an import before stage 2 has begun."""
    imports = scenarios.planted_secrets(real.data_dir, real.made, SEEDS[0])
    log = real.pipeline.short_log_of([i.job("import-real") for i in imports])
    in_turn = real.pipeline.outcome(log)
    ahead = real.pipeline.outcome(sorted(log, key=lambda output: output.topic != FINDINGS.name))
    assert only(ahead).incident_id == only(in_turn).incident_id
    assert said(ahead) == said(in_turn)


@pytest.mark.parametrize(
    ("source", "model", "seed"),
    at_length(
        [
            *((REFUSALS[0], REFUSALS[1], seed) for seed in (range(1, 11) if WIDE else SEEDS)),
            (REFUSALS[0], "gpt4", 1),
            *([(REFUSALS[0], REFUSALS[2], 1)] if WIDE else []),
            *((REPETITION[0], REPETITION[1], seed) for seed in SEEDS),
        ]
    ),
)
def test_one_model_raises_nothing(real: Real, source: str, model: str, seed: int) -> None:
    assert real.of(scenarios.one_model(real.data_dir, source, model, seed)) == Outcome((), (), ())


@pytest.mark.parametrize("seed", at_length([1, 2]))
def test_what_only_looks_like_secrets_raises_nothing(real: Real, seed: int) -> None:
    assert real.of(scenarios.no_secrets(real.data_dir, seed)) == Outcome((), (), ())


@pytest.mark.long
def test_records_known_from_before_give_what_all_of_it_gives(real: Real) -> None:
    """The shortcut that makes many seeds cheap hides nothing."""
    for imports in (
        scenarios.model_change(real.data_dir, REFUSALS, 1),
        scenarios.planted_secrets(real.data_dir, real.made, 1),
    ):
        jobs = [i.job("import-real") for i in imports]
        whole, short = (
            real.pipeline.outcome(log)
            for log in (real.pipeline.log_of(jobs), real.pipeline.short_log_of(jobs))
        )
        assert said(whole) == said(short)
        assert len(whole.incidents) == len(short.incidents) == 1
