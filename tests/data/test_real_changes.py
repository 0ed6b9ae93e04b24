"""Real answers through the whole pipeline in process: a change is one incident, no change is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.incident import Incident
from detectors.finding import Finding
from tests.data import scenarios
from tests.data.in_process import Outcome, Pipeline
from tests.data.scenarios import AFTER, CHANGE, REFUSALS, REPETITION, Import

pytestmark = pytest.mark.data

TICK = timedelta(seconds=300)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return Pipeline(tmp_path_factory.mktemp("home"))


def came_of(pipeline: Pipeline, imports: Sequence[Import]) -> Outcome:
    return pipeline.outcome(pipeline.short_log_of([i.job("import-real") for i in imports]))


def rate(pipeline: Pipeline, chosen: Import, score: str) -> float:
    """Share of hits in our scorer's verdicts over all records."""
    verdicts = [s.scores.get(score, 0.0) for s in pipeline.stored(chosen.job("import-pool"))]
    return sum(float(v) for v in verdicts) / len(verdicts)


def only(outcome: Outcome) -> Incident:
    """The one incident, of which people heard once that it opened, and at most once that it is graver."""
    (incident,) = outcome.incidents
    kinds = sorted(d.kind for d in outcome.told)
    assert kinds in (["opened"], ["opened", "raised"])
    assert (incident.state, incident.severity) == ("firing", "page")
    return incident


def holds(finding: Finding, true_effect: float) -> bool:
    assert finding.effect_low is not None
    assert finding.effect_high is not None
    return finding.effect_low <= true_effect <= finding.effect_high


def began_at_the_change(finding: Finding) -> bool:
    assert finding.onset_low is not None
    assert finding.onset_high is not None
    return finding.onset_low - TICK <= CHANGE <= finding.onset_high + TICK


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_changed_model_is_one_incident_about_refusals(
    pipeline: Pipeline, data_dir: Path, seed: int
) -> None:
    source, before, after = REFUSALS
    old, new = (rate(pipeline, scenarios.of_model(data_dir, source, m), "refusal") for m in (before, after))
    incident = only(came_of(pipeline, scenarios.model_change(data_dir, REFUSALS, seed)))
    lead = incident.lead
    assert (lead.score, lead.slice, lead.direction, lead.effect_unit) == ("refusal", "all", "rise", "rate")
    assert holds(lead, new - old)
    assert began_at_the_change(lead)
    assert {("request_model", after), ("response_model", after)} <= {
        (s.kind, s.value) for s in incident.suspects
    }
    assert lead.made_at - CHANGE < timedelta(hours=6)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_degenerate_model_is_one_incident_about_repetition(
    pipeline: Pipeline, data_dir: Path, seed: int
) -> None:
    source, before, after = REPETITION
    old, new = (
        rate(pipeline, scenarios.of_model(data_dir, source, m), "degenerate") for m in (before, after)
    )
    incident = only(came_of(pipeline, scenarios.model_change(data_dir, REPETITION, seed)))
    lead = incident.lead
    assert (lead.score, lead.slice, lead.direction) == ("degenerate", "all", "rise")
    assert holds(lead, new - old)
    assert began_at_the_change(lead)
    assert ("response_model", after) in {(s.kind, s.value) for s in incident.suspects}
    assert lead.made_at - CHANGE < timedelta(hours=6)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_secrets_that_begin_to_leak_are_one_incident(
    pipeline: Pipeline, data_dir: Path, tmp_path: Path, seed: int
) -> None:
    imports = scenarios.planted_secrets(data_dir, tmp_path, seed)
    leaked = rate(pipeline, replace(imports[1], more=False), "secrets")
    outcome = came_of(pipeline, imports)
    incident = only(outcome)
    assert incident.score == "secrets"
    assert incident.hits.count == round(leaked * AFTER)
    first, risen = outcome.findings[0], incident.lead
    assert (first.alert_kind, first.made_at) == ("policy", min(f.made_at for f in outcome.findings))
    assert first.made_at >= CHANGE
    assert (risen.alert_kind, risen.direction) == ("drift", "rise")
    assert holds(risen, leaked)
    assert risen.n is not None
    assert risen.n <= AFTER


@pytest.mark.parametrize(
    ("source", "model", "seed"),
    [
        *((REFUSALS[0], REFUSALS[1], seed) for seed in range(1, 11)),
        (REFUSALS[0], "gpt4", 1),
        (REFUSALS[0], REFUSALS[2], 1),
        (REPETITION[0], REPETITION[1], 1),
        (REPETITION[0], REPETITION[1], 2),
    ],
)
def test_one_model_raises_nothing(
    pipeline: Pipeline, data_dir: Path, source: str, model: str, seed: int
) -> None:
    outcome = came_of(pipeline, scenarios.one_model(data_dir, source, model, seed))
    assert outcome == Outcome((), (), ())


@pytest.mark.parametrize("seed", [1, 2])
def test_what_only_looks_like_secrets_raises_nothing(pipeline: Pipeline, data_dir: Path, seed: int) -> None:
    assert came_of(pipeline, scenarios.no_secrets(data_dir, seed)) == Outcome((), (), ())


def test_records_known_from_before_give_what_all_of_it_gives(
    pipeline: Pipeline, data_dir: Path, tmp_path: Path
) -> None:
    """The shortcut that makes many seeds cheap hides nothing."""
    for imports in (
        scenarios.model_change(data_dir, REFUSALS, 1),
        scenarios.planted_secrets(data_dir, tmp_path, 1),
    ):
        jobs = [i.job("import-real") for i in imports]
        whole, short = pipeline.outcome(pipeline.log_of(jobs)), pipeline.outcome(pipeline.short_log_of(jobs))
        assert [_said(f) for f in whole.findings] == [_said(f) for f in short.findings]
        assert [i.incident_id for i in whole.incidents] == [i.incident_id for i in short.incidents]


def _said(finding: Finding) -> Finding:
    """Without its place in the log."""
    return replace(finding, log_from=None, log_to=None)
