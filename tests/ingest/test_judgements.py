"""Feedback and scores: JSON of doors to judgements, judgements to log records and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import BadRecord
from ingest.interaction import Evaluation
from ingest.otlp.assembly.assemble import Judgement, assemble_batch
from ingest.otlp.views import log_views
from ingest.requests.change_events import read_markers
from ingest.requests.evaluation import UID, Sent, to_record, to_request
from ingest.requests.feedback import KNOWN, MOST, read_feedback
from ingest.requests.langfuse_scores import read_score, read_scores
from tests.ingest.telemetry import START_NS, TRACE, chat, span, views

SPAN = f"{1:016x}"
ID = f"{TRACE}:{SPAN}"
GOOD = {"interaction_id": ID, "name": "helpful", "value": 1}
NOW_NS = START_NS + 5_000_000_000


def judged(*sent: Sent) -> tuple[Evaluation, ...]:
    """Evaluations of the one interaction there is, after the way through log records."""
    out = assemble_batch(views(span(chat())), log_views(to_request(sent, NOW_NS)))
    return out.interactions[0].evaluations


@pytest.mark.parametrize(
    ("value", "label", "expected"),
    [
        (0.25, None, (0.25, None)),
        (3, None, (3.0, None)),
        (True, None, (1.0, None)),
        (False, None, (0.0, None)),
        ("wrong tone", None, (None, "wrong tone")),
        (0, "thumbs down", (0.0, "thumbs down")),
        (None, "unclear", (None, "unclear")),
    ],
)
def test_feedback_reaches_the_interaction_it_judges(value: Any, label: Any, expected: Any) -> None:
    (sent,) = read_feedback({**GOOD, "value": value, "label": label, "comment": "by hand", "who": "ada"})
    (evaluation,) = judged(sent)
    assert (evaluation.score, evaluation.label) == expected
    assert (evaluation.name, evaluation.explanation, evaluation.source) == ("helpful", "by hand", "feedback")


@pytest.mark.parametrize(
    "named",
    [
        {"interaction_id": ID.upper()},
        {"trace_id": TRACE, "span_id": SPAN},
        {"trace_id": TRACE},
    ],
)
def test_an_interaction_can_be_named_by_its_ids(named: dict[str, Any]) -> None:
    (sent,) = read_feedback({"name": "helpful", "value": 1, **named})
    assert len(judged(sent)) == 1


def test_a_score_of_langfuse_is_read_alike_from_a_file_and_through_the_door() -> None:
    body = {
        "id": "s-1", "traceId": TRACE, "observationId": SPAN, "name": "tone", "value": 0.5,
        "comment": "friendly", "dataType": "NUMERIC", "timestamp": "2026-11-24T06:02:48.295492Z",
        "environment": "production",
    }  # fmt: skip
    (from_file,) = read_scores([body]) or []
    sent = read_score(body)
    assert sent.judgement == from_file
    assert judged(sent) == (from_file.evaluation,)
    assert sent.uid == "s-1"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"value": 1, "dataType": "BOOLEAN", "stringValue": "True"}, (1.0, "True", None)),
        ({"value": "polite", "dataType": "CATEGORICAL"}, (None, "polite", None)),
        ({"value": "It should say so.", "dataType": "TEXT"}, (None, None, "It should say so.")),
        (
            {"value": "Better: no.", "dataType": "CORRECTION", "comment": "c"},
            (None, None, "Better: no.\nc"),
        ),
    ],
)
def test_every_type_of_score_finds_its_place(said: dict[str, Any], expected: tuple[Any, ...]) -> None:
    evaluation = read_score({"traceId": TRACE, "name": "tone", **said}).judgement.evaluation
    assert (evaluation.score, evaluation.label, evaluation.explanation) == expected


def test_a_retry_has_the_same_record_id_and_another_judgement_another() -> None:
    def uid(**more: Any) -> str:
        (sent,) = read_feedback({**GOOD, **more})
        attributes = {a.key: a.value.string_value for a in to_record(sent, NOW_NS).attributes}
        assert attributes[UID] == sent.uid
        return sent.uid

    assert uid() == uid()
    others = [uid(**m) for m in ({"value": 2}, {"comment": "c"}, {"who": "ada"}, {"name": "other"},
                                 {"time": "2026-11-24T06:02:48Z"}, {"label": "yes"})]  # fmt: skip
    assert len({uid(), *others}) == 7
    assert uid(id="mine") == uid(id="mine", value=2) == "mine"


BAD_FEEDBACK: list[tuple[Any, str]] = [
    ("text", "the body must be a JSON object"),
    ({}, "interaction_id is missing"),
    ({**GOOD, "interaction_id": "abc"}, "interaction_id = 'abc' is not <32 hex digits>:<16 hex digits>"),
    ({**GOOD, "interaction_id": f"{'0' * 32}:{SPAN}"}, "interaction_id"),
    ({**GOOD, "trace_id": TRACE}, "interaction_id is given beside"),
    ({"span_id": SPAN, "name": "n", "value": 1}, "trace_id is missing"),
    ({"trace_id": "zz", "name": "n", "value": 1}, "trace_id = 'zz' is not 32 hexadecimal digits"),
    ({**GOOD, "name": ""}, "name is missing"),
    ({**GOOD, "name": 3}, "name must be a text"),
    ({**GOOD, "name": "n" * 201}, "name has 201 characters: at most 200"),
    ({**GOOD, "value": None}, "value is missing: give a number"),
    ({**GOOD, "value": [1]}, "value"),
    ({**GOOD, "value": 10**400}, "value"),
    ({**GOOD, "time": "yesterday"}, "time = 'yesterday' is not a time with its zone"),
    ({**GOOD, "time": "2026-11-24T06:02:48"}, "time"),
    ({**GOOD, "coment": "x"}, "coment is no field here, did you mean comment?"),
    ([GOOD, {**GOOD, "value": {}}], r"\[1\].value"),
    ([GOOD] * (MOST + 1), "1001 judgements in one request: send at most 1000"),
]


@pytest.mark.parametrize(("body", "says"), BAD_FEEDBACK)
def test_bad_feedback_is_refused_by_the_name_of_its_field(body: Any, says: str) -> None:
    with pytest.raises(BadRecord, match=says):
        read_feedback(body)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"traceId": TRACE, "value": 1}, "name is missing"),
        ({"traceId": TRACE, "name": "n"}, "value is missing"),
        ({"traceId": TRACE, "name": "n", "value": []}, "value"),
        ({"traceId": "run-7", "name": "n", "value": 1}, "traceId = 'run-7' is not 32 hexadecimal digits"),
        ({"observationId": SPAN, "name": "n", "value": 1}, "traceId is missing"),
        ({"name": "n", "value": 1, "datasetRunId": "d"}, "traceId is missing"),
        ({"traceId": TRACE, "name": "n", "value": 1, "timestamp": "now"}, "timestamp"),
    ],
)
def test_a_bad_score_is_refused_by_the_name_of_its_field(body: Any, says: str) -> None:
    with pytest.raises(BadRecord, match=says):
        read_score(body)


def test_a_score_of_a_session_names_the_conversation() -> None:
    sent = read_score({"sessionId": "s-9", "name": "n", "value": 1})
    attributes = {a.key: a.value.string_value for a in to_record(sent, NOW_NS).attributes}
    assert attributes["session.id"] == "s-9"


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab0:-T \u00e9\n", max_size=8)
ANYTHING = PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(st.sampled_from("ab"), PLAIN, max_size=2)
NAMES = (*sorted(KNOWN), "traceId", "observationId", "sessionId", "dataType", "timestamp", "kind", "service")


def refusal(read: Callable[[Any], Sequence[Any]], body: Any) -> str | None:
    """What is said about a body that is not taken."""
    try:
        assert len(read(body)) == 1
    except BadRecord as error:
        return str(error)
    return None


@given(
    st.dictionaries(
        st.sampled_from(NAMES), ANYTHING | st.sampled_from([ID, TRACE, SPAN, 1, "release"]), max_size=8
    )
)
def test_whatever_comes_is_taken_or_refused_in_words(body: dict[str, Any]) -> None:
    assert refusal(read_feedback, body) != ""
    assert refusal(lambda b: [read_score(b)], body) != ""
    assert refusal(lambda b: read_markers(b, "default", "live", NOW_NS), body) != ""


@given(
    st.text(min_size=1, max_size=50),
    st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.text(min_size=1, max_size=50),
    st.none() | st.text(min_size=1, max_size=200),
)
def test_a_judgement_survives_the_way_through_a_log_record(
    name: str, score: float, label: str | None, explanation: str | None
) -> None:
    evaluation = Evaluation(name, score, label, explanation, "feedback")
    sent = Sent(Judgement(evaluation, TRACE, SPAN))
    assert judged(sent) == (evaluation,)


MARKER = {"kind": "release", "value": "7.2", "who": "ada", "time": "2026-11-24T06:00:00Z"}


def test_a_change_becomes_an_action() -> None:
    (entry,) = read_markers(
        {**MARKER, "service": "harbour-chat", "note": "hotfix"}, "default", "live", NOW_NS
    )
    assert entry["v"] == 1
    assert entry["action"] == "marker"
    assert (entry["kind"], entry["value"], entry["service"]) == ("release", "7.2", "harbour-chat")
    assert (entry["actor"], entry["reason"], entry["since"]) == ("ada", "hotfix", "2026-11-24T06:00:00Z")
    assert (entry["tenant"], entry["lineage"], entry["environment"]) == ("default", "live", None)
    again = read_markers([{**MARKER, "service": "harbour-chat"}], "default", "live", NOW_NS + 10**9)
    assert again[0]["marker_id"] == entry["marker_id"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({**MARKER, "kind": "Big Release"}, "kind = 'Big Release' must be lower-case"),
        ({**MARKER, "value": None}, "value is missing"),
        ({**MARKER, "who": ""}, "who is missing"),
        ({**MARKER, "tim": 1}, "did you mean time"),
        ([MARKER] * 101, "101 changes"),
    ],
)
def test_a_bad_change_is_refused_by_the_name_of_its_field(body: Any, says: str) -> None:
    with pytest.raises(BadRecord, match=says):
        read_markers(body, "default", "live", NOW_NS)
