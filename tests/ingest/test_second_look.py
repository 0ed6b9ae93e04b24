"""A secret that came in parts is found when the parts are one text: before it is scored and stored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.settings import Settings
from ingest.agents.score.setup import scoring, second_look
from ingest.agents.score.stage import ScoreStage
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import INTERACTIONS
from tests.ingest.raw import HASH_KEY, SETTINGS, raw
from tests.ingest.telemetry import chat, log, logs, span, traces

TOKEN = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"
HALVES = (TOKEN[:19], TOKEN[19:])
DETAILS = "gen_ai.client.inference.operation.details"


def parts(role: str) -> str:
    content = [{"type": "text", "content": half} for half in HALVES]
    return json.dumps([{"role": role, "parts": content}])


def stored(home: Path, *requests: Any) -> tuple[Any, ...]:
    store = MemoryStore()
    stage = ScoreStage(
        store, scoring(), SETTINGS, HASH_KEY, look_again=second_look(replace(Settings(), home=home))
    )
    for offset, request in enumerate(requests):
        topic = "otlp_spans" if request.DESCRIPTOR.name.startswith("ExportTrace") else "otlp_logs"
        stage.process([raw(topic, 0, offset, request)])
    rows = [dict(zip(INTERACTIONS.names, row, strict=True)) for row in store.rows(INTERACTIONS)]
    row = max(rows, key=lambda r: r["revision"])
    return row["input_text"], row["output_text"], row["score_secrets"]


def test_in_a_span(tmp_path: Path) -> None:
    said = {**chat("What was it?"), "gen_ai.output.messages": parts("assistant")}
    prompt, answer, secrets = stored(tmp_path, traces(span(said)))
    assert prompt == "What was it?"
    assert answer.startswith("[github_token:")
    assert secrets == 1


@pytest.mark.parametrize("log_first", [False, True])
def test_in_a_log_record(tmp_path: Path, log_first: bool) -> None:
    content = {"gen_ai.operation.name": "chat", "gen_ai.output.messages": parts("assistant")}
    without = {k: v for k, v in chat().items() if not k.endswith(".messages")}
    requests = [traces(span(without)), logs(log(DETAILS, attributes=content))]
    _, answer, secrets = stored(tmp_path, *(reversed(requests) if log_first else requests))
    assert answer.startswith("[github_token:")
    assert secrets == 1
