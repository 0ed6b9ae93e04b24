"""What is held of an incident: how much, since when, and texts of it once the stored rows have expired.

Copies are rows as JSON, kept by the alerts service while a person holds the incident.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.formats import utc
from dashboard.queries.examples import Example, Wanted, choice_of, example_of
from dashboard.queries.store import Scope, SeriesKey, Store, shows_text

_MINE = "tenant = {tenant:String} AND incident_id = {incident:String}"

_KEPT = f"""
SELECT count(), sum(length(body)), min(copied_at), (SELECT max(cut) FROM holds FINAL WHERE {_MINE})
FROM held_rows FINAL
WHERE {_MINE}
LIMIT 1
"""  # noqa: S608 - of constants

_TEXTS = ("tenant", "lineage", "service", "environment", "trace_id", "span_id", "start")
_TEXTS_OR_NOT = (
    "service_version", "release", "prompt_version", "language", "output_language", "request_model",
    "response_model", "provider", "finish_reason", "error_type", "error_message", "text_absent", "input_text",
    "output_text", "conversation_id", "system_prompt_hash", "operation", "agent_name",
)  # fmt: skip
_NUMBERS_OR_NOT = (
    "duration_s", "time_to_first_chunk_s", "input_tokens", "output_tokens", "score_secrets",
    "score_secrets_prompt", "score_pii", "score_pii_prompt", "score_refusal", "score_error",
    "score_truncated", "score_degenerate", "score_repetition", "score_output_length", "score_prompt_length",
)  # fmt: skip
_COLUMNS = {
    **dict.fromkeys(_TEXTS, "String"),
    **dict.fromkeys(_TEXTS_OR_NOT, "Nullable(String)"),
    **dict.fromkeys(_NUMBERS_OR_NOT, "Nullable(Float64)"),
    "other_scores": "Map(String, Float64)",
    "synthetic": "Bool",
}
"""Columns of ``interactions`` that examples are chosen by and show, and their types in JSON."""
_ROW = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
_OUT = ", ".join(f"held.{name} AS {name}" for name in _COLUMNS if name != "start")

_INTERACTIONS = f"""
(
    SELECT parseDateTime64BestEffort(held.start, 9, 'UTC') AS start, {_OUT}
    FROM
    (
        SELECT JSONExtract(body, 'Tuple({_ROW})') AS held
        FROM held_rows FINAL
        WHERE {_MINE} AND source = 'interactions'
        ORDER BY key, version DESC
        LIMIT 1 BY key
    )
)
"""  # noqa: S608 - of constants


@dataclass(frozen=True, slots=True)
class LegalHold:
    """What is held: rows of all tables, their bytes, since when; ``cut`` if the bound kept some out."""

    rows: int
    size: int
    since: datetime
    cut: bool


def kept(store: Store, scope: Scope, incident_id: str) -> LegalHold | None:
    """How much is held of an incident; ``None`` if nothing is."""
    rows, size, since, cut = store.rows(_KEPT, scope.bind(incident=incident_id))[0]
    return LegalHold(rows, size, utc(since), bool(cut)) if rows else None


@shows_text
def examples(
    store: Store, scope: Scope, incident_id: str, key: SeriesKey, wanted: Wanted
) -> tuple[Example, ...]:
    """At most ``wanted.limit`` interactions that are held, those that carry the change first.

    What judgements and traces said is not looked at: of such scores these are calls of the time.
    """
    choice = choice_of(key, wanted, alone=True)
    bound = {**choice.bind(scope, key, wanted), "incident": incident_id}
    return tuple(example_of(row) for row in store.rows(choice.statement(_INTERACTIONS), bound))
