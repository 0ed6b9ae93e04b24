"""What a step around calls lends reaches those that came in messages before it."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from ingest.messages import RawMessage
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import INTERACTIONS
from tests.ingest.raw import observations, raw
from tests.ingest.telemetry import span, traces
from tests.ingest.test_framework_spans import CHAT, STEP_INPUT, STEP_OUTPUT, mastra
from tests.ingest.test_score_stage import account, rows, run, stage

STEP = mastra(
    "model_step", **{"mastra.model_step.input": STEP_INPUT, "mastra.model_step.output": STEP_OUTPUT}
)


def attempt(n: int) -> dict[str, Any]:
    told = {"gen_ai.request.model": "m", "gen_ai.response.id": f"resp-{n}00000"}
    return mastra("model_inference", **CHAT, **told)


def the_step() -> list[RawMessage]:
    """A call that was given up, the one that answered, and the step around both."""
    parts = [
        traces(span(attempt(1), span_id=2, parent=1, start_s=0.1)),
        traces(span(attempt(2), span_id=3, parent=1, start_s=2)),
        traces(span(STEP, span_id=1, parent=9, duration_s=5, name="step: 0")),
    ]
    return [raw("otlp_spans", 0, n, part) for n, part in enumerate(parts)]


def test_calls_get_what_their_step_lends_however_messages_are_cut() -> None:
    for cuts in (c for size in range(3) for c in combinations((1, 2), size)):
        store = MemoryStore()
        on, batch = stage(store), the_step()
        for begin, end in zip((0, *cuts), (*cuts, 3), strict=True):
            run(store, *batch[begin:end], on=on)
        found = [
            (r["input_text"], r["system_prompt"], "tide" in r["tool_calls"])
            for r in rows(store, INTERACTIONS)
        ]
        asked = ("Tide in Brest?", "Be brief.")
        assert found == [(*asked, False), (*asked, True)], cuts
        assert account(store) == [(1, 1, 1, 0, 0, 0)] * 3


def test_read_again_it_observes_the_same_and_a_step_sent_again_adds_nothing() -> None:
    store = MemoryStore()
    sent = [observations(run(store, message)) for message in the_step()]
    before = rows(store, INTERACTIONS)
    assert [observations(run(store, message)) for message in the_step()] == sent
    assert {name for o in sent[2] if o.unit == "interaction" for name in o.scores} == {
        "language",
        "prompt_length",
    }
    last = the_step()[2]
    run(store, raw("otlp_spans", 0, 3, last.value, records=1))
    assert rows(store, INTERACTIONS) == before
