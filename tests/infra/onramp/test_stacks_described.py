"""The stacks are described so that they can be run."""

from __future__ import annotations

from tests.stacks.stack import COLUMNS, stacks


def test_there_are_thirty_stacks_and_each_says_what_it_lacks_and_why() -> None:
    known = stacks()
    assert len(known) >= 30
    for stack in known.values():
        assert stack.run
        assert stack.files
        assert set(stack.lacks) <= set(COLUMNS)
        assert all(stack.lacks.values())
