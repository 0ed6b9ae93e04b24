from __future__ import annotations

import pytest

from ingest.errors import Unavailable
from ingest.operations.importing.drained import wait_until_drained


def test_waiting_ends_when_it_is_done_and_says_how_long_it_waits() -> None:
    answers = iter([False, False, True])
    said: list[float] = []
    wait_until_drained(lambda: next(answers), timeout_s=60, every_s=0, say=said.append)
    assert len(said) == 2
    assert next(answers, None) is None


def test_what_never_ends_is_given_up_with_the_remedy() -> None:
    with pytest.raises(Unavailable, match=r"see the worker's log"):
        wait_until_drained(lambda: False, timeout_s=0, every_s=0)
