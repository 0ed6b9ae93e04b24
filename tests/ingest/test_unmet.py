"""Judgements on other partitions than their interactions: tried again, less and less often, once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from google.protobuf.message import Message

from detectors.observation import SourcePosition
from ingest.agents.score.stage import ScoreStage
from ingest.envelope import Envelope
from ingest.errors import Unavailable
from ingest.evaluations.unmatched import MOST, Unmatched
from ingest.otlp.assembly.assemble import EVALUATION_EVENT
from ingest.repository import evaluation as stored_judgement
from ingest.repository.stage_store import MemoryStore, Refused
from ingest.repository.tables import INTERACTIONS, JUDGEMENTS, Row, Table
from tests.ingest.raw import HASH_KEY, RECEIVED_NS, SCORING, SETTINGS, observations, raw
from tests.ingest.telemetry import TRACE, chat, log, records, span, traces
from tests.ingest.test_judging import SPAN, judged, run, said
from tests.ingest.test_score_stage import cells


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at_ns = RECEIVED_NS

    def now_ns(self) -> int:
        """What it shows."""
        return self.at_ns

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.pass_s(seconds)

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.at_ns += round(seconds * 1e9)


def by_response(name: str = "helpful", response: str = "resp-1") -> Message:
    return said(name, span_id=None, trace=None, more={"gen_ai.response.id": response})


NAMELESS = log(EVALUATION_EVENT, attributes={"gen_ai.response.id": "x"}, span_id=None, trace=None)
ENVELOPE = Envelope("default", "live", 1, RECEIVED_NS)
ANSWER = traces(span({**chat(), "gen_ai.response.id": "resp-1"}))


def elsewhere(n: int) -> Message:
    """Traffic that has nothing to do with it."""
    return traces(span(chat(), trace=f"{n + 77:032x}"))


def test_a_judgement_that_names_no_trace_is_tried_again_while_messages_pass() -> None:
    store, clock = MemoryStore(), Hands()
    here = ScoreStage(store, SCORING, SETTINGS, HASH_KEY, clock)
    there = ScoreStage(store, SCORING, SETTINGS, HASH_KEY, clock)
    judgement = [raw("otlp_logs", 1, 0, by_response())]
    assert observations(here.process(judgement)) == []
    here.acknowledged(judgement)
    answer = raw("otlp_spans", 0, 0, ANSWER)
    (o,) = observations(there.process([answer]))
    assert "judgement:helpful" not in o.scores  # only the judgement's own partition counts it
    assert (
        "judgement:helpful"
        not in observations(here.process([raw("otlp_spans", 1, 0, elsewhere(0))]))[0].scores
    )
    clock.pass_s(6)
    later = [raw("otlp_spans", 1, 1, elsewhere(1)), raw("otlp_spans", 1, 2, elsewhere(2))]
    found = observations(here.process(later))
    assert ["judgement:helpful" in o.scores for o in found] == [False, True]
    assert {r["counted_by"] for r in judged(store)} == {"otlp_spans/1/2"}
    assert observations(here.process(later)) == found  # read again by the same process
    again = ScoreStage(store, SCORING, SETTINGS, HASH_KEY, clock)
    assert observations(again.process(later)) == found  # and by another one
    clock.pass_s(3600)
    after = observations(here.process([raw("otlp_spans", 1, 3, elsewhere(3))]))
    assert "judgement:helpful" not in after[0].scores


def test_what_was_stored_before_the_store_went_away_is_said_again() -> None:
    class Away(MemoryStore):
        """Does not answer after judgements are stored, once."""

        away = False

        def insert(self, table: Table, rows: Sequence[Row]) -> list[Refused]:
            if self.away and table is INTERACTIONS:
                self.away = False
                raise Unavailable("gone")
            return super().insert(table, rows)

    store, clock = Away(), Hands()
    here = ScoreStage(store, SCORING, SETTINGS, HASH_KEY, clock)
    here.process([raw("otlp_logs", 1, 0, by_response())])
    ScoreStage(store, SCORING, SETTINGS, HASH_KEY, clock).process([raw("otlp_spans", 0, 0, ANSWER)])
    clock.pass_s(6)
    store.away = True
    with pytest.raises(Unavailable):
        here.process([raw("otlp_spans", 1, 0, elsewhere(0))])
    (o,) = observations(here.process([raw("otlp_spans", 1, 0, elsewhere(0))]))
    assert "judgement:helpful" in o.scores


def test_after_a_restart_the_store_says_what_still_waits() -> None:
    store, clock = MemoryStore(), Hands()
    ScoreStage(store, SCORING, SETTINGS, HASH_KEY, clock).process([raw("otlp_logs", 1, 0, by_response())])
    here = ScoreStage(store, SCORING, SETTINGS, HASH_KEY, clock)
    here.process([raw("otlp_spans", 1, 0, elsewhere(0))])
    here.process([raw("otlp_spans", 0, 0, ANSWER)])
    clock.pass_s(6)
    (o,) = observations(here.process([raw("otlp_spans", 1, 1, elsewhere(1))]))
    assert "judgement:helpful" in o.scores


def test_a_judgement_is_tried_less_and_less_often_and_not_for_ever() -> None:
    unmet = Unmatched()
    j = stored_judgement.from_log(records(NAMELESS)[0], SourcePosition("otlp_logs", 1, 0), 0, ENVELOPE)
    unmet.take([j], RECEIVED_NS)
    tries = [s for s in range(0, 3 * 86_400, 5) if unmet.due({1}, RECEIVED_NS + s * 10**9)]
    assert tries[:4] == [5, 15, 35, 75]
    assert max(b - a for a, b in pairwise(tries)) <= 3605
    assert tries[-1] < 2 * 86_400
    assert len(unmet) == 0


def test_only_so_many_are_tried_and_other_partitions_are_left_alone() -> None:
    unmet = Unmatched()
    for n in range(MOST + 5):
        at = SourcePosition("otlp_logs", 1, n)
        unmet.take([stored_judgement.from_log(records(NAMELESS)[0], at, 0, ENVELOPE)], RECEIVED_NS)
    assert len(unmet) == MOST
    later_ns = RECEIVED_NS + 10**10
    assert unmet.due({0}, later_ns) == []
    assert unmet.due({1}, later_ns)[0].source.offset == 5
    unmet.forget({("otlp_logs", 1)})
    assert len(unmet) == 0


def evaluator(*links: tuple[str, int], trace: str = "e" * 32) -> Message:
    """A trace of an evaluator: a judge's own call, and what it found of the span it links to."""
    found = span(
        {
            "openinference.span.kind": "EVALUATOR",
            "evaluations.0.evaluation.name": "hallucination",
            "evaluations.0.evaluation.score": 1,
            "evaluations.0.evaluation.label": "hallucinated",
        },
        span_id=70,
        trace=trace,
        name="judge",
    )
    for target, span_id in links:
        found.links.add(trace_id=bytes.fromhex(target), span_id=span_id.to_bytes(8, "big"))
    return traces(span(chat(), span_id=71, parent=70, trace=trace), found)


