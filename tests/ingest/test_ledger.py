"""What the ledger says of accounts that do and do not balance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ingest.ledger import PartitionAccount, next_offsets, report

GOOD = PartitionAccount("otlp_spans", 0, 5, 9, 5, 30, 20, 6, 3, 1, 0, 0, 0)


def test_a_balanced_account_in_the_shape_of_the_contract() -> None:
    told = report([GOOD], [{"tenant": "default"}], {("otlp_spans", 0): 12, ("otlp_logs", 1): 4})
    assert told["balanced"] is True
    assert told["tenants"] == [{"tenant": "default"}]
    spans, logs = told["partitions"]
    assert spans == {
        "topic": "otlp_spans", "partition": 0, "from": 5, "to": 9, "received": 30, "stored": 20,
        "duplicate": 6, "rejected": 3, "dead_lettered": 1, "pending": 2, "problems": [],
    }  # fmt: skip
    assert (logs["topic"], logs["from"], logs["received"], logs["pending"]) == ("otlp_logs", None, 0, 4)
    assert next_offsets([GOOD]) == {("otlp_spans", 0): 10}


def test_what_is_not_known_is_null() -> None:
    assert report([GOOD], [])["partitions"][0]["pending"] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"messages": 4}, "1 of the offsets 5 to 9 have no account"),
        ({"undeclared": 2}, "declared"),
        ({"unequal": 1}, "do not add up"),
        ({"row_mismatches": 3}, "3 messages have another number of rows"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], words: str) -> None:
    told = report([GOOD, replace(GOOD, partition=1, **change)], [])
    assert told["balanced"] is False
    assert words in told["partitions"][1]["problems"][0]
