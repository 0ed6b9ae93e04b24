"""What evaluators and people say of interactions: whom it meets, what counts it, and what it is kept as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.observation import SourcePosition
from infra.settings import RedactionSettings, Settings
from ingest.agents.score.stage import ScoreStage
from ingest.interaction import Evaluation
from ingest.messages import Output, RawMessage
from ingest.otlp.assembly.assemble import EVALUATION_EVENT, Judgement
from ingest.repository import evaluation as stored_judgement
from ingest.repository.stage_store import MemoryStore, Refused
from ingest.repository.tables import (
    CONTENT_RECORDS,
    CONTEXT_SPANS,
    INTERACTIONS,
    JUDGEMENTS,
    LEDGER,
    Row,
    Table,
)
from ingest.requests.evaluation import Sent, to_request
from tests.at_length import examples
from tests.ingest.raw import HASH_KEY, RECEIVED_NS, SCORING, SETTINGS, observations, raw
from tests.ingest.telemetry import START_NS, TRACE, chat, log, logs, span, traces
from tests.ingest.test_score_stage import account, cells, named

MINUTE_NS = 60_000_000_000
DAY_NS = 86_400_000_000_000
SPAN = "0" * 15 + "1"


def stage(store: MemoryStore, chosen: Settings = SETTINGS) -> ScoreStage:
    return ScoreStage(store, SCORING, chosen, HASH_KEY)


def run(store: MemoryStore, *batch: RawMessage) -> list[Output]:
    """Process a batch twice, the second time in a process that knows only the store: it must say the same."""
    outputs = stage(store).process(batch)
    assert stage(store).process(batch) == outputs
    return outputs


def judged(store: MemoryStore) -> list[dict[str, Any]]:
    return [named(JUDGEMENTS, row) for row in store.rows(JUDGEMENTS)]


def said(
    name: str | None = "helpful",
    value: Any = 0.75,
    *,
    label: str | None = None,
    span_id: int | None = 1,
    trace: str | None = TRACE,
    at_s: float = 2.0,
    more: dict[str, Any] | None = None,
) -> Message:
    """A request with one evaluation."""
    found = {
        "gen_ai.evaluation.name": name,
        "gen_ai.evaluation.score.value": value,
        "gen_ai.evaluation.score.label": label,
        **(more or {}),
    }
    attributes = {k: v for k, v in found.items() if v is not None}
    return logs(log(EVALUATION_EVENT, attributes=attributes, span_id=span_id, trace=trace, at_s=at_s))


def sent(value: float, uid: str | None = None, *, trace_id: str | None = TRACE, **more: Any) -> Message:
    """A request with one judgement as the doors write it."""
    judgement = Judgement(
        Evaluation("thumbs", value, source="feedback"), trace_id, SPAN if trace_id else None
    )
    return to_request([Sent(judgement, id=uid, **more)], RECEIVED_NS)


def test_a_judgement_that_comes_after_its_interaction_counts_where_it_stands() -> None:
    store = MemoryStore()
    run(store, raw("otlp_spans", 0, 0, traces(span(chat("¿Qué?")))))
    (o,) = observations(run(store, raw("otlp_logs", 0, 7, said(label="good"))))
    assert o.source == SourcePosition("otlp_logs", 0, 7)
    assert (o.unit, o.key.text()) == ("interaction", "default/live/prod/harbour-chat")
    assert list(o.scores) == ["judgement:helpful"]
    assert o.minutes == ((START_NS + 2_000_000_000) // MINUTE_NS,)
    assert o.dimensions["language"].values == ("es",)
    assert o.dimensions["release"].values == ("7.1",)
    (row,) = judged(store)
    assert (row["name"], row["value"], row["label"]) == ("helpful", 0.75, "good")
    assert (row["judged_trace_id"], row["judged_span_id"], row["service"]) == (TRACE, SPAN, "harbour-chat")
    assert row["counted_by"] == "otlp_logs/0/7"
    assert account(store) == [(1, 1, 1, 0, 0, 0), (1, 1, 1, 0, 0, 0)]


def test_a_judgement_that_comes_first_waits_and_counts_with_its_interaction() -> None:
    store = MemoryStore()
    assert observations(run(store, raw("otlp_logs", 0, 0, said()))) == []
    (row,) = judged(store)
    assert (row["judged_span_id"], row["counted_by"]) == ("", "")
    (o,) = observations(run(store, raw("otlp_spans", 0, 3, traces(span(chat())))))
    assert o.source.topic == "otlp_spans"
    assert [c is not None for c in cells(o, "judgement:helpful")] == [False, True]
    assert [c is not None for c in cells(o, "refusal")] == [True, False]
    (row,) = judged(store)
    assert row["counted_by"] == "otlp_spans/0/3"


def test_a_judgement_a_day_later_counts_when_it_was_made() -> None:
    store = MemoryStore()
    run(store, raw("otlp_spans", 0, 0, traces(span(chat()))))
    late = raw("otlp_logs", 0, 0, said(at_s=86_400), received_ns=RECEIVED_NS + DAY_NS)
    (o,) = observations(run(store, late))
    assert o.minutes == ((START_NS + DAY_NS) // MINUTE_NS,)
    dated_back = raw("otlp_logs", 0, 1, said("tone", at_s=1), received_ns=RECEIVED_NS + DAY_NS)
    (o,) = observations(run(store, dated_back))
    assert o.minutes == ((RECEIVED_NS + DAY_NS) // MINUTE_NS,)  # ticks that are closed stay closed


def test_a_judgement_of_a_trace_or_of_a_step_means_the_last_answer() -> None:
    store = MemoryStore()
    run_of_agent = traces(
        span(chat("a", "b"), span_id=1, parent=9, start_s=1),
        span(chat("c", "d"), span_id=2, parent=9, start_s=3),
        span({"gen_ai.operation.name": "invoke_agent"}, span_id=9, duration_s=9),
    )
    run(store, raw("otlp_spans", 0, 0, run_of_agent))
    run(store, raw("otlp_logs", 0, 0, said("whole", span_id=None)))
    run(store, raw("otlp_logs", 0, 1, said("run", span_id=9)))
    run(store, raw("otlp_logs", 0, 2, said("first", span_id=1)))
    run(store, raw("otlp_logs", 0, 3, said("unknown", span_id=5)))
    met = {r["name"]: r["judged_span_id"][-1:] for r in judged(store)}
    assert met == {"whole": "2", "run": "2", "first": "1", "unknown": ""}


def test_a_judgement_finds_its_interaction_by_response_or_conversation_on_any_partition() -> None:
    store = MemoryStore()
    answer = {**chat(), "gen_ai.response.id": "resp-1", "gen_ai.conversation.id": "[session:1]"}
    run(store, raw("otlp_spans", 0, 0, traces(span(answer))))
    of_response = said("a", span_id=None, trace=None, more={"gen_ai.response.id": "resp-1"})
    of_session = said("b", span_id=None, trace=None, more={"session.id": "[session:1]"})
    unknown = said("c", span_id=None, trace=None, more={"gen_ai.response.id": "resp-2"})
    for offset, request in enumerate((of_response, of_session, unknown)):
        run(store, raw("otlp_logs", 1, offset, request))
    assert {r["name"]: r["judged_span_id"] for r in judged(store)} == {"a": SPAN, "b": SPAN, "c": ""}


def test_what_spans_carry_is_judged_with_them_and_is_no_record_of_its_own() -> None:
    store = MemoryStore()
    annotated = {
        **chat(),
        "openinference.span.kind": "LLM",
        "annotations.0.annotation.name": "tone",
        "annotations.0.annotation.label": "warm",
        "annotations.0.annotation.annotator_kind": "HUMAN",
    }
    event = (EVALUATION_EVENT, 0.5, {"gen_ai.evaluation.name": "fit", "gen_ai.evaluation.score.value": 1})
    message = raw("otlp_spans", 0, 0, traces(span(annotated, events=[event])))
    (o,) = observations(run(store, message))
    assert {"judgement_label:tone", "judgement:fit"} <= set(o.scores)
    again = run(store, raw("otlp_spans", 0, 1, traces(span(annotated, events=[event]))))
    assert observations(again) == []
    assert [(r["name"], r["said_by"]) for r in judged(store)] == [("tone", "HUMAN"), ("fit", "app")]
    assert account(store) == [(1, 1, 1, 0, 0, 0), (1, 1, 0, 1, 0, 0)]


def test_what_a_root_says_of_its_trace_or_session_means_its_answer() -> None:
    store = MemoryStore()
    root = {
        "openinference.span.kind": "CHAIN",
        "trace.annotations.0.annotation.name": "done",
        "trace.annotations.0.annotation.score": 1,
        "session.annotations.0.annotation.name": "mood",
        "session.annotations.0.annotation.label": "calm",
    }
    run_of_chain = traces(span(chat(), span_id=1, parent=9), span(root, span_id=9, name="chain"))
    run(store, raw("otlp_spans", 0, 0, run_of_chain))
    assert {r["name"]: r["judged_span_id"] for r in judged(store)} == {"done": SPAN, "mood": SPAN}


def test_a_judgement_sent_again_is_a_duplicate_and_one_that_corrects_is_not_counted_again() -> None:
    store = MemoryStore()
    run(store, raw("otlp_spans", 0, 0, traces(span(chat()))))
    assert len(observations(run(store, raw("otlp_logs", 0, 0, sent(1.0, "j-1"))))) == 1
    assert observations(run(store, raw("otlp_logs", 0, 1, sent(1.0, "j-1")))) == []
    assert observations(run(store, raw("otlp_logs", 0, 2, sent(0.0, "j-1")))) == []
    assert [(r["value"], r["corrects"]) for r in judged(store)] == [(1.0, False), (0.0, True)]
    assert account(store)[0:3] == [(1, 1, 1, 0, 0, 0), (1, 1, 0, 1, 0, 0), (1, 1, 1, 0, 0, 0)]


def test_the_same_judgement_in_one_batch_counts_once_and_lately_seen_ones_need_no_store() -> None:
    store = MemoryStore()
    run(store, raw("otlp_spans", 0, 0, traces(span(chat()))))
    on = stage(store)
    batch = [raw("otlp_logs", 0, n, said()) for n in range(2)]
    (o,) = observations(on.process(batch))
    assert o.source.offset == 0
    on.acknowledged(batch)
    assert observations(on.process([raw("otlp_logs", 0, 2, said())])) == []
    assert [row[3] for row in account(store)] == [0, 1, 1, 0]


def test_a_judgement_beside_a_repeat_of_its_interaction_finds_the_first() -> None:
    store = MemoryStore()
    on = stage(store)
    first = [raw("otlp_spans", 0, 0, traces(span(chat())))]
    on.process(first)
    on.acknowledged(first)
    (o,) = observations(
        on.process([raw("otlp_spans", 0, 1, traces(span(chat()))), raw("otlp_logs", 0, 0, said())])
    )
    assert o.source.topic == "otlp_logs"


def test_numbers_labels_and_nothing() -> None:
    store = MemoryStore()
    run(store, raw("otlp_spans", 0, 0, traces(span(chat()))))
    requests = [
        said("both", 0.2, label="bad"),
        said("label", None, label="bad"),
        said("flag", True),
        said(None, 3.0),
        said("failed", None, more={"error.type": "timeout"}),
        said("negative", -1e30),
        said("x\u202e\n" * 60, 1.0),
    ]
    found = [observations(run(store, raw("otlp_logs", 0, n, request))) for n, request in enumerate(requests)]
    names = [next(iter(o[0].scores)) if o else None for o in found]
    assert names[:-1] == [
        "judgement:both", "judgement_label:label", "judgement:flag", "judgement:other", None,
        "judgement:negative",
    ]  # fmt: skip
    assert names[-1] == "judgement:" + ("x " * 32).strip()
    assert [r["error"] for r in judged(store) if r["name"] == "failed"] == ["timeout"]


def test_many_names_in_one_message_share_a_column() -> None:
    store = MemoryStore()
    run(store, raw("otlp_spans", 0, 0, traces(span(chat()))))
    many = logs(
        *(
            log(
                EVALUATION_EVENT,
                attributes={"gen_ai.evaluation.name": f"n{i}", "gen_ai.evaluation.score.value": i},
            )
            for i in range(100)
        )
    )
    (o,) = observations(run(store, raw("otlp_logs", 0, 0, many)))
    assert len(o.scores) == 33
    assert sum(c is not None for c in cells(o, "judgement:other")) == 68
    assert len(judged(store)) == 100


def test_synthetic_and_backfilled_interactions_are_judged_and_not_counted() -> None:
    store = MemoryStore()
    run(store, raw("otlp_spans", 0, 0, traces(span(chat())), more={"lightship-backfill": b"1"}))
    assert observations(run(store, raw("otlp_logs", 0, 0, said()))) == []
    (row,) = judged(store)
    assert (row["judged_span_id"], row["counted_by"]) == (SPAN, "")


def test_who_and_when_are_kept_and_the_comment_only_where_text_is() -> None:
    for keep, comment in (("all", "too long"), ("none", None)):
        store = MemoryStore()
        chosen = Settings(kafka=SETTINGS.kafka, redaction={"default": RedactionSettings(keep_text=keep)})
        judgement = Judgement(Evaluation("thumbs", 0.0, explanation="too long"), TRACE)
        request = to_request([Sent(judgement, who="[user:7]", time_ns=START_NS)], RECEIVED_NS)
        stage(store, chosen).process([raw("otlp_logs", 0, 0, request)])
        (row,) = judged(store)
        assert (row["who"], row["judged_at"], row["explanation"]) == ("[user:7]", START_NS, comment)


def test_evaluations_are_not_kept_as_content() -> None:
    store = MemoryStore()
    run(store, raw("otlp_logs", 0, 0, said()))
    assert store.rows(CONTENT_RECORDS) == []


class Refusing(MemoryStore):
    """Cannot hold interactions of a response."""

    def insert(self, table: Table, rows: Sequence[Row]) -> list[Refused]:
        """Refuse what answers ``bad``."""
        bad = [
            n
            for n, row in enumerate(rows)
            if table is INTERACTIONS and row[table.index["response_id"]] == "bad"
        ]
        super().insert(table, [r for n, r in enumerate(rows) if n not in bad])
        return [Refused(n, "too odd") for n in bad]


def test_a_judgement_of_an_interaction_that_cannot_be_stored_goes_on_waiting() -> None:
    store = Refusing()
    run(store, raw("otlp_logs", 0, 0, said()))
    outputs = run(store, raw("otlp_spans", 0, 0, traces(span({**chat(), "gen_ai.response.id": "bad"}))))
    assert observations(outputs) == []
    (row,) = judged(store)
    assert (row["judged_span_id"], row["counted_by"]) == ("", "")
    (o,) = observations(run(store, raw("otlp_spans", 0, 1, traces(span(chat())))))
    assert "judgement:helpful" in o.scores


@st.composite
def conversations(draw: st.DrawFn) -> list[tuple[str, Message]]:
    """Requests about two traces of a few calls, and judgements of them, in any order."""
    out: list[tuple[str, Message]] = []
    for t in (1, 2):
        name = f"{t:032x}"
        calls = draw(st.integers(1, 3))
        out += [
            ("otlp_spans", traces(span(chat(), span_id=n, trace=name, start_s=n, parent=9)))
            for n in range(1, calls + 1)
        ]
        out.append(
            ("otlp_spans", traces(span({"gen_ai.operation.name": "invoke_agent"}, span_id=9, trace=name)))
        )
        for target in draw(st.lists(st.sampled_from([*range(1, calls + 1), 9, None]), max_size=4)):
            out.append(("otlp_logs", said(f"n{len(out)}", len(out) / 9, span_id=target, trace=name)))
    return draw(st.permutations(out))


@settings(max_examples=examples(120), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=conversations(), cut=st.integers(1, 6))
def test_in_any_order_each_judgement_meets_its_interaction_and_counts_once(
    order: list[tuple[str, Message]], cut: int
) -> None:
    store = MemoryStore()
    offsets: dict[str, int] = {}
    messages = []
    for topic, request in order:
        offsets[topic] = offsets.get(topic, -1) + 1
        messages.append(raw(topic, 0, offsets[topic], request))
    found = []
    for at in range(0, len(messages), cut):
        found += observations(run(store, *messages[at : at + cut]))
    counted = [
        n for o in found for n, c in o.scores.items() if n.startswith("judgement") for x in c.rows if x >= 0
    ]
    rows = judged(store)
    assert sorted(counted) == sorted(f"judgement:{r['name']}" for r in rows)
    for row in rows:
        assert row["judged_trace_id"] == row["trace_id"]
        if row["span_id"] not in ("", "0" * 15 + "9"):
            assert row["judged_span_id"] == row["span_id"]
    assert len(store.rows(LEDGER)) == len(messages)
    assert {r["counted_by"].split("/")[1] for r in rows} <= {"0"}
    assert len(store.rows(CONTEXT_SPANS)) == 2


@pytest.mark.parametrize("value", ["nan", float("inf"), "0.5", {"a": 1}, [1.0]])
def test_a_value_that_is_no_number_is_kept_out_of_the_counts(value: Any) -> None:
    store = MemoryStore()
    run(store, raw("otlp_spans", 0, 0, traces(span(chat()))))
    outputs = run(store, raw("otlp_logs", 0, 0, said("odd", value)))
    assert len(observations(outputs)) == (value == "0.5")
    assert len(judged(store)) == 1


def test_a_row_read_back_gives_the_same_row() -> None:
    store = MemoryStore()
    run(store, raw("otlp_spans", 0, 0, traces(span(chat()))))
    run(store, raw("otlp_logs", 0, 0, said(label="fine")), raw("otlp_logs", 0, 1, said(span_id=5)))
    for row in store.rows(JUDGEMENTS):
        assert stored_judgement.to_row(stored_judgement.from_row(row)) == tuple(row)
