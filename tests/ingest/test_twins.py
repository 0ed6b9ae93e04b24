"""A call that is told twice in the stream counts once, in any order, over traces, services and restarts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from detectors.observation import ABSENT, SourcePosition
from infra.kafka import SETTINGS as SETTINGS_TOPIC
from ingest.agents.score.stage import ScoreStage
from ingest.interaction import Interaction
from ingest.messages import Output, RawMessage
from ingest.repository.interaction import StoredInteraction
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import CONTEXT_SPANS, INTERACTIONS, LEDGER
from ingest.stage_settings import ContextScope, StageSettings
from ingest.units.duplicate_calls import DuplicateCalls
from tests.ingest.raw import HASH_KEY, SCORING, SETTINGS, observations, raw
from tests.ingest.telemetry import RESOURCE, chat, span, traces

SDK = "com.anthropic.sdk.python"
T1, T2 = "a1" * 16, "a2" * 16
RULE = ContextScope("default", "live", "harbour-chat", SDK)


def bare(response_id: str | None = "msg_0123456789") -> dict[str, Any]:
    """What a provider's own SDK says: no text."""
    said = {k: v for k, v in chat().items() if not k.endswith("messages")}
    return {**said, **({"gen_ai.response.id": response_id} if response_id else {})}


def told(response_id: str | None = "msg_0123456789") -> dict[str, Any]:
    return {**chat(), **({"gen_ai.response.id": response_id} if response_id else {})}


def message(
    offset: int, attributes: dict[str, Any], *, scope: str = "app", partition: int = 0, **more: Any
) -> RawMessage:
    resource = {**RESOURCE, **more.pop("resource", {})}
    return raw(
        "otlp_spans", partition, offset, traces(span(attributes, **more), resource=resource, scope=scope)
    )


class Stream:
    """A stage with its store; ``settings`` is what stands in the topic."""

    def __init__(self, settings: StageSettings | None = None) -> None:
        self.store, self.settings, self.sent = MemoryStore(), settings or StageSettings(), list[Output]()
        self.restart()

    def restart(self) -> None:
        self.stage = ScoreStage(self.store, SCORING, SETTINGS, HASH_KEY, obeyed=lambda: self.settings)

    def take(self, *messages: RawMessage) -> list[Output]:
        outputs = self.stage.process(messages)
        self.stage.acknowledged(messages)
        self.sent += outputs
        return outputs

    def calls(self) -> list[tuple[str, str]]:
        at = INTERACTIONS.index
        return [(r[at["trace_id"]], r[at["span_id"]][-1]) for r in self.store.rows(INTERACTIONS)]

    def observed(self, score: str) -> int:
        """How many times a score was counted."""
        found = [o.scores[score] for o in observations(self.sent) if score in o.scores]
        return sum(cell != ABSENT for column in found for cell in column.rows)

    def repeats(self) -> list[tuple[str, str | None]]:
        at = CONTEXT_SPANS.index
        rows = self.store.rows(CONTEXT_SPANS)
        return [
            (r[at["kind"]], r[at["attributes"]].get("duplicate_of"))
            for r in rows
            if r[at["kind"]] == "duplicate"
        ]

    def balanced(self) -> bool:
        at = LEDGER.index
        return all(r[at["received"]] == r[at["stored"]] + r[at["duplicate"]] for r in self.store.rows(LEDGER))


def both(first: RawMessage, second: RawMessage, *, together: bool) -> Stream:
    stream = Stream()
    for batch in [(first, second)] if together else [(first,), (second,)]:
        stream.take(*batch)
    again = list(stream.store.rows(INTERACTIONS)), list(stream.store.rows(CONTEXT_SPANS))
    calm = observations(stream.sent)
    stream.restart()
    rerun: list[Output] = []
    for one in (first, second):
        rerun += stream.stage.process([one])
    assert (stream.store.rows(INTERACTIONS), stream.store.rows(CONTEXT_SPANS)) == again
    assert observations(rerun) == calm  # what was decided is obeyed
    assert stream.balanced()
    return stream


