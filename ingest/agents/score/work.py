"""What the messages of a batch come to, while it is decided on: works, what is to be scored, the whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from detectors.observation import SourcePosition
from ingest.agents.score.decoding import Decoded
from ingest.agents.score.late_names import LateName
from ingest.envelope import Envelope
from ingest.evaluations.matching import Judging
from ingest.interaction import ContextSpan, Interaction
from ingest.otlp.assembly.assemble import Assembled
from ingest.repository.content_record import ContentRecord
from ingest.repository.evaluation import StoredJudgement
from ingest.repository.interaction import InteractionKey, StoredInteraction
from ingest.stage_settings import ContextScope


@dataclass(slots=True)
class Work:
    """What one message comes to.

    ``touched`` are the interactions its position may observe, ``contexts``, ``records`` and ``evaluations``
    (the judgements of its log records) what is stored from it, ``judged`` the judgements it counts,
    ``duplicate`` how many of its records are stored from elsewhere, ``clock_ns`` the latest event time of its
    lineage in its partition so far (0: it moves no clock), ``learned`` which scopes only repeat calls.
    ``scopes`` are those of its spans by trace and span id, ``sdk_languages`` those of their SDKs.
    ``event_calls`` is how many calls are stored from it that only log records tell of: they are no records of
    its own; they are of ``event_traces``.
    """

    decoded: Decoded
    position: SourcePosition
    assembled: Assembled | None = None
    touched: list[StoredInteraction] = field(default_factory=list)
    contexts: list[ContextSpan] = field(default_factory=list)
    records: list[ContentRecord] = field(default_factory=list)
    evaluations: list[StoredJudgement] = field(default_factory=list)
    judged: Sequence[StoredJudgement] = ()
    interactions: int = 0
    duplicate: int = 0
    clock_ns: int = 0
    learned: list[ContextScope] = field(default_factory=list)
    scopes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    sdk_languages: Mapping[tuple[str, str], str] = field(default_factory=dict)
    event_calls: int = 0
    event_traces: Collection[str] = ()

    def scope_of(self, interaction: Interaction) -> str:
        """Instrumentation scope of the span of a call."""
        return self.scopes.get((interaction.trace_id, interaction.span_id), "")

    def sdk_language_of(self, interaction: Interaction) -> str:
        """``telemetry.sdk.language`` of the resource of the span of a call; empty if it says none."""
        return self.sdk_languages.get((interaction.trace_id, interaction.span_id), "")

    @property
    def envelope(self) -> Envelope:
        """Whose message it is."""
        return self.decoded.envelope


@dataclass(slots=True)
class ToScore:
    """An interaction to score: new (no ``base``), or ``base`` with content that came late."""

    work: Work
    stored: StoredInteraction
    base: StoredInteraction | None = None


@dataclass(slots=True)
class Batch:
    """The decisions on a batch: what to score, what to insert, and what each message observes.

    ``judging`` finishes the judgements once interactions are scored. ``buried`` are interactions that could
    not be scored or stored after all, ``late_names`` go to calls among ``known`` that were there before.
    """

    works: list[Work]
    judging: Judging
    to_score: list[ToScore] = field(default_factory=list)
    new_contexts: list[tuple[Work, ContextSpan]] = field(default_factory=list)
    new_records: list[tuple[Work, ContentRecord]] = field(default_factory=list)
    buried: set[InteractionKey] = field(default_factory=set)
    late_names: list[LateName] = field(default_factory=list)
    known: dict[InteractionKey, StoredInteraction] = field(default_factory=dict)
