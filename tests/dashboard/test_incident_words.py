from __future__ import annotations

from datetime import timedelta

import pytest

from dashboard.measures.measures import measured
from dashboard.measures.scores import known
from dashboard.palette import FAILED, NO_DATA, OK
from dashboard.queries.examples import MAX_TEXT, Example
from dashboard.queries.incidents import Moment, Trust
from dashboard.queries.pipeline import Accounts, Hour, Partition
from dashboard.tables import cards, pipeline
from dashboard.tables.vital_signs import Sign
from dashboard.views.incident import facts, runbooks, timeline
from tests.dashboard.made import NOW, incident


def moment(minutes_ago: float, what: str, seq: int = 1, **changes: object) -> Moment:
    values = {
        "seq": seq,
        "at": NOW - timedelta(minutes=minutes_ago),
        "what": what,
        "state": "firing",
        "evidence": "breach",
        "ending": None,
        "severity": "page",
        "actor": "detector",
        "reason": "",
        "told": (),
    } | changes
    return Moment(**values)  # type: ignore[arg-type]


def test_the_five_facts_of_a_change() -> None:
    found = {f.label: (f.value, f.note) for f in facts.facts(incident(), Trust(1, 4), NOW)}
    assert found["Effect"] == ("+4.3\u202fpp", "+3.1 to +5.5 · 2.1 → 6.4\u202f%")
    assert found["Onset"] == ("02:05 UTC", "02:01 to 02:09 · fired 02:17")
    assert found["Outputs since"] == ("2,214", "baseline 348,768")
    assert found["Certainty"] == ("493 times", "the evidence needed to alert · 1 of 4 false alarms, 90 d")
    assert found["Suspect"] == ("v18", "prompt version · 02:03 · only one in the onset")


def test_a_silence_has_three_and_never_a_zero_effect() -> None:
    silent = incident({"alert_kind": "silence", "effect": 0.0, "baseline_value": 410.0}, evidence="no_data")
    found = facts.facts(silent, Trust(0, 0), NOW)
    assert [(f.label, f.value) for f in found] == [
        ("Outputs", "none"),
        ("Silent since", "02:05 UTC"),
        ("Certainty", "493 times"),
    ]
    assert found[0].note == "usually 410 an hour"


def test_facts_that_are_missing_are_said_to_be_missing() -> None:
    bare = incident(dict.fromkeys(("effect", "n", "n_baseline", "suspects", "findings")))
    found = {f.label: (f.value, f.note) for f in facts.facts(bare, Trust(0, 0), NOW)}
    assert found["Effect"] == ("–", "not estimated")
    assert found["Outputs since"][1] == "baseline size unknown"
    assert found["Certainty"][0] == "counted"
    assert found["Suspect"][0] == "none seen"


def test_the_timeline_is_in_order_of_time_and_says_who_did_what() -> None:
    lines = timeline.lines(
        incident(),
        [
            moment(63, "opened"),
            moment(55, "fired", 2, told=(("on-call", "sent"), ("chat", "retry"))),
            moment(40, "acknowledged", 3, actor="Ada\u202e", reason="looking"),
            moment(5, "resolved", 4, ending="false_alarm", actor="Ada", reason="a load test"),
        ],
        NOW,
    )
    assert [line.what for line in lines] == ["Appeared", "Onset", "Opened", "Fired", "Acknowledged", "Ended"]
    notes = [line.note for line in lines]
    assert notes[0] == "prompt version v18"
    assert notes[3] == "as a page · on-call notified · chat not delivered yet"
    assert notes[4] == "Ada[U+202E] · looking"
    assert notes[5] == "Ada · false alarm · a load test"


def test_a_long_history_keeps_its_beginning_and_its_end() -> None:
    moments = [moment(60 - i / 10, "updated", i, reason=f"r{i}") for i in range(500)]
    lines = timeline.lines(incident(), moments, NOW)
    assert len(lines) == timeline.LIMIT + 1
    assert lines[-1].note == "r499"
    assert any("more lines" in line.what for line in lines)


