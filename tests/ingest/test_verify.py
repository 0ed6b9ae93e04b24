"""A finding is computed again from what is stored, and whatever was changed meanwhile is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace

import pytest

from detectors.engine import snapshot as codec
from detectors.finding import Finding
from detectors.observation import Control, Message, Observation, ServiceKey, decode, encode
from infra.rule_section import RuleSettings
from infra.sections import LimitSettings, SloSettings
from infra.settings import KafkaSettings, Settings
from ingest.agents.detect.chain import LogChain, digest_of, link, message_digest
from ingest.agents.detect.run_config import RunConfig, engine
from ingest.agents.detect.stage import DetectStage
from ingest.agents.detect.writer import LogRow
from ingest.operations.verify.check import Check, Claim, Verdict
from ingest.operations.verify.difference import Difference, first_column
from ingest.operations.verify.links import Broken, Links, LogRecord
from ingest.operations.verify.logs import OBSERVED
from ingest.operations.verify.same import StoredFinding, StoredReference
from tests.detectors.test_watcher import refusals_in_spanish
from tests.detectors.traffic import KEY, World
from tests.ingest.test_detect_stage import Kept, log_of, raw

SETTINGS = Settings(kafka=KafkaSettings(partitions=2))
RUN = RunConfig.of(SETTINGS)


@dataclass
class Memory:
    """A store in memory, read as verification reads it."""

    kept: Kept
    expired: bool = False

    def log(self, partition: int, first: int, last: int) -> Iterator[LogRecord]:
        for (p, offset), r in sorted(self.kept.log.items()):
            if p == partition and first <= offset <= last:
                yield LogRecord(offset, r.key, r.kind, r.blob, r.digest, r.chain, r.config)

    def log_size(self, partition: int, upto: int) -> tuple[int, bool]:
        return sum(1 for p, o in self.kept.log if p == partition and o <= upto), self.expired

    def snapshot(self, shard: int, next_offset: int) -> tuple[str, bytes] | None:
        found = [s for s in self.kept.snapshots if (s.shard, s.next_offset) == (shard, next_offset)]
        return (digest_of(found[0].blob), found[0].blob) if found else None

    def run_config(self, digest: str) -> RunConfig | None:
        return self.kept.runs.get(digest)

    def references(self, key: ServiceKey, series: str, version: str) -> Sequence[StoredReference]:
        assert key.tenant == KEY.tenant
        return [
            StoredReference(r.version, r.channel, r.channel_version, r.body, r.cells, r.counts)
            for (s, v, _), r in self.kept.references.items()
            if (s, v) == (series, version)
        ]


@pytest.fixture(scope="module")
def kept() -> Kept:
    """What stage 2 stored of a fortnight and a change, with a snapshot now and then."""
    return stored(log_of(World(seed=1, per_day=150, days=15, refusal=0.01, change=refusals_in_spanish)))


def stored(log: Sequence[Message]) -> Kept:
    """What stage 2 stored of a log."""
    stream, store = raw(log), Kept()
    e = engine(SETTINGS)
    running = DetectStage(store, e.config, e.partitions, e.lateness_ns, e.limits, run=RUN)
    for at in range(0, len(stream), 20):
        running.process(stream[at : at + 20])
        running.snapshot()
    assert store.findings
    return store


def test_what_rules_objectives_and_limits_of_a_changed_file_state_follows_from_the_log() -> None:
    log: list[Message] = [*log_of(World(seed=1, per_day=1500, days=0.2, refusal=0.3))]
    body = {
        "rules": [asdict(RuleSettings("refusal", "rate", ">", 0.1, least_n=5))],
        "slos": [asdict(SloSettings("refusal", 0.99, least_n=5))],
        "limits": [asdict(LimitSettings("refusal", 0.02))],
    }
    log.insert(len(log) // 2, Control(KEY, "rules_of_settings", 0, body))
    kept = stored(log)
    kinds = {claim.finding.alert_kind for claim in claims(kept)}
    assert {"rule", "slo", "fast"} <= kinds
    for quick in (100_000, 10):
        assert {v.difference for v in check(kept, quick=quick)} == {None}


def claims(kept: Kept) -> list[Claim]:
    """Every finding as it is stored."""
    stored: dict[str, tuple[int, str]] = {}
    for body in kept.findings.values():
        said = json.loads(body)
        stored[said["finding_id"]] = max(stored.get(said["finding_id"], (0, "")), (said["log_to"], body))
    names = ("tenant", "lineage", "service", "finding_id", "alert_kind", "status", "score", "severity")
    made = []
    for finding_id, (version, body) in stored.items():
        said = json.loads(body)
        evidence = sorted(
            (e for (i, _), e in kept.evidence.items() if i == finding_id), key=lambda e: e.version
        )
        row = StoredFinding(body, {n: said[n] for n in names}, version)
        made.append(Claim(row, Finding.from_dict(said), tuple(evidence)))
    return made


def check(kept: Kept, *, quick: int = 2_000, whole: bool = False, expired: bool = False) -> list[Verdict]:
    return Check(OBSERVED, Memory(kept, expired), 0, claims(kept), whole, quick=quick).run()


def test_every_finding_follows_from_the_log(kept: Kept) -> None:
    verdicts = check(kept)
    assert [v.difference for v in verdicts] == [None] * len(verdicts)
    path = verdicts[0].path
    assert path is not None
    assert path.start == "beginning"
    assert path.references
    for verdict in verdicts:
        finding = verdict.finding
        assert finding is not None
        evidence = [e for _, e, _ in verdict.path.ticks] if verdict.path else []
        if evidence:  # a finding of the engine: the fast path has a statistic of its own
            assert evidence[-1] == pytest.approx(finding.evidence, abs=1e-6)
            assert all(e < finding.threshold for e in evidence[:-1] if finding.threshold)


def test_a_long_log_is_followed_from_the_snapshot_before_the_finding(kept: Kept) -> None:
    verdicts = check(kept, quick=10)
    assert [v.difference for v in verdicts] == [None] * len(verdicts)
    path, whole = verdicts[0].path, check(kept)[0].path
    assert path is not None
    assert whole is not None
    assert path.start == "snapshot"
    assert path.messages < whole.messages / 2
    assert path.ticks[-1:] == whole.ticks[-1:]


def test_what_expired_is_no_difference_and_what_was_taken_away_is(kept: Kept) -> None:
    old = deepcopy(kept)
    for place in [p for p in old.log if p[1] < 50]:
        del old.log[place]
    assert [v.difference for v in check(old, expired=True)] == [None] * len(claims(kept))
    (first, *_) = check(old)
    assert first.difference is not None
    assert first.difference.row == "partition 0 offset 0 to 49"


Tampering = Callable[[Kept], None]


def edited(row: LogRow, *, honest: bool) -> LogRow:
    """One refusal more in an observation; an honest forger writes its digest anew, too."""
    message = decode(row.blob)
    assert isinstance(message, Observation)
    column = message.scores["refusal"]
    forged = replace(
        message,
        scores={**message.scores, "refusal": replace(column, rows=(1 - column.rows[0], *column.rows[1:]))},
    )
    blob = encode(forged)
    return replace(row, blob=blob, digest=message_digest(row.offset, blob) if honest else row.digest)


def an_observation(kept: Kept) -> tuple[int, int]:
    """Where one stands, in the last part of the log that every finding rests on."""
    last = min(c.last.version for c in claims(kept))
    return max(p for p, r in kept.log.items() if r.kind == "observation" and p[1] < last - 3)


def change_observation(kept: Kept) -> None:
    kept.log[an_observation(kept)] = edited(kept.log[an_observation(kept)], honest=False)


def change_observation_and_digest(kept: Kept) -> None:
    kept.log[an_observation(kept)] = edited(kept.log[an_observation(kept)], honest=True)


def take_observation(kept: Kept) -> None:
    del kept.log[an_observation(kept)]


def add_observation(kept: Kept) -> None:
    """The same once more: what follows moves on by one."""
    place = an_observation(kept)
    added = replace(kept.log[place], offset=place[1] + 1)
    old = {p: r for p, r in kept.log.items() if p[1] <= place[1]}
    moved = {(p, o + 1): replace(r, offset=o + 1) for (p, o), r in kept.log.items() if o > place[1]}
    kept.log = {**old, (place[0], added.offset): added, **moved}


def change_snapshot(kept: Kept) -> None:
    at = claims(kept)[0].evidence[0].snapshot
    assert at is not None
    (i,) = [i for i, s in enumerate(kept.snapshots) if s.next_offset == at.next_offset]
    facts, arrays = codec.unpack(kept.snapshots[i].blob)
    name = next(n for n in sorted(arrays) if n.endswith("flags.s"))
    arrays[name][0, 0] += 1e-6
    kept.snapshots[i] = replace(kept.snapshots[i], blob=codec.pack(facts, arrays))


def change_baseline(kept: Kept) -> None:
    used = claims(kept)[0].finding.baseline_version
    at = next(place for place in sorted(kept.references) if place[1] == used)
    body = json.loads(kept.references[at].body)
    body["level"]["values"][0] *= 1.5
    kept.references[at] = replace(kept.references[at], body=json.dumps(body))


def change_config(kept: Kept) -> None:
    body = kept.runs[RUN.digest].body.replace('"tick_s": 300', '"tick_s": 600')
    kept.runs[RUN.digest] = replace(RUN, body=body)


def change_finding(kept: Kept) -> None:
    for key, body in kept.findings.items():
        said = json.loads(body)
        kept.findings[key] = json.dumps({**said, "effect": said["effect"] / 2}, separators=(",", ":"))


@pytest.mark.parametrize(
    ("tamper", "table", "column", "quick"),
    [
        (change_observation, "observations", "blob", 10),
        (change_observation_and_digest, "observations", "chain", 10),
        (take_observation, "observations", "", 10),
        (add_observation, "observations", "blob", 10),
        (change_snapshot, "kept_snapshots", "blob", 10),
        (change_snapshot, "kept_snapshots", "blob", 2_000),
        (change_baseline, "baselines", "body, level.values[0]", 10),
        (change_config, "run_configs", "detection.tick_s", 10),
        (change_finding, "findings", "body, effect", 10),
    ],
)
def test_what_was_changed_is_named(
    kept: Kept, tamper: Tampering, table: str, column: str, quick: int
) -> None:
    changed = deepcopy(kept)
    tamper(changed)
    difference = check(changed, quick=quick)[0].difference
    assert difference is not None
    assert difference.table == table
    assert difference.column.startswith(column)
    assert difference.expected != difference.found
    if table == "observations":
        offset = an_observation(kept)[1] + (tamper is add_observation)
        assert f"offset {offset}" in difference.row
    elif quick > 10 and tamper is change_snapshot:
        assert "flags.s[0, 0]" in difference.column


def test_a_log_written_anew_ends_in_another_head_than_the_finding_names(kept: Kept) -> None:
    forged = deepcopy(kept)
    at = an_observation(forged)
    chain = LogChain()
    for place in sorted(forged.log):
        row = edited(forged.log[place], honest=True) if place == at else forged.log[place]
        chain.add(row.offset, row.blob)
        forged.log[place] = replace(row, digest=chain.last, chain=chain.head)
    found = [v.difference for v in check(forged)]
    assert all(d is not None for d in found)


def test_the_original_in_the_topic_tells_the_column(kept: Kept) -> None:
    row = kept.log[an_observation(kept)]
    forged = edited(row, honest=False)
    told = first_column(decode(row.blob), decode(forged.blob))
    assert told is not None
    assert told[0] == "scores.refusal of row 0"
    assert {told[1], told[2]} == {0, 1}


def test_the_chain_is_what_it_says() -> None:
    """Known answers: BLAKE2b-128 by the standard library, of the documented bytes."""
    chain = LogChain()
    chain.add(7, b"a")
    chain.add(8, b"b")
    first = digest_of(bytes(7) + b"\x07a")
    assert message_digest(7, b"a") == first
    assert chain.head == link(link("00" * 16, first), message_digest(8, b"b"))
    assert (chain.since, len(chain.head)) == (7, 32)


def test_a_row_in_an_empty_place_is_seen_as_one_too_many(kept: Kept) -> None:
    """Offsets that no message has are no gap of the chain; a row that turns up there later is."""
    chain, records = LogChain(), []
    for offset in (0, 1, 3, 4):
        blob = kept.log[0, offset].blob
        chain.add(offset, blob)
        row = kept.log[0, offset]
        records.append(LogRecord(offset, row.key, row.kind, blob, chain.last, chain.head, ""))
    assert len(list(Links(0).follow(records))) == 4
    extra = kept.log[0, 2]
    forged = LogRecord(2, extra.key, extra.kind, extra.blob, extra.digest, extra.chain, "")
    with pytest.raises(Broken, match=r"offset 2 \(\w+\): expected no such row, found one"):
        list(Links(0).follow([*records[:2], forged, *records[2:]]))


def test_a_difference_is_one_line() -> None:
    broken = Broken(3, Difference("observations", "partition 0 offset 3", "blob", "a", "b", "digests"))
    assert str(broken) == "observations, partition 0 offset 3, blob: expected a, found b (digests)"
