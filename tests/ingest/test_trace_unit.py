"""Which spans make a run, and what it says of itself."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from detectors.observation import SourcePosition
from ingest.interaction import ContextSpan, Interaction
from ingest.repository.context_span import TraceStep, step_of_context, step_of_interaction
from ingest.repository.interaction import StoredInteraction
from ingest.units.trace_unit import TraceUnit, rootless_unit, trace_unit

S = 1_000_000_000


def at(offset: int, partition: int = 0) -> SourcePosition:
    return SourcePosition("otlp_spans", partition, offset)


def context(number: int, kind: str, start_s: int = 0, parent: int | None = None, **more: Any) -> ContextSpan:
    above = None if parent is None else f"{parent:016x}"
    name = more.pop("name", kind)
    return ContextSpan(
        "ab" * 16, f"{number:016x}", start_s * S, (start_s + 1) * S, kind, name, parent_span_id=above, **more
    )


def call(number: int, start_s: int, source: SourcePosition, **more: Any) -> TraceStep:
    interaction = Interaction(
        "ab" * 16, f"{number:016x}", start_s * S, (start_s + 1) * S, parent_span_id=f"{1:016x}", **more
    )
    return step_of_interaction(
        StoredInteraction(interaction, source, 0, observed=True, scores={"language": "es"})
    )


def unit(root: ContextSpan, source: SourcePosition, steps: list[TraceStep]) -> TraceUnit | None:
    return trace_unit(root, source, 0, True, [step_of_context(root, source), *steps])


ROOT = context(1, "agent", agent_name="pilot")
TOOL = step_of_context(context(3, "tool", 2, parent=1, tool_name="search", tool_arguments="{}"), at(4))
CALL = call(2, 1, at(5), prompt_version="v2")


def test_steps_stand_in_order_of_start_with_what_they_are() -> None:
    found = unit(ROOT, at(5), [TOOL, CALL])
    assert found is not None
    assert [(s.kind, s.name) for s in found.trace.steps] == [
        ("agent", "pilot"),
        ("model", None),
        ("tool", "search"),
    ]
    assert found.dimensions == {
        "agent_name": "pilot",
        "release": None,
        "prompt_version": "v2",
        "language": "es",
    }


@given(st.permutations([TOOL, CALL, TOOL, step_of_context(context(7, "other", 9, parent=1), at(5))]))
def test_a_run_does_not_depend_on_order_and_repeats(steps: list[TraceStep]) -> None:
    found = unit(ROOT, at(5), list(steps))
    assert found is not None
    assert len(found.trace.steps) == 4


def test_what_was_stored_after_the_root_or_elsewhere_is_not_part_of_it() -> None:
    later = step_of_context(context(8, "tool", 3, parent=1), at(6))
    elsewhere = step_of_context(context(9, "tool", 3, parent=1), at(1, partition=2))
    found = unit(ROOT, at(5), [CALL, later, elsewhere])
    assert found is not None
    assert len(found.trace.steps) == 2


def test_an_agent_alone_is_a_run_and_another_span_alone_is_none() -> None:
    assert unit(ROOT, at(0), []) is not None
    assert unit(context(1, "other"), at(0), []) is None
    assert unit(context(1, "other"), at(9), [CALL]) is not None


def test_of_two_roots_the_first_stored_counts() -> None:
    second = context(2, "agent", 5)
    first = step_of_context(ROOT, at(3))
    assert unit(second, at(4), [first]) is None
    assert unit(ROOT, at(3), [step_of_context(second, at(4))]) is not None
    same_message = [step_of_context(ROOT, at(4))]
    assert unit(second, at(4), same_message) is None


def test_spans_that_have_nothing_to_do_with_models_are_no_run() -> None:
    web = context(1, "other", name="GET /")
    assert unit(web, at(5), [step_of_context(context(2, "other", 1, parent=1, name="SELECT"), at(4))]) is None


def rootless(source: SourcePosition, *steps: TraceStep) -> TraceUnit | None:
    return rootless_unit(("default", "live"), source, 0, steps, "idle", 700 * S)


def test_without_a_root_the_outermost_first_span_speaks_for_a_run() -> None:
    asked = call(2, 1, at(4), service="desk", environment="prod", trace_name="ask", release="7")
    found = rootless(at(9), call(6, 8, at(5), user="u1"), TOOL, asked)
    assert found is not None
    root = found.root
    assert (root.service, root.environment, root.name, root.span_id) == ("desk", "prod", "ask", "")
    assert (root.start_ns, root.end_ns, root.user) == (1 * S, 9 * S, "u1")
    assert (found.closed_by, found.counted_ns, found.observed) == ("idle", 700 * S, True)
    assert found.dimensions["release"] == "7"
    assert [s.kind for s in found.trace.steps] == ["model", "tool", "model"]


def test_a_model_call_alone_is_no_run_and_synthetic_ones_are_not_observed() -> None:
    assert rootless(at(9), CALL) is None
    assert rootless(at(4), TOOL) is not None
    tried = rootless(at(9), TOOL, call(2, 1, at(4), synthetic=True))
    assert tried is not None
    assert tried.observed is False
