"""Stage 1 as configured: scorers, the store and the key of observations."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path

from detectors.record import Record, Trace
from detectors.scorers.judgement import WithJudgements
from detectors.scorers.protocol import Scorer, Scores
from detectors.scorers.registry import Tally, score_each
from infra import clickhouse
from infra.clock import Clock
from infra.settings import Settings
from infra.tenant_keys import is_tenant, load_key
from ingest.agents.score.batch import LookAgain
from ingest.agents.score.enabled_scorers import Chosen, chosen
from ingest.agents.score.scorer_limits import ScorerLimits
from ingest.agents.score.scoring import Scoring
from ingest.agents.score.stage import ScoreStage
from ingest.interaction import Interaction
from ingest.otlp.redactors import Redactors, budget_of
from ingest.repository.writer import ClickHouseStore
from ingest.settings_check import check
from ingest.stage_settings import StageSettings

SHIPPED = Settings()
_KEY_OF = "default"
"""The tenant whose key the key of observations is derived from: every deployment has it."""


class Running:
    """Scorers at work; counts what each of them cost and failed on."""

    def __init__(self, scorers: Chosen, most_us: float) -> None:
        self._scorers, self._trace_scorers = scorers.records, scorers.traces
        self._tally = Tally()
        self._limits = ScorerLimits(round(most_us * 1000))
        self._failing: dict[str, str] = {}
        self._off = frozenset[str]()

    def records(self, records: Sequence[Record]) -> list[Scores]:
        """Scores of interactions by all scorers."""
        self._off = frozenset()
        return self._by(self._scorers, records)

    def leaving_out(self, off: frozenset[str]) -> Callable[[Sequence[Record]], list[Scores]]:
        """Scores of interactions by all scorers but those in ``off``."""
        self._off = off
        return partial(self._by, tuple(s for s in self._scorers if s.name not in off))

    def _by(self, scorers: Sequence[Scorer], records: Sequence[Record]) -> list[Scores]:
        tally = Tally()
        found = score_each(records, scorers, tally, time.perf_counter_ns)
        failed: Counter[str] = Counter()
        for (name, error), n in tally.failures.items():
            self._tally.failures[name, error] += n
            failed[name] += n
        for name, spent_ns in tally.cost_ns.items():
            self._tally.cost_ns[name] += spent_ns
            why = self._limits.note(name, len(records), failed[name], spent_ns) if records else None
            if why is not None:
                self._failing.setdefault(name, why)
        return found

    def failing(self) -> Mapping[str, str]:
        """Scorers that have to be switched off, and why."""
        return dict(self._failing)

    def traces(self, traces: Sequence[Trace]) -> list[Scores]:
        """Scores of runs."""
        return score_each(traces, self._trace_scorers, self._tally, time.perf_counter_ns)

    def counters(self) -> Mapping[str, float]:
        """Records each scorer failed on, and seconds it took, by metric name."""
        failed: Counter[str] = Counter()
        for (scorer, _), n in self._tally.failures.items():
            failed[scorer] += n
        out = {f'lightship_score_failed_records_total{{scorer="{n}"}}': float(c) for n, c in failed.items()}
        for name, spent_ns in self._tally.cost_ns.items():
            out[f'lightship_score_scorer_seconds_total{{scorer="{name}"}}'] = spent_ns / 1e9
        return out | {f'lightship_score_scorer_off{{scorer="{name}"}}': 1.0 for name in self._off}


def scoring(settings: Settings = SHIPPED) -> Scoring:
    """The scorers of these settings as stage 1 takes them.

    Raises
    ------
    infra.errors.Misconfigured
        If one of the operator's own cannot be made.
    """
    scorers = chosen(settings)
    running = Running(scorers, settings.scorers.most_us)
    specs = WithJudgements(scorers.specs)
    return Scoring(
        running.records,
        running.traces,
        specs,
        scorers.versions(),
        running.counters,
        running.leaving_out,
        running.failing,
    )


def observation_key(home: Path) -> bytes:
    """Key for users and conversations in observations; workers that share ``home``'s keys share it."""
    return blake2b(load_key(home, _KEY_OF), digest_size=32, person=b"observations").digest()


def second_look(settings: Settings) -> LookAgain:
    """A tenant's own redactor over texts that were put together from parts."""
    redactors = Redactors(settings.home, settings.redaction, budget_of(settings.gateway))

    def look_again(interaction: Interaction) -> Interaction:
        tenant = interaction.tenant if is_tenant(interaction.tenant) else _KEY_OF
        return redactors.of(tenant).interaction(interaction)

    return look_again


def score_stage(
    settings: Settings,
    obeyed: Callable[[], StageSettings] = StageSettings,
    *,
    replays: bool = False,
    clock: Clock | None = None,
) -> ScoreStage:
    """Stage 1 over the configured store; ``obeyed`` tells what stands in the topic ``settings``.

    For ``replays`` and ``clock`` see `ScoreStage`.

    Raises
    ------
    infra.errors.Misconfigured
        If the settings name something that does not exist.
    infra.errors.Unavailable
        If ClickHouse does not answer.
    """
    check(settings)
    store = ClickHouseStore(clickhouse.connect(settings.store))
    return ScoreStage(
        store,
        scoring(settings),
        settings,
        observation_key(settings.home),
        look_again=second_look(settings),
        obeyed=obeyed,
        replays=replays,
        clock=clock,
    )
