"""A clock that does not jump with the machine's until the jump has lasted."""

from __future__ import annotations

import pytest

from infra.clock import LASTING_NS, NS_PER_S, STEP_NS, SteadyClock
from tests.wall_clock import HOUR_NS, START_NS, Machine


@pytest.mark.parametrize("jump_ns", [5 * HOUR_NS, -5 * HOUR_NS, STEP_NS + 1])
def test_a_jump_is_believed_once_it_has_lasted(jump_ns: int) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.ahead_ns = jump_ns
    for _ in range(10):
        assert clock.now_ns() == START_NS + machine.passed_ns
        machine.passed_ns += LASTING_NS // 10
    clock.now_ns()
    assert clock.now_ns() == START_NS + machine.passed_ns + jump_ns


def test_a_jump_and_back_was_none_and_the_next_one_lasts_from_its_own_beginning() -> None:
    machine = Machine()
    clock = machine.clock()
    for jump_ns in (5 * HOUR_NS, 0, 5 * HOUR_NS, -5 * HOUR_NS, 2 * HOUR_NS, 0):
        machine.ahead_ns = jump_ns
        for _ in range(2):
            assert clock.now_ns() == START_NS + machine.passed_ns
            machine.passed_ns += LASTING_NS * 2 // 3


def test_small_adjustments_are_followed_at_once_and_add_up() -> None:
    machine = Machine()
    clock = machine.clock()
    for _ in range(100):
        machine.ahead_ns += STEP_NS
        machine.passed_ns += NS_PER_S
        assert clock.now_ns() == START_NS + machine.passed_ns + machine.ahead_ns


def test_the_machines_own_clocks_do() -> None:
    clock = SteadyClock()
    before = clock.now_ns()
    assert 0 <= clock.now_ns() - before < HOUR_NS
    assert before > START_NS - 400 * 24 * HOUR_NS
