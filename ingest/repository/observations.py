"""From stored interactions and traces to observations: what stage 2 may count, without text.

Every row of one message for one service becomes one row of one observation. Content that came after its
span adds a second observation at its own position, holding only the scores that were new then: each score
of an interaction is counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from detectors.observation import ABSENT, Column, Observation, ServiceKey, SourcePosition, column_of
from detectors.scorers.protocol import Scores, ScoreSpec
from infra.clock import NS_PER_MS
from ingest.repository.interaction import PROMPT, SYSTEM_PROMPT, StoredInteraction

INTERACTION, TRACE, CONVERSATION = "interaction", "trace", "conversation"
MINUTE_NS = 60_000_000_000
MS_PER_MINUTE = 60_000
MIN_KEY_BYTES = 16

Hash = Callable[[str, str | None], int]
"""Tenant and user (or conversation) to a keyed 64-bit number; 0 for unknown."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One row of an observation: ``dimensions`` and ``scores`` by name, absent ones ``None`` or left out.

    ``prompt`` is a hash already.
    """

    event_ns: int
    dimensions: Mapping[str, str | None]
    scores: Scores
    user: str | None = None
    conversation: str | None = None
    trace: str | None = None
    prompt: int | None = None


def keyed_hash(key: bytes) -> Hash:
    """Hash under ``key`` (at least `MIN_KEY_BYTES` random bytes, the same for all workers).

    Raises
    ------
    ValueError
        If the key is too short.
    """
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"a key of {len(key)} bytes is too short, use {MIN_KEY_BYTES} or more random bytes")

    def hash_(tenant: str, value: str | None) -> int:
        if value is None:
            return 0
        data = f"{tenant}\x1f{value}".encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(data, digest_size=8, key=key[:64]).digest(), "big") or 1

    return hash_


def observed_interaction(stored: StoredInteraction, position: SourcePosition) -> Observed:
    """The row of an interaction at ``position``; without scores if that position observes none."""
    i = stored.interaction
    language = stored.scores.get("language") if stored.known_at("language", position) else None
    return Observed(
        stored.event_ns,
        {
            "language": _text(language),
            "provider": i.provider,
            "request_model": i.request_model,
            "response_model": i.response_model,
            "release": i.release,
            "prompt_version": i.prompt_version,
            "system_prompt": i.system_prompt_hash if stored.known_at(SYSTEM_PROMPT, position) else None,
            "operation": i.operation,
            "request_parameters": stored.parameters,
        },
        stored.observed_at(position),
        i.user,
        i.conversation_id,
        i.trace_id,
        stored.prompt_hash if stored.known_at(PROMPT, position) else None,
    )


def _text(value: float | str | None) -> str | None:
    return value if isinstance(value, str) else None


def observe(
    key: ServiceKey,
    source: SourcePosition,
    unit: str,
    rows: Sequence[Observed],
    specs: Mapping[str, ScoreSpec],
    hash_: Hash,
    settings_version: int = 0,
) -> Observation:
    """One observation of ``rows``; scores without a spec of this unit are left out, empty columns too."""
    names = dict.fromkeys(n for row in rows for n in row.scores)
    dimensions = dict.fromkeys(d for row in rows for d in row.dimensions)
    scores: dict[str, Column] = {}
    for name in names:
        spec = specs.get(name)
        if spec is None or spec.unit != unit:
            continue
        column = _score_column(spec, [row.scores.get(name) for row in rows])
        if any(cell != ABSENT for cell in column.rows):
            scores[name] = column
    columns = {d: column_of([row.dimensions.get(d) for row in rows]) for d in dimensions}
    return Observation(
        key=key,
        source=source,
        unit=unit,
        minutes=tuple(row.event_ns // MINUTE_NS for row in rows),
        dimensions={d: c for d, c in columns.items() if c.values},
        scores=scores,
        generations={name: specs[name].generation for name in scores},
        users=tuple(hash_(key.tenant, row.user) for row in rows),
        conversations=tuple(hash_(key.tenant, row.conversation) for row in rows),
        settings_version=settings_version,
        **_calls_of_conversations(key.tenant, rows, hash_),
    )


def _calls_of_conversations(tenant: str, rows: Sequence[Observed], hash_: Hash) -> dict[str, tuple[int, ...]]:
    """What rows that belong to conversations say for those."""
    if not any(row.conversation and row.trace for row in rows):
        return {}
    return {
        "at_ms": tuple(row.event_ns % MINUTE_NS // NS_PER_MS for row in rows),
        "traces": tuple(hash_(tenant, row.trace) if row.conversation else 0 for row in rows),
        "prompts": tuple(row.prompt or 0 if row.conversation else 0 for row in rows),
    }


def prompt_hash(hash_: Hash, tenant: str, prompt: str | None) -> int | None:
    """Hash of what a person asked, the same for repeats in other case or spacing; ``None`` for nothing."""
    words = " ".join((prompt or "").casefold().split())
    return hash_(tenant, words) if words else None


def _score_column(spec: ScoreSpec, values: Sequence[float | str | None]) -> Column:
    if spec.grid is None:
        return column_of([_text(v) for v in values])
    cell = spec.grid.cell
    rows = []
    for value in values:
        try:
            rows.append(ABSENT if value is None or isinstance(value, str) else cell(value))
        except ValueError:  # outside the grid's range: stored, not counted
            rows.append(ABSENT)
    return Column((), tuple(rows))


def by_service(
    rows: Iterable[tuple[ServiceKey, Observed]],
) -> dict[ServiceKey, list[Observed]]:
    """Rows that have scores, grouped by service in order of the keys."""
    groups: dict[ServiceKey, list[Observed]] = {}
    for key, row in rows:
        if row.scores:
            groups.setdefault(key, []).append(row)
    return dict(sorted(groups.items()))
