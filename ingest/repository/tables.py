"""Columns that stage 1 writes, with their types, in the order of the rows (infra/migrations/0001).

Types are given to the client so that it need not ask the server before every insert. Times are ``int``
nanoseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from detectors.schema import CATEGORY_COLUMNS, SCORE_COLUMNS

Row = Sequence[Any]

_NAME = "LowCardinality(String)"
_NAME_OR_NOT = "LowCardinality(Nullable(String))"
_TEXT = "Nullable(String)"
_TIME = "DateTime64(9, 'UTC')"
_SCORE = "Nullable(Float32)"

_SOURCE = (
    ("source_topic", _NAME),
    ("source_partition", "UInt16"),
    ("source_offset", "UInt64"),
    ("received_at", _TIME),
)
_OWNER = (("tenant", _NAME), ("lineage", _NAME), ("service", _NAME), ("environment", _NAME))


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns with types, the columns of its sort key, and the time by which rows are sought."""

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    time: str | None = None
    index: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.index.update((name, i) for i, (name, _) in enumerate(self.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(name for name, _ in self.columns)

    @property
    def types(self) -> tuple[str, ...]:
        """ClickHouse types of the columns."""
        return tuple(type_ for _, type_ in self.columns)

    @property
    def source(self) -> tuple[str, str, str]:
        """Columns of the source position of a row."""
        prefix = "source_" if "source_topic" in self.index else ""
        return f"{prefix}topic", f"{prefix}partition", f"{prefix}offset"

    def key_of(self, row: Row) -> tuple[Any, ...]:
        """Sort key of a row: a row with an equal one replaces it."""
        return tuple(row[self.index[name]] for name in self.key)


INTERACTIONS = Table(
    "interactions",
    (
        *_OWNER,
        ("start", _TIME),
        ("trace_id", "String"),
        ("span_id", "String"),
        ("parent_span_id", _TEXT),
        ("kind", _NAME),
        ("operation", _NAME_OR_NOT),
        ("modality", _NAME),
        ("duration_s", "Nullable(Float64)"),
        ("time_to_first_chunk_s", "Nullable(Float64)"),
        ("service_version", _NAME_OR_NOT),
        ("release", _NAME_OR_NOT),
        ("trace_name", _NAME_OR_NOT),
        ("agent_name", _NAME_OR_NOT),
        ("prompt_name", _NAME_OR_NOT),
        ("prompt_version", _NAME_OR_NOT),
        ("provider", _NAME_OR_NOT),
        ("request_model", _NAME_OR_NOT),
        ("response_model", _NAME_OR_NOT),
        ("response_id", _TEXT),
        ("system_prompt_hash", _NAME_OR_NOT),
        ("conversation_id", _TEXT),
        ("user_id", _TEXT),
        *((name, _NAME_OR_NOT) for name in CATEGORY_COLUMNS),
        ("error_type", _NAME_OR_NOT),
        ("error_message", _TEXT),
        ("http_status", "Nullable(UInt16)"),
        ("input_tokens", "Nullable(UInt32)"),
        ("output_tokens", "Nullable(UInt32)"),
        ("cached_tokens", "Nullable(UInt32)"),
        ("reasoning_tokens", "Nullable(UInt32)"),
        ("system_prompt", _TEXT),
        ("input_text", _TEXT),
        ("output_text", _TEXT),
        ("tool_calls", "String"),
        ("tool_results", "Array(String)"),
        ("context_texts", "Array(String)"),
        ("text_absent", _NAME_OR_NOT),
        ("content_from", _NAME_OR_NOT),
        ("dropped_attributes", "UInt32"),
        ("truncated", "Bool"),
        ("hidden", "Bool"),
        ("redactions.side", f"Array({_NAME})"),
        ("redactions.type", f"Array({_NAME})"),
        ("redactions.n", "Array(UInt16)"),
        *((f"score_{name}", _SCORE) for name in SCORE_COLUMNS),
        ("other_scores", f"Map({_NAME}, Float64)"),
        ("other_categories", f"Map({_NAME}, String)"),
        ("scorer_versions", _NAME),
        ("dialect", _NAME),
        ("synthetic", "Bool"),
        ("sampling_probability", "Nullable(Float64)"),
        ("clock_skew", "Bool"),
        ("observed", "Bool"),
        ("settings_version", "UInt32"),
        ("revision", "UInt16"),
        ("late_scores", f"Map({_NAME}, String)"),
        ("prompt_hash", "Nullable(UInt64)"),
        ("scope", _NAME),
        ("sdk_language", _NAME),
        ("parameters", _NAME_OR_NOT),
        ("revised_prompts", "Array(String)"),
        ("media", "String"),
        ("audio_duration_s", "Nullable(Float64)"),
        ("no_speech_probability", "Nullable(Float64)"),
        *_SOURCE,
    ),
    ("tenant", "lineage", "service", "start", "trace_id", "span_id"),
    "start",
)

CONTEXT_SPANS = Table(
    "context_spans",
    (
        *_OWNER,
        ("trace_id", "String"),
        ("span_id", "String"),
        ("parent_span_id", _TEXT),
        ("kind", _NAME),
        ("name", "String"),
        ("tool_name", _NAME_OR_NOT),
        ("tool_arguments", _TEXT),
        ("start", _TIME),
        ("duration_s", "Float64"),
        ("error", "Bool"),
        ("attributes", f"Map({_NAME}, String)"),
        *_SOURCE,
    ),
    ("tenant", "lineage", "service", "start", "trace_id", "span_id"),
    "start",
)

CONTENT_RECORDS = Table(
    "content_records",
    (
        ("tenant", _NAME),
        ("lineage", _NAME),
        ("service", _NAME),
        ("trace_id", "String"),
        ("span_id", "String"),
        ("event_name", _NAME),
        ("ordinal", "UInt32"),
        ("record_hash", "String"),
        ("body", "String"),
        ("at", _TIME),
        *_SOURCE,
    ),
    (
        "tenant",
        "lineage",
        "trace_id",
        "span_id",
        "source_topic",
        "source_partition",
        "source_offset",
        "ordinal",
    ),
)

JUDGEMENTS = Table(
    "judgements",
    (
        *_OWNER,
        ("trace_id", "String"),
        ("span_id", "String"),
        ("response_id", "String"),
        ("conversation_id", "String"),
        ("linked_trace_id", "String"),
        ("ordinal", "UInt32"),
        ("uid", "String"),
        ("record_hash", "String"),
        ("corrects", "Bool"),
        ("name", "String"),
        ("value", "Nullable(Float64)"),
        ("label", _TEXT),
        ("explanation", _TEXT),
        ("error", _TEXT),
        ("said_by", _NAME),
        ("who", _TEXT),
        ("judged_at", _TIME),
        ("of_trace", "Bool"),
        ("judged_trace_id", "String"),
        ("judged_span_id", "String"),
        ("judged_start", _TIME),
        ("dimensions", f"Map({_NAME}, String)"),
        ("user_id", _TEXT),
        ("judged_conversation_id", _TEXT),
        ("counted_at", _TIME),
        ("counted_by", "String"),
        ("revision", "UInt8"),
        *_SOURCE,
    ),
    (
        "tenant",
        "lineage",
        "trace_id",
        "response_id",
        "source_topic",
        "source_partition",
        "source_offset",
        "ordinal",
    ),
    "received_at",
)

TRACES = Table(
    "traces",
    (
        *_OWNER,
        ("start", _TIME),
        ("duration_s", "Float64"),
        ("trace_id", "String"),
        ("root_span_id", "String"),
        ("name", _TEXT),
        ("agent_name", _NAME_OR_NOT),
        ("release", _NAME_OR_NOT),
        ("prompt_version", _NAME_OR_NOT),
        ("language", _NAME_OR_NOT),
        ("conversation_id", _TEXT),
        ("user_id", _TEXT),
        ("scores", f"Map({_NAME}, Float64)"),
        ("observed", "Bool"),
        ("closed_by", _NAME),
        ("counted_at", _TIME),
        *_SOURCE,
    ),
    ("tenant", "lineage", "service", "start", "trace_id"),
    "start",
)

LEDGER = Table(
    "ledger",
    (
        ("topic", _NAME),
        ("partition", "UInt16"),
        ("offset", "UInt64"),
        ("tenant", _NAME),
        ("lineage", _NAME),
        ("declared", "UInt32"),
        ("received", "UInt32"),
        ("stored", "UInt32"),
        ("duplicate", "UInt32"),
        ("rejected", "UInt32"),
        ("dead_lettered", "UInt32"),
        ("reasons", f"Map({_NAME}, UInt32)"),
        ("clock", _TIME),
        ("received_at", _TIME),
    ),
    ("topic", "partition", "offset"),
)

FINDINGS = Table(
    "findings",
    (
        *_OWNER,
        ("finding_id", "String"),
        ("alert_kind", _NAME),
        ("status", _NAME),
        ("unit", _NAME),
        ("score", _NAME),
        ("slice", _NAME),
        ("severity", _NAME),
        ("made_at", "DateTime64(6, 'UTC')"),
        ("onset", "Nullable(DateTime64(6, 'UTC'))"),
        ("body", "String"),
        ("version", "UInt64"),
    ),
    ("tenant", "lineage", "service", "finding_id"),
)
