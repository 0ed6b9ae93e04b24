"""The scorers of a run, and scoring with all of them so that one that fails costs its own scores only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, TypeVar

from detectors.record import Conversation, Record, Trace
from detectors.scorers.asr_hallucination import ASR_HALLUCINATION
from detectors.scorers.complaints import COMPLAINTS
from detectors.scorers.conversation_scores import CONVERSATION_SCORES
from detectors.scorers.cost import COST
from detectors.scorers.each import EachConversation, EachTrace
from detectors.scorers.exfiltration import EXFILTRATION
from detectors.scorers.grounding import GROUNDING
from detectors.scorers.insecure_code import INSECURE_CODE
from detectors.scorers.json_validity import JSON_VALIDITY
from detectors.scorers.judgement import WithJudgements
from detectors.scorers.languages import LANGUAGE
from detectors.scorers.latency import LATENCY
from detectors.scorers.learned import LEARNED
from detectors.scorers.length import LENGTH
from detectors.scorers.memorised import MEMORISED_SPECS, Memorised
from detectors.scorers.outcome import OUTCOME
from detectors.scorers.protocol import Scorer, Scores, ScoreSpec
from detectors.scorers.redaction_flags import REDACTION_FLAGS
from detectors.scorers.refusal import REFUSAL
from detectors.scorers.repetition import REPETITION
from detectors.scorers.rephrasing import REPHRASING
from detectors.scorers.sound_and_pictures import SOUND_AND_PICTURES
from detectors.scorers.speed import SPEED
from detectors.scorers.system_prompt_leak import SYSTEM_PROMPT_LEAK
from detectors.scorers.tokens import TOKENS
from detectors.scorers.tool_calls import TOOL_CALLS
from detectors.scorers.topic import TOPIC
from detectors.scorers.trace_scores import TRACE_SCORES

SCORERS: tuple[Scorer, ...] = (
    REDACTION_FLAGS,
    REFUSAL,
    LEARNED,
    LANGUAGE,
    REPETITION,
    LENGTH,
    LATENCY,
    TOKENS,
    OUTCOME,
    SYSTEM_PROMPT_LEAK,
    EXFILTRATION,
    INSECURE_CODE,
    JSON_VALIDITY,
    TOOL_CALLS,
    GROUNDING,
    ASR_HALLUCINATION,
    SPEED,
    COST,
    COMPLAINTS,
    TOPIC,
    REPHRASING,
    SOUND_AND_PICTURES,
)
"""What every interaction is measured by; `Memorised` joins them where documents are named."""

TRACE_SCORERS: tuple[EachTrace, ...] = (TRACE_SCORES,)
CONVERSATION_SCORERS: tuple[EachConversation, ...] = (CONVERSATION_SCORES,)

_ALL: tuple[Scorer | EachTrace | EachConversation, ...] = (*SCORERS, *TRACE_SCORERS, *CONVERSATION_SCORERS)

BUILT_IN: Mapping[str, ScoreSpec] = MappingProxyType(
    {s.name: s for s in (*MEMORISED_SPECS, *(s for scorer in _ALL for s in scorer.specs))}
)
"""Every built-in score by its name, of all units."""

_KNOWN = dict(BUILT_IN)

SPECS: Mapping[str, ScoreSpec] = WithJudgements(MappingProxyType(_KNOWN))
"""What this process can put into words: the built-in scores, those it was told of (`declare`), judgements."""


def declare(specs: Mapping[str, ScoreSpec]) -> None:
    """Tell this process of scores of the operator's own, once, where it starts.

    For processes that show and word findings. What is computed follows from the settings, never from this.
    """
    _KNOWN.update({name: spec for name, spec in specs.items() if name not in BUILT_IN})


SCORER_VERSIONS: Mapping[str, str] = MappingProxyType(
    {scorer.name: scorer.version for scorer in _ALL} | {Memorised.name: Memorised.version}
)

T_contra = TypeVar("T_contra", contravariant=True)
U = TypeVar("U")


class _Scores(Protocol[T_contra]):
    """What scorers of records and of traces have in common."""

    @property
    def name(self) -> str:
        """Name of the scorer."""

    def score(self, items: Sequence[T_contra], /) -> list[Scores]:
        """Values of each item."""


@dataclass(slots=True)
class Tally:
    """What happened over a run: items scored, scores lost by (scorer, exception), nanoseconds by scorer."""

    items: int = 0
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    cost_ns: Counter[str] = field(default_factory=Counter)


_PLAIN = frozenset({float, int, bool, str})


def score_each(
    items: Sequence[U],
    scorers: Sequence[_Scores[U]],
    tally: Tally | None = None,
    clock_ns: Callable[[], int] = lambda: 0,
) -> list[Scores]:
    """Values of every item, in order, from all ``scorers``.

    A scorer that raises is tried again item by item, so that one item costs that item's scores of that
    scorer; what is lost is counted in ``tally``, with what each scorer took by ``clock_ns``. Nothing is
    raised.
    """
    tally = Tally() if tally is None else tally
    tally.items += len(items)
    merged: list[Scores] = [{} for _ in items]
    for scorer in scorers:
        started = clock_ns()
        try:
            batch = list(scorer.score(items))
        except Exception:  # noqa: BLE001  scorers may be plug-ins; their bugs are counted, not spread
            batch = []
        if len(batch) != len(items):
            batch = [_score_one(item, scorer, tally) for item in items]
        tally.cost_ns[scorer.name] += clock_ns() - started
        for values, new in zip(merged, batch, strict=True):
            if type(new) is dict and all(type(value) in _PLAIN for value in new.values()):
                values.update(new)
            else:
                values.update(_plain(new, scorer.name, tally))
    return merged


def _plain(values: object, scorer: str, tally: Tally) -> Scores:
    """What can be counted of values that are not all plain numbers or names; the rest is a failure."""
    found = values if isinstance(values, Mapping) else {}
    good: Scores = {}
    for name, value in found.items():
        if isinstance(name, str) and isinstance(value, float | int | str):
            good[name] = value
    if len(good) < len(found) or not isinstance(values, Mapping):
        tally.failures[scorer, "TypeError"] += 1
    return good


def _score_one(item: U, scorer: _Scores[U], tally: Tally) -> Scores:
    try:
        (values,) = scorer.score([item])
    except Exception as error:  # noqa: BLE001  see score_each
        tally.failures[scorer.name, type(error).__name__] += 1
        return {}
    return values


def score_records(records: Sequence[Record]) -> list[Scores]:
    """Scores of redacted records by all built-in scorers."""
    return score_each(records, SCORERS)


def score_traces(traces: Sequence[Trace]) -> list[Scores]:
    """Scores of whole traces by all built-in trace scorers."""
    return score_each(traces, TRACE_SCORERS)


def score_conversations(conversations: Sequence[Conversation]) -> list[Scores]:
    """Scores of whole conversations by all built-in conversation scorers."""
    return score_each(conversations, CONVERSATION_SCORERS)
