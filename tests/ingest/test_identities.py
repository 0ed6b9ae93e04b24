"""Calls of anybody: with a user, a conversation, both or neither, of any service, at any snapshot."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from zlib import crc32

import pytest

from detectors.observation import Mark, Observation, ServiceKey, SourcePosition, decode, encode
from detectors.scorers import SPECS
from ingest.agents.detect.shard import Shard
from ingest.repository.observations import INTERACTION, Hash, Observed, keyed_hash, observe
from tests.at_length import at_length
from tests.detectors.traffic import config

S = 1_000_000_000
BASE_S = 29_000_100 * 60
TENANTS, ENVIRONMENTS = ("default", "a/b%2F"), ("", "prod")
IDENTITIES = tuple(itertools.product((False, True), repeat=2))
"""Whether a call has a user and a conversation."""
KEYED = keyed_hash(b"sixteen bytes or more")
EXTREMES = (1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1)


def extreme(_: str, value: str | None) -> int:
    """Hashes at the edges of 64 bits, which real ones meet once in 2^63."""
    return 0 if value is None else EXTREMES[crc32(value.encode()) % len(EXTREMES)]


def fresh() -> Shard:
    return Shard(config(specs=SPECS), 1, 60 * S)


def traffic(
    seed: int, minutes: int, hash_: Hash, per_minute: int = 12, most_services: int = 8
) -> list[Observation | Mark]:
    """Every identity in services of two tenants, then a rise of refusals; the clock closes minutes."""
    draw = random.Random(seed)
    services = [
        ServiceKey(t, "live", e, s) for t, e, s in itertools.product(TENANTS, ENVIRONMENTS, ("chat", "voice"))
    ]
    if most_services < len(services):
        services = draw.sample(services, most_services)
    log: list[Observation | Mark] = []
    for minute in range(minutes):
        for number, key in enumerate(services):
            rows = []
            for n in range(per_minute):
                user, conversation = IDENTITIES[n % len(IDENTITIES)]
                scores: dict[str, float | str] = {
                    "refusal": float(draw.random() < (0.02 if minute < 12 else 0.7)),
                    "error": 0.0,
                    "latency_s": draw.random(),
                }
                rows.append(
                    Observed(
                        (BASE_S + 60 * minute) * S + draw.randrange(60 * S),
                        {"release": draw.choice(("1", "2"))},
                        scores | ({"asr_hallucination": 0.1} if key.service == "voice" else {}),
                        f"u{draw.randrange(200)}" if user else None,
                        f"c{draw.randrange(200)}" if conversation else None,
                        f"t{draw.randrange(400)}",
                        draw.choice((None, *EXTREMES)),
                    )
                )
            source = SourcePosition("otlp_spans", 0, minute * len(services) + number)
            log.append(observe(key, source, INTERACTION, rows, SPECS, hash_))
        at_ns = (BASE_S + 60 * minute + 59) * S
        log += [Mark(t, "live", "otlp_spans", 0, (minute + 1) * len(services), at_ns) for t in TENANTS]
    return log


def run(log: Sequence[Observation | Mark], cuts: frozenset[int]) -> tuple[bytes, list[str]]:
    """State and findings of a log that is read over the wire, from a snapshot again at each of the cuts."""
    shard, findings = fresh(), list[str]()
    for offset, message in enumerate(log):
        shard.apply(offset, decode(encode(message)))
        findings += [f.to_json() for f, _ in shard.findings]
        shard.findings, shard.cells, shard.references, shard.closed = [], [], [], []
        if offset in cuts:
            data = shard.pack()
            shard = Shard.unpack(data, config(specs=SPECS), 1, 60 * S)
            assert shard.pack() == data
    return shard.pack(), findings


@pytest.mark.parametrize("hash_", [KEYED, extreme], ids=["keyed", "extreme"])
def test_whoever_calls_a_snapshot_at_every_message_changes_nothing(hash_: Hash) -> None:
    log = traffic(1, 8, hash_)
    assert run(log, frozenset(range(len(log)))) == run(log, frozenset())


@pytest.mark.parametrize("seed", at_length(range(20), short=1))
def test_twenty_rounds_of_every_identity_and_a_snapshot_anywhere(seed: int) -> None:
    log = traffic(seed, 20, KEYED, most_services=2)
    cuts = random.Random(seed).sample(range(len(log)), 12)
    whole = run(log, frozenset())
    assert run(log, frozenset(cuts)) == whole
    assert any("refusal" in finding for finding in whole[1])
