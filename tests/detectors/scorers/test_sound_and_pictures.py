"""Scores of recordings and pictures: what applies, what is left out, and texts of scripts without blanks."""

from __future__ import annotations

import pytest

from detectors.record import Record
from detectors.scorers import score_batch
from detectors.scorers.sound_and_pictures import SOUND_AND_PICTURES


def scores(**facts: object) -> dict[str, float | str]:
    (found,) = SOUND_AND_PICTURES.score([Record(**facts)])  # type: ignore[arg-type]
    return found


def test_a_transcription_has_length_pace_and_silence() -> None:
    said = "the ferry leaves at nine from pier four " * 3
    found = scores(output=said, operation="transcription", audio_duration_s=8.0, no_speech_probability=0.25)
    assert found == {"audio_duration_s": 8.0, "words_per_second": 3.0, "no_speech": 0.25}
    assert scores(output=said, operation="chat", audio_duration_s=8.0) == {"audio_duration_s": 8.0}
    assert scores(output=said, operation="transcription") == {}
    assert scores(output=None, operation="transcription", audio_duration_s=0.0) == {}


def test_scripts_without_blanks_and_long_texts_have_a_pace_too() -> None:
    japanese = scores(output="船は九時に第四埠頭から出ます" * 5, kind="asr", audio_duration_s=14.0)
    assert japanese["words_per_second"] == pytest.approx(2.0, rel=0.1)
    long = scores(output="word " * 20_000, kind="asr", audio_duration_s=10_000.0)
    assert long["words_per_second"] == pytest.approx(2.0, rel=0.01)


def test_images_of_an_answer_are_counted_also_in_files() -> None:
    assert scores(images=4) == {"images": 4.0}
    picture = {"side": "output", "modality": "image", "uri": "https://files.example.org/1.png"}
    line = {
        "operation": "image",
        "input_text": "A lighthouse in fog",
        "media": [picture, picture, {"side": "prompt", "modality": "image"}],
    }
    assert score_batch([line])[0]["images"] == 2.0