CASES: dict[str, tuple[RawMessage, RawMessage]] = {
    "sdk span before its parent": (
        message(0, bare(), scope=SDK, span_id=2, parent=1, start_s=0.1, duration_s=0.8),
        message(1, told(), span_id=1),
    ),
    "sdk span without an id before its parent": (
        message(0, bare(None), scope=SDK, span_id=2, parent=1, start_s=0.1, duration_s=0.8),
        message(1, told(None), span_id=1),
    ),
    "sdk span after its parent": (
        message(0, told(), span_id=1),
        message(1, bare(), scope=SDK, span_id=2, parent=1, start_s=0.1, duration_s=0.8),
    ),
    "sdk span in another trace": (
        message(0, told(), span_id=1, trace=T1),
        message(0, bare(), scope=SDK, span_id=2, trace=T2, partition=1),
    ),
    "two instrumentations": (
        message(0, told(), scope="openai", span_id=2, parent=1, start_s=0.1, duration_s=0.8),
        message(1, told(None), scope="langchain", span_id=1),
    ),
    "a gateway of another service in the same trace": (
        message(0, told(), scope="app", span_id=1, trace=T1, duration_s=2),
        message(
            1, told(), scope="litellm", span_id=7, parent=5, trace=T1, resource={"service.name": "proxy"}
        ),
    ),
    "a gateway of another service in another trace": (
        message(0, told(), scope="app", span_id=1, trace=T1, duration_s=2),
        message(
            0, told(), scope="litellm", span_id=7, trace=T2, partition=1, resource={"service.name": "proxy"}
        ),
    ),
}


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
@pytest.mark.parametrize("case", CASES)
def test_a_call_told_twice_is_one_interaction(case: str, together: bool) -> None:
    first, second = CASES[case]
    stream = both(first, second, together=together)
    assert len(stream.calls()) == 1
    assert len(stream.repeats()) == 1
    for score in ("error", "latency_s", "prompt_length", "output_length", "language"):
        assert stream.observed(score) == 1, score


def test_text_that_only_the_later_span_has_goes_to_the_first() -> None:
    stream = both(*CASES["sdk span before its parent"], together=False)
    at = INTERACTIONS.index
    (row,) = stream.store.rows(INTERACTIONS)
    assert row[at["input_text"]] == "What is a lightship?"
    assert row[at["late_scores"]]["prompt_length"] == "otlp_spans/0/1"


@pytest.mark.parametrize(
    "second",
    [
        message(1, told("msg_9999999999"), span_id=5, trace=T2),
        message(1, told(), span_id=5, trace=T2, start_s=50),  # a cache answers later with the same id
        message(1, told("1"), span_id=5, trace=T2),
        message(1, told(None), span_id=5, parent=1, trace=T1, start_s=3),
    ],
)
def test_calls_that_are_two_stay_two(second: RawMessage) -> None:
    for rid in ("msg_0123456789", "1"):
        stream = Stream()
        stream.take(message(0, told(rid), span_id=1, trace=T1))
        stream.take(second)
        assert len(stream.calls()) == 2
        assert stream.repeats() == []


def said(outputs: Sequence[Output]) -> list[tuple[bytes | None, bytes]]:
    return [(o.key, o.value) for o in outputs if o.topic == SETTINGS_TOPIC.name]


@pytest.mark.parametrize("case", [c for c in CASES if c.startswith("sdk")])
def test_the_first_pair_teaches_the_rule_once(case: str) -> None:
    stream = Stream()
    stream.take(*CASES[case])
    ((key, value),) = said(stream.sent)
    assert stream.settings.after(4, key, value) == StageSettings(5, {RULE: True})
    stream.take(*CASES[case])
    assert len(said(stream.sent)) == 1


