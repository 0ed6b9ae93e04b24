"""What a failed call says of its error, where no text is captured and where it comes later."""

from __future__ import annotations

from typing import Any

import pytest

from infra.settings import RedactionSettings, Settings
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import INTERACTIONS
from tests.ingest.raw import SETTINGS, raw
from tests.ingest.telemetry import chat, log, logs, messages, span, traces
from tests.ingest.test_score_stage import rows, run, stage

DETAILS = "gen_ai.client.inference.operation.details"
BARE = {k: v for k, v in chat().items() if not k.endswith(("messages", "finish_reasons"))}
TOLD = "the model is overloaded"


def failed(message: str = TOLD) -> Any:
    """A request with a failed call without texts."""
    return traces(span({**BARE, "error.type": "OverloadedError"}, error=message))


def the_row(store: MemoryStore) -> dict[str, Any]:
    (row,) = rows(store, INTERACTIONS)
    return row


@pytest.mark.parametrize(("keep", "kept"), [("all", True), ("flagged", True), ("none", False)])
def test_the_message_is_kept_without_texts_unless_the_tenant_keeps_none(keep: str, kept: bool) -> None:
    store = MemoryStore()
    settings = Settings(kafka=SETTINGS.kafka, redaction={"default": RedactionSettings(keep_text=keep)})
    run(store, raw("otlp_spans", 0, 0, failed()), on=stage(store, settings))
    row = the_row(store)
    assert (row["text_absent"], row["error_type"]) == ("not captured by the app", "OverloadedError")
    assert row["error_message"] == (TOLD if kept else None)


@pytest.mark.parametrize("restarted", [False, True])
def test_texts_that_come_later_leave_the_message(restarted: bool) -> None:
    store = MemoryStore()
    on = stage(store)
    run(store, raw("otlp_spans", 0, 0, failed()), on=on)
    asked = {"gen_ai.input.messages": messages(("user", "Ahoy?"))}
    content = raw("otlp_logs", 0, 0, logs(log(DETAILS, attributes=asked)))
    run(store, content, on=stage(store) if restarted else on)
    row = the_row(store)
    assert (row["input_text"], row["error_message"], row["revision"]) == ("Ahoy?", TOLD, 1)


@pytest.mark.parametrize("log_first", [False, True])
def test_a_message_in_a_log_record_is_added_to_the_error_of_the_span(log_first: bool) -> None:
    store = MemoryStore()
    told = {"gen_ai.operation.name": "chat", "error.type": "OverloadedError", "exception.message": TOLD}
    batch = [
        raw("otlp_spans", 0, 0, failed("")),
        raw("otlp_logs", 0, 0, logs(log(DETAILS, attributes=told))),
    ]
    for message in reversed(batch) if log_first else batch:
        run(store, message)
    row = the_row(store)
    assert (row["error_type"], row["error_message"]) == ("OverloadedError", TOLD)
    before = row
    for message in batch:
        run(store, message)
    assert the_row(store) == before


def test_what_a_log_record_says_of_an_error_makes_no_call_fail_that_was_counted_as_well() -> None:
    store = MemoryStore()
    told = {"error.type": "OverloadedError", "exception.message": TOLD}
    run(store, raw("otlp_spans", 0, 0, traces(span(chat()))))
    run(store, raw("otlp_logs", 0, 0, logs(log(DETAILS, attributes=told))))
    row = the_row(store)
    assert (row["error_type"], row["error_message"], row["score_error"]) == (None, None, 0.0)
