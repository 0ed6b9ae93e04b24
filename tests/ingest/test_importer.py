"""Records of files to spans: ids, times, draws, maps; sent once, resumed, ended."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from infra.settings import KafkaSettings, Settings
from ingest.agents.score.stage import ScoreStage
from ingest.errors import BadRecord, Unavailable
from ingest.gateway.producer import MemoryProducer, Sent
from ingest.messages import RawMessage
from ingest.operations.importing.files import read_rows
from ingest.operations.importing.importer import ImportJob, ImportReport, build_intake, run_import
from ingest.operations.importing.options import read_plan, read_span
from ingest.operations.importing.plan import ImportPlan, ImportRow, place, read_time
from ingest.operations.importing.records import portions, span_ids
from ingest.otlp.assembly.assemble import assemble_batch
from ingest.otlp.views import span_views
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import INTERACTIONS, LEDGER
from tests.ingest.raw import HASH_KEY, PARTITIONS, SCORING, SETTINGS, marks, observations

START = 1_790_000_000_000_000_000
DAY = 86_400_000_000_000
SPREAD = ImportPlan("shop", start_ns=START, span_ns=DAY, seed=3)

RECORDS: list[dict[str, Any]] = [
    {
        "id": f"r{n}",
        "prompt": f"Question {n}?",
        "output": f"Answer {n}.",
        "labels": {"model": f"m{n % 2}", "ok": n % 3},
    }
    for n in range(12)
]


def rows(records: Sequence[Mapping[str, Any]] = RECORDS) -> list[ImportRow]:
    return [ImportRow("ab" * 32, n, r) for n, r in enumerate(records, 1)]


def write(path: Path, records: Sequence[Mapping[str, Any]] = RECORDS) -> Path:
    path.write_bytes(b"".join(json.dumps(r).encode() + b"\n" for r in records))
    return path


def imported(job: ImportJob, home: Path, producer: MemoryProducer, **more: Any) -> ImportReport:
    settings = Settings(home=home, kafka=KafkaSettings(partitions=PARTITIONS))

    async def go() -> ImportReport:
        intake = build_intake(settings, producer)
        try:
            return await run_import(job, intake, home, **more)
        finally:
            await intake.close()

    return asyncio.run(go())


def raw_messages(sent: Sequence[Sent]) -> list[RawMessage]:
    """What was sent, as stage 1 reads it."""
    offsets: dict[tuple[str, int], int] = {}
    out = []
    for s in sent:
        offset = offsets.get((s.topic, s.partition), 0)
        offsets[s.topic, s.partition] = offset + 1
        out.append(RawMessage(s.topic, s.partition, offset, s.value, None, dict(s.headers)))
    return out


@given(st.integers(1, 400), st.integers(0, 10**6), st.sampled_from(["even", "poisson"]))
def test_draws_are_as_many_as_asked_in_order_within_the_span_and_the_same_by_seed(
    n: int, seed: int, spacing: str
) -> None:
    plan = ImportPlan("shop", start_ns=START, span_ns=DAY, seed=seed, draw=n, spacing=spacing)
    placed, rejected = place(rows(), plan)
    assert len(placed) == n
    assert not rejected
    assert all(START <= p.at_ns < START + DAY for p in placed)
    assert [p.at_ns for p in placed] == sorted(p.at_ns for p in placed)
    assert len({span_ids(rows()[p.row], p.draw) for p in placed}) == n
    assert place(rows(), plan) == (placed, rejected)


def test_even_spacing_is_even_and_undrawn_records_are_sent_once_in_order() -> None:
    plan = ImportPlan("shop", start_ns=START, span_ns=12 * 10, spacing="even")
    placed, _ = place(rows(), plan)
    assert [p.row for p in placed] == list(range(12))
    assert [p.at_ns - START for p in placed] == [5 + 10 * n for n in range(12)]


def test_ids_do_not_depend_on_content() -> None:
    other: list[dict[str, Any]] = [{**r, "prompt": "Something else"} for r in RECORDS]
    placed, _ = place(rows(), SPREAD)
    first, second = (next(portions(r, placed, SPREAD)) for r in (rows(), rows(other)))
    ids = [[(s.trace_id, s.span_id) for s in span_views(p.request)] for p in (first, second)]
    assert ids[0] == ids[1]


def test_times_of_a_field_order_the_records_and_those_without_are_rejected() -> None:
    records: list[dict[str, Any]] = [
        {"prompt": "late", "at": {"t": "2026-01-02T00:00:00Z"}},
        {"prompt": "early", "at": {"t": "2026-01-01T00:00:00+01:00"}},
        {"prompt": "never"},
        {"prompt": "no zone", "at": {"t": "2026-01-01T00:00:00"}},
        {"nothing": 1},
    ]
    placed, rejected = place(rows(records), ImportPlan("shop", time_from="at.t"))
    assert [p.row for p in placed] == [1, 0]
    assert rejected == {"no time in at.t": 2, "no prompt and no output": 1}


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        ("2026-11-24T02:05:00Z", 1795485900 * 10**9),
        (1795485900, 1795485900 * 10**9),
        ("1795485900", 1795485900 * 10**9),
        (1795485900123, 1795485900123 * 10**6),
        (1795485900123456, 1795485900123456 * 10**3),
        (1795485900123456789, 1795485900123456789),
        (True, None),
        (-1, None),
        ("soon", None),
        (float("nan"), None),
        ([], None),
    ],
)
def test_times_in_any_usual_form(value: Any, ns: int | None) -> None:
    assert read_time(value) == ns


def test_a_record_becomes_the_interaction_it_describes() -> None:
    record = {
        "prompt": "¿Qué?", "output": "Nada.", "system_prompt": "Be kind.", "context": "A page.",
        "kind": "rag", "labels": {"model": "m1", "who": "u7"}, "duration_s": 2.5, "input_tokens": 7,
        "finish_reason": "max_tokens", "error": {"type": "timeout"}, "release": "9",
    }  # fmt: skip
    plan = ImportPlan(
        "shop",
        "prod",
        "labels.model",
        start_ns=START,
        span_ns=DAY,
        fields={"prompt_version": "labels.who", "gen_ai.prompt.name": "labels.model"},
    )
    made = rows([record])
    placed, _ = place(made, plan)
    (i,) = assemble_batch(span_views(next(portions(made, placed, plan)).request)).interactions
    assert (i.input_text, i.output_text, i.system_prompt) == ("¿Qué?", "Nada.", "Be kind.")
    assert i.context_texts == ("A page.",)
    assert (i.service, i.environment, i.release) == ("shop", "prod", "9")
    assert (i.request_model, i.response_model, i.operation) == ("m1", "m1", "chat")
    assert (i.prompt_name, i.prompt_version, i.input_tokens) == ("m1", "u7", 7)
    assert (i.duration_s, i.end_ns, i.finish_reasons) == (2.5, placed[0].at_ns, ("length",))
    assert i.error is not None
    assert i.error.type == "timeout"


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["prompt", "output", "context", "error", "duration_s", "labels", "input_tokens", "kind"]
            ),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
                lambda c: st.lists(c, max_size=2) | st.dictionaries(st.text(max_size=3), c, max_size=2),
                max_leaves=5,
            ),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_record_becomes_a_span_or_is_rejected(records: list[dict[str, Any]]) -> None:
    made = rows(records)
    placed, rejected = place(made, SPREAD)
    sent = sum(len(span_views(p.request)) for p in portions(made, placed, SPREAD))
    assert sent + sum(rejected.values()) == len(records)


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz", "jsonl.zst", "json", "csv", "csv.gz", "parquet"])
def test_every_form_of_file_gives_the_same_records(tmp_path: Path, form: str) -> None:
    flat = [{"prompt": r["prompt"], "output": r["output"]} for r in RECORDS]
    lines = "".join(json.dumps(r) + "\n" for r in flat).encode()
    text = io.StringIO()
    writer = csv.DictWriter(text, ["prompt", "output"])
    writer.writeheader()
    writer.writerows(flat)
    path = tmp_path / f"data.{form}"
    match form:
        case "jsonl":
            path.write_bytes(lines)
        case "jsonl.gz":
            path.write_bytes(gzip.compress(lines))
        case "jsonl.zst":
            path.write_bytes(zstandard.compress(lines))
        case "json":
            path.write_text(json.dumps(flat))
        case "csv":
            path.write_text(text.getvalue())
        case "csv.gz":
            path.write_bytes(gzip.compress(text.getvalue().encode()))
        case _:
            pq.write_table(pa.Table.from_pylist(flat), path)
    found, left_out = read_rows([path])
    assert [dict(r.record) for r in found] == flat
    assert [r.line for r in found] == list(range(1, 13))
    assert not left_out


def test_lines_that_are_no_records_and_those_not_chosen_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"prompt":"a","n":1}\nnonsense\n\n[1]\n{"prompt":"b","n":2}\n')
    found, left_out = read_rows([path], [("n", "2")])
    assert [(r.line, r.record["prompt"]) for r in found] == [(5, "b")]
    assert left_out == {"not a record": 2, "not chosen by --where": 1}


@pytest.mark.parametrize("name", ["missing.jsonl", "data.txt", "broken.jsonl.gz", "broken.parquet"])
def test_files_that_cannot_be_read_are_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if not name.startswith("missing"):
        path.write_bytes(b"\x1f\x8bnot really" if "broken" in name else b"x")
    with pytest.raises(BadRecord, match=name.split(".", maxsplit=1)[0]):
        read_rows([path])


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({}, "--time"),
        ({"time_from": "t", "start_ns": 1, "span_ns": 2}, "--time"),
        ({"start_ns": 1}, "--span"),
        ({"start_ns": 1, "span_ns": 2, "draw": 0}, "--draw"),
        ({"time_from": "t", "draw": 5}, "--draw"),
        ({"start_ns": 1, "span_ns": 2, "spacing": "odd"}, "odd"),
        ({"time_from": "t", "fields": {"promt": "x"}}, "did you mean prompt"),
    ],
)
def test_options_that_cannot_work_are_refused(given_: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRecord, match=words):
        ImportPlan("shop", **given_)


def test_options_in_words() -> None:
    plan = read_plan(
        "shop", "prod", "labels.model", None, "2026-11-01T00:00:00Z", "14d", 7, 100, "even",
        ["labels.who=user", "labels.m=gen_ai.prompt.name"], ["labels.dataset=a=b"],
    )  # fmt: skip
    assert (plan.start_ns, plan.span_ns) == (1793491200 * 10**9, 14 * DAY)
    assert plan.fields == {"user": "labels.who", "gen_ai.prompt.name": "labels.m"}
    assert plan.where == (("labels.dataset", "a=b"),)
    assert [read_span(t) // 10**9 for t in ("90s", "30m", "1.5h", "2w")] == [90, 1800, 5400, 1209600]


@pytest.mark.parametrize("text", ["", "14", "d", "14y", "-1d", "0s", "1e999d", "nand"])
def test_spans_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadRecord, match="--span"):
        read_span(text)


def test_pairs_and_times_that_are_none_are_refused() -> None:
    with pytest.raises(BadRecord, match="--map"):
        read_plan("shop", time_from="t", maps=["promptfield"])
    with pytest.raises(BadRecord, match="--where"):
        read_plan("shop", time_from="t", where=["=x"])
    with pytest.raises(BadRecord, match="--start"):
        read_plan("shop", start="yesterday", span="1d")


def test_an_import_is_redacted_stored_observed_and_its_lineage_ends(tmp_path: Path) -> None:
    records = [*RECORDS, {"prompt": "Write to ann@example.org", "output": "Done."}]
    job = ImportJob((write(tmp_path / "a.jsonl", records),), SPREAD)
    producer = MemoryProducer()
    report = imported(job, tmp_path, producer)
    assert (report.read, report.planned, report.sent, report.ended) == (13, 13, 13, True)
    assert not any(b"ann@example.org" in s.value for s in producer.sent)
    store = MemoryStore()
    stage = ScoreStage(store, SCORING, SETTINGS, HASH_KEY)
    outputs = stage.process(raw_messages(producer.sent))
    at = INTERACTIONS.index
    stored = store.rows(INTERACTIONS)
    assert len(stored) == 13
    assert {r[at["lineage"]] for r in stored} == {report.lineage}
    assert report.lineage.startswith("import-")
    assert sum(len(o.minutes) for o in observations(outputs)) == 13
    last = {m.partition: m for _, m in marks(outputs) if m.topic == "otlp_spans"}
    assert set(last) == set(range(PARTITIONS))
    assert all(m.ended and m.event_ns == report.last_event_ns for m in last.values())


def test_the_clock_is_opened_on_every_partition_before_any_data(tmp_path: Path) -> None:
    producer = MemoryProducer()
    imported(ImportJob((write(tmp_path / "a.jsonl"),), SPREAD, more=True), tmp_path, producer)
    first = producer.sent[:PARTITIONS]
    assert {s.partition for s in first} == set(range(PARTITIONS))
    assert all(s.value == b"" and s.header("lightship-event-time") for s in first)
    assert not any(s.header("lightship-lineage-end") for s in producer.sent)


def test_an_import_that_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    plan = ImportPlan("shop", start_ns=START, span_ns=DAY, draw=1200)
    job = ImportJob((write(tmp_path / "a.jsonl"),), plan)
    producer = MemoryProducer()
    seen: list[int] = []

    def stop_after_one(done: int, _: int) -> None:
        seen.append(done)
        producer.down = True

    with pytest.raises(Unavailable):
        imported(job, tmp_path, producer, progress=stop_after_one)
    assert seen == [500]
    producer.down = False
    report = imported(job, tmp_path, producer)
    assert (report.sent_before, report.sent, report.planned, report.ended) == (500, 700, 1200, True)
    store = MemoryStore()
    ScoreStage(store, SCORING, SETTINGS, HASH_KEY).process(raw_messages(producer.sent))
    assert len(store.rows(INTERACTIONS)) == 1200
    assert imported(job, tmp_path, producer).sent == 0
    assert imported(job, tmp_path, MemoryProducer(), restart=True).sent == 1200


def test_into_the_live_lineage_records_only_backfill(tmp_path: Path) -> None:
    producer = MemoryProducer()
    report = imported(ImportJob((write(tmp_path / "a.jsonl"),), SPREAD, lineage="live"), tmp_path, producer)
    assert report.ended is False
    assert all(s.value and s.header("lightship-backfill") for s in producer.sent)
    store = MemoryStore()
    outputs = ScoreStage(store, SCORING, SETTINGS, HASH_KEY).process(raw_messages(producer.sent))
    assert len(store.rows(INTERACTIONS)) == 12
    assert observations(outputs) == []
    assert marks(outputs) == []


def test_a_lineage_no_client_may_name_is_refused(tmp_path: Path) -> None:
    job = ImportJob((write(tmp_path / "a.jsonl"),), SPREAD, lineage="replay-1")
    with pytest.raises(BadRecord, match="replay-1"):
        imported(job, tmp_path, MemoryProducer())


@pytest.mark.data
@pytest.mark.parametrize("source", ["alpaca_eval_outputs", "udhr_langid", "synth_secrets"])
def test_real_records_are_imported_as_they_are(data_dir: Path, tmp_path: Path, source: str) -> None:
    path = data_dir / "pool" / f"{source}.jsonl.gz"
    plan = ImportPlan("shop", model_from="labels.model", start_ns=START, span_ns=DAY, seed=1, draw=400)
    producer = MemoryProducer()
    report = imported(ImportJob((path,), plan), tmp_path, producer)
    assert report.sent == 400
    store = MemoryStore()
    ScoreStage(store, SCORING, SETTINGS, HASH_KEY).process(raw_messages(producer.sent))
    at = LEDGER.index
    assert sum(r[at["stored"]] for r in store.rows(LEDGER)) == 400
    assert sum(r[at["declared"]] for r in store.rows(LEDGER)) == 400