def example(**changes: object) -> Example:
    values = {
        "at": NOW - timedelta(minutes=3),
        "trace_id": "t",
        "span_id": "s",
        "facts": (("language", "de"), ("model", "aurora\u202e-2")),
        "prompt": "<b>Hallo</b> [email:3fa2c81d07e6b945]",
        "output": None,
        "error": None,
        "text_absent": None,
        "value": 1.0,
        "language": "de",
        "output_language": None,
    } | changes
    return Example(**values)  # type: ignore[arg-type]


def test_texts_reach_their_card_untouched_and_facts_cleaned() -> None:
    (card,) = cards.cards([example()], measured(known("refusal"), "rate", ()), NOW)
    assert card["passages"] == [
        {"label": "Prompt", "text": "<b>Hallo</b> [email:3fa2c81d07e6b945]", "lang": "de"}
    ]
    assert card["meta"] == "03:09:40 UTC · language de · model aurora[U+202E]-2 · refusal yes"


@pytest.mark.parametrize(
    ("language", "code"),
    [("de", "de"), ("zh-Hant", "zh-Hant"), ("un", ""), ('de" onload="x', ""), ("<b>x</b>", ""), (None, "")],
)
def test_only_a_language_code_becomes_an_attribute(language: str | None, code: str) -> None:
    (card,) = cards.cards([example(language=language)], measured(known("refusal"), "rate", ()), NOW)
    assert card["passages"][0]["lang"] == code


def test_a_cut_or_missing_text_says_so() -> None:
    long = example(prompt="a" * (MAX_TEXT + 1))
    gone = example(prompt=None, text_absent="keep_text = none")
    first, second = cards.cards([long, gone], measured(known("latency_s"), "s", ()), NOW)
    assert first["passages"][0]["text"] == "a" * MAX_TEXT + "…"
    assert first["note"] == "cut after 800 characters"
    assert second["passages"] == []
    assert second["note"] == "text not kept: keep_text = none"


PARTS = [Partition("detect", "observations", 0, 9, NOW, NOW - timedelta(seconds=3))]
STOPPED = Sign(FAILED, "detect has stopped: 1 of 4 partitions make no progress.", None, "See its log")


def hours(accounted: int = 100, declared: int = 100) -> Accounts:
    return Accounts((Hour(NOW - timedelta(hours=1), 100, accounted, 0, 0, 0, declared),), (), ())


def test_a_pipeline_that_reports_and_accounts_for_everything_is_ok() -> None:
    newest = NOW - timedelta(seconds=4)
    found = pipeline.condition([], PARTS, hours(), NOW, live=True, newest=newest)
    assert found.state is OK
    assert found.lines[0] == "newest record 4\u202fs old · 0 lost"


def test_what_the_pipeline_page_says_first_stands_in_the_sidebar() -> None:
    behind = Sign(FAILED, "3 partitions are behind", None, "Start more")
    found = pipeline.condition([STOPPED, behind], PARTS, hours(), NOW, live=True, newest=NOW)
    assert found.state is FAILED
    assert found.lines[:2] == (STOPPED.what, "and 1 more: see Pipeline")


@pytest.mark.parametrize("short", [{"accounted": 97}, {"declared": 103}])
def test_a_record_that_is_nowhere_is_a_loss(short: dict[str, int]) -> None:
    found = pipeline.condition([], PARTS, hours(**short), NOW, live=False, newest=None)
    assert "3 lost" in " ".join(found.lines)


def test_a_pipeline_that_never_reported_says_so_alone() -> None:
    quiet = Sign(NO_DATA, "No process has ever reported: nothing is read from Kafka.", None, "")
    found = pipeline.condition([quiet], (), Accounts((), (), ()), NOW, live=True, newest=None)
    assert found == pipeline.Condition(NO_DATA, (quiet.what,))


def test_every_runbook_is_shown_and_no_other_file_can_be() -> None:
    shown = runbooks.load("refusal")
    assert shown is not None
    assert shown.checks
    assert "\n# " not in f"\n{shown.text}"
    for name in ("", "../decisions/0001", "/etc/passwd", "nope"):
        assert runbooks.load(name) is None
