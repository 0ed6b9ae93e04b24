"""What the processes on Kafka's records print."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from ingest.process import log_to_stderr

CLIENTS = ("kafka", "kafka.cluster", "aiokafka")


@pytest.fixture
def _levels() -> Iterator[None]:
    before = {name: logging.getLogger(name).level for name in CLIENTS}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.usefixtures("_levels")
def test_connections_of_the_client_are_not_announced() -> None:
    logging.getLogger("kafka").setLevel(logging.NOTSET)
    log_to_stderr()
    assert not logging.getLogger("kafka.net.manager").isEnabledFor(logging.INFO)
    assert logging.getLogger("kafka.net.manager").isEnabledFor(logging.WARNING)
