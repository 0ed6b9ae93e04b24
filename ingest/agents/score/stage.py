"""Stage 1: raw messages to stored rows and observations, each record accounted for.

A caller takes a batch from Kafka, calls `ScoreStage.process` in a thread, sends the outputs in order,
commits, and calls `ScoreStage.acknowledged`. Any of it may be repeated after a failure: rows are replaced by
equal ones, observations carry the same source position, and the account is the same.

Order of the inserts: judgements first (they hold what met whom, which a later run could see otherwise), then
interactions (they hold every other decision), then context, content, runs, findings, and the account last.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from detectors.observation import SourcePosition
from infra.clock import NS_PER_S, Clock, SystemClock
from infra.settings import RedactionSettings, Settings
from ingest.agents.score.account import dead_count, ledger_row, outcome_of, stored_count
from ingest.agents.score.batch import LookAgain, Planner
from ingest.agents.score.broken_deploy import DeadLetterLimit, Outcome, ours_in
from ingest.agents.score.decoding import Decoded, dead_letter_log, dead_letter_span
from ingest.agents.score.defect_stop import broken_deploy
from ingest.agents.score.failing_records import process_without_failing
from ingest.agents.score.late_content import settle_late
from ingest.agents.score.late_names import add_names
from ingest.agents.score.outputs import Findings, Outputs, advance_of, ids_of
from ingest.agents.score.policy_hits import finding_row, policy_findings
from ingest.agents.score.recent_ids import RecentIds
from ingest.agents.score.runs import Runs
from ingest.agents.score.scorer_limits import switched_off
from ingest.agents.score.scoring import Scoring, score_each
from ingest.agents.score.text_keeping import NONE as NO_TEXT
from ingest.agents.score.text_keeping import decide_text
from ingest.agents.score.unscorable import dead_letter_call
from ingest.agents.score.work import Batch
from ingest.clock_marks import Advance, ClockMarks, Partition
from ingest.envelope import position_of
from ingest.errors import BadRecord, Defect, Unavailable
from ingest.evaluations.unmatched import Unmatched, stored_nameless
from ingest.messages import Output, RawMessage
from ingest.repository import content_record
from ingest.repository import context_span as stored_context
from ingest.repository import evaluation as stored_judgement
from ingest.repository.evaluation import StoredJudgement
from ingest.repository.interaction import (
    InteractionKey,
    StoredInteraction,
    canonical_scores,
    to_record_of,
    to_row,
)
from ingest.repository.observations import keyed_hash, prompt_hash
from ingest.repository.stage_store import StageStore
from ingest.repository.tables import (
    CONTENT_RECORDS,
    CONTEXT_SPANS,
    FINDINGS,
    INTERACTIONS,
    JUDGEMENTS,
    LEDGER,
    Row,
    Table,
)
from ingest.stage_settings import ContextScope, ScorerOff, StageSettings
from ingest.units.duplicate_calls import Views
from ingest.units.open_events import WaitingEvents

logger = logging.getLogger(__name__)

KNOWN_SINCE_NS = 24 * 3600 * NS_PER_S
"""Lineages that had data within this time are known again after a restart."""
ASKED_AGAIN_NS = 30 * NS_PER_S
"""That a lineage has no log records of calls, or no judgements, is asked again: other workers store some."""
REMEMBERED_EACH = 256
"""Messages of a partition whose fate is read from the ledger when the partition is new here."""

_KEEP_ALL = RedactionSettings()


@dataclass(frozen=True, slots=True)
class _Done:
    """What is remembered of a message until it is acknowledged."""

    advance: Advance
    ids: tuple[tuple[str, ...], ...]
    outcome: Outcome


class ScoreStage:
    """Scores and stores batches of raw messages.

    Parameters
    ----------
    store
        Where rows go and what is stored.
    scoring
        The scorers.
    settings
        ``kafka.partitions`` (marks go to every partition of ``observations``), ``detection.idle_s`` and what
        each tenant keeps of texts are read.
    hash_key
        For users and conversations, at least 16 random bytes, the same in every worker.
    look_again
        See `Planner`; by default texts are taken as they came.
    obeyed
        The settings of the topic ``settings`` as of now; raises `Unavailable` while they are not known.
    replays
        Whether its messages were acknowledged before, by another process: their rows are made whole, and
        nothing is decided that is that process's to decide. What it asks to have sent was sent then.
    """

    def __init__(
        self,
        store: StageStore,
        scoring: Scoring,
        settings: Settings,
        hash_key: bytes,
        clock: Clock | None = None,
        look_again: LookAgain = lambda interaction: interaction,
        obeyed: Callable[[], StageSettings] = StageSettings,
        *,
        replays: bool = False,
    ) -> None:
        self._store = store
        self._scoring = scoring
        self._version_hash = scoring.version_hash()
        self._keeping: Mapping[str, RedactionSettings] = settings.redaction
        self._hash = keyed_hash(hash_key)
        self._outputs = Outputs(scoring.specs, self._hash, settings.kafka.partitions)
        self._clock: Clock = clock or SystemClock()
        self._planner = partial(Planner, store, self._recall, self._has, look_again, replays=replays)
        self._obeyed = obeyed
        self._replays = replays
        self._views = Views()
        self._said: set[ContextScope] = set()
        self._said_off: set[ScorerOff] = set()
        self._runs = Runs(store, scoring)
        self._waiting = WaitingEvents(store, round(settings.detection.lateness_s / 2 * NS_PER_S))
        self._recent = RecentIds()
        self._unmet = Unmatched()
        limit = settings.dead_letters
        self._limit = DeadLetterLimit(limit.stop_percent, limit.stop_records)
        self._marks = ClockMarks(round(settings.detection.idle_s * NS_PER_S))
        self._done: dict[SourcePosition, _Done] = {}
        self._has_rows: dict[tuple[str, str, str], bool] = {}
        self._has_rows_until_ns = 0
        self._seen: set[Partition] = set()
        self._counts: Counter[str] = Counter()
        self._state = threading.Lock()
        self._one_batch = threading.Lock()

    def process(self, messages: Sequence[RawMessage]) -> list[Output]:
        """Score and store a batch; what must be sent, in this order, before it is acknowledged.

        Blocks; of several threads one works at a time. Messages of one source partition must come in order
        of offset.

        Raises
        ------
        Unavailable
            If the store does not answer: call again with the same batch.
        BrokenDeploy
            If not single records die by our own fault but most of the recent ones.
        """
        with self._one_batch:
            return process_without_failing(messages, self._process, self._work_out)

    def _process(self, decoded: Sequence[Decoded]) -> list[Output]:
        messages = [d.raw for d in decoded]
        now_ns = self._clock.now_ns()
        with self._state:
            self._marks.begin(map(position_of, messages), now_ns)
        if not self._replays:
            self._restore({(m.topic, m.partition) for m in messages}, now_ns)
        if now_ns >= self._has_rows_until_ns:
            self._has_rows_until_ns = now_ns + ASKED_AGAIN_NS
            self._has_rows = {k: found for k, found in self._has_rows.items() if found}
        obeyed = self._obeyed()
        again = [] if self._replays else self._again(messages, now_ns)
        given_up = self._waiting.given_up
        batch = self._planner(views=self._views, obeyed=obeyed, given_up=given_up).plan(decoded, again)
        changed = self._score(batch, obeyed)
        self._insert(batch, changed)
        outcomes = self._outcomes(batch)
        runs = self._runs.store(batch.works)
        findings = {w.position: policy_findings(w.touched, w.position) for w in batch.works}
        rows = [finding_row(f, at) for at, found in findings.items() for f in found]
        account = [ledger_row(w, now_ns) for w in batch.works]
        if refused := [*self._store.insert(FINDINGS, rows), *self._store.insert(LEDGER, account)]:
            raise Defect(f"a row of our own was refused: {refused[0].reason}")
        advances = [advance_of(w) for w in batch.works]
        with self._state:
            marks = self._marks.marks_after(advances)
            for work, advance, outcome in zip(batch.works, advances, outcomes, strict=True):
                self._done[work.position] = _Done(advance, tuple(ids_of(work)), outcome)
        self._count(batch, findings)
        outputs = [o for w in batch.works for o in self._outputs.of_message(w, runs, findings)]
        return [
            *outputs,
            *self._learned(batch, obeyed),
            *self._failing(obeyed, now_ns),
            *self._outputs.of_marks(marks),
        ]

    def _work_out(self, decoded: Decoded) -> None:
        """Compute everything of a message by itself; nothing is stored or remembered."""
        obeyed = self._obeyed()
        batch = self._planner(views=Views(), obeyed=obeyed).plan([decoded])
        work = batch.works[0]
        list(map(to_row, self._score(batch, obeyed).values()))
        for _, context in batch.new_contexts:
            stored_context.to_row(context, work.position, decoded.envelope.received_ns)
        list(map(content_record.to_row, work.records))
        list(map(self._judgement_row, work.evaluations))
        self._outputs.of_message(work, {}, {work.position: policy_findings(work.touched, work.position)})

    def _learned(self, batch: Batch, obeyed: StageSettings) -> list[Output]:
        """Records of scopes that only repeat calls; one that was ever said, on or off, is not said again."""
        found = {s for w in batch.works for s in w.learned}
        new = sorted(found - self._said - set(obeyed.context_scopes))
        self._said.update(new)
        return [s.to_output() for s in new]

    def _failing(self, obeyed: StageSettings, now_ns: int) -> list[Output]:
        """Records of scorers that have to be switched off, and a finding of each; none is said twice."""
        outputs: list[Output] = []
        before = len(self._said_off)
        for scorer, why in sorted(self._scoring.failing().items()):
            off = ScorerOff(scorer, self._scoring.versions[scorer])
            if off in self._said_off or off in obeyed.scorers_off:
                continue
            logger.critical("the scorer %s %s: it is switched off until its version changes", scorer, why)
            self._said_off.add(off)
            outputs += [off.to_output(), switched_off(off, why, now_ns)]
        if outputs:
            with self._state:
                self._counts["scorers_switched_off"] += len(self._said_off) - before
        return outputs

    def _again(self, messages: Sequence[RawMessage], now_ns: int) -> list[StoredJudgement]:
        """Judgements of earlier messages that were decided with these, or are to be tried with them."""
        positions = list(map(position_of, messages))
        with self._state:
            settled = self._unmet.settled(positions)
            return [*settled, *self._unmet.due({at.partition for at in positions}, now_ns)]

    def _recall(self, *parts: str) -> SourcePosition | None:
        with self._state:
            return self._recent.position(*parts)

    def _has(self, table: Table, tenant: str, lineage: str) -> bool:
        """Whether a lineage has content in log records, or judgements; what this process stores it knows."""
        key = (table.name, tenant, lineage)
        if key not in self._has_rows:
            self._has_rows[key] = self._store.has(table, tenant, lineage)
        return self._has_rows[key]

    def _restore(self, partitions: set[Partition], now_ns: int) -> None:
        """Learn how far others came with partitions that are new here."""
        with self._state:
            new = partitions - self._seen
        if not new:
            return
        progress = self._store.progress(now_ns - KNOWN_SINCE_NS)
        ends = {p: n for p, n in progress.next_offsets.items() if p in new}
        fared = self._store.accounted({p: max(n - REMEMBERED_EACH, 0) for p, n in ends.items()})
        nameless = stored_nameless(self._store, progress.lineages, {p for _, p in new}, now_ns)
        with self._state:
            self._unmet.learn(nameless, progress.next_offsets, now_ns)
            self._marks.learn(progress.lineages, ends, now_ns)
            self._seen |= new
            self._limit.accept(Outcome(a.tenant, a.received, ours_in(a.reasons)) for a in fared)
            self._has_rows_until_ns = 0  # another worker may have stored such rows of these partitions

    def _score(self, batch: Batch, obeyed: StageSettings) -> dict[InteractionKey, StoredInteraction]:
        """Score what is new; the interactions whose rows change, in their last state."""
        todo = batch.to_score
        scorers = self._scoring.records_but(obeyed.off(self._scoring.versions))
        results = score_each(scorers, [to_record_of(t.stored) for t in todo])
        changed: dict[InteractionKey, StoredInteraction] = {}
        for item, result in zip(todo, results, strict=True):
            stored, base = item.stored, item.base
            scores = {} if isinstance(result, Exception) else canonical_scores(result)
            asked = stored.interaction
            if stored.prompt_hash is None and asked.conversation_id is not None:
                stored.prompt_hash = prompt_hash(self._hash, asked.tenant, asked.input_text)
            if base is None:
                if isinstance(result, Exception):
                    dead_letter_call(batch, item, "scorer_failed", result)
                    continue
                stored.scores = scores
            elif not settle_late(base, stored, scores, item.work.position) or isinstance(result, Exception):
                batch.known[stored.key] = base  # what is not stored must not reach its row with a name
                continue
            stored.scorer_versions = self._version_hash
            keep = self._keeping.get(stored.interaction.tenant, _KEEP_ALL)
            changed[stored.key] = decide_text(stored, keep, self._scoring.specs)
        add_names(changed, batch.known, batch.late_names, batch.buried)
        return {key: s for key, s in changed.items() if key not in batch.buried}

    def _outcomes(self, batch: Batch) -> list[Outcome]:
        """How each message fared, if it may end so.

        Raises
        ------
        BrokenDeploy
            If most of what came lately would die by our own fault.
        """
        outcomes = [outcome_of(work) for work in batch.works]
        with self._state:
            why = self._limit.exceeded(outcomes)
        if why is not None:
            raise broken_deploy(why, [x for w in batch.works for x in w.decoded.dead], self._version_hash)
        return outcomes

    def _insert(self, batch: Batch, changed: Mapping[InteractionKey, StoredInteraction]) -> None:
        """Store the rows; what is refused becomes a dead letter."""
        self._insert_judgements(batch)
        rows = list(changed.values())
        for refused in self._store.insert(INTERACTIONS, [to_row(s) for s in rows]):
            key = rows[refused.index].key
            fresh = next((t for t in batch.to_score if t.base is None and t.stored.key == key), None)
            if fresh is not None:
                dead_letter_call(batch, fresh, "not_storable", BadRecord(refused.reason))
                continue
            logger.warning("content that came late was not added to %s: %s", key[2:], refused.reason)
            for work in batch.works:
                work.touched = [t for t in work.touched if t.key != key or t.source == work.position]
        if parted := batch.judging.part(batch.buried):
            with self._state:
                self._unmet.take(parted, self._clock.now_ns())
            self._store.insert(JUDGEMENTS, [self._judgement_row(j) for j in parted])
        counted = batch.judging.counted()
        for work in batch.works:
            work.judged = counted.get(work.position, ())
        contexts = [
            stored_context.to_row(c, w.position, w.decoded.envelope.received_ns)
            for w, c in batch.new_contexts
        ]
        for refused in self._store.insert(CONTEXT_SPANS, contexts):
            work, context = batch.new_contexts[refused.index]
            error = BadRecord(refused.reason)
            dead_letter_span(work.decoded, context.trace_id, context.span_id, "not_storable", error)
            work.contexts.remove(context)
        for _, record in batch.new_records:
            self._has_rows[CONTENT_RECORDS.name, record.tenant, record.lineage] = True
        records = [content_record.to_row(r) for _, r in batch.new_records]
        for refused in self._store.insert(CONTENT_RECORDS, records):
            work, record = batch.new_records[refused.index]
            dead_letter_log(work.decoded, record.ordinal, "not_storable", BadRecord(refused.reason))
            work.records.remove(record)

    def _insert_judgements(self, batch: Batch) -> None:
        """Store what was decided on judgements; one that is refused is a dead letter if it was a record."""
        decided = batch.judging.settle(batch.buried)
        with self._state:  # before they are stored: what may be stored is said again
            self._unmet.take(decided, self._clock.now_ns())
        for refused in self._store.insert(JUDGEMENTS, [self._judgement_row(j) for j in decided]):
            j = decided[refused.index]
            j.met = None
            work = next((w for w in batch.works if any(said is j for said in w.evaluations)), None)
            if work is None:
                logger.warning("a judgement was not stored: %s", refused.reason)
                continue
            dead_letter_log(work.decoded, j.ordinal, "not_storable", BadRecord(refused.reason))
            work.evaluations = [said for said in work.evaluations if said is not j]
        for j in decided:
            self._has_rows[JUDGEMENTS.name, j.tenant, j.lineage] = True

    def _judgement_row(self, j: StoredJudgement) -> Row:
        keep = self._keeping.get(j.tenant, _KEEP_ALL).keep_text != NO_TEXT
        return stored_judgement.to_row(j, keep_text=keep)

    def acknowledged(self, messages: Sequence[RawMessage]) -> None:
        """Everything the batch asked for is in Kafka and the batch is acknowledged. Does not block."""
        now_ns = self._clock.now_ns()
        self._runs.acknowledged(map(position_of, messages))
        self._waiting.acknowledged(map(position_of, messages))
        with self._state:
            done = [d for m in messages if (d := self._done.pop(position_of(m), None)) is not None]
            self._marks.acknowledge([d.advance for d in done], now_ns)
            self._unmet.acknowledge(map(position_of, messages))
            self._recent.learn((parts, d.advance.source) for d in done for parts in d.ids)
            self._limit.accept(d.outcome for d in done)

    def idle_marks(
        self,
        partitions: Iterable[Partition],
        now_ns: int,
        behind: Container[Partition] = (),
    ) -> list[Output]:
        """Marks of owned source partitions without data, to be sent every few seconds.

        ``behind`` are partitions known to have unread messages (high water above the position): they are
        never idle. Asks the store when it sees a partition for the first time; if that does not answer there
        are no marks yet. Where a run only waits for the clock, a message without records moves it.
        """
        owned = set(partitions)
        try:
            self._restore(owned, now_ns)
        except Unavailable as error:
            logger.warning("no idle marks: %s", error)
            return []
        with self._state:
            marks = self._marks.idle_marks(owned, now_ns, behind)
        quiet = {(m.topic, m.partition) for m in marks if m.idle}
        overdue = [*self._runs.overdue(quiet, now_ns), *self._waiting.overdue(quiet, now_ns)]
        return [*self._outputs.of_clocks(overdue, now_ns), *self._outputs.of_marks(marks)]

    def revoke(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions that went to another worker."""
        gone = set(partitions)
        self._runs.forget(gone)
        self._waiting.forget(gone)
        with self._state:
            self._marks.forget(gone)
            self._recent.forget(gone)
            self._unmet.forget(gone)
            self._seen -= gone
            for at in [at for at in self._done if (at.topic, at.partition) in gone]:
                del self._done[at]

    def counters(self) -> dict[str, float]:
        """What was counted since the start, by metric name."""
        with self._state:
            out = {f"lightship_score_{name}_total": float(n) for name, n in sorted(self._counts.items())}
        return {**out, **self._runs.counters(), **self._scoring.counters()}

    def _count(self, batch: Batch, findings: Findings) -> None:
        counts: Counter[str] = Counter()
        for work in batch.works:
            counts["messages"] += 1
            counts["records"] += work.decoded.received
            counts["stored"] += stored_count(work)
            counts["interactions"] += work.interactions + work.event_calls
            counts["event_calls"] += work.event_calls
            counts["duplicate"] += work.duplicate
            counts["rejected"] += sum(work.decoded.rejected.values())
            counts["dead_lettered"] += dead_count(work)
            counts["policy_hits"] += len(findings[work.position])
            counts["judgements"] += len(work.judged)
        counts["events_without_span"] += sum(r.names_no_span for _, r in batch.new_records)
        counts["late_content"] += sum(1 for t in batch.to_score if t.base is not None)
        with self._state:
            self._counts += counts
