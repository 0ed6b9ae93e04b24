"""Stage 1 on single batches: what is stored, observed, sent and accounted for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from detectors.finding import Finding
from detectors.observation import ABSENT, Observation, SourcePosition
from infra.kafka import DEAD_LETTERS, FINDINGS, OBSERVATIONS
from infra.settings import RedactionSettings, Settings
from ingest.agents.score.stage import ScoreStage
from ingest.messages import Output, RawMessage
from ingest.otlp.views import parse_traces
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import CONTENT_RECORDS, CONTEXT_SPANS, INTERACTIONS, LEDGER, TRACES, Row, Table
from ingest.topics import dead_letter as dead_letters
from tests.ingest.raw import HASH_KEY, PARTITIONS, RECEIVED_NS, SCORING, SETTINGS, marks, observations, raw
from tests.ingest.telemetry import RESOURCE, START_NS, chat, log, logs, messages, span, traces

MINUTE = 60_000_000_000


def stage(store: MemoryStore, settings: Settings = SETTINGS) -> ScoreStage:
    return ScoreStage(store, SCORING, settings, HASH_KEY)


def run(store: MemoryStore, *batch: RawMessage, on: ScoreStage | None = None) -> list[Output]:
    """Process and acknowledge one batch."""
    chosen = on or stage(store)
    outputs = chosen.process(batch)
    chosen.acknowledged(batch)
    return outputs


def named(table: Table, row: Row) -> dict[str, Any]:
    return dict(zip(table.names, row, strict=True))


def rows(store: MemoryStore, table: Table) -> list[dict[str, Any]]:
    return [named(table, r) for r in store.rows(table)]


def account(store: MemoryStore) -> list[tuple[int, ...]]:
    """(declared, received, stored, duplicate, rejected, dead_lettered) of every message."""
    names = ("declared", "received", "stored", "duplicate", "rejected", "dead_lettered")
    return [tuple(r[n] for n in names) for r in rows(store, LEDGER)]


def cells(o: Observation, score: str) -> list[Any]:
    column = o.scores[score]
    return [None if c == ABSENT else column.values[c] if column.values else c for c in column.rows]


def test_a_chat_becomes_a_row_an_observation_marks_and_a_balanced_account() -> None:
    store = MemoryStore()
    outputs = run(store, raw("otlp_spans", 1, 7, traces(span(chat("How long?", "I can't say.")))))
    (row,) = rows(store, INTERACTIONS)
    assert (row["service"], row["environment"], row["release"]) == ("harbour-chat", "prod", "7.1")
    assert (row["input_text"], row["output_text"], row["score_refusal"]) == ("How long?", "I can't say.", 1.0)
    assert (row["source_topic"], row["source_partition"], row["source_offset"]) == ("otlp_spans", 1, 7)
    assert row["observed"] is True
    assert row["clock_skew"] is False
    (o,) = observations(outputs)
    assert o.source == SourcePosition("otlp_spans", 1, 7)
    assert o.key.text() == "default/live/prod/harbour-chat"
    assert o.minutes == ((START_NS + 1_000_000_000) // MINUTE,)
    assert cells(o, "refusal") == [1]
    assert o.dimensions["language"].values == ("en",)
    assert o.dimensions["request_model"].values == ("gpt-4o",)
    assert [(p, m.next_offset, m.event_ns) for p, m in marks(outputs)] == [
        (p, 8, START_NS + 1_000_000_000) for p in range(PARTITIONS)
    ]
    assert [o.topic for o in outputs] == [OBSERVATIONS.name] * (1 + PARTITIONS)
    assert outputs[0].key == b"default/live/prod/harbour-chat"
    assert account(store) == [(1, 1, 1, 0, 0, 0)]


def test_one_observation_per_service_of_a_message_with_one_row_per_interaction() -> None:
    store = MemoryStore()
    request = traces(span(chat("a", "b"), span_id=1), span(chat("cc", "dd"), span_id=2, start_s=60))
    request.MergeFrom(traces(span(chat(), span_id=3), resource={"service.name": "other"}))
    found = observations(run(store, raw("otlp_spans", 0, 0, request)))
    assert [(o.key.service, len(o.minutes)) for o in found] == [("other", 1), ("harbour-chat", 2)]
    assert found[1].minutes[1] - found[1].minutes[0] == 1


def test_a_repeated_send_is_counted_and_neither_stored_nor_observed_again() -> None:
    store = MemoryStore()
    request = traces(span(chat(), parent=9), span({}, span_id=9, name="GET /"))
    on = stage(store)
    run(store, raw("otlp_spans", 0, 0, request), on=on)
    before = {t.name: store.rows(t) for t in (INTERACTIONS, CONTEXT_SPANS, TRACES)}
    again = run(store, raw("otlp_spans", 0, 1, request), on=on)  # answered by what was seen lately
    later = run(store, raw("otlp_spans", 0, 2, request))  # answered by the store
    assert observations(again) == observations(later) == []
    assert {t.name: store.rows(t) for t in (INTERACTIONS, CONTEXT_SPANS, TRACES)} == before
    assert account(store) == [(2, 2, 2, 0, 0, 0), (2, 2, 0, 2, 0, 0), (2, 2, 0, 2, 0, 0)]


def test_the_same_span_twice_in_one_message_counts_once() -> None:
    store = MemoryStore()
    (o,) = observations(run(store, raw("otlp_spans", 0, 0, traces(span(chat()), span(chat())))))
    assert len(o.minutes) == 1
    assert account(store) == [(2, 2, 1, 1, 0, 0)]


def test_the_same_span_in_two_messages_of_one_batch_is_observed_by_the_first() -> None:
    store = MemoryStore()
    request = traces(span(chat()))
    batch = (raw("otlp_spans", 0, 0, request), raw("otlp_spans", 0, 1, request))
    assert [o.source.offset for o in observations(run(store, *batch))] == [0]
    assert account(store) == [(1, 1, 1, 0, 0, 0), (1, 1, 0, 1, 0, 0)]


def test_running_a_batch_again_gives_the_same_outputs_even_with_other_scorers() -> None:
    store = MemoryStore()
    batch = (
        raw("otlp_spans", 0, 0, traces(span(chat(), parent=9), span(chat(), span_id=2, parent=9))),
        raw("otlp_spans", 0, 1, traces(span({}, span_id=9, name="run", duration_s=3))),
    )
    first = stage(store).process(batch)
    ledger = store.rows(LEDGER)
    assert stage(store).process(batch) == first
    changed = ScoreStage(
        store,
        type(SCORING)(lambda rs: [{} for _ in rs], lambda ts: [{} for _ in ts], SCORING.specs, {}),
        SETTINGS,
        HASH_KEY,
    )
    assert changed.process(batch) == first  # what is stored is obeyed
    assert store.rows(LEDGER) == ledger


def test_content_that_came_before_its_span_is_observed_with_the_span() -> None:
    store = MemoryStore()
    spans = {k: v for k, v in chat().items() if not k.endswith("messages")}
    content = logs(
        log("gen_ai.user.message", body={"content": "¿Qué hora es?"}),
        log("gen_ai.choice", body={"index": 0, "finish_reason": "stop", "message": {"content": "Noon."}}),
    )
    assert observations(run(store, raw("otlp_logs", 0, 0, content))) == []
    (o,) = observations(run(store, raw("otlp_spans", 0, 0, traces(span(spans)))))
    assert o.source.topic == "otlp_spans"
    assert cells(o, "language") == ["es"]
    (row,) = rows(store, INTERACTIONS)
    assert (row["input_text"], row["output_text"], row["late_scores"]) == ("¿Qué hora es?", "Noon.", {})
    assert [a[2] for a in account(store)] == [2, 1]


def test_content_that_came_after_its_span_is_observed_once_at_its_own_position() -> None:
    store = MemoryStore()
    spans = {k: v for k, v in chat().items() if not k.endswith("messages")}
    (first,) = observations(run(store, raw("otlp_spans", 0, 0, traces(span(spans)))))
    assert set(first.scores) == {"error", "latency_s"}
    assert "language" not in first.dimensions
    asked = logs(log("gen_ai.user.message", body={"content": "¿Qué hora es?"}))
    said = logs(log("gen_ai.choice", body={"index": 0, "message": {"content": "hunter2"}}, at_s=0.9))
    (second,) = observations(run(store, raw("otlp_logs", 0, 4, asked)))
    outputs = run(store, raw("otlp_logs", 0, 5, said))
    (third,) = observations(outputs)
    assert (second.source, set(second.scores)) == (
        SourcePosition("otlp_logs", 0, 4),
        {"prompt_length", "language"},
    )
    assert set(third.scores) == {"output_length", "refusal", "secrets"}
    assert third.dimensions["language"].values == ("es",)
    assert third.minutes == first.minutes
    assert [o.topic for o in outputs].count(FINDINGS.name) == 1
    (row,) = rows(store, INTERACTIONS)
    assert (row["input_text"], row["output_text"], row["revision"]) == ("¿Qué hora es?", "hunter2", 2)
    assert row["late_scores"]["prompt_length"] == "otlp_logs/0/4"
    assert row["late_scores"]["secrets"] == "otlp_logs/0/5"
    assert (row["source_topic"], row["source_offset"]) == ("otlp_spans", 0)
    # each of the three runs again and says the same
    assert observations(stage(store).process([raw("otlp_spans", 0, 0, traces(span(spans)))])) == [first]
    assert observations(stage(store).process([raw("otlp_logs", 0, 4, asked)])) == [second]
    assert observations(stage(store).process([raw("otlp_logs", 0, 5, said)])) == [third]
    assert rows(store, INTERACTIONS) == [row]


def test_late_content_that_names_no_service_still_finds_its_span() -> None:
    store = MemoryStore()
    bare = {k: v for k, v in chat().items() if not k.endswith("messages")}
    run(store, raw("otlp_spans", 0, 0, traces(span(bare))))
    content = logs(log("gen_ai.user.message", body={"content": "Hello?"}), resource={})
    (o,) = observations(run(store, raw("otlp_logs", 0, 0, content)))
    assert o.key.service == "harbour-chat"


def test_a_content_record_sent_again_is_a_duplicate() -> None:
    store = MemoryStore()
    content = logs(log("gen_ai.user.message", body={"content": "Hello?"}))
    run(store, raw("otlp_logs", 0, 0, content))
    run(store, raw("otlp_logs", 0, 1, content))
    assert len(store.rows(CONTENT_RECORDS)) == 1
    assert account(store) == [(1, 1, 1, 0, 0, 0), (1, 1, 0, 1, 0, 0)]


def test_log_records_about_nothing_of_ours_are_rejected_with_a_reason() -> None:
    store = MemoryStore()
    run(store, raw("otlp_logs", 0, 0, logs(log("app.started", body="up"))))
    (row,) = rows(store, LEDGER)
    assert (row["received"], row["rejected"], row["reasons"]) == (1, 1, {"not_genai": 1})
    assert store.rows(CONTENT_RECORDS) == []


def test_a_run_is_counted_once_where_its_root_is_stored() -> None:
    store = MemoryStore()
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "pilot"}
    children = traces(
        span(chat(), span_id=2, parent=1, start_s=1), span(tool, span_id=3, parent=1, start_s=2)
    )
    late = traces(span(tool, span_id=4, parent=1, start_s=3))
    root = traces(span(agent, span_id=1, duration_s=5))
    first = run(store, raw("otlp_spans", 0, 0, children))
    assert [o.unit for o in observations(first)] == ["interaction"]
    (o,) = observations(run(store, raw("otlp_spans", 0, 1, root)))
    assert (o.unit, o.source.offset, o.dimensions["agent_name"].values) == ("trace", 1, ("pilot",))
    assert o.dimensions["release"].values == ("7.1",)
    assert cells(o, "tool_calls") == [SCORING.specs["tool_calls"].grid.cell(1)]  # type: ignore[union-attr]
    run(store, raw("otlp_spans", 0, 2, late))
    assert observations(stage(store).process([raw("otlp_spans", 0, 1, root)])) == [
        o
    ]  # the late one is not in it
    (row,) = rows(store, TRACES)
    assert (row["scores"], row["agent_name"]) == ({"steps": 3.0, "tool_calls": 1.0}, "pilot")


def test_a_model_call_alone_is_no_run() -> None:
    store = MemoryStore()
    assert [o.unit for o in observations(run(store, raw("otlp_spans", 0, 0, traces(span(chat())))))] == [
        "interaction"
    ]
    assert store.rows(TRACES) == []


def test_a_second_root_of_a_trace_counts_nothing() -> None:
    store = MemoryStore()
    agent = {"gen_ai.operation.name": "invoke_agent"}
    run(store, raw("otlp_spans", 0, 0, traces(span(agent, span_id=1))))
    assert observations(run(store, raw("otlp_spans", 0, 1, traces(span(agent, span_id=2, start_s=5))))) == []
    assert len(store.rows(TRACES)) == 1


@pytest.mark.parametrize("how", ["synthetic", "backfill"])
def test_what_is_no_production_traffic_is_stored_and_never_observed(how: str) -> None:
    store = MemoryStore()
    attributes = {**chat("q", "hunter2"), **({"lightship.synthetic": True} if how == "synthetic" else {})}
    more = {"lightship-backfill": b"1"} if how == "backfill" else {}
    resource = {**RESOURCE, **({"telemetry.synthetic": True} if how == "synthetic" else {})}
    message = raw("otlp_spans", 0, 0, traces(span(attributes), resource=resource), more=more)
    outputs = run(store, message)
    (row,) = rows(store, INTERACTIONS)
    if how == "synthetic":
        assert row["synthetic"] is True
    assert row["observed"] is False
    assert observations(outputs) == []
    assert [o for o in outputs if o.topic == FINDINGS.name] == []
    assert bool(marks(outputs)) is (how == "synthetic")  # a backfill moves no clock


def test_a_clock_far_ahead_is_clamped_and_flagged_in_the_live_lineage_alone() -> None:
    ahead = traces(span(chat(), start_s=3600))
    store = MemoryStore()
    outputs = run(store, raw("otlp_spans", 0, 0, ahead))
    assert rows(store, INTERACTIONS)[0]["clock_skew"] is True
    assert observations(outputs)[0].minutes == (RECEIVED_NS // MINUTE,)
    assert {m.event_ns for _, m in marks(outputs)} == {RECEIVED_NS}
    store = MemoryStore()
    outputs = run(store, raw("otlp_spans", 0, 0, ahead, lineage="import-1"))
    assert rows(store, INTERACTIONS)[0]["clock_skew"] is False
    assert {m.event_ns for _, m in marks(outputs)} == {START_NS + 3601 * 1_000_000_000}


def test_a_secret_in_an_output_is_one_finding_a_minute_with_the_same_id_on_a_re_run() -> None:
    store = MemoryStore()
    request = traces(
        span(chat("q", "hunter2"), span_id=1),
        span(chat("q", "hunter2 again"), span_id=2, start_s=1),
        span(chat("q", "hunter2 later"), span_id=3, start_s=120),
    )
    message = raw("otlp_spans", 0, 0, request)
    outputs = run(store, message)
    found = [Finding.from_dict(json.loads(o.value)) for o in outputs if o.topic == FINDINGS.name]
    assert [(f.alert_kind, f.status, f.score, f.severity, f.slice, f.n) for f in found] == [
        ("policy", "confirmed", "secrets", "page", "all", n) for n in (2, 1)
    ]
    assert found[0].evidence is None
    assert len({f.finding_id for f in found}) == 2
    assert [o for o in stage(store).process([message]) if o.topic == FINDINGS.name] == [
        o for o in outputs if o.topic == FINDINGS.name
    ]


def test_a_message_that_is_no_otlp_is_a_dead_letter_with_its_bytes() -> None:
    store = MemoryStore()
    outputs = run(store, raw("otlp_spans", 0, 3, b"\xff\xffnonsense", records=4))
    (letter,) = [dead_letters.read(o.value) for o in outputs if o.topic == DEAD_LETTERS.name]
    assert (letter.source.offset, letter.records, letter.kind) == (3, 4, "not_otlp")
    assert letter.value == b"\xff\xffnonsense"
    assert account(store) == [(4, 4, 0, 0, 0, 4)]
    assert marks(outputs) == []


def test_bytes_no_redactor_has_seen_are_not_kept_in_a_dead_letter() -> None:
    store = MemoryStore()
    message = raw("otlp_spans", 0, 0, traces(span(chat("my card", "x"))), more={"lightship-redacted": b""})
    (output,) = [o for o in run(store, message) if o.topic == DEAD_LETTERS.name]
    assert b"my card" not in output.value
    assert dead_letters.read(output.value).value == b""
    assert store.rows(INTERACTIONS) == []
    assert account(store) == [(1, 1, 0, 0, 0, 1)]


def test_one_bad_span_does_not_cost_the_good_ones() -> None:
    store = MemoryStore()
    nameless = span(chat(), span_id=2)
    nameless.span_id = bytes(8)
    request = traces(span(chat(), span_id=1), nameless, span(chat("unscorable"), span_id=3))
    outputs = run(store, raw("otlp_spans", 0, 0, request))
    letters = [dead_letters.read(o.value) for o in outputs if o.topic == DEAD_LETTERS.name]
    assert [(x.kind, x.ordinal, x.records) for x in letters] == [
        ("bad_span", 1, 1),
        ("scorer_failed", 2, 1),
    ]
    (kept,) = parse_traces(letters[1].value).resource_spans[0].scope_spans[0].spans
    assert kept.span_id.hex().endswith("3")
    assert [len(o.minutes) for o in observations(outputs)] == [1]
    assert account(store) == [(3, 3, 1, 0, 0, 2)]
    (row,) = rows(store, LEDGER)
    assert row["reasons"] == {"dead_letter:bad_span": 1, "dead_letter:scorer_failed": 1}


@pytest.mark.parametrize(("keep", "kept"), [("all", 2), ("flagged", 1), ("none", 0)])
def test_text_is_kept_as_the_tenant_says_and_scores_always(keep: str, kept: int) -> None:
    store = MemoryStore()
    settings = Settings(
        kafka=SETTINGS.kafka, redaction={"default": RedactionSettings(keep_text=keep, keep_percent=0.0)}
    )
    request = traces(span(chat("a", "I can't."), span_id=1), span(chat("b", "Sure."), span_id=2))
    run(store, raw("otlp_spans", 0, 0, request), on=stage(store, settings))
    found = rows(store, INTERACTIONS)
    assert sum(r["output_text"] is not None for r in found) == kept
    assert all((r["output_text"] is None) == (r["text_absent"] is not None) for r in found)
    assert all(r["score_output_length"] for r in found)


def test_a_message_without_records_moves_or_ends_its_lineage() -> None:
    store = MemoryStore()
    at = START_NS + 5
    moved = run(
        store, raw("otlp_spans", 1, 0, b"", lineage="import-1", more={"lightship-event-time": b"%d" % at})
    )
    ended = run(store, raw("otlp_spans", 1, 1, b"", lineage="import-1", more={"lightship-lineage-end": b"1"}))
    assert [(m.event_ns, m.next_offset, m.ended) for _, m in marks(moved)] == [(at, 1, False)] * PARTITIONS
    assert {(m.next_offset, m.ended) for _, m in marks(ended)} == {(2, True)}
    assert [a[:3] for a in account(store)] == [(0, 0, 0), (0, 0, 0)]


def test_texts_of_spans_and_rows_survive_a_system_prompt_alone() -> None:
    store = MemoryStore()
    attributes = {k: v for k, v in chat().items() if not k.endswith("messages")}
    run(store, raw("otlp_spans", 0, 0, traces(span(attributes))))
    assert rows(store, INTERACTIONS)[0]["text_absent"] == "not captured by the app"
    content = logs(log("gen_ai.system.message", body={"content": "Be kind."}))
    message = raw("otlp_logs", 0, 0, content)
    run(store, message)
    (row,) = rows(store, INTERACTIONS)
    assert row["system_prompt"] == "Be kind."
    run(store, message)
    assert rows(store, INTERACTIONS) == [row]


def test_counters_tell_what_was_done() -> None:
    store = MemoryStore()
    on = stage(store)
    request = traces(span(chat()), span(chat(messages(("user", "x"))), span_id=2))
    run(store, raw("otlp_spans", 0, 0, request), raw("otlp_spans", 0, 1, request), on=on)
    counted = on.counters()
    assert counted["lightship_score_interactions_total"] == 2
    assert counted["lightship_score_duplicate_total"] == 2
    assert counted["lightship_score_messages_total"] == 2


def test_what_falls_silent_is_counted() -> None:
    store = MemoryStore()
    on = stage(store)
    event = log("gen_ai.client.inference.operation.details", attributes=chat(), span_id=None, trace=None)
    run(store, raw("otlp_logs", 0, 0, logs(event)), on=on)
    run(store, raw("otlp_spans", 0, 0, traces(span({"gen_ai.operation.name": "invoke_agent"}))), on=on)
    run(store, raw("otlp_spans", 0, 1, traces(span(chat(), span_id=2, trace="0" * 31 + "7"))), on=on)
    counted = on.counters()
    assert counted["lightship_score_events_without_span_total"] == 1
    assert counted["lightship_score_runs_without_call_total"] == 1


def test_after_a_crash_marks_claim_only_what_this_process_has_sent() -> None:
    store = MemoryStore()
    batch = [raw("otlp_spans", 0, n, traces(span(chat(), span_id=n + 1))) for n in range(3)]
    stage(store).process(batch)  # stored, and the process ended before anything was sent
    again = stage(store)
    assert {m.next_offset for _, m in marks(again.process(batch[:1]))} == {1}
    again.acknowledged(batch[:1])
    assert {m.next_offset for _, m in marks(again.process(batch[1:]))} == {3}


def test_after_a_restart_idle_marks_let_partitions_without_data_go() -> None:
    store = MemoryStore()
    run(store, raw("otlp_spans", 0, 4, traces(span(chat()))))
    on = stage(store)
    owned = [("otlp_spans", 0), ("otlp_spans", 1)]
    start = RECEIVED_NS + MINUTE
    assert on.idle_marks(owned, start) == []
    assert on.idle_marks(owned, start + 29_000_000_000) == []
    found = marks(on.idle_marks(owned, start + 31_000_000_000))
    assert {(m.partition, m.next_offset, m.idle) for _, m in found} == {(0, 5, True), (1, 0, True)}
    assert {m.event_ns for _, m in found} == {start + 31_000_000_000}  # the live clock is the wall's
    assert marks(on.idle_marks(owned, start + 40_000_000_000, behind={owned[0]})) != []
    assert {
        m.partition for _, m in marks(on.idle_marks(owned, start + 50_000_000_000, behind={owned[0]}))
    } == {1}
