"""Where in the store the interactions that judgements name are looked for.

Most judgements come soon after their interaction, so it is sought near in time first; what is not there, and
came without being expected, further back. What stands in the batch itself is not sought.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

from detectors.observation import SourcePosition
from infra.clock import NS_PER_S
from ingest.clock_marks import LIVE
from ingest.envelope import Envelope
from ingest.event_time import MAX_NS
from ingest.interaction import ContextSpan
from ingest.otlp.assembly.assemble import Assembled
from ingest.otlp.assembly.evaluation_target import SpanId
from ingest.repository.evaluation import StoredJudgement
from ingest.repository.stage_store import Lineage, SpanQuery
from ingest.units.known_spans import KnownSpans

NEAR_NS = 2 * 3600 * NS_PER_S
"""An interaction that began this long before its judgement, or later, is near."""

FAR_NS = 31 * 24 * 3600 * NS_PER_S
"""A live interaction is not sought further back than this."""

Range = tuple[int, int]


class Message(Protocol):
    """What judging needs of a message."""

    @property
    def position(self) -> SourcePosition:
        """Where it stands."""

    @property
    def envelope(self) -> Envelope:
        """Whose it is."""

    @property
    def evaluations(self) -> list[StoredJudgement]:
        """Judgements in its log records."""

    @property
    def assembled(self) -> Assembled | None:
        """What its spans come to."""

    @property
    def event_traces(self) -> Collection[str]:
        """Traces of the calls that log records tell of and that may be stored from it."""

    @property
    def contexts(self) -> list[ContextSpan]:
        """Spans that are stored from it as steps."""


class TargetSearch:
    """Finds what judgements name, for one batch.

    Parameters
    ----------
    known
        Where what is found goes.
    messages
        The batch.
    recall
        Position of a call that is stored, if that is known: such a one is not new with the batch.
    """

    def __init__(
        self, known: KnownSpans, messages: Iterable[Message], recall: Callable[..., SourcePosition | None]
    ) -> None:
        self._known = known
        self._here: dict[Lineage, set[SpanId]] = {}
        self._times: dict[tuple[Lineage, str], Range] = {}
        for m in messages:
            lineage = (m.envelope.tenant, m.envelope.lineage)
            for i in m.assembled.interactions if m.assembled else ():
                if recall(*lineage, i.trace_id, i.span_id) is None:
                    spans = self._here.setdefault(lineage, set())
                    spans.update((i.trace_id, s) for s in (i.span_id, *i.duplicate_spans))
                self._widen(lineage, i.trace_id, i.start_ns, i.end_ns)

    def _widen(self, lineage: Lineage, trace_id: str, start_ns: int, end_ns: int) -> None:
        first, last = self._times.get((lineage, trace_id), (start_ns, end_ns))
        self._times[lineage, trace_id] = min(first, start_ns), max(last, end_ns)

    def is_here(self, j: StoredJudgement) -> bool:
        """Whether the call that a judgement names comes with the batch."""
        named = (j.judgement.trace_id or "", j.judgement.span_id or "")
        return named in self._here.get((j.tenant, j.lineage), ())

    def seek(self, lineage: Lineage, judgements: Sequence[StoredJudgement], *, far: bool) -> None:
        """Look for what these judgements of one lineage name, ``far`` back if need be.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """
        sought = [j for j in judgements if not self.is_here(j)]
        if not sought:
            return
        times = [_clamped(j) for j in sought]
        traces = {t for j in sought if (t := j.judgement.trace_id)}
        times += [at for t in traces for at in self._times.get((lineage, t), ())]
        near = (min(times) - NEAR_NS, max(times) + NEAR_NS)
        back = (min(times) - FAR_NS, near[1]) if lineage[1] == LIVE else (0, MAX_NS)
        windows = (near, back) if far else (near,)
        self._interactions(lineage, "", traces, windows)
        self._interactions(
            lineage, "response_id", {r for j in sought if (r := j.judgement.response_id)}, windows
        )
        alone = {
            j.judgement.conversation_id or ""
            for j in sought
            if not (j.judgement.trace_id or j.judgement.response_id)
        }
        self._interactions(lineage, "conversation_id", alone - {""}, windows)
        self._steps(lineage, sought)

    def _interactions(self, lineage: Lineage, column: str, ids: set[str], windows: Iterable[Range]) -> None:
        """Interactions by trace, or by another column."""
        for from_ns, to_ns in windows:
            if not ids:
                return
            sought, none = frozenset(ids), frozenset[str]()
            by_trace, values = (none, sought) if column else (sought, none)
            window = (max(from_ns, 0), to_ns)
            self._known.find_interactions(
                [SpanQuery(*lineage, none, by_trace, None, *window, column, values)]
            )
            held = [s.interaction for k, s in self._known.interactions.items() if k[:2] == lineage]
            ids = ids - {getattr(i, column or "trace_id") or "" for i in held}

    def _steps(self, lineage: Lineage, sought: Iterable[StoredJudgement]) -> None:
        """Steps that are named, of traces of which a call is known: only there do they mean an answer."""
        for (tenant, name, trace_id, _), stored in self._known.interactions.items():
            if (tenant, name) == lineage:
                i = stored.interaction
                self._widen(lineage, trace_id, i.start_ns, i.end_ns)
        named = {
            t: times
            for j in sought
            if (t := j.judgement.trace_id)
            and (s := j.judgement.span_id)
            and (*lineage, t, s) not in self._known.interactions
            and (times := self._times.get((lineage, t)))
        }
        if named:
            from_ns = max(min(first for first, _ in named.values()) - NEAR_NS, 0)
            to_ns = max(last for _, last in named.values()) + NEAR_NS
            self._known.find_contexts(
                [SpanQuery(*lineage, frozenset(), frozenset(named), None, from_ns, to_ns)]
            )


def _clamped(j: StoredJudgement) -> int:
    """When a judgement was made, as far as its sender's clock can be believed."""
    at_ns = j.judgement.at_ns or j.received_ns
    return min(max(at_ns, j.received_ns - FAR_NS), j.received_ns) if j.lineage == LIVE else at_ns
