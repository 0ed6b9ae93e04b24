"""What is measured of recordings and pictures beside their words: how long, how fast, how silent, how many.

A recogniser that drops speech says few words a second, one that loops or invents says many; silence that is
taken for speech has a high probability of none. Only where the telemetry tells how long a recording was
(`ingest.otlp.dialects.media`); without it none of these scores is there. Under 10 us.
"""

from __future__ import annotations

from detectors.grid import LogGrid, LogitGrid
from detectors.record import Record
from detectors.scorers.each import EachRecord
from detectors.scorers.protocol import Scores, ScoreSpec
from detectors.scorers.text_parts import END_CHARACTERS, scored
from detectors.scorers.words import CHARACTERS_FOR_A_WORD, by_character, words

TRANSCRIPTIONS = ("transcription", "asr")
SHORTEST_S = 0.5
"""Of a shorter recording words a second say nothing."""


def is_transcription(record: Record) -> bool:
    """Whether words of a recording are the answer."""
    return record.operation in TRANSCRIPTIONS or record.kind in TRANSCRIPTIONS


def _n_words(text: str) -> float:
    """Words of a text; of a long one as many as its ends let expect."""
    read = scored(text) or ""
    units = words(read)
    n = len(units) / CHARACTERS_FOR_A_WORD if by_character(units) else len(units)
    return n * len(text) / len(read) if len(text) > 2 * END_CHARACTERS else float(n)


def _score(record: Record) -> Scores:
    scores: Scores = {}
    seconds, silence = record.audio_duration_s, record.no_speech_probability
    if seconds is not None and seconds > 0:
        scores["audio_duration_s"] = seconds
    if is_transcription(record):
        if silence is not None and 0 <= silence <= 1:
            scores["no_speech"] = silence
        if seconds is not None and seconds >= SHORTEST_S and record.output is not None:
            scores["words_per_second"] = _n_words(record.output) / seconds
    if record.images > 0:
        scores["images"] = float(record.images)
    return scores


SOUND_AND_PICTURES = EachRecord(
    name="sound_and_pictures",
    version="1",
    specs=(
        ScoreSpec(
            "audio_duration_s", "Length of recordings", "positive", LogGrid(low=0.1, high=1e5), value_unit="s"
        ),
        ScoreSpec("words_per_second", "Words a second", "positive", LogGrid(low=0.01, high=1e3)),
        ScoreSpec("no_speech", "Probability of silence", "bounded", LogitGrid()),
        ScoreSpec("images", "Images of an answer", "positive", LogGrid(low=1, high=1e4)),
    ),
    score_one=_score,
)
