"""What single scorers say of invented interactions."""

from __future__ import annotations

import math

import pytest

from detectors.record import Record, Redaction, ToolCall
from detectors.scorers import SPECS, score_records
from detectors.scorers.complaints import COMPLAINTS
from detectors.scorers.language import language
from detectors.scorers.learned import LEARNED
from detectors.scorers.repetition import DEGENERATE_AT, repetition
from detectors.scorers.text_parts import END_CHARACTERS, scored


def scores(record: Record) -> dict[str, float | str]:
    return score_records([record])[0]


PROSE = (
    "The harbour opens at six. Boats with a reservation enter first, the others wait at the outer buoy"
    " until the harbour master calls them by radio. Fees are paid at the office beside the crane."
)
ORDINARY = (
    PROSE,
    "| day | low | high |\n|---|---|---|\n| Mon | 1.2 m | 3.4 m |\n| Tue | 1.1 m | 3.6 m |",
    "def area(w, h):\n    return w * h\n\n\ndef perimeter(w, h):\n    return 2 * (w + h)\n",
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "Yes.",
    "No, no, no.",
)
LOOPS = (
    "How much will her final bill be? " * 8,
    "The answer is the answer is the answer is the answer is the answer is the answer is the answer is the",
    "1. Check the log.\n" * 40,
    "ha" * 600,
    "!" * 1000,
    "ありがとうございます。" * 12,
    "The harbour opens at six and closes at ten in the evening. And then" + " she" * 11,
    PROSE + " I will be there." * 60,
)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_does_not_repeat(text: str) -> None:
    assert repetition(text) < DEGENERATE_AT
    assert scores(Record(output=text))["degenerate"] == 0


@pytest.mark.parametrize("text", LOOPS)
def test_loops_repeat(text: str) -> None:
    assert repetition(text) >= DEGENERATE_AT
    assert scores(Record(output=text))["degenerate"] == 1


def test_longer_loops_score_higher() -> None:
    values = [repetition(PROSE + " And so on and so on." * n) for n in (0, 4, 16, 64)]
    assert values == sorted(values)
    assert values[-1] > 0.8


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The harbour opens at six in the morning and closes late.", "en"),
        ("El puerto abre a las seis de la mañana y cierra tarde.", "es"),
        ("Le port ouvre à six heures du matin et ferme tard le soir.", "fr"),
        ("Der Hafen öffnet um sechs Uhr morgens und schließt spät.", "de"),
        ("Порт открывается в шесть часов утра и закрывается поздно.", "ru"),
        ("港口早上六点开放，晚上很晚才关闭。", "zh"),
        ("港は朝六時に開き、夜遅くに閉まります。", "ja"),
        ("항구는 아침 여섯 시에 열고 밤늦게 닫습니다.", "ko"),
        ("बंदरगाह सुबह छह बजे खुलता है और देर से बंद होता है।", "hi"),
        ("يفتح الميناء في السادسة صباحا ويغلق في وقت متأخر.", "ar"),
        ("Liman sabah altıda açılıyor ve geç kapanıyor.", "tr"),
        ("ok, thanks!", "und"),
        ("1234567890 1234567890 1234567890", "und"),
        ("", "und"),
        (
            "Bitte prüfen Sie die Anzeige:\n```\nfor boat in harbour: print(boat.name)\n```\nDanke sehr!",
            "de",
        ),
        ("\x00\x07 The harbour opens at six in the morning.\ud800", "en"),
    ],
)
def test_language(text: str, code: str) -> None:
    assert language(text) == code


def test_secrets_and_pii_come_from_the_report_and_never_from_the_text() -> None:
    text = "[email:0123456789abcdef] [aws_access_key_id:0123456789abcdef]"
    clean = scores(Record(prompt=text, output=text, redactions=()))
    assert [clean[n] for n in ("secrets", "pii", "secrets_prompt", "pii_prompt")] == [0, 0, 0, 0]
    found = scores(
        Record(
            prompt="hello",
            output="hello",
            redactions=(
                Redaction("output", "jwt", 1),
                Redaction("prompt", "email", 2),
                Redaction("context", "card", 1),
            ),
        )
    )
    assert [found[n] for n in ("secrets", "pii", "secrets_prompt", "pii_prompt")] == [1, 0, 0, 1]
    assert "secrets" not in scores(Record(prompt="x", output="y"))
    assert "secrets" not in scores(Record(prompt="x", redactions=()))
    assert (
        scores(Record(tool_calls=(ToolCall("f"),), redactions=(Redaction("output", "jwt", 1),)))["secrets"]
        == 1
    )


def test_quiet_types_are_no_pii() -> None:
    quiet = tuple(
        Redaction("output", t, 1) for t in ("user", "session", "private_ip", "template_email", "bytes")
    )
    assert scores(Record(output="x", redactions=quiet))["pii"] == 0


def test_facts_of_a_call() -> None:
    full = scores(
        Record(
            prompt="four",
            output="",
            duration_s=1.5,
            time_to_first_chunk_s=0.25,
            input_tokens=12,
            output_tokens=0,
            error=False,
            finish_reason="length",
        )
    )
    wanted = {
        "prompt_length": 4.0, "output_length": 0.0, "latency_s": 1.5, "time_to_first_chunk_s": 0.25,
        "input_tokens": 12.0, "output_tokens": 0.0, "error": 0.0, "truncated": 1.0, "finish_reason": "length",
    }  # fmt: skip
    of_text = {spec.name for scorer in (LEARNED, COMPLAINTS) for spec in scorer.specs}
    assert {k: v for k, v in full.items() if k not in of_text} == {**wanted, "language": "und"}
    assert scores(Record()) == {}
    assert scores(Record(duration_s=math.nan, input_tokens=-5, error=None)) == {}


def test_placeholders_and_the_middle_of_long_texts_are_not_read() -> None:
    assert scored("mail [email:0123456789abcdef] [1:2]") == "mail [email] [1:2]"
    long = "a" * 3000 + "MIDDLE" + "b" * 3000
    read = scored(long) or ""
    assert "MIDDLE" not in read
    assert len(read) == 2 * END_CHARACTERS + 1
    assert scored(None) is None


@pytest.mark.parametrize("spec", [s for s in SPECS.values() if s.grid is not None], ids=lambda s: s.name)
@pytest.mark.parametrize("value", [0.0, 1e-12, 1e-3, 0.25, 0.5, 1.0, 3.0, 1234.5, 1e9, 1e30])
def test_a_cell_stands_for_its_values(spec: object, value: float) -> None:
    grid = spec.grid  # type: ignore[attr-defined]
    if spec.kind in ("flag", "bounded") and value > 1:  # type: ignore[attr-defined]
        return
    cell = grid.cell(value)
    assert grid.cell(grid.value(cell)) == cell
    if spec.kind == "positive" and grid.low <= value < grid.high:  # type: ignore[attr-defined]
        assert abs(grid.value(cell) / value - 1) <= 0.0101
