"""The same situations without waiting for them: detection and incidents as they are, on the data's own clock.

Calls come every `STEP_S` as an SDK sends them, are watched by a real shard, and what it states goes into a
real book of incidents. A message counts from the moment of the data at which it is sent; what it then takes
to arrive (seconds: the leak of the live table) is not in it.
"""

from __future__ import annotations

import logging
import random
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from alerts.baselines.adoption import Source, adopting, learned_by
from alerts.budget_allocation import allocations_of
from alerts.incidents.timing import Timing
from alerts.state.incident_state import Change, IncidentState
from alerts.state.ports import Closed
from bench.situations.pool import Pool, kinds_of
from bench.situations.runs import BEGINNINGS, Run
from bench.situations.traffic import FACTORS, SITUATIONS, USERS, USUAL, Call, Odds, call_of
from bench.webhook import Heard
from detectors.observation import Control, Mark, ServiceKey
from infra.clock import NS_PER_S
from infra.kafka import SPANS
from infra.settings import Settings, load
from ingest.agents.detect.run_config import engine
from ingest.agents.detect.shard import Shard

STEP_S = 5.0
"""An SDK sends what ended in so many seconds."""
TAUGHT_STEP_S = 60.0
BEGIN_S = 1_795_500_000
"""When the day that is learned begins: Tuesday, 2026-11-24, 06:40 UTC."""
STAYS_S = 600.0
"""How long a cause stays after it was told."""


