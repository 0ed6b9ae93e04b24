"""Topics: one text has one vector in every batch, unit vectors, and what is alike is near."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.record import Record
from detectors.scorers.topic import DIMENSIONS, TOPIC, shared
from tests.at_length import examples

SUM = "Tom has {n} boxes with {m} apples each and gives a third of them away. How many apples does he keep?"
CODE = (
    "def total(rows):\n    found = 0.0\n    for row in rows:\n        found += float(row[{n}])\n"
    "    return found\n"
)


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=6))
def test_a_text_has_the_same_unit_vector_in_every_batch(texts: list[str]) -> None:
    together = shared().vectors(texts)
    assert together.shape == (len(texts), DIMENSIONS)
    for text, vector in zip(texts, together, strict=True):
        assert shared().vectors([text])[0].tolist() == vector.tolist()
    lengths = np.sqrt((together**2).sum(axis=1))
    assert all(length == pytest.approx(1.0) or length == 0.0 for length in lengths)


@settings(max_examples=examples(100), deadline=None)
@given(st.text(max_size=300), st.one_of(st.none(), st.text(max_size=300)))
def test_whatever_is_said_has_a_known_topic_or_none(prompt: str, output: str | None) -> None:
    (scores,) = TOPIC.score([Record(prompt=prompt, output=output)])
    assert set(scores) <= {"topic", "topic_output"}
    assert set(scores.values()) <= set(shared().codebook.names)


def test_questions_of_one_kind_are_of_one_topic_and_code_of_another() -> None:
    sums = [SUM.format(n=n, m=n + 3) for n in range(2, 12)]
    code = [CODE.format(n=n) for n in range(2, 12)]
    assert len(set(shared().nearest(sums))) == len(set(shared().nearest(code))) == 1
    assert set(shared().nearest(sums)) != set(shared().nearest(code))


def test_few_letters_have_no_topic() -> None:
    assert TOPIC.score([Record(prompt="42 + 17 = ?", output="59")]) == [{}]
