"""The same real model change through the real processes: ``lightship import`` twice into one lineage."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from tests.data import scenarios
from tests.data.scenarios import CHANGE, REFUSALS
from tests.running import running

pytestmark = [pytest.mark.data, pytest.mark.integration]

LINEAGE = "import-real"


def test_a_changed_model_is_one_incident_through_the_processes(tmp_path: Path, data_dir: Path) -> None:
    with running(tmp_path / "home", dashboard=False) as lightship:
        for part in scenarios.model_change(data_dir, REFUSALS, 1):
            said = lightship.lightship(*part.arguments(LINEAGE))
            assert said.returncode == 0, said.stderr
        assert json.loads(said.stdout)["would_have_paged"]
        lightship.settle(LINEAGE)
        (listed,) = lightship.alerts(f"/incidents?lineage={LINEAGE}")["incidents"]
        incident = lightship.alerts(f"/incidents/{listed['incident_id']}")
        (unchanged,) = scenarios.one_model(data_dir, *REFUSALS[:2], 1)
        quiet = lightship.lightship(*unchanged.arguments("import-unchanged"))
        lightship.settle("import-unchanged")
        raised = lightship.alerts("/incidents?lineage=import-unchanged")["incidents"]
        account = lightship.lightship("ledger", "--json")
    assert (incident["score"], incident["slice"], incident["direction"]) == ("refusal", "all", "rise")
    assert incident["severity"] == "page"
    low, high = (datetime.fromisoformat(incident[k]) for k in ("onset_low", "onset_high"))
    assert low <= CHANGE <= high
    assert REFUSALS[2] in {s["value"] for s in incident["suspects"] if s["kind"] == "request_model"}
    assert account.returncode == 0
    assert sum(p["stored"] for p in json.loads(account.stdout)["partitions"]) == 12_000
    assert (json.loads(quiet.stdout)["would_have_paged"], raised) == ([], [])