@dataclass(frozen=True, slots=True)
class Play:
    """``rules`` is TOML; times are seconds, rates calls a second; ``days`` are taught at ``taught_at``."""

    rules: str
    rate: float
    taught_at: float
    days: float
    warm_s: float
    watch_s: float
    after_s: float
    seed: int

    def settings(self) -> Settings:
        """What is watched, and by which rules."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "lightship.toml"
            file.write_text(self.rules, encoding="utf-8")
            made = load(file, {"LIGHTSHIP_HOME": folder})
        return replace(made, kafka=replace(made.kafka, partitions=1))


def played(play: Play, runs: Sequence[Run], processes: int, say: Callable[[str], None]) -> list[Run]:
    """All runs, each by itself, so many at a time."""
    say(f"learning {play.days:g} days")
    pool = Pool(kinds_of(FACTORS), play.seed)
    adopt = taught(pool, play)
    out = []
    with ProcessPoolExecutor(processes, initializer=logging.disable) as workers:
        waiting = {
            workers.submit(_run, pool, play, adopt, run.situation.name, run.service, run.environment): run
            for run in runs
        }
        for done in as_completed(waiting):
            run = waiting[done]
            run.begins_s, run.ends_s, run.heard = done.result()
            told = [f"{h.kind} {h.at_s - run.begins_s:.0f}: {h.headline}" for h in run.heard]
            say(f"{run.service}, cause gone at {run.ends_s - run.begins_s:.0f}: {told}")
            out.append(run)
    return out


def taught(pool: Pool, play: Play) -> Control:
    """The record that has a service watch by what a shard learned."""
    key = ServiceKey("default", "import-bench", "production", "usual")
    shard, rng = _shard(play.settings()), random.Random(play.seed)
    source, at_s = 0, float(BEGIN_S)
    while at_s < BEGIN_S + play.days * 86_400:
        at_s += TAUGHT_STEP_S
        _feed(shard, pool, key, source, _calls(USUAL, play.taught_at, at_s, TAUGHT_STEP_S, rng), at_s, rng)
        source += 1
    found = learned_by([shard.pack()], Source(key.tenant, key.lineage, key.service))
    return adopting(found, key, "bench", "a bench")


@lru_cache(maxsize=1)
def _settings(play: Play) -> Settings:
    return play.settings()


def _run(
    pool: Pool, play: Play, adopt: Control, situation: str, service: str, environment: str
) -> tuple[float, float, list[Heard]]:
    """Traffic before, during and after a cause: when it began and went, and what was told."""
    run = Run(next(s for s in SITUATIONS if s.name == situation), service, environment)
    settings = _settings(play)
    key = ServiceKey("default", "live", run.environment, run.service)
    rng = random.Random(f"{play.seed} {key.text()}")
    at_s = BEGIN_S + 2 * 86_400 + rng.uniform(0.0, 43_200.0)
    run.begins_s = at_s + play.warm_s
    run.ends_s = run.begins_s + play.watch_s
    shard, desk = _shard(settings), _Desk(run)
    shard.apply(0, replace(adopt, key=key))
    shard.apply(1, allocations_of(settings, [key])[key].control(key))
    source, is_over = 0, False
    while at_s < run.ends_s + play.after_s and not is_over:
        at_s += STEP_S
        odds = run.odds(at_s)
        calls = [] if odds is None else _calls(odds, play.rate, at_s, STEP_S, rng)
        _feed(shard, pool, key, source, calls, at_s, rng)
        desk.take(shard, at_s)
        source += 1
        first_s = min((h.at_s for h in run.heard if h.kind in BEGINNINGS), default=run.ends_s)
        if first_s >= run.begins_s:
            run.ends_s = min(run.ends_s, first_s + STAYS_S)
        is_over = at_s > run.ends_s + STAYS_S and not desk.is_open and bool(run.heard)
    return run.begins_s, run.ends_s, run.heard


def _shard(settings: Settings) -> Shard:
    made = engine(settings)
    return Shard(made.config, 1, made.lateness_ns, made.limits)


def _feed(
    shard: Shard,
    pool: Pool,
    key: ServiceKey,
    source: int,
    calls: Sequence[tuple[int, Call]],
    at_s: float,
    rng: random.Random,
) -> None:
    """Give a shard what one message of stage 1 brings, and the mark behind it."""
    if calls:
        shard.apply(shard.next_offset or 0, pool.observation(key, source, calls, rng, USERS))
    mark = Mark(key.tenant, key.lineage, SPANS.name, 0, source + 1, int(at_s * NS_PER_S))
    shard.apply(shard.next_offset or 0, mark)


def _calls(
    odds: Odds, rate: float, until_s: float, step_s: float, rng: random.Random
) -> list[tuple[int, Call]]:
    """Calls of one step, as a Poisson process, each with the ms since 1970 at which it ended."""
    at_s, found = until_s - step_s + rng.expovariate(rate), list[tuple[int, Call]]()
    while at_s < until_s:
        found.append((int(at_s * 1000), call_of(odds, rng)))
        at_s += rng.expovariate(rate)
    return found


class _Desk:
    """Incidents of one service, and messages about them: `alerts.incident_service` without a store."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._timing = Timing()
        self._book = IncidentState(self._timing, route=lambda _: ("hook",))
        self._tick_ns = 0
        self._seen: dict[str, Closed] = {}

    @property
    def is_open(self) -> bool:
        """Whether any incident is."""
        return any(i.is_open for i in self._book)

    def take(self, shard: Shard, now_s: float) -> None:
        """Take what a shard has stated and closed; each look judges what the look before it saw."""
        self._tick_ns = max([row.start_s * NS_PER_S for _, row, _ in shard.cells if row.n] + [self._tick_ns])
        found = [finding for finding, _ in shard.findings]
        shard.cells.clear()
        shard.findings.clear()
        for finding in found:
            self._note(self._book.apply(finding), now_s)
        seen, self._seen = self._seen, {}
        for i in [i for i in self._book if i.is_open or i.unconfirmed]:
            upto_ns = max(self._tick_ns, i.since_ns)
            self._seen[i.incident_id] = Closed(0, 0, upto_ns).to_its_end(i.since_ns, self._timing.tick_s)
        upto_ns = max((closed.upto_ns for closed in seen.values()), default=0)
        if upto_ns:
            self._note(self._book.elapse(lambda _: upto_ns), now_s)

    def _note(self, changes: Sequence[Change], now_s: float) -> None:
        for row in (row for change in changes for row in change.rows if row.notify):
            i = row.incident
            about = (
                f"{i.primary_finding.alert_kind} {i.primary_finding.unit} {i.primary_finding.score} {i.slice}"
            )
            self._run.heard.append(Heard(now_s, self._run.service, i.incident_id, row.notify, about))
