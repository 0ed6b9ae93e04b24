"""The suite for authors of instrumentations: recordings against what ought to be read, and what is lost."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ingest.errors import BadRecord
from ingest.operations.files.conformance import COLUMNS, conformance, show
from lightship import app
from tests.ingest.telemetry import chat, span, traces
from tests.recordings import FOLDER

CALL = {"span_id": "0" * 15 + "1", "output_text": "A ship that is a lighthouse.", "input_tokens": 12}


def suite(folder: Path, **expectation: Any) -> Path:
    """A family of one recording: a chat that an application streamed under a user's name."""
    (folder / "mine" / "chat").mkdir(parents=True)
    request = traces(span({**chat(), "gen_ai.request.stream": True}), scope="my.instrumentation")
    request.resource_spans[0].scope_spans[0].scope.version = "2.1"
    (folder / "mine" / "chat" / "1.traces.binpb").write_bytes(request.SerializeToString())
    want = {"interactions": [CALL], "other_spans": 0, "did": ["text", "streaming", "user"], **expectation}
    (folder / "mine.json").write_text(json.dumps({"chat": want}))
    return folder


def test_what_an_instrumentation_sends_and_loses(tmp_path: Path) -> None:
    report = conformance(suite(tmp_path, made=2))
    (sender,) = report["instrumentations"]
    assert (report["ok"], sender["name"], sender["version"]) == (True, "my.instrumentation", "2.1")
    assert (sender["recordings"], sender["arrived"], sender["made"]) == (1, 1, 2)
    assert [sender["columns"][c] for c in COLUMNS] == ["yes", "yes", "–", "lost", "–", "–", "yes", "–"]
    text = show(report)
    assert "1 of 2" in text
    assert "user lost in mine/chat" in text


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"interactions": [{**CALL, "input_tokens": 13}]}, "input_tokens: expected 13, got 12"),
        ({"interactions": [{"request_model": "gpt-5"}]}, 'request_model: expected "gpt-5", got "gpt-4o"'),
        ({"interactions": [CALL, {"span_id": "f" * 16}]}, "2 interactions expected, got 1"),
        ({"interactions": [{"error": {"http_status": 429}}]}, "error"),
        ({"other_spans": 3}, "other spans: expected 3, got 0"),
    ],
)
def test_an_expectation_that_is_not_met_is_named_and_fails(
    changed: dict[str, Any], difference: str, tmp_path: Path
) -> None:
    ran = CliRunner().invoke(app, ["decode", "--conformance", str(suite(tmp_path, **changed))])
    assert ran.exit_code == 1
    assert difference in ran.stdout
    assert "0 of 1 recordings are read as expected" in ran.stdout


def test_the_recordings_that_come_with_lightship_are_a_suite_as_archives_or_folders(tmp_path: Path) -> None:
    for name in ("agents.json", "agents.zip", "captures.manifest.json"):
        shutil.copy(FOLDER / name, tmp_path)
    ran = CliRunner().invoke(app, ["decode", "--conformance", str(tmp_path), "--json"])
    report = json.loads(ran.stdout)
    assert (ran.exit_code, report["ok"]) == (0, True)
    with zipfile.ZipFile(tmp_path / "agents.zip") as packed:
        packed.extractall(tmp_path / "agents")
    (tmp_path / "agents.zip").unlink()
    assert conformance(tmp_path) == report


def test_a_folder_that_is_no_suite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRecord, match="holds no"):
        conformance(tmp_path)
    suite(tmp_path)
    (tmp_path / "mine" / "other").mkdir()
    (tmp_path / "mine" / "other" / "1.json").write_text("{}")
    with pytest.raises(BadRecord, match="says nothing of other"):
        conformance(tmp_path)
    (tmp_path / "mine.json").write_text('{"chat": {}, "other": {}, "third": {}}')
    with pytest.raises(BadRecord, match="expects third"):
        conformance(tmp_path)
    (tmp_path / "mine.json").write_text("[]")
    with pytest.raises(BadRecord, match="no object"):
        conformance(tmp_path)
