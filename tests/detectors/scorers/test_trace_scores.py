"""Scores of whole agent runs."""

from __future__ import annotations

from detectors.record import Step, Trace
from detectors.scorers import score_traces

S = 1_000_000_000


def model(at_s: int, *, error: bool = False) -> Step:
    return Step("model", "m-1", None, at_s * S, (at_s + 1) * S, error=error)


def tool(
    at_s: int, name: str = "search", arguments: str | None = '{"q":"tide"}', *, error: bool = False
) -> Step:
    return Step("tool", name, arguments, at_s * S, (at_s + 1) * S, error=error)


def scores(*steps: Step) -> dict[str, float | str]:
    return score_traces([Trace(steps, 0, 20 * S, {})])[0]


def test_a_plain_run() -> None:
    agent = Step("agent", "helper", None, 0, 20 * S, error=False)
    assert scores(agent, model(0), tool(1), model(2), tool(3, "read"), model(4)) == {
        "steps": 5.0,
        "model_calls": 3.0,
        "tool_calls": 2.0,
        "tool_errors": 0.0,
        "tool_repeats": 0.0,
        "tool_loop": 0.0,
        "trace_duration_s": 20.0,
        "ended_without_answer": 0.0,
    }


def test_tokens_are_summed_where_they_are_told() -> None:
    told = Step("model", "m-1", None, 0, S, error=False, input_tokens=900, output_tokens=20)
    found = scores(told, told, model(3))
    assert (found["trace_input_tokens"], found["trace_output_tokens"]) == (1800, 40)
    assert "trace_input_tokens" not in scores(model(0), tool(1))


def test_repeats_and_loops_need_the_same_arguments() -> None:
    twice = scores(model(0), tool(1), tool(2), tool(3, arguments='{"q":"wind"}'), model(4))
    assert (twice["tool_repeats"], twice["tool_loop"]) == (1, 0)
    thrice = scores(model(0), tool(1), tool(2), tool(3, "other"), tool(4), model(5))
    assert (thrice["tool_repeats"], thrice["tool_loop"]) == (2, 1)
    unknown = scores(model(0), *(tool(i, arguments=None) for i in range(1, 6)), model(7))
    assert (unknown["tool_repeats"], unknown["tool_loop"]) == (0, 0)


def test_errors_of_tools() -> None:
    assert scores(model(0), tool(1, error=True), tool(2, error=True), model(3))["tool_errors"] == 2


def test_ends_without_an_answer() -> None:
    assert scores(model(0), tool(1))["ended_without_answer"] == 1
    assert scores(model(0), tool(1), model(2, error=True))["ended_without_answer"] == 1
    assert scores(model(0, error=True), tool(1), model(2))["ended_without_answer"] == 0
    assert "ended_without_answer" not in scores(tool(1))
    overlapping = (Step("model", "m", None, 0, 9 * S, error=False), tool(1))
    assert scores(*overlapping)["ended_without_answer"] == 0


def test_clocks_that_run_backwards_give_no_negative_duration() -> None:
    assert score_traces([Trace((model(0),), 5 * S, 0, {})])[0]["trace_duration_s"] == 0
