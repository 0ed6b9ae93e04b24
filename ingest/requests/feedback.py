"""What people and programs say about answers, as JSON: ``POST /v1/feedback`` to judgements.

One object or a list of them: ``{interaction_id "trace:span" | trace_id (, span_id) | response_id, name, value
(number, true, false or a label), label, comment, who, time, id}``. A list is taken whole or not at all.
"""

from __future__ import annotations

from typing import Any

from ingest.errors import BadRecord
from ingest.interaction import Evaluation
from ingest.otlp.assembly.assemble import Judgement
from ingest.requests.evaluation import FEEDBACK, Sent
from ingest.requests.json_fields import LONGEST_ID, LONGEST_TEXT, Fields, is_hex_id

KNOWN = frozenset(
    ("interaction_id", "trace_id", "span_id", "response_id", "name", "value", "label", "comment", "who",
     "time", "id")
)  # fmt: skip
MOST = 1000
"""Judgements in one request."""


def read_feedback(tree: Any) -> list[Sent]:
    """Judgements of a parsed body.

    Raises
    ------
    BadRecord
        If one is not of this form; names its place in the list, the field and what it may hold.
    """
    if not isinstance(tree, list):
        return [_read(tree, "")]
    if len(tree) > MOST:
        raise BadRecord(f"{len(tree)} judgements in one request: send at most {MOST}")
    return [_read(one, f"[{i}].") for i, one in enumerate(tree)]


def _read(body: Any, where: str) -> Sent:
    fields = Fields(body, where)
    fields.only(KNOWN)
    trace_id, span_id, response_id = _judged(fields)
    score, said = fields.score("value")
    label = fields.text("label")
    if score is None and said is None and label is None:
        raise fields.bad("value", "is missing: give a number, true, false or a label")
    evaluation = Evaluation(
        name=fields.text("name", required=True),
        score=score,
        label=label or said,
        explanation=fields.text("comment", LONGEST_TEXT),
        source=FEEDBACK,
    )
    return Sent(
        Judgement(evaluation, trace_id, span_id, response_id),
        id=fields.text("id", LONGEST_ID),
        who=fields.text("who", LONGEST_ID),
        time_ns=fields.time_ns("time"),
    )


def _judged(fields: Fields) -> tuple[str | None, str | None, str | None]:
    """Trace, span and response id."""
    trace_id, span_id = fields.hex_id("trace_id", 32), fields.hex_id("span_id", 16)
    response_id = fields.text("response_id", LONGEST_ID)
    named = fields.text("interaction_id")
    if named is not None:
        if trace_id or span_id:
            raise fields.bad("interaction_id", "is given beside trace_id or span_id: give one of them")
        trace_id, colon, span_id = named.lower().partition(":")
        if not (colon and is_hex_id(trace_id, 32) and is_hex_id(span_id, 16)):
            raise fields.bad("interaction_id", f"= {named[:60]!r} is not <32 hex digits>:<16 hex digits>")
    if span_id is not None and trace_id is None:
        raise fields.bad("trace_id", "is missing: a span id alone names no interaction")
    if trace_id is None and response_id is None:
        raise fields.bad("interaction_id", "is missing: name it, or trace_id, or response_id")
    return trace_id, span_id, response_id