def test_a_pair_in_one_message_teaches_it_too_and_what_was_said_is_not_said_again() -> None:
    request = traces(span(bare(None), span_id=2, parent=1, start_s=0.1, duration_s=0.5), scope=SDK)
    request.MergeFrom(traces(span(told(None), span_id=1)))
    stream = Stream()
    assert len(said(stream.take(raw("otlp_spans", 0, 0, request)))) == 1
    off = Stream(StageSettings(9, {RULE: False}))
    assert said(off.take(raw("otlp_spans", 0, 0, request))) == []


def test_under_the_rule_a_bare_sdk_span_is_context_whatever_comes() -> None:
    stream = Stream(StageSettings(3, {RULE: True}))
    stream.take(message(0, bare(None), scope=SDK, span_id=2, trace=T2, error="overloaded"))
    stream.take(message(1, told(None), span_id=1))
    assert stream.calls() == [("4bf92f3577b34da6a3ce929d0e0e4736", "1")]
    assert stream.repeats() == [("duplicate", None)]
    (row,) = stream.store.rows(INTERACTIONS)
    assert row[INTERACTIONS.index["settings_version"]] == 3


def test_what_was_stored_under_an_older_version_is_obeyed() -> None:
    stream = Stream()
    first = message(0, bare(None), scope=SDK, span_id=2)
    before = observations(stream.take(first))
    stream.settings = StageSettings(3, {RULE: True})
    stream.restart()
    assert observations(stream.stage.process([first])) == before
    stream.settings = StageSettings()
    ruled = Stream(StageSettings(3, {RULE: True}))
    ruled.take(first)
    ruled.settings = StageSettings()
    ruled.restart()
    assert observations(ruled.stage.process([first])) == []
    assert ruled.calls() == []
    assert len(ruled.repeats()) == 1
    assert ruled.balanced()


def test_a_service_whose_sdk_is_the_only_witness_keeps_its_calls() -> None:
    stream = Stream()
    for i in range(5):
        stream.take(message(i, bare(f"msg_00000{i}"), scope=SDK, span_id=i + 1, start_s=i * 3))
    assert len(stream.calls()) == 5
    assert said(stream.sent) == []


def test_records_of_the_topic_are_read_and_others_left_alone() -> None:
    odd = ContextScope("te%na/nt", "live", "a/b", SDK)
    record = odd.to_output()
    settings = StageSettings().after(0, record.key, record.value)
    assert settings.is_context(odd)
    for key, value in [
        (b"something/else", b"{}"),
        (record.key, b"not json"),
        (record.key, b'{"v": 2, "on": false}'),
        (None, b""),
    ]:
        settings = settings.after(settings.version, key, value)
    assert settings == StageSettings(5, {odd: True})
    assert settings.after(5, record.key, b'{"v": 1, "on": false}').is_context(odd) is False
    assert settings.after(5, record.key, None).context_scopes == {}


def test_many_calls_with_one_id_or_one_parent_cost_no_more_than_many_calls() -> None:
    def cost(n: int, alike: bool) -> float:
        twins, best = DuplicateCalls(), float("inf")
        calls = [
            StoredInteraction(
                Interaction(
                    T1, f"{k:016x}", 0, 9, parent_span_id="f" * 16 if alike else None,
                    response_id="msg_same_for_all" if alike else f"msg_{k}",
                ),
                SourcePosition("otlp_spans", 0, k), 0, observed=True,
            )
            for k in range(n)
        ]  # fmt: skip
        for _ in range(3):
            twins, started = DuplicateCalls(), time.process_time()
            for call in calls:
                twins.of(call.interaction)
                twins.add([call])
            best = min(best, time.process_time() - started)
        return best

    assert cost(4000, alike=True) < 60 * max(cost(4000, alike=False), 2e-3)
    assert cost(8000, alike=True) < 4 * max(cost(2000, alike=True), 2e-3) * 2
