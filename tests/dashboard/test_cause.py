"""Words gained and lost, and scores that go together."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from dashboard.queries.outputs import Output
from dashboard.views.cause import companions, terms

AT = datetime(2026, 3, 17, tzinfo=UTC)


def test_words_that_stand_in_more_outputs_are_gained_however_often_one_repeats_them() -> None:
    before = ["All is fine today"] * 180 + ["Sorry, I cannot"] * 20
    now = (
        ["All is fine today"] * 120
        + ["Sorry, I cannot help [email:3fa2c81d07e6b945]"] * 79
        + ["today " * 900]
    )
    gained, lost = terms.moved(before, now)
    assert [t.word for t in gained][:2] == ["[email]", "help"]
    assert {t.word for t in gained} == {"[email]", "help", "sorry", "cannot"}
    assert {t.word for t in lost} == {"all", "is", "fine", "today"}
    assert all(t.low > 0 for t in gained)
    assert gained[0].now == 79 / 200


def test_chance_moves_no_word_and_few_texts_say_nothing() -> None:
    rng = np.random.default_rng(4)
    vocabulary = [f"word{chr(97 + k % 26)}{chr(97 + k // 26)}" for k in range(400)]
    found = 0
    for _ in range(20):
        sides = [[" ".join(rng.choice(vocabulary, 25)) for _ in range(200)] for _ in range(2)]
        gained, lost = terms.moved(*sides)
        found += bool(gained or lost)
    assert found <= 4  # of 20, each wrong with probability 5 %
    assert terms.moved(["a b"] * 5, ["c d"] * 500) == ([], [])


@given(st.text())
def test_words_of_any_text_are_bounded(text: str) -> None:
    assert all(0 < len(word) <= terms.LONGEST for word in terms.words(text))


def outputs(x: np.ndarray, y: np.ndarray) -> list[Output]:
    rng = np.random.default_rng(6)
    return [
        Output(
            AT, str(k), {"refusal": float(a), "length": float(b), "noise": float(rng.random()), "flat": 1.0}
        )
        for k, (a, b) in enumerate(zip(x, y, strict=True))
    ]


def test_scores_that_go_together_are_found_with_their_rank_correlation() -> None:
    rng = np.random.default_rng(5)
    refused = (rng.random(600) < 0.2).astype(float)
    length = np.round(np.where(refused > 0, 40.0, 300.0) * rng.lognormal(0, 0.6, 600))
    (only,) = companions.companions(outputs(refused, length), "refusal")
    assert only.score == "length"
    assert abs(only.rho - spearmanr(refused, length).statistic) < 1e-9
    assert only.low < only.rho < only.high < 0
    assert companions.companions(outputs(refused[:40], length[:40]), "refusal") == []
    assert companions.companions(outputs(refused, length), "not measured") == []
