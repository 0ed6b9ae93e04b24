"""Langfuse scores as judgements.

Source: Langfuse public API, ``POST /api/public/scores`` and events ``score-create`` of
``POST /api/public/ingestion``. A score has a number, or a text that is a category (``CATEGORICAL``) or free
(``TEXT``, ``CORRECTION``); a category or boolean that is read back carries its number *and* its text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.interaction import Evaluation
from ingest.otlp.assembly.assemble import Judgement
from ingest.otlp.dialects.values import real, text
from ingest.requests.evaluation import LANGFUSE, Sent
from ingest.requests.json_fields import LONGEST_ID, LONGEST_NAME, LONGEST_TEXT, Fields

_FREE_TEXT = ("TEXT", "CORRECTION")


def read_scores(tree: Any) -> list[Judgement] | None:
    """Scores in a file (one, a list, or an ingestion batch), or ``None`` if it is something else."""
    if isinstance(tree, dict):
        batch = tree.get("batch")
        tree = batch if isinstance(batch, list) else [tree]
    if not isinstance(tree, list):
        return None
    bodies = (item.get("body", item) for item in tree if isinstance(item, dict))
    out = [_judgement(b) for b in bodies if isinstance(b, dict) and "name" in b and "value" in b]
    return out or (None if tree else [])


def read_score(body: Any, where: str = "") -> Sent:
    """A score as the API takes it.

    Raises
    ------
    BadRecord
        If it names nothing that can be judged, or a field is not what the API says; names the field.
    """
    fields = Fields(body, where)
    fields.text("name", required=True)
    fields.score("value")
    if not fields.has("value"):
        raise fields.bad("value", "is missing: give a number or a label")
    if fields.raw("dataType") not in _FREE_TEXT and isinstance(fields.raw("value"), str):
        fields.text("value", LONGEST_NAME, required=True)
    fields.text("stringValue", LONGEST_TEXT)
    fields.text("comment", LONGEST_TEXT)
    trace_id = fields.hex_id("traceId", 32)
    span_id = fields.hex_id("observationId", 16)
    conversation_id = fields.text("sessionId", LONGEST_ID)
    if trace_id is None and (span_id is not None or conversation_id is None):
        raise fields.bad("traceId", "is missing: scores of traces, observations and sessions are taken")
    return Sent(
        _judgement(body, trace_id, span_id),
        id=fields.text("id", LONGEST_ID),
        conversation_id=conversation_id if trace_id is None else None,
        time_ns=fields.time_ns("timestamp"),
    )


def _judgement(body: Mapping[str, Any], trace_id: str | None = None, span_id: str | None = None) -> Judgement:
    value, comment = body["value"], text(body.get("comment"))
    label = text(value if isinstance(value, str) else body.get("stringValue"))
    if body.get("dataType") in _FREE_TEXT:  # not a category: every one is different
        comment, label = "\n".join(part for part in (label, comment) if part) or None, None
    evaluation = Evaluation(
        name=text(body["name"]),
        score=float(value) if isinstance(value, bool) else None if isinstance(value, str) else real(value),
        label=label,
        explanation=comment,
        source=LANGFUSE,
    )
    return Judgement(
        evaluation, trace_id or text(body.get("traceId")), span_id or text(body.get("observationId"))
    )