def test_an_evaluators_span_judges_the_span_it_links_to_and_never_its_own_call() -> None:
    store = MemoryStore()
    run(store, raw("otlp_spans", 0, 0, traces(span(chat()))))
    (o, _) = observations(run(store, raw("otlp_spans", 1, 0, evaluator((TRACE, 1)))))
    assert sum(c is not None for c in cells(o, "judgement:hallucination")) == 1
    (row,) = judged(store)
    assert (row["judged_trace_id"], row["judged_span_id"], row["linked_trace_id"]) == (TRACE, SPAN, TRACE)
    assert observations(run(store, raw("otlp_spans", 1, 1, evaluator((TRACE, 1))))) == []
    (o, _) = observations(run(store, raw("otlp_spans", 1, 2, evaluator(trace="f" * 32))))
    assert "judgement:hallucination" not in o.scores
    assert [r["judged_span_id"] for r in judged(store)] == [SPAN, ""]
    for stored in store.rows(JUDGEMENTS):
        assert stored_judgement.to_row(stored_judgement.from_row(stored)) == tuple(stored)


def test_an_evaluators_span_that_comes_before_what_it_judges_is_tried_again() -> None:
    store, clock = MemoryStore(), Hands()
    here = ScoreStage(store, SCORING, SETTINGS, HASH_KEY, clock)
    here.process([raw("otlp_spans", 1, 0, evaluator((TRACE, 1)))])
    here.process([raw("otlp_spans", 0, 0, ANSWER)])
    clock.pass_s(6)
    again = [raw("otlp_spans", 1, 1, elsewhere(1))]
    (o,) = observations(here.process(again))
    assert "judgement:hallucination" in o.scores
    assert observations(ScoreStage(store, SCORING, SETTINGS, HASH_KEY, clock).process(again)) == [o]
