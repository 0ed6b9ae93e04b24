"""Any cut into batches and any crash give the rows, observations and account of an undisturbed run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.observation import Mark, Observation, SourcePosition, decode, encode
from infra.kafka import FINDINGS, OBSERVATIONS
from ingest.agents.score.stage import ScoreStage
from ingest.errors import Unavailable
from ingest.messages import Output, RawMessage
from ingest.otlp.assembly.assemble import EVALUATION_EVENT
from ingest.repository.stage_store import MemoryStore, Refused
from ingest.repository.tables import (
    CONTENT_RECORDS,
    CONTEXT_SPANS,
    INTERACTIONS,
    JUDGEMENTS,
    LEDGER,
    TRACES,
    Row,
    Table,
)
from tests.at_length import examples
from tests.ingest.raw import HASH_KEY, PARTITIONS, SCORING, SETTINGS, raw
from tests.ingest.telemetry import START_NS, chat, log, logs, span, traces

TABLES = (INTERACTIONS, CONTEXT_SPANS, CONTENT_RECORDS, JUDGEMENTS, TRACES, LEDGER)
JUDGED = ("judged", "judged trace", "judged run", "judged answer")
ANNOTATION = {
    "openinference.span.kind": "LLM",
    "annotations.0.annotation.name": "tone",
    "annotations.0.annotation.label": "warm",
}
LATE_NS = START_NS + 3600 * 10**9
"""When all of it arrived: no clock is ahead of it."""
TEXTLESS = {k: v for k, v in chat().items() if not k.endswith("messages")}


class FaultyStore(MemoryStore):
    """Stops answering at the n-th insert from now, before or after it took effect."""

    def __init__(self) -> None:
        super().__init__()
        self.fail_in: int | None = None
        self.after = False

    def insert(self, table: Table, rows: Sequence[Row]) -> list[Refused]:
        if self.fail_in is not None:
            self.fail_in -= 1
            if self.fail_in < 0:
                self.fail_in = None
                if self.after:
                    super().insert(table, rows)
                raise Unavailable("the store went away")
        return super().insert(table, rows)


@dataclass
class Sent:
    """What reached Kafka, in order."""

    outputs: list[Output] = field(default_factory=list)

    def observations(self) -> list[Observation]:
        found = [decode(o.value) for o in self.outputs if o.topic == OBSERVATIONS.name]
        return [m for m in found if isinstance(m, Observation)]

    def unique(self) -> dict[tuple[SourcePosition, str, str], bytes]:
        """Observations as stage 2 takes them: the first of a position, service and unit."""
        out: dict[tuple[SourcePosition, str, str], bytes] = {}
        for o in self.observations():
            out.setdefault((o.source, o.key.text(), o.unit), encode(o))
        return out

    def findings(self) -> set[bytes]:
        return {o.value for o in self.outputs if o.topic == FINDINGS.name}


def piece(kind: str, trace: int, number: int) -> tuple[str, Any]:
    """One thing a client sends: its topic and a request."""
    name = f"{trace + 1:032x}"
    said = "hunter2" if number == 2 else f"Answer {number}."
    if kind == "root":
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "pilot"}
        return "otlp_spans", traces(span(attributes, span_id=90, trace=name, duration_s=20))
    if kind == "tool":
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
        return "otlp_spans", traces(
            span(attributes, span_id=50 + number, parent=90, trace=name, start_s=number)
        )
    if kind == "twin":  # the provider's own SDK tells of the same call
        return "otlp_spans", traces(
            span(
                TEXTLESS, span_id=40 + number, parent=number, trace=name, start_s=number + 0.1, duration_s=0.5
            ),
            scope="com.openai.sdk.python",
        )
    if kind == "later":  # the clock goes on, past what waits for a root
        name = f"{100 + 10 * number + trace:032x}"
        return "otlp_spans", traces(span(chat(), trace=name, start_s=420 * number, parent=7))
    if kind in ("chat", "bare"):
        attributes = chat(f"Question {number}", said) if kind == "chat" else TEXTLESS
        attributes = {**attributes, "gen_ai.response.id": f"{trace}/{number}"}
        if number == 3:  # the app judged by itself
            attributes |= ANNOTATION
        return "otlp_spans", traces(span(attributes, span_id=number, parent=90, trace=name, start_s=number))
    if kind in JUDGED:
        named = None if kind == "judged answer" else name
        span_id = {"judged": number, "judged run": 90}.get(kind)
        values = {
            "gen_ai.evaluation.name": "helpful",
            "gen_ai.evaluation.score.value": number / 4,
            **({} if named else {"gen_ai.response.id": f"{trace}/{number}"}),
        }
        judged = log(EVALUATION_EVENT, attributes=values, span_id=span_id, trace=named, at_s=number + 3)
        return "otlp_logs", logs(judged)
    if kind == "asked":
        record = log("gen_ai.user.message", body={"content": f"¿{number}?"}, span_id=number, trace=name)
    else:
        record = log("gen_ai.choice", body={"message": {"content": said}}, span_id=number, trace=name, at_s=2)
    return "otlp_logs", logs(record)


KINDS = ("chat", "bare", "asked", "said", "tool", "root", "later", "twin", *JUDGED)
pieces = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=14
)


@st.composite
def streams(draw: st.DrawFn) -> list[RawMessage]:
    """Messages in the order in which they are read; repeats among them are clients sending again."""
    order: list[RawMessage] = []
    offsets: dict[tuple[str, int], int] = {}
    for kind, trace, number in draw(pieces):
        topic, request = piece(kind, trace, number)
        partition = (trace + (kind == "judged answer")) % PARTITIONS
        grouped: bool = draw(st.booleans())
        if order and grouped:  # the gateway puts requests of a few milliseconds together
            last = order[-1]
            if (last.topic, last.partition) == (topic, partition):
                both = last.value + request.SerializeToString()
                n = int(last.headers["lightship-records"]) + 1
                order[-1] = raw(topic, partition, last.offset, both, records=n, received_ns=LATE_NS)
                continue
        offset = offsets.get((topic, partition), 0)
        offsets[topic, partition] = offset + 1
        order.append(raw(topic, partition, offset, request, received_ns=LATE_NS))
    return order


@dataclass(frozen=True)
class Step:
    """One batch and what goes wrong with it."""

    size: int
    fault: str
    at: int
    restart: bool
    lag: int


steps = st.lists(
    st.builds(
        Step,
        st.integers(1, 5),
        st.sampled_from(("none", "before insert", "after insert", "while sending", "before commit")),
        st.integers(0, 6),
        st.booleans(),
        st.integers(0, 3),
    ),
    max_size=6,
)


def new_stage(store: MemoryStore) -> ScoreStage:
    return ScoreStage(store, SCORING, SETTINGS, HASH_KEY)


def one_by_one(order: Sequence[RawMessage]) -> tuple[MemoryStore, Sent]:
    store, sent = MemoryStore(), Sent()
    stage = new_stage(store)
    for message in order:
        sent.outputs += stage.process([message])
        stage.acknowledged([message])
    return store, sent


def disturbed(order: Sequence[RawMessage], plan: Sequence[Step]) -> tuple[MemoryStore, Sent]:
    """Read the stream in batches; a crash goes back to what was committed."""
    store, sent = FaultyStore(), Sent()
    stage, at, committed = new_stage(store), 0, 0
    left = list(plan)
    while at < len(order):
        step = left.pop(0) if left else Step(4, "none", 0, restart=False, lag=0)
        batch = order[at : at + step.size]
        if step.fault.endswith("insert"):
            store.fail_in, store.after = step.at, step.fault == "after insert"
        try:
            outputs = stage.process(batch)
        except Unavailable:
            if step.restart:
                stage, at = new_stage(store), committed
            continue  # the same batch again, or what was committed
        finally:
            store.fail_in = None
        if step.fault == "while sending":
            sent.outputs += outputs[: step.at]
            if step.restart:
                stage, at = new_stage(store), committed
            continue
        sent.outputs += outputs
        if step.fault == "before commit":
            stage, at = new_stage(store), committed
            continue
        stage.acknowledged(batch)
        at += len(batch)
        committed = max(committed, at - step.lag)
    return store, sent


def tables(store: MemoryStore) -> dict[str, list[Row]]:
    """Rows as readers see them; revisions count steps and may be fewer where steps fell together."""
    out = {t.name: store.rows(t) for t in TABLES}
    for table in (INTERACTIONS, JUDGEMENTS):
        at = table.index["revision"]
        out[table.name] = [(*r[:at], *r[at + 1 :]) for r in out[table.name]]
    return out


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=streams(), plan=steps)
def test_rows_observations_and_account_do_not_depend_on_batches_and_crashes(
    order: list[RawMessage], plan: list[Step]
) -> None:
    calm_store, calm = one_by_one(order)
    store, sent = disturbed(order, plan)
    assert tables(store) == tables(calm_store)
    assert sent.unique() == calm.unique()
    assert sent.findings() == calm.findings()
    repeated = {(o.source, o.key.text(), o.unit, encode(o)) for o in sent.observations()}
    assert len(repeated) == len(calm.unique())  # what is sent again is the same, byte for byte


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=streams(), plan=steps)
def test_the_account_balances_and_adds_up_to_the_rows(order: list[RawMessage], plan: list[Step]) -> None:
    store, _ = disturbed(order, plan)
    at = LEDGER.index
    by_source: dict[tuple[Any, ...], int] = {}
    for table in (INTERACTIONS, CONTEXT_SPANS, CONTENT_RECORDS, JUDGEMENTS):
        for row in store.rows(table):
            if table is JUDGEMENTS and row[table.index["source_topic"]] == "otlp_spans":
                continue  # carried by a span, and no record of its own
            source = tuple(row[table.index[f"source_{n}"]] for n in ("topic", "partition", "offset"))
            by_source[source] = by_source.get(source, 0) + 1
    for row in store.rows(LEDGER):
        parts = [row[at[n]] for n in ("stored", "duplicate", "rejected", "dead_lettered")]
        assert row[at["declared"]] == row[at["received"]] == sum(parts)
        assert by_source.get(tuple(row[:3]), 0) == row[at["stored"]]


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=streams(), plan=steps)
def test_a_mark_never_claims_what_is_not_in_the_log(order: list[RawMessage], plan: list[Step]) -> None:
    _, calm = one_by_one(order)
    _, sent = disturbed(order, plan)
    expected = set(calm.unique())
    standing: set[tuple[SourcePosition, str, str]] = set()
    for output in sent.outputs:
        if output.topic != OBSERVATIONS.name:
            continue
        message = decode(output.value)
        if isinstance(message, Observation):
            standing.add((message.source, message.key.text(), message.unit))
        elif isinstance(message, Mark):
            claimed = {
                e
                for e in expected
                if (e[0].topic, e[0].partition) == (message.topic, message.partition)
                and e[0].offset < message.next_offset
            }
            assert claimed <= standing


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=streams(), plan=steps, spans_first=st.booleans())
def test_every_score_of_an_interaction_is_observed_once_in_any_order_of_the_topics(
    order: list[RawMessage], plan: list[Step], spans_first: bool
) -> None:
    shuffled = sorted(order, key=lambda m: (m.topic == "otlp_logs") == spans_first)
    store, sent = disturbed(shuffled, plan)
    counted: dict[str, int] = {}
    for data in sent.unique().values():
        message = decode(data)
        assert isinstance(message, Observation)
        if message.unit == "interaction":
            for name, column in message.scores.items():
                counted[name] = counted.get(name, 0) + sum(c >= 0 for c in column.rows)
    name_at, counts_at = (JUDGEMENTS.index[n] for n in ("name", "counted_by"))
    for score, name in (("judgement:helpful", "helpful"), ("judgement_label:tone", "tone")):
        counts = [r for r in store.rows(JUDGEMENTS) if r[name_at] == name and r[counts_at]]
        assert counted.get(score, 0) == len(counts)
    at = INTERACTIONS.index
    for name in ("error", "latency_s", "prompt_length", "output_length", "secrets"):
        stored = sum(row[at[f"score_{name}"]] is not None for row in store.rows(INTERACTIONS))
        assert counted.get(name, 0) == stored, name
