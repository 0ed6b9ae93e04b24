"""Holes in the offsets of a real log, and lost messages, told from each other by the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from kafka import KafkaProducer

from infra.embedded.object_files import ObjectFiles
from infra.embedded.pair import BROKER, broker_spec, kafka_address
from infra.embedded.ports import spare
from infra.embedded.supervisor import Supervisor
from infra.kafka import LOGS, SPANS, create_topics
from infra.settings import KafkaSettings
from ingest.operations.ledger.holes import prove_holes
from ingest.operations.ledger.topic_ends import log_begins

pytestmark = pytest.mark.integration

PLACE = (SPANS.name, 1)


def send(bootstrap: str, n: int) -> None:
    """Messages, a batch each."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=False, acks="all")
    for i in range(n):
        producer.send(SPANS.name, value=b"x%d" % i, partition=1).get(30)
    producer.close()


@pytest.mark.long
def test_a_batch_that_was_numbered_and_never_stored_is_a_hole_and_a_message_is_none(tmp_path: Path) -> None:
    spec = broker_spec(tmp_path, spare())
    settings = KafkaSettings(bootstrap=kafka_address(spec), partitions=2)
    with Supervisor(tmp_path, [spec], out=None):
        create_topics(settings, (SPANS, LOGS))
        send(settings.bootstrap, 7)
    files = ObjectFiles(tmp_path / BROKER)
    names = [n for n in files.names if SPANS.name in n and n.endswith(".batch")]
    for offset in (0, 2, 3):  # as if the broker had died before it stored them
        files.delete(names[offset])
    with Supervisor(tmp_path, [spec], out=None):
        proven = prove_holes(settings, {PLACE: [(2, 4), (6, 6)], (LOGS.name, 0): [(3, 3)]})
        assert proven == {PLACE: [(2, 3)], (LOGS.name, 0): []}
        assert log_begins(settings, [PLACE, (LOGS.name, 0)]) == {PLACE: 1}
