"""What a message says of an incident up to now, counted by the real store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.briefs.live_tally import counted
from alerts.repository.incidents import IncidentRepository
from detectors.finding import Finding
from detectors.observation import MAX_VALUE_LENGTH, slice_text
from detectors.schema import SCORE_COLUMNS
from infra.clickhouse import connect
from infra.settings import StoreSettings
from tests.alerts.deliveries import incident_of
from tests.alerts.invented import at, lengths, refusals, secret
from tests.alerts.situation import change
from tests.databases import fresh_database

pytestmark = pytest.mark.integration

LONG = "support-prompt/2026-03-17/variant-with-a-longer-preamble, and more=than a slice names"
NOW = datetime.now(UTC)
"""Texts expire by when they were received."""
PLACE = {
    "tenant": "default",
    "lineage": "live",
    "service": "support-assistant",
    "environment": "production",
    "observed": True,
}


@pytest.fixture(scope="module")
def settings(store: str) -> StoreSettings:
    made = fresh_database(store, "lightship_live_tally")
    with closing(connect(made)) as client:

        def insert(table: str, rows: list[dict[str, Any]]) -> None:
            client.insert(table, [list(row.values()) for row in rows], list(rows[0]))

        def call(k: int, clock: str, revision: int = 0, **more: Any) -> dict[str, Any]:
            row = {
                **PLACE,
                "start": at(clock),
                "trace_id": f"t{k}",
                "span_id": "s",
                "language": "es" if k % 2 else "fr",
                "user_id": f"u{k % 3}",
                "conversation_id": f"c{k}",
                "request_model": "m-1",
                "error_type": None,
                "http_status": None,
                "score_refusal": 0.0,
                "score_secrets": 0.0,
                "score_error": 0.0,
                "score_output_length": 120.0,
                "redactions.side": [],
                "redactions.type": [],
                "redactions.n": [],
                "input_text": f"where is order {k}?",
                "output_text": None,
                "prompt_version": None,
                "agent_name": None,
                "revision": revision,
                "received_at": NOW,
            }
            return {**row, **more}

        rows = [call(k, f"03:{k:02}") for k in range(30)]
        rows += [call(k, "04:10", score_refusal=1.0) for k in range(30, 42)]
        rows.append(call(41, "04:10", revision=1, score_refusal=1.0))  # the same, with text that came later
        rows += [call(k, "21:37", score_refusal=float(k % 2)) for k in range(42, 46)]
        rows += [call(k, "21:38", service="other", score_refusal=1.0) for k in range(46, 50)]
        rows += [call(k, "21:39", observed=False, score_refusal=1.0) for k in range(50, 54)]
        refused: dict[str, Any] = {"agent_name": "desk", "score_refusal": 1.0, "output_text": "no"}
        rows += [
            call(k, "04:12", service="long-names", prompt_version=version, **refused)
            for k, version in ((70, LONG), (71, LONG[:MAX_VALUE_LENGTH]), (72, "v2"))
        ]
        limited: dict[str, Any] = {
            "score_error": 1.0,
            "error_type": "rate_limit_exceeded",
            "http_status": 429,
        }
        rows += [call(k, "21:40", **limited) for k in range(54, 60)]
        rows.append(call(60, "21:40", score_error=1.0, error_type="timeout"))
        leaks: dict[str, Any] = {"redactions.side": ["output", "prompt"], "redactions.n": [1, 1]}
        rows += [
            call(k, "22:00", score_secrets=1.0, **{**leaks, "redactions.type": [kind, "password"]})
            for k, kind in ((61, "openai_key"), (62, "openai_key"), (63, "private_key"))
        ]
        insert("interactions", rows)
        runs = [
            {
                **PLACE,
                "start": at("04:11"),
                "duration_s": 3.0,
                "trace_id": f"t{k}",
                "root_span_id": "r",
                "user_id": f"u{k % 3}",
                "scores": {"tool_loop": float(k < 33), "steps": 9.0},
                "received_at": NOW,
            }
            for k in range(30, 40)
        ]
        insert("traces", runs)
        spans = [
            {
                **{name: value for name, value in PLACE.items() if name != "observed"},
                "trace_id": f"t{k}",
                "span_id": f"x{n}",
                "kind": "tool",
                "name": "execute_tool",
                "tool_name": "search_orders" if n < 14 else "done",
                "tool_arguments": '{"order_id": "[id]", "deep": true}' if n < 14 else "{}",
                "start": at("04:11"),
                "received_at": NOW,
            }
            for k in range(30, 34)
            for n in range(15 if k < 33 else 2)
        ]
        insert("context_spans", spans)
    return made


@pytest.fixture
def log(settings: StoreSettings) -> Iterator[IncidentRepository]:
    made = IncidentRepository(lambda: connect(settings))
    yield made
    made.close()


def test_figures_are_of_now_each_call_counted_once(log: IncidentRepository) -> None:
    tally, particulars = log.counted(incident_of(refusals(slice="all")))
    assert tally is not None
    assert particulars == ()
    assert (tally.hits, tally.n, tally.users, tally.conversations) == (14, 26, 3, 14)
    assert (tally.since, tally.last, tally.as_of) == (at("04:05"), at("21:37"), at("22:00"))
    assert tally.text(at("22:00")) == (
        "since 04:05: 14 of 26 answers, 3 users, 14 conversations, the last at 21:37 (as of 22:00 UTC)"
    )
    part, _ = log.counted(incident_of(refusals(slice="language=es")))
    assert part is not None
    assert (part.hits, part.n) == (8, 13)


@pytest.mark.parametrize(
    ("slice_", "calls"),
    [
        (slice_text(prompt_version=LONG[:MAX_VALUE_LENGTH]), {"t70", "t71"}),
        (slice_text(prompt_version="v2"), {"t72"}),
        (slice_text(agent_name="desk", prompt_version="v2"), {"t72"}),
        (slice_text(agent_name="other"), {"t70", "t71", "t72"}),  # all rare ones: nobody can say which
    ],
)
def test_a_slice_of_a_long_name_has_its_examples_and_figures(
    log: IncidentRepository, slice_: str, calls: set[str]
) -> None:
    incident = incident_of(refusals(service="long-names", slice=slice_))
    shown = {e.interaction_id.removesuffix(":s") for e in log.examples(incident) if e.when == "current"}
    assert shown == calls
    tally, _ = log.counted(incident)
    assert (None if tally is None else tally.n) == (None if "other" in slice_ else len(calls))


def test_an_incident_that_is_over_is_counted_to_its_end(log: IncidentRepository) -> None:
    over = replace(refusals(slice="all"), status="confirmed", ended_at=at("05:00"), made_at=at("05:00"))
    tally, _ = log.counted(incident_of(refusals(slice="all"), over))
    assert tally is not None
    assert (tally.hits, tally.n, tally.as_of) == (12, 12, at("04:10"))


def test_errors_name_their_type_and_status_and_leaks_their_kind_and_people(log: IncidentRepository) -> None:
    tally, lines = log.counted(incident_of(change("e", "error", "rate", 0.01, 0.3)))
    assert tally is not None
    assert tally.hits == 7
    assert lines == (
        "errors: rate_limit_exceeded (HTTP 429) in 6 calls, timeout in 1",
        "models asked for: m-1 in 7 calls",
    )
    leak, kinds = log.counted(incident_of(secret(made_at=at("22:00"), onset=at("22:00"))))
    assert leak is not None
    assert (leak.hits, leak.users) == (3, 3)
    assert kinds == ("kinds of secrets: openai key in 2 answers, private key in 1",)


def test_a_tool_loop_names_its_tool_and_shows_the_loop(log: IncidentRepository) -> None:
    incident = incident_of(change("l", "tool_loop", "rate", 0.0, 0.3, unit="trace"))
    tally, lines = log.counted(incident)
    assert tally is not None
    assert (tally.hits, tally.n, tally.of) == (3, 10, "runs")
    assert lines == (
        (
            "repeated tool: search_orders, up to 14 times in a run with the same arguments "
            "(order_id: string, deep: boolean)"
        ),
    )
    shown = log.examples(incident)
    assert [e.interaction_id for e in shown] == ["t30", "t31", "t32"]
    assert shown[0].prompt == "where is order 30?"
    assert shown[0].output == 'search_orders({"order_id": "[id]", "deep": true}) ×14; done({}) ×1'


@pytest.mark.parametrize(
    "finding",
    [
        refusals(alert_kind="silence", score="volume"),
        refusals(alert_kind="rule"),
        refusals(unit="conversation"),
        refusals(onset=at("04:05").replace(day=1), onset_low=None, onset_high=None),
        change("t", "tool_loop", "rate", 0.0, 0.3, unit="trace", slice="request_model=m"),
    ],
)
def test_what_cannot_be_counted_keeps_the_figures_of_its_findings(finding: Finding) -> None:
    assert counted(incident_of(finding)) is None


def test_every_statement_is_one_the_store_takes(log: IncidentRepository, settings: StoreSettings) -> None:
    with closing(connect(settings)) as client:
        columns = {row[0] for row in client.query("DESCRIBE interactions").result_rows}
    assert {f"score_{name}" for name in SCORE_COLUMNS} <= columns
    for score in ("refusal", "user_objects", "pii", "toxicity", "latency_s"):
        log.counted(incident_of(lengths(score=score, slice="all", effect_unit="rate")))
    moved, _ = log.counted(incident_of(lengths(slice="all")))
    assert moved is not None
    assert (moved.hits, moved.last) == (None, None)
