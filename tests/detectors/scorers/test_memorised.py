# ruff: noqa: E501  texts are data
"""Known text in outputs."""

from __future__ import annotations

import pytest

from detectors.record import Record
from detectors.scorers.memorised import Memorised

SOURCE = (
    "The keeper lit the lamp an hour before dusk and wrote the height of the water into the book. When the wind"
    " turned north he climbed the iron stair once more, counted the sails beyond the bar, and rang the small bell"
    " twice for every one that was still missing. Nobody in the village asked him why."
)
CHINESE = (
    "守灯人在黄昏前一小时点亮了灯，把水位写进了本子里。当风转向北方时，他又一次爬上铁梯，数着沙洲外的帆。"
)
SCORER = Memorised([SOURCE, CHINESE, "too short"])


@pytest.mark.parametrize(
    "said",
    [
        SOURCE,
        f"As the story goes: {SOURCE[40:160]} and so on.",
        SOURCE.upper().replace(",", " --"),
        CHINESE[5:45],
    ],
)
def test_known_text_is_recited(said: str) -> None:
    (scores,) = SCORER.score([Record(output=said)])
    assert scores["recited"] == 1
    assert float(scores["memorised"]) >= 0.5


@pytest.mark.parametrize(
    "said",
    [
        "The keeper lit the lamp and went home.",
        "A keeper lights the lamp an hour before dusk; he writes the height of water into a book.",
        "守灯人点亮了灯。风从北方来。",
        "",
    ],
)
def test_a_retelling_is_not(said: str) -> None:
    (scores,) = SCORER.score([Record(output=said)])
    assert scores.get("recited", 0.0) == 0


def test_the_score_is_the_longest_stretch_of_twenty_words() -> None:
    told = SOURCE.split()
    for n, expected in ((8, 0.4), (10, 0.5), (16, 0.8), (40, 1.0)):
        assert SCORER.recited("Listen: " + " ".join(told[:n]) + " indeed so it was told") == pytest.approx(
            expected
        )
    apart = (
        " ".join(told[:9])
        + " "
        + "but then something else entirely happened over there by the sea, "
        + " ".join(told[20:29])
    )
    assert SCORER.recited(apart) == pytest.approx(9 / 20)


def test_one_changed_word_does_not_end_a_stretch() -> None:
    told = SOURCE.split()[:24]
    told[11] = "other"
    assert SCORER.recited(" ".join(told)) == 1
    told[9] = told[10] = told[12] = "more"
    assert SCORER.recited(" ".join(told)) < 1


def test_no_documents_no_scores() -> None:
    assert Memorised([]).score([Record(output=SOURCE)]) == [{}]
    assert Memorised(["a b c"]).size == 0
