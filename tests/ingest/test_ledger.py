"""What the ledger says of accounts that do and do not balance."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from infra.clock import NS_PER_S, SystemClock
from infra.settings import KafkaSettings
from ingest.gateway.metrics import REJECTED, SPANS, Metrics
from ingest.operations.ledger import waiting
from ingest.operations.ledger.command import show
from ingest.operations.ledger.proof import (
    PartitionAccount,
    TopicFacts,
    next_offsets,
    report,
    with_holes,
    with_topic,
)
from ingest.operations.ledger.refused import read_refused
from ingest.operations.ledger.waiting import STUCK_S
from ingest.repository.stage_store import Partition

GOOD = PartitionAccount("otlp_spans", 0, 5, 9, 30, 20, 6, 3, 1, 0, 0, 0)


def test_a_balanced_account_in_the_shape_of_the_contract() -> None:
    told = report([GOOD], [{"tenant": "default"}], {("otlp_spans", 0): 12, ("otlp_logs", 1): 4})
    assert told["balanced"] is True
    assert (told["moving"], told["verdict"]) == (True, "every record is accounted for")
    assert told["tenants"] == [{"tenant": "default"}]
    spans, logs = told["partitions"]
    assert spans == {
        "topic": "otlp_spans", "partition": 0, "from": 5, "to": 9, "received": 30, "stored": 20,
        "duplicate": 6, "rejected": 3, "dead_lettered": 1, "pending": 2,
        "oldest_pending_s": None, "holes": [], "problems": [],
    }  # fmt: skip
    assert (logs["topic"], logs["from"], logs["received"], logs["pending"]) == ("otlp_logs", None, 0, 4)
    assert next_offsets([GOOD]) == {("otlp_spans", 0): 10}


def test_what_is_not_known_is_null() -> None:
    assert report([GOOD], [])["partitions"][0]["pending"] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gaps": ((6, 6), (8, 9))}, "3 offsets have no account: 6, 8 to 9"),
        ({"undeclared": 2}, "declared"),
        ({"unequal": 1}, "do not add up"),
        ({"row_mismatches": 3}, "3 messages have another number of rows"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], words: str) -> None:
    told = report([GOOD, replace(GOOD, partition=1, **change)], [])
    assert told["balanced"] is False
    assert words in told["partitions"][1]["problems"][0]


def test_what_is_outside_the_account_and_should_not_be_is_a_gap() -> None:
    account = replace(GOOD, begins=5, gaps=((7, 7),))
    assert with_topic(account, TopicFacts(3, 12)).gaps == ((3, 4), (7, 7), (10, 11))
    assert with_topic(account, TopicFacts(5, 10)) == account
    assert with_topic(account, TopicFacts()) == account
    assert with_topic(replace(account, begins=2), TopicFacts(3, 9)) == replace(account, begins=2)


def test_a_hole_is_listed_and_balances_what_is_left_does_not() -> None:
    account = replace(GOOD, gaps=((6, 8),))
    proven = with_holes(account, [(6, 8)])
    told = report([proven], [])
    assert told["balanced"] is True
    assert told["partitions"][0]["holes"] == [{"from": 6, "to": 8}]
    partly = report([with_holes(account, [(6, 6), (8, 8)])], [])
    assert partly["balanced"] is False
    assert partly["partitions"][0]["problems"] == ["1 offsets have no account: 7"]


def test_what_the_gateway_refused_is_a_list_of_its_own() -> None:
    metrics = Metrics()
    metrics.add(REJECTED, "too_large", n=2)
    metrics.add(REJECTED, 'odd "name\\', n=7)
    metrics.add(SPANS, "default", n=99)
    listed = read_refused(metrics.render())
    assert [r["n"] for r in listed] == [7, 2]
    assert listed[1]["reason"] == "too_large"
    assert report([GOOD], [], refused=listed)["refused"] == listed
    assert report([GOOD], [])["refused"] is None


def test_holes_proven_before_are_known_without_the_topic_and_others_change_nothing() -> None:
    account = replace(GOOD, gaps=((6, 6), (8, 8)))
    before = with_holes(account, [(1, 2), (6, 6)])
    assert (before.gaps, before.holes) == (((8, 8),), ((6, 6),))
    assert with_holes(before, [(8, 8)]).holes == ((6, 6), (8, 8))
    assert with_holes(before, []) == before


class Account:
    """Next offsets that are asked for again and again; the clock moves when it is slept."""

    def __init__(self, *answers: dict[Partition, int]) -> None:
        self.ns = 10_000 * NS_PER_S
        self._answers = list(answers)

    def now_ns(self) -> int:
        return self.ns

    def sleep(self, seconds: float) -> None:
        self.ns += int(seconds * NS_PER_S)

    def nexts(self) -> dict[Partition, int]:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


AT = ("otlp_spans", 0)


@pytest.mark.parametrize(
    ("waited_s", "answers", "stuck"),
    [
        (10.0, [{AT: 10}], False),
        (STUCK_S + 60, [{AT: 10}], True),
        (STUCK_S + 60, [{AT: 10}, {AT: 10}, {AT: 11}], False),
    ],
    ids=["not for long", "nothing moves", "it moves"],
)
def test_records_that_have_waited_for_long_and_do_not_move_are_the_verdict(
    monkeypatch: pytest.MonkeyPatch, waited_s: float, answers: list[dict[Partition, int]], stuck: bool
) -> None:
    account = Account(*answers)
    written_ms = account.ns // 1_000_000 - int(1000 * waited_s)
    monkeypatch.setattr(waiting, "log_reader", lambda *_, **__: nullcontext())
    monkeypatch.setattr(waiting, "oldest_waiting", lambda *_: {AT: written_ms})
    seen = waiting.waiting_records(KafkaSettings(), {AT: 10}, account.nexts, account)
    told = report([GOOD], [], {AT: 82}, waiting=seen)
    assert told["balanced"] is True
    assert told["moving"] is not stuck
    assert ("pending, and not moving" in told["verdict"]) is stuck
    assert told["partitions"][0]["pending"] == 72
    assert told["partitions"][0]["oldest_pending_s"] == waited_s
    assert ("pending, and not moving" in show(told)) is stuck


def test_nothing_pending_is_not_asked_about() -> None:
    assert waiting.waiting_records(KafkaSettings(), {}, dict, SystemClock()).stuck is False
