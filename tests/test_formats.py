"""One golden file per format, from its first release: readers read it, writers keep its keys.

A golden file is never written again. A new version of a format gets a file of its own, and readers take both.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.briefs import render
from alerts.incidents import codec
from alerts.notify import webhook
from alerts.state.incident_state import IncidentState
from detectors import closed_ticks, finding, observation
from detectors.closed_ticks import Entry, Report, SharedRow
from detectors.engine import snapshot
from detectors.finding import Finding, SliceEffect, Suspect
from tests.alerts.deliveries import delivery_of
from tests.alerts.invented import TIMING, overall, refusals

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
FORMATS = {
    "observation": (observation.VERSION, "bin"),
    "closed_ticks": (closed_ticks.VERSION, "bin"),
    "snapshot": (snapshot.VERSION, "bin"),
    "finding": (finding.VERSION, "json"),
    "incident": (codec.VERSION, "json"),
    "webhook": (webhook.VERSION, "json"),
}
AT = datetime(2026, 3, 17, 4, 20, 30, 250_000, UTC)


def full() -> Finding:
    """A finding with a value in every field."""
    return Finding(
        finding_id="0123456789abcdef",
        alert_kind="drift",
        status="confirmed",
        tenant="default",
        lineage="live",
        environment="production",
        service="harbour-chat",
        unit="interaction",
        score="refusal",
        slice="language=es",
        series="00112233aabbccdd",
        made_at=AT,
        severity="page",
        onset=AT.replace(minute=5),
        onset_low=AT.replace(minute=0),
        onset_high=AT.replace(minute=10),
        effect=0.57,
        effect_low=0.41,
        effect_high=0.66,
        effect_unit="rate",
        direction="rise",
        baseline_value=0.01,
        current_value=0.58,
        n=212,
        n_baseline=31_400,
        n_users=41,
        n_conversations=57,
        largest_share=0.08,
        inputs_changed=False,
        evidence=21.4,
        threshold=14.4,
        slices=(SliceEffect("language=es,release=7.1", 0.97, 0.57), SliceEffect("all", None, None)),
        cleared=("language=fr",),
        suspects=(Suspect("prompt_version", "v18", AT.replace(minute=3)),),
        ended_at=AT.replace(hour=6),
        detector="shiryaev-roberts/1",
        config_hash="9c41f0e2aa00bb11",
        baseline_version="b0b1b2b3b4b5b6b7",
        log_from=100,
        log_to=240,
        notes=("channel rate",),
    )


@pytest.mark.parametrize("name", FORMATS)
def test_every_version_up_to_todays_has_its_golden_file(name: str) -> None:
    version, ending = FORMATS[name]
    for number in range(1, version + 1):
        assert (FIXTURES / f"{name}.v{number}.{ending}").stat().st_size > 50


def test_the_changelog_names_the_versions_of_today() -> None:
    section = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("### Formats")[2]
    said = dict(re.findall(r"(\w+) (\d+)", section.partition("\n## ")[0]))
    assert said == {name: str(version) for name, (version, _) in FORMATS.items()}


def test_findings_of_the_first_release_are_read_and_their_keys_written_the_same() -> None:
    text = (FIXTURES / "finding.v1.json").read_text(encoding="utf-8")
    assert Finding.from_dict(json.loads(text)) == full()
    written = json.loads(full().to_json())
    assert {key: written[key] for key in json.loads(text)} == json.loads(text)
    assert not [key for key, value in json.loads(text).items() if value is None]


def test_a_key_that_came_later_does_not_stop_a_reader() -> None:
    data = json.loads((FIXTURES / "finding.v1.json").read_text(encoding="utf-8"))
    assert Finding.from_dict({**data, "came_later": [1]}) == full()
    with pytest.raises(ValueError, match="version 2"):
        Finding.from_dict({**data, "v": 2})


def test_reports_of_closed_ticks_are_read_and_written_the_same() -> None:
    data = (FIXTURES / "closed_ticks.v1.bin").read_bytes()
    row = SharedRow("production", "harbour-chat", 5_934_005, *REFUSALS, (0, 1), (41, 2))
    first = Entry(107, closed_ticks.BEGINNING, "default", "live", 5_934_006, (row,))
    report = Report(3, (first, Entry(131, 107, "default", "live", 5_934_007, ())))
    assert closed_ticks.decode(data) == report
    assert closed_ticks.encode(report) == data


REFUSALS = ("interaction", "refusal", "request_model=m-1")


def message() -> bytes:
    """What a webhook is sent for an invented incident."""
    book = IncidentState(TIMING)
    for one in (refusals(), overall()):
        book.apply(one)
    (incident,) = book.all()
    return webhook.body_of(replace(delivery_of(incident), dedup_key="k1"))


MAY_BE_NULL = {".brief.reproduce.command"}
"""Keys that say nothing while there is nothing to say."""


def kept(old: Any, new: Any, where: str = "") -> None:
    """Every key of ``old`` is in ``new`` with the same kind of value; wording may differ."""
    if new is None and where in MAY_BE_NULL:
        return
    assert type(old) is type(new) or {type(old), type(new)} <= {int, float}, where
    if isinstance(old, dict):
        for key, value in old.items():
            assert key in new, f"{where}.{key} is gone"
            kept(value, new[key], f"{where}.{key}")
    elif isinstance(old, list) and old:
        assert new, f"{where} is empty"
        kept(old[0], new[0], f"{where}[0]")


def test_a_webhook_keeps_every_key_of_the_first_release() -> None:
    golden = json.loads((FIXTURES / "webhook.v1.json").read_text(encoding="utf-8"))
    today = json.loads(message())
    assert today["v"] == golden["v"] == webhook.VERSION
    assert today["brief"]["v"] == golden["brief"]["v"] == render.VERSION
    kept(golden, today)
    for key in ("dedup_key", "kind", "incident_id"):
        assert today[key] == golden[key]


def test_a_receiver_can_check_the_golden_message() -> None:
    """The documented signature: HMAC-SHA256 over ``<t>.<body>``."""
    body = (FIXTURES / "webhook.v1.json").read_bytes()
    header = "t=1773721200,v1=" + GOLDEN_SIGNATURE
    assert webhook.verify(b"a shared secret", header, body, 1_773_721_260)
    assert not webhook.verify(b"another secret", header, body, 1_773_721_260)
    assert not webhook.verify(b"a shared secret", header, body + b" ", 1_773_721_260)
    assert not webhook.verify(b"a shared secret", header, body, 1_773_721_200 + 301)


GOLDEN_SIGNATURE = "f2792c6b10f2a0bc97aa5662b6a4b27e3d5b3147c561b88392d91e3f5109ecca"
