"""Assembling: joins, ancestors, duplicates, and that order and repetition change nothing."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.record import Redaction
from ingest.interaction import Evaluation, FieldRedaction, sum_redactions, to_line, to_record, to_step
from ingest.otlp.assembly.assemble import Assembled, Judgement, assemble_batch
from ingest.otlp.assembly.build import fill
from ingest.otlp.assembly.prompt_hash import system_prompt_hash
from ingest.otlp.views import LogView, SpanView
from tests.ingest.telemetry import TRACE, chat, log, records, span, views

OTHER_TRACE = "0" * 31 + "7"


def bare() -> dict[str, Any]:
    """A chat without content."""
    return {k: v for k, v in chat().items() if "messages" not in k}


def agent_run() -> tuple[list[SpanView], list[LogView]]:
    """A web request with an agent, two calls, a tool, events and a judgement, over two traces."""
    spans = views(
        span({"http.route": "/chat", "session.id": "s-1", "user.id": "u-1"}, span_id=1, name="POST /chat",
             duration_s=9),
        span({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "harbour master"}, span_id=2,
             parent=1, name="invoke_agent", duration_s=8),
        span({**chat(), "gen_ai.response.id": "resp-000001"}, span_id=3, parent=2, start_s=0.5),
        span({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "tide",
              "gen_ai.tool.call.arguments": '{"port": "Brest", "day": 1}'}, span_id=4, parent=2, start_s=2,
             name="execute_tool tide"),
        span({**bare(), "gen_ai.response.id": "resp-000002"}, span_id=5, parent=2, start_s=4),
        span({**bare(), "gen_ai.response.id": "resp-000001"}, span_id=6, trace=OTHER_TRACE, start_s=0.6,
             duration_s=0.5),
    )  # fmt: skip
    said = records(
        log("gen_ai.user.message", body={"content": "And tomorrow?"}, span_id=5, at_s=4.1),
        log("gen_ai.choice", body={"index": 0, "message": {"content": "Lower."}}, span_id=5, at_s=4.9),
        log("gen_ai.choice", body={"index": 1, "message": {"content": "Higher."}}, span_id=5, at_s=4.9),
        log("gen_ai.evaluation.result", span_id=5, attributes={
            "gen_ai.evaluation.name": "Relevance", "gen_ai.evaluation.score.value": 4.5}),
        log("app.started", span_id=None, trace=None),
    )  # fmt: skip
    return spans, said


def lines(out: Assembled) -> list[dict[str, Any]]:
    """What would be printed."""
    return [to_line(i) for i in out.interactions]


@given(st.randoms(use_true_random=False), st.data())
def test_neither_order_nor_repetition_changes_anything(rng: random.Random, data: st.DataObject) -> None:
    spans, said = agent_run()
    expected = assemble_batch(spans, said)
    again_spans = spans + data.draw(st.lists(st.sampled_from(spans), max_size=6))
    again_logs = said + data.draw(st.lists(st.sampled_from(said), max_size=6))
    rng.shuffle(again_spans)
    rng.shuffle(again_logs)
    out = assemble_batch(again_spans, again_logs)
    assert out.interactions == expected.interactions
    assert out.context_spans == expected.context_spans
    assert out.other_logs == expected.other_logs
    assert out.repeated == len(again_spans) - len(spans)


def test_what_ancestors_say_holds_for_their_calls() -> None:
    out = assemble_batch(*agent_run())
    first, second = out.interactions
    for interaction in (first, second):
        assert interaction.trace_name == "POST /chat"
        assert interaction.agent_name == "harbour master"
        assert (interaction.conversation_id, interaction.user) == ("s-1", "u-1")
    assert [(c.kind, c.name) for c in out.context_spans] == [
        ("other", "POST /chat"), ("agent", "invoke_agent"), ("tool", "execute_tool tide"),
    ]  # fmt: skip
    tool = out.context_spans[2]
    assert tool.tool_arguments == '{"day":1,"port":"Brest"}'
    assert to_step(tool).name == "tide"
    assert to_step(first).kind == "model"


def test_a_call_reported_again_from_another_trace_counts_once() -> None:
    first, second = assemble_batch(*agent_run()).interactions
    assert first.duplicate_spans == ("0" * 15 + "6",)
    assert second.duplicate_spans == ()


def test_a_cached_answer_with_the_same_response_id_is_another_call() -> None:
    one = span({**chat(), "gen_ai.response.id": "resp-000001"}, span_id=1)
    later = span({**chat(), "gen_ai.response.id": "resp-000001"}, span_id=2, start_s=60)
    assert len(assemble_batch(views(one, later)).interactions) == 2


def test_a_child_without_content_is_the_same_call() -> None:
    outer = span(chat(), span_id=1, duration_s=2)
    inner = span(
        {**bare(), "gen_ai.response.id": "resp-000001", "gen_ai.response.time_to_first_chunk": 0.3},
        span_id=2, parent=1, start_s=0.1,
    )  # fmt: skip
    (i,) = assemble_batch(views(outer, inner)).interactions
    assert i.span_id.endswith("1")
    assert i.duplicate_spans == ("0" * 15 + "2",)
    assert (i.response_id, i.time_to_first_chunk_s) == ("resp-000001", 0.3)  # only the child knew


def test_a_wrapper_around_several_calls_is_not_a_call() -> None:
    outer = span(
        {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "e"}, span_id=1, duration_s=5
    )
    inner = [
        span({"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "e",
              "gen_ai.usage.input_tokens": n}, span_id=n, parent=1, start_s=n - 1)
        for n in (2, 3)
    ]  # fmt: skip
    out = assemble_batch(views(outer, *inner))
    assert [i.input_tokens for i in out.interactions] == [2, 3]
    assert [i.duplicate_spans for i in out.interactions] == [(), ("0" * 15 + "1",)]


def test_a_call_made_by_a_tool_inside_a_call_is_another_call() -> None:
    outer = span(chat(), span_id=1, duration_s=5)
    tool = span({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "ask"}, span_id=2, parent=1,
                start_s=1, duration_s=3)  # fmt: skip
    inner = span(bare(), span_id=3, parent=2, start_s=2)
    assert len(assemble_batch(views(outer, tool, inner)).interactions) == 2


def test_a_failed_call_reported_by_the_sdk_in_another_trace_counts_once() -> None:
    failed = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "claude"}
    ours = views(span({**failed, "gen_ai.input.messages": chat()["gen_ai.input.messages"]}, error="x"))
    sdk = views(
        span({**failed, "http.response.status_code": 529}, span_id=9, trace=OTHER_TRACE, error="x",
             start_s=0.1, duration_s=0.5),
        scope="com.anthropic.sdk.python",
    )  # fmt: skip
    (i,) = assemble_batch([*ours, *sdk]).interactions
    assert i.input_text is not None
    assert i.error is not None
    assert i.error.http_status == 529


def test_of_two_versions_of_a_span_the_later_one_counts() -> None:
    started = span({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}, duration_s=0)
    ended = span(chat())
    for both in (views(started, ended), views(ended, started)):
        (i,) = assemble_batch(both).interactions
        assert i.output_text is not None


def test_content_without_its_span_is_handed_on_and_joins_later() -> None:
    said = records(
        log("gen_ai.user.message", body={"content": "Ahoy?"}, at_s=0.1),
        log("gen_ai.choice", body={"index": 0, "message": {"content": "Ahoy!"}}, at_s=0.9),
    )
    alone = assemble_batch([], said, tenant="t", lineage="demo-x")
    assert alone.interactions == []
    (content,) = alone.contents
    assert (content.tenant, content.lineage, content.service) == ("t", "demo-x", "harbour-chat")
    (interaction,) = assemble_batch(views(span(bare())), tenant="t", lineage="demo-x").interactions
    (together,) = assemble_batch(views(span(bare())), said, tenant="t", lineage="demo-x").interactions
    joined = fill(interaction, content)
    for key in ("input_text", "output_text", "n_input_messages", "content_from", "output_texts"):
        assert getattr(joined, key) == getattr(together, key)


def test_a_details_record_without_ids_joins_by_response_id() -> None:
    record = log("gen_ai.client.inference.operation.details", span_id=None, trace=None,
                 attributes={**chat(), "gen_ai.response.id": "resp-000001"})  # fmt: skip
    (i,) = assemble_batch(
        views(span({**bare(), "gen_ai.response.id": "resp-000001"})), records(record)
    ).interactions
    assert i.input_text == "What is a lightship?"


@pytest.mark.parametrize(
    "judgement",
    [
        Judgement(Evaluation("thumbs", 1.0), TRACE, "0" * 15 + "3"),
        Judgement(Evaluation("thumbs", 1.0), None, None, "resp-000001"),
        Judgement(Evaluation("thumbs", 1.0), TRACE, "f" * 16, "resp-000001"),
        Judgement(Evaluation("thumbs", 1.0), OTHER_TRACE, "0" * 15 + "6"),  # the duplicate
    ],
)
def test_a_judgement_finds_its_interaction(judgement: Judgement) -> None:
    out = assemble_batch(agent_run()[0], judgements=[judgement])
    assert [len(i.evaluations) for i in out.interactions] == [1, 0]
    assert out.judgements == []


def test_a_judgement_of_a_trace_is_about_its_last_answer_and_an_unknown_one_is_handed_on() -> None:
    spans, _ = agent_run()
    of_trace = Judgement(Evaluation("thumbs", 0.0), TRACE)
    unknown = Judgement(Evaluation("thumbs", 0.0), "1" * 32, "2" * 16)
    out = assemble_batch(spans, judgements=[of_trace, unknown])
    assert [len(i.evaluations) for i in out.interactions] == [0, 1]
    assert out.judgements == [unknown]


def test_parents_in_a_circle_end() -> None:
    out = assemble_batch(views(span(chat(), span_id=1, parent=2), span(chat(), span_id=2, parent=1)))
    assert 1 <= len(out.interactions) <= 2


def test_the_redactors_report_comes_along_by_side() -> None:
    report = json.dumps([{"field": "gen_ai.output.messages", "type": "email", "n": 2}])
    on_log = json.dumps([{"field": "gen_ai.choice", "type": "card", "n": 1}])
    spans = views(span({**bare(), "lightship.redactions": report}))
    said = records(log("gen_ai.choice", body={"index": 0, "message": {"content": "x"}},
                       attributes={"lightship.redactions": on_log}))  # fmt: skip
    (i,) = assemble_batch(spans, said).interactions
    assert to_record(i).redactions == (Redaction("output", "card", 1), Redaction("output", "email", 2))
    (clean,) = assemble_batch(views(span(bare()))).interactions
    assert to_record(clean).redactions is None


def test_a_payload_that_repeats_the_messages_is_not_counted_again() -> None:
    found = [
        FieldRedaction("llm.output_messages.0.message.content", "email", 1),
        FieldRedaction("output.value", "email", 1),
        FieldRedaction("input.value", "card", 1),
    ]
    assert sum_redactions(found) == (Redaction("output", "email", 1), Redaction("prompt", "card", 1))


def test_the_prompt_hash_ignores_what_changes_every_day_but_not_an_edit() -> None:
    base = "Today is Monday, 3 March 2026. You help Jane Doe with order 4711. Never reveal prices."
    other = "Today is Friday, 24 November 2026. You help Ada with order 9. Never reveal prices."
    edited = base.replace("reveal", "invent")
    assert system_prompt_hash(base) == system_prompt_hash(other)
    assert system_prompt_hash(base) != system_prompt_hash(edited)
    assert system_prompt_hash(None) is None


def test_every_key_of_the_contract_is_in_a_line() -> None:
    (line, _) = lines(assemble_batch(*agent_run()))
    contract = """interaction_id trace_id span_id parent_span_id kind operation operation_raw modality start
        duration_s time_to_first_chunk_s tenant lineage service environment service_version release trace_name
        agent_name synthetic sampling_probability provider provider_raw request_model response_model
        response_id system_prompt system_prompt_hash context_texts tool_definitions tool_results
        request_parameters input_text input_texts n_input_messages output_text output_texts tool_calls
        finish_reasons finish_reasons_raw input_tokens output_tokens cached_tokens reasoning_tokens error
        conversation_id user prompt_name prompt_version evaluations dialect content_from dropped_attributes
        truncated hidden duplicate_spans revised_prompts media audio_duration_s no_speech_probability"""
    assert set(contract.split()) <= set(line)
    assert line["interaction_id"] == f"{TRACE}:{'0' * 15}3"
    assert line["start"] == "2026-11-24T06:00:00.500000000Z"
    assert line["duration_s"] == 1.0
