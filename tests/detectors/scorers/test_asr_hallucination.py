# ruff: noqa: E501  texts are data
"""Invented speech in transcriptions."""

from __future__ import annotations

import pytest

from detectors.record import Record
from detectors.scorers.asr_hallucination import ASR_HALLUCINATION, STUTTER, stutters

SPEECH = (
    "The harbour opens at six. Boats with a reservation enter first, and the others wait at the outer buoy"
)
FAREWELLS = (
    "Thanks for watching!",
    "Thank you so much for watching, please subscribe to my channel.",
    "Don't forget to like and subscribe.",
    "Subtitles by the Amara.org community",
    "Vielen Dank fürs Zuschauen.",
    "Untertitel im Auftrag des ZDF, 2021",
    "¡Gracias por ver el video!",
    "Obrigado por assistir.",
    "Grazie per aver guardato il video!",
    "Merci d’avoir regardé cette vidéo !",
    "Sous-titrage Société Radio-Canada",
    "Bedankt voor het kijken.",
    "Tack för att ni har tittat!",
    "Dziękuję za oglądanie.",
    "Děkuji za pozornost.",
    "İzlediğiniz için teşekkürler.",
    "Спасибо за просмотр!",
    "Редактор субтитров А.Семкин Корректор А.Егорова",
    "Продолжение следует...",
    "Дякую за перегляд!",
    "ご視聴ありがとうございました",
    "시청해 주셔서 감사합니다",
    "谢谢大家观看",
    "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
    "شكرا على المشاهدة",
)


def invented(text: str | None, **kind: str) -> float | str | None:
    scores = ASR_HALLUCINATION.score([Record(output=text, **(kind or {"operation": "transcription"}))])[0]  # type: ignore[arg-type]
    return scores.get("asr_hallucination")


@pytest.mark.parametrize("words", FAREWELLS)
def test_the_farewell_of_a_video_at_the_end(words: str) -> None:
    assert invented(words) == 1
    assert invented(f"{SPEECH}. {words}") == 1
    assert invented(f"{SPEECH}. {words} {words}") == 1
    assert (
        invented(
            f"{words} {SPEECH} until the harbour master calls them by radio, one after another, as their papers are read."
        )
        == 0
    )


@pytest.mark.parametrize(
    "text",
    [
        "so so so so so so so so so so and then",
        f"{SPEECH}. It was year Bush year Bush year Bush year Bush year Bush year Bush year Bush year Bush.",
        "I will be there. " * 30,
        "人間の尊厳にふさわしい生活活活活活活活活活活活活活を保障する",
    ],
)
def test_loops(text: str) -> None:
    assert invented(text) == 1


@pytest.mark.parametrize(
    "text",
    [
        SPEECH,
        "Thanks for calling, please hold the line.",
        "He told them to subscribe to the newspaper before the price goes up.",
        "No, no, no. I said no.",
        "Der Untertitel war zu klein, also haben wir ihn größer gemacht.",
        "Thank you for watching the children while I was away, it helped a lot.",
        "谢谢你来看我。",
        "Das war sehr, sehr, sehr gut.",
    ],
)
def test_speech_is_left_alone(text: str) -> None:
    assert invented(text) == 0


def test_only_transcriptions_that_say_something() -> None:
    assert invented("Thanks for watching!", operation="chat", kind="chat") is None
    assert invented("Thanks for watching!", kind="asr") == 1
    assert invented("") is None
    assert invented("  \n") is None
    assert invented(None) is None


def test_a_word_may_stand_five_times_in_a_row() -> None:
    assert not stutters("ha " * (STUTTER - 1) + "and on")
    assert stutters("ha " * STUTTER)
