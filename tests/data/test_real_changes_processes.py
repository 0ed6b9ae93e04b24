"""Real answers through every process of Lightship: sent by ``lightship import``, told by the alerts API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from detectors.budgets.budget import tail_part
from infra.settings import KafkaSettings, ServiceSettings, Settings
from ingest.detection_settings import shard_config
from tests.data import scenarios
from tests.data.in_process import PARTITIONS, Pipeline
from tests.data.scenarios import AFTER, BEFORE, REFUSALS, REPETITION, SERVICE, Import
from tests.data.seeds import WIDE
from tests.running import Running, running

MORE = ("repetition", "nothing") if WIDE else ()

pytestmark = [
    pytest.mark.data,
    pytest.mark.integration,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("refused_connections"),
]

SEED = 1
_UNTOLD = shard_config(Settings(kafka=KafkaSettings(partitions=PARTITIONS))).part(tail_part(1))
BUDGET = ServiceSettings(_UNTOLD.pages.pages, _UNTOLD.tickets.pages)
"""What a service may spend before it is told its budget, as its own: when it is told, which an import does
not wait for, changes nothing."""
_SETTINGS = f"""
[service.{SERVICE}]
pages_per_month = {BUDGET.pages_per_month!r}
tickets_per_week = {BUDGET.tickets_per_week!r}
"""


@pytest.fixture(scope="module")
def lightship(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("processes") / "home", _SETTINGS, dashboard=False) as started:
        yield started


def imported(lightship: Running, lineage: str, imports: Sequence[Import]) -> list[dict[str, Any]]:
    """Incidents of a lineage once all of its imports have gone through."""
    report: dict[str, Any] = {}
    for one in imports:
        done = lightship.lightship(*one.arguments(lineage))
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert (report["sent"], report["rejected"], report["lineage"]) == (_size(imports, one), {}, lineage)
    lightship.settle(lineage)
    listed = lightship.alerts(f"/incidents?lineage={lineage}")["incidents"]
    assert bool(report["would_have_paged"]) == bool(listed)
    return [lightship.alerts(f"/incidents/{i['incident_id']}") for i in listed]


def _size(imports: Sequence[Import], one: Import) -> int:
    if len(imports) == 1:
        return BEFORE + AFTER
    return BEFORE if one.more else AFTER


def drifts(findings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What detection said, but for its place in the log, in order of score."""
    said = [{k: v for k, v in f.items() if not k.startswith("log_")} for f in findings]
    return sorted((f for f in said if f["alert_kind"] == "drift"), key=lambda f: str(f["finding_id"]))


@pytest.mark.parametrize(
    "name",
    ["refusals", "secrets", *MORE],
)
def test_an_import_comes_to_what_it_comes_to_in_one_process(
    lightship: Running, data_dir: Path, tmp_path: Path, name: str
) -> None:
    """The tests in process judge what is said; here it must be said, to the last digit."""
    imports = {
        "refusals": lambda: scenarios.model_change(data_dir, REFUSALS, SEED),
        "repetition": lambda: scenarios.model_change(data_dir, REPETITION, SEED),
        "secrets": lambda: scenarios.planted_secrets(data_dir, tmp_path, SEED),
        "nothing": lambda: scenarios.one_model(data_dir, *REFUSALS[:2], SEED),
    }[name]()
    lineage = f"import-{name}"
    incidents = imported(lightship, lineage, imports)
    alone = Pipeline(tmp_path / "alone", {SERVICE: BUDGET})
    expected = alone.outcome(alone.short_log_of([i.job(lineage) for i in imports])).incidents
    assert len(incidents) == len(expected) == (0 if name == "nothing" else 1)
    for found, same in zip(incidents, expected, strict=True):
        assert (found["score"], found["slice"], found["severity"]) == (same.score, same.slice, "page")
        assert found["hits"] == same.hits.count
        assert drifts(found["findings"]) == drifts([f.to_dict() for f in same.findings])
        opened = [p.json() for p in lightship.hook.posted if p.json()["incident_id"] == found["incident_id"]]
        assert [p["kind"] for p in opened if p["kind"] == "opened"] == ["opened"]


def test_every_record_is_accounted_for(lightship: Running) -> None:
    done = lightship.lightship("ledger", "--json")
    assert done.returncode == 0, done.stdout
    kinds = [sum(p[kind] for p in json.loads(done.stdout)["partitions"]) for kind in ("received", "stored")]
    assert kinds[0] == kinds[1] > 0
