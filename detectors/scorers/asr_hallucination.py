# ruff: noqa: E501, ISC004  patterns are data: a line is one way to say farewell
"""Whether a transcription holds words nobody said: a loop, or the farewell of a video at its end.

Recognisers trained on subtitles fill silence and noise with what subtitles end in ("Thanks for watching",
credits of translators) or say one phrase over and over. A loop is what `repetition` calls degenerate, or one
word six times in a row; a farewell counts at the very end of the text, in 19 languages. The transcript of a
video that does end so is taken for one, too: the rate has a level of its own there, and its change counts.
Words a second are no part of it, since most telemetry does not tell how long a recording was: they are a score of
their own (`sound_and_pictures`).

Only transcriptions have this score. Some 60 us for texts of 500 characters.
Source: Koenecke et al., "Careless Whisper: Speech-to-Text Hallucination Harms", FAccT 2024.
"""

from __future__ import annotations

from detectors.encodable import encodable
from detectors.grid import FlagGrid
from detectors.record import Record
from detectors.scorers.each import EachRecord
from detectors.scorers.patterns import large
from detectors.scorers.protocol import Scores, ScoreSpec
from detectors.scorers.repetition import DEGENERATE_AT, repetition
from detectors.scorers.sound_and_pictures import is_transcription
from detectors.scorers.text_parts import scored
from detectors.scorers.words import words

SEARCHED_CHARACTERS = 160
"""From the end of the text."""

STUTTER = 6

_FAREWELLS = (
    # en
    r"(?:thank you|thanks)(?: so much| very much)? for (?:watching|viewing|listening)",
    r"(?:please |and |don'?t forget to |to )+(?:like,? (?:and|&|comment,? and|share,? and) )?subscribe(?: to (?:my|our|the|this) channel)?",
    r"see you (?:in the next (?:video|one|episode)|next time)",
    r"(?:subtitles|captions|transcription|transcribed|translated|captioning|subtitled) (?:by|provided by) .{1,60}",
    r"amara\.org.{0,20}",
    # de
    r"(?:vielen dank|danke) (?:fürs|für das|für's) (?:zuschauen|zusehen|zuhören)",
    r"untertitel(?:ung)?(?: im auftrag| der| von| des|:) .{1,60}",
    r"bis zum nächsten (?:mal|video)",
    # es, pt, it, fr, ro, ca
    r"(?:muchas )?gracias por (?:ver|mirar|escuchar)(?: el v[ií]deo| este v[ií]deo|nos)?",
    r"subt[ií]tulos (?:realizados )?por .{1,60}",
    r"(?:muito )?obrigad[oa] por (?:assistir|assistirem|ver|verem)(?: (?:o|ao|este) v[ií]deo)?",
    r"legendas (?:pela|por) .{1,60}",
    r"grazie per (?:la visione|aver guardato|l'attenzione)(?: (?:il|questo) video)?",
    r"sottotitoli (?:creati |a cura |e revisione )?(?:di|da|dalla) .{1,60}",
    r"merci d'avoir (?:regardé|écouté|visionné)(?: (?:cette|la|ma) vidéo)?",
    r"(?:sous-titrage|sous-titres) (?:fr|st'? ?\d|par|réalisés|société|mfp|de) ?.{0,60}",
    r"mulțumesc pentru vizionare",
    # nl, sv, da, nb, pl, cs, tr
    r"(?:bedankt|dank je wel) voor het kijken",
    r"ondertit(?:eld|eling) (?:door|van) .{1,60}",
    r"tack för att (?:ni|du) (?:tittade|har tittat|tittat)",
    r"tak (?:fordi|for at) (?:du|i) (?:så med|kiggede med)|takk for at du så på",
    r"(?:danske tekster|undertekster|tekstet|teksting) (?:af|av|fra) .{1,60}",
    r"dziękuj[ęe](?:my)? za (?:oglądanie|uwagę|obejrzenie)",
    r"napisy (?:stworzone )?przez .{1,60}",
    r"děkuj[ie](?:me)? za (?:sledování|pozornost)|titulky vytvořil.{0,60}",
    r"(?:izlediğiniz|beni izlediğiniz) için teşekkür(?:ler| ederim| ederiz)|altyazı m\.?k\.?",
    # ru, uk, ar
    r"(?:спасибо|благодарю) за (?:просмотр|внимание)",
    r"(?:субтитры|редактор субтитров)[^\n]{0,80}|продолжение следует",
    r"дякую за перегляд",
    r"شكرا(?:ً)? (?:على|ل)(?: ?ال)?مشاهد(?:ة|تكم)|ترجمة نانسي قنقر|اشتركوا في القناة",
    # ja, ko, zh
    r"ご(?:視|清)聴(?:いただき)?ありがとうございま(?:した|す)|チャンネル登録.{0,24}",
    r"시청해 ?주셔서 ?감사합니다|구독과? ?좋아요.{0,24}|다음 영상에서 만나요",
    r"(?:谢谢|感谢|謝謝|感謝)(?:大家|您)?(?:的)?(?:观看|收看|收听|觀看|收看|收聽)|字幕(?:由|by|志愿者|提供).{0,24}"
    r"|请不吝点赞.{0,40}|請不吝點贊.{0,40}",
)
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u0307": None})  # İ becomes i and a dot

_AT_END = large(rf"(?:{'|'.join(_FAREWELLS)})(?: everyone| everybody| all|,? please)?[\s.!?。！？♪…\"')\]]*$")


def ends_in_farewell(text: str) -> bool:
    """Whether ``text`` ends as subtitles of videos do."""
    end = text[-SEARCHED_CHARACTERS:].lower().translate(_APOSTROPHES)
    return _AT_END.search(encodable(end)) is not None


def stutters(text: str) -> bool:
    """Whether a word (in scripts without blanks a character) stands `STUTTER` times in a row."""
    run, last = 0, None
    for unit in words(text):
        run = run + 1 if unit == last else 1
        if run == STUTTER:
            return True
        last = unit
    return False


def _score(record: Record) -> Scores:
    if not is_transcription(record):
        return {}
    text = scored(record.output)
    if not text or text.isspace():
        return {}
    invented = ends_in_farewell(text) or stutters(text) or repetition(text) >= DEGENERATE_AT
    return {"asr_hallucination": float(invented)}


ASR_HALLUCINATION = EachRecord(
    name="asr_hallucination",
    version="1",
    specs=(
        ScoreSpec(
            "asr_hallucination",
            "Invented speech",
            "flag",
            FlagGrid(),
            harmful=1,
            severity="page",
            usual=0.05,
        ),
    ),
    score_one=_score,
)
