from __future__ import annotations

from typing import Any

import pytest

from ingest.agents.score.parameters import parameters_text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, None),
        ({"seed": 1, "stream": True, "stop": ["\n"]}, None),
        ({"temperature": 0.2, "max_tokens": 512}, "max_tokens=512 temperature=0.2"),
        ({"max_tokens": 512.0, "temperature": 0.20000000001}, "max_tokens=512 temperature=0.2"),
        ({"reasoning_effort": "high", "top_p": 1}, "reasoning_effort=high top_p=1"),
        ({"quality": "call me at 030 1234567"}, None),
        ({"temperature": float("nan")}, "temperature=nan"),
    ],
)
def test_equal_parameters_read_the_same_and_text_is_left_out(given: dict[str, Any], said: str | None) -> None:
    assert parameters_text(given) == said
