"""What scorers are told of a call, and that it does not depend on where the call was read."""

from __future__ import annotations

from detectors.observation import SourcePosition
from detectors.record import ToolCall
from ingest.agents.score.late_content import add_late
from ingest.interaction import Interaction, to_record
from ingest.repository.interaction import StoredInteraction, from_row, to_record_of, to_row
from tests.ingest.telemetry import START_NS

TOOL = {"type": "function", "function": {"name": "book", "parameters": {"type": "object"}}}
CALL = Interaction(
    "ab" * 16,
    "cd" * 8,
    START_NS,
    START_NS + 2_000_000_000,
    request_model="asked",
    response_model="answered",
    tool_definitions=(TOOL,),
    request_parameters={"response_format": {"type": "json_object"}},
    input_tokens=9,
    cached_tokens=4,
)


def stored(call: Interaction) -> StoredInteraction:
    return StoredInteraction(call, SourcePosition("otlp_spans", 3, 17), START_NS, observed=True)


def test_a_record_has_the_model_the_tools_the_format_and_the_time() -> None:
    record = to_record(CALL)
    assert (record.model, record.cached_tokens, record.ended_s) == ("answered", 4, START_NS // 10**9 + 2)
    assert (record.tools, record.wants_json) == ((TOOL,), True)
    assert to_record_of(stored(CALL)).tools == (TOOL,)
    bare = to_record(Interaction("ab" * 16, "cd" * 8, START_NS, START_NS, request_model="asked"))
    assert (bare.model, bare.cached_tokens, bare.tools, bare.wants_json) == ("asked", None, (), False)


def test_late_content_is_scored_alike_whether_its_call_was_in_memory_or_read_from_a_row() -> None:
    content = Interaction(
        "ab" * 16, "cd" * 8, START_NS, START_NS, output_text="{}", tool_calls=(ToolCall("book", {}),)
    )
    here, read = stored(CALL), from_row(to_row(stored(CALL)))
    records = [to_record_of(add_late(base, content)) for base in (here, read)]
    assert records[0] == records[1]
    assert records[0].output == "{}"
    assert records[0].model == "answered"
    own = Interaction("ab" * 16, "cd" * 8, START_NS, START_NS, tool_definitions=(TOOL,))
    assert to_record_of(add_late(read, own)).tools == (TOOL,)
