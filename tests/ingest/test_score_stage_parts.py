"""The small parts of stage 1: headers, dead letters, recent ids, asks, rows, text keeping, hashes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.observation import ABSENT, ServiceKey, SourcePosition
from detectors.record import Redaction, ToolCall
from infra.settings import RedactionSettings
from ingest.agents.score.recent_ids import RecentIds
from ingest.agents.score.stage import ScoreStage
from ingest.agents.score.text_keeping import NOT_FLAGGED, why_absent
from ingest.envelope import Envelope, read_envelope, salvage_envelope
from ingest.errors import BadRecord
from ingest.event_time import MAX_AHEAD_NS, MAX_NS, event_time
from ingest.interaction import CallError, ContextSpan, Interaction, MediaPart
from ingest.repository import content_record
from ingest.repository import context_span as stored_context
from ingest.repository import interaction as stored_interaction
from ingest.repository.interaction import StoredInteraction, canonical_scores, position_text, read_position
from ingest.repository.observations import Observed, keyed_hash, observe
from ingest.repository.stage_store import NEAR_NS, MemoryStore, SpanPlace, span_queries
from ingest.repository.tables import CONTEXT_SPANS, LEDGER
from ingest.topics import dead_letter as dead_letters
from ingest.topics.dead_letter import DeadLetter
from tests.ingest.raw import HASH_KEY, SCORING, SETTINGS, SPECS, raw
from tests.ingest.telemetry import START_NS, chat, log, records, span, traces

AT = SourcePosition("otlp_spans", 3, 17)
HEADERS = raw("otlp_spans", 0, 0, traces(span(chat()))).headers


def test_headers_are_read() -> None:
    more = {"lightship-event-time": b"12", "lightship-lineage-end": b"1", "lightship-backfill": b"1"}
    e = read_envelope({**HEADERS, **more})
    assert (e.tenant, e.lineage, e.declared, e.event_ns, e.ended, e.backfill, e.redacted) == (
        "default",
        "live",
        1,
        12,
        True,
        True,
        True,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lightship-tenant", b""),
        ("lightship-tenant", b"\xff"),
        ("lightship-lineage", b"x" * 300),
        ("lightship-records", b"-1"),
        ("lightship-records", b"many"),
        ("lightship-received-at", b"9" * 19),
        ("lightship-event-time", b""),
    ],
)
def test_headers_of_another_form_are_bad_and_named(name: str, value: bytes) -> None:
    with pytest.raises(BadRecord, match=name):
        read_envelope({**HEADERS, name: value})
    assert salvage_envelope({**HEADERS, name: value}).redacted


@given(st.dictionaries(st.sampled_from(sorted(HEADERS)), st.binary(max_size=24)))
def test_any_headers_are_accounted_for(headers: dict[str, bytes]) -> None:
    store = MemoryStore()
    message = raw("otlp_spans", 0, 0, traces(span(chat())), more=headers)
    ScoreStage(store, SCORING, SETTINGS, HASH_KEY).process([message])
    assert_accounted(store)


def assert_accounted(store: MemoryStore) -> None:
    (row,) = store.rows(LEDGER)
    parts = [row[LEDGER.index[n]] for n in ("stored", "duplicate", "rejected", "dead_lettered")]
    assert row[LEDGER.index["received"]] == sum(parts)


@given(st.binary(max_size=200), st.sampled_from(["otlp_spans", "otlp_logs", "elsewhere"]))
def test_any_bytes_are_accounted_for(value: bytes, topic: str) -> None:
    store = MemoryStore()
    ScoreStage(store, SCORING, SETTINGS, HASH_KEY).process([raw(topic, 0, 0, value, records=3)])
    assert_accounted(store)


@given(
    st.binary(max_size=100),
    st.text(max_size=400),
    st.none() | st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.booleans(),
)
def test_dead_letters_read_back(value: bytes, reason: str, ordinal: int | None, n: int, seen: bool) -> None:
    envelope = Envelope("t", "live", n, 5, redacted=seen)
    letter = DeadLetter(
        AT, envelope, "bad_span", reason.encode("utf-8", "replace").decode(), n, value, ordinal
    )
    output = dead_letters.to_output(letter)
    back = dead_letters.read(output.value)
    assert dead_letters.to_output(letter) == output
    assert back.value == (value if seen else b"")
    assert (back.source, back.ordinal, back.records, back.kind) == (AT, ordinal, n, "bad_span")
    assert back.reason == letter.reason[: dead_letters.MAX_REASON]


@pytest.mark.parametrize("data", [b"", b"{}", b'{"v":9}', b"[1]", b'{"v":1,"topic":"x"}'])
def test_what_is_no_dead_letter_is_bad(data: bytes) -> None:
    with pytest.raises(BadRecord):
        dead_letters.read(data)


def test_recent_ids_keep_the_first_position_and_forget_the_oldest() -> None:
    recent = RecentIds(2)
    other = SourcePosition("otlp_spans", 1, 1)
    recent.learn([(("a",), AT), (("a",), other), (("b", "c"), other)])
    assert recent.position("a") == AT
    assert recent.position("b", "c") == other
    assert recent.position("b") is None
    recent.learn([(("d",), AT)])
    assert (recent.position("a"), len(recent)) == (None, 2)
    recent.forget({("otlp_spans", 3)})
    assert (recent.position("d"), recent.position("b", "c")) == (None, other)
    with pytest.raises(ValueError, match="0"):
        RecentIds(0)


def test_asks_follow_lineages_and_stay_near_in_time() -> None:
    def place(lineage: str, at: int, n: int) -> SpanPlace:
        return SpanPlace("t", lineage, "s", f"t{n}", f"s{n}", at)

    found = span_queries(
        [place("live", 5, 1), place("import", 5, 2), place("live", 5 + 3 * NEAR_NS, 3), place("live", 9, 4)]
    )
    assert [(a.lineage, a.from_ns, a.to_ns, sorted(a.trace_ids)) for a in found] == [
        ("import", 5, 5, ["t2"]),
        ("live", 5, 9, ["t1", "t4"]),
        ("live", 5 + 3 * NEAR_NS, 5 + 3 * NEAR_NS, ["t3"]),
    ]


def test_event_time_is_clamped_only_past_the_bound_and_only_live() -> None:
    at = START_NS
    assert event_time(at + MAX_AHEAD_NS, at, "live") == (at + MAX_AHEAD_NS, False)
    assert event_time(at + MAX_AHEAD_NS + 1, at, "live") == (at, True)
    assert event_time(at + MAX_AHEAD_NS + 1, at, "demo-1") == (at + MAX_AHEAD_NS + 1, False)
    assert event_time(MAX_NS + 1, at, "demo-1") == (at, True)


texts = st.none() | st.text(max_size=30)
names = st.none() | st.text(min_size=1, max_size=10)
interactions = st.builds(
    Interaction,
    trace_id=st.just("ab" * 16),
    span_id=st.just("cd" * 8),
    start_ns=st.integers(START_NS - 10**15, START_NS),
    end_ns=st.integers(START_NS, START_NS + 10**12),
    parent_span_id=names,
    operation=names,
    environment=names,
    release=names,
    request_model=names,
    system_prompt=texts,
    system_prompt_hash=names,
    context_texts=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    tool_results=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    input_text=texts,
    output_text=texts,
    tool_calls=st.lists(
        st.builds(ToolCall, names, st.none() | st.text(max_size=5) | st.just({"a": [1, None]}), names),
        max_size=2,
    ).map(tuple),
    revised_prompts=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    media=st.lists(
        st.builds(MediaPart, st.sampled_from(["prompt", "output"]), st.just("image"), names, names, names),
        max_size=2,
    ).map(tuple),
    audio_duration_s=st.none() | st.floats(0, 1e6),
    input_tokens=st.none() | st.integers(0, 2**32 - 1),
    error=st.none() | st.builds(CallError, names, texts, st.none() | st.integers(100, 599)),
    user=names,
    synthetic=st.booleans(),
)
scores = st.dictionaries(
    st.sampled_from(["refusal", "latency_s", "plugin", "language", "mood"]), st.floats(0, 1e6, width=32)
).map(lambda d: {k: "es" if k in ("language", "mood") else v for k, v in d.items()})


@given(
    interactions, scores, st.sets(st.sampled_from(["refusal", "latency_s"])), st.integers(0, 9), st.booleans()
)
def test_a_stored_row_read_back_gives_the_same_row(
    interaction: Interaction, found: dict[str, float | str], late: set[str], revision: int, observed: bool
) -> None:
    stored = StoredInteraction(
        interaction,
        AT,
        START_NS,
        observed,
        canonical_scores(found),
        dict.fromkeys(late & set(found), SourcePosition("otlp_logs", 3, 2)),
        (Redaction("output", "email", 2),),
        revision,
        "v",
        0,
    )
    row = stored_interaction.to_row(stored)
    back = stored_interaction.from_row(row)
    if interaction.error is None or interaction.error != CallError():  # an error of which nothing is known
        assert stored_interaction.to_row(back) == row  # is told by its score alone
    for position in (AT, SourcePosition("otlp_logs", 3, 2)):
        assert back.observed_at(position) == stored.observed_at(position)
    assert back.event_ns == stored.event_ns


def test_numbers_no_column_can_hold_are_left_out() -> None:
    assert canonical_scores({"a": math.nan, "b": math.inf, "c": 1e300, "d": 0.1, "e": "x"}) == {
        "d": pytest.approx(0.1, abs=1e-8),
        "e": "x",
    }
    absurd = Interaction("ab", "cd", 2**64 - 1, 2**64 - 1, input_tokens=-1, output_tokens=1 << 40)
    row = stored_interaction.to_row(StoredInteraction(absurd, AT, 0, observed=True))
    assert max(v for v in row if isinstance(v, int)) <= MAX_NS


def test_positions_survive_names_with_slashes() -> None:
    at = SourcePosition("a/b", 1, 2)
    assert read_position(position_text(at)) == at


@given(st.recursive(st.none() | st.text(max_size=5) | st.integers(-9, 9), lambda c: st.lists(c, max_size=3)))
def test_content_records_read_back(body: object) -> None:
    (view,) = records(log("gen_ai.user.message", body=body, attributes={"n": 1}))
    record = content_record.content_record(view, AT, 4, Envelope("t", "live", 1, 5))
    assert content_record.from_row(content_record.to_row(record)) == record


def test_context_rows_give_the_step_of_the_span() -> None:
    context = ContextSpan(
        "ab" * 16, "cd" * 8, START_NS, START_NS + 7, "tool", "t", tool_name="search",
        tool_arguments='{"q":1}', error=CallError("timeout"), release="7",
    )  # fmt: skip
    row = stored_context.to_row(context, AT, 5)
    partial = tuple(row[CONTEXT_SPANS.index[n]] for n in stored_context.CONTEXT_COLUMNS)
    assert stored_context.step_of_context_row(partial) == stored_context.step_of_context(context, AT)


def test_sampled_text_is_chosen_by_id_alone() -> None:
    keep = RedactionSettings(keep_text="flagged", keep_percent=30.0)
    many = [Interaction("ab" * 16, f"{n:016x}", 0, 0, input_text="x") for n in range(2000)]
    absent = [why_absent(i, {}, keep, SPECS) for i in many]
    assert absent == [why_absent(i, {}, keep, SPECS) for i in many]
    kept = sum(a is None for a in absent)
    assert abs(kept - 600) < 4 * math.sqrt(2000 * 0.3 * 0.7)
    assert set(absent) == {None, NOT_FLAGGED}


def test_values_outside_a_grid_are_stored_and_not_counted() -> None:
    rows = [Observed(0, {}, {"latency_s": v}) for v in (-1.0, 2.0)]
    o = observe(ServiceKey("t", "live", "", "s"), AT, "interaction", rows, SPECS, keyed_hash(HASH_KEY))
    assert o.scores["latency_s"].rows[0] == ABSENT
    assert o.scores["latency_s"].rows[1] > 0


def test_hashes_tell_users_apart_and_need_a_key() -> None:
    hash_ = keyed_hash(HASH_KEY)
    assert hash_("t", None) == 0
    assert len({hash_("t", "u"), hash_("t", "v"), hash_("s", "u"), keyed_hash(b"x" * 16)("t", "u")}) == 4
    assert 0 < hash_("t", "u") < 1 << 64
    with pytest.raises(ValueError, match="3 bytes"):
        keyed_hash(b"abc")
