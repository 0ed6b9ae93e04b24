"""The log of findings as a member of a group reads it, on real brokers."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from contextlib import closing

import pytest
from kafka import KafkaProducer

from alerts import feed
from alerts.feed import Findings
from alerts.state.ports import Message
from infra.kafka import CLIENT, Topic, create_topics
from infra.settings import KafkaSettings
from tests.brokers import APACHE, EMBEDDED

pytestmark = pytest.mark.integration

STEP_S = 0.05


def polled(members: Sequence[Findings], seconds: float) -> list[Message]:
    """What is read in that time, or until something is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := [message for member in members for message in member.poll(STEP_S)]:
            return found
    return []


@pytest.mark.parametrize("session_broker", [pytest.param(APACHE, marks=pytest.mark.kafka)], indirect=True)
def test_a_join_that_outlasts_a_poll_ends(shared_broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Partitions appear while another member is slow to come back; findings are read all the same."""
    monkeypatch.setattr(feed, "JOIN_S", 1.0)
    settings = KafkaSettings(bootstrap=shared_broker, session_timeout_s=4.0)
    topic = f"findings_{uuid.uuid4().hex[:8]}"
    with closing(Findings(settings, topic, topic)) as ours:
        polled([ours], 5)
        with closing(Findings(settings, topic, topic)) as slow:
            polled([ours, slow], 6)
            create_topics(settings, [Topic(topic, partitions=1)])
            ours._consumer._cluster.request_update()  # as it does of itself every five minutes
            polled([ours], 1.5)
            polled([ours, slow], 1.5)
        producer = KafkaProducer(bootstrap_servers=shared_broker, **CLIENT)
        producer.send(topic, b"a finding").get(10)
        producer.close()
        assert [m.value for m in polled([ours], 60)] == [b"a finding"]


@pytest.mark.parametrize("session_broker", [EMBEDDED], indirect=True)  # whose first join takes three seconds
def test_who_leaves_while_it_joins_does_not_keep_its_partitions(shared_broker: str) -> None:
    """A service that is stopped just after it was started must not bar the next one for ever."""
    settings = KafkaSettings(bootstrap=shared_broker, session_timeout_s=4.0)
    topic = f"findings_{uuid.uuid4().hex[:8]}"
    create_topics(settings, [Topic(topic, partitions=1)])
    with closing(Findings(settings, topic, topic)) as stopped:
        polled([stopped], 1.0)
        assert not stopped.assigned, "nothing is shown unless it leaves before it has joined"
    with closing(Findings(settings, topic, topic)) as ours:
        end = time.monotonic() + 12
        while not ours.assigned and time.monotonic() < end:
            ours.poll(STEP_S)
        assert ours.assigned
