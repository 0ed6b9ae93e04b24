"""Topics on the embedded broker: made once, made again, made with another number."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient

from infra.errors import Misconfigured, Unavailable
from infra.kafka import Topic, create_topics
from infra.settings import KafkaSettings

pytestmark = pytest.mark.integration


@pytest.fixture
def admin(shared_broker: str) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=shared_broker)
    yield client
    client.close()


def own() -> tuple[Topic, Topic, Topic]:
    """Topics of this test: partitioned as configured, of one partition, compacted."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    return Topic(f"{name}-a"), Topic(f"{name}-b", partitions=1), Topic(f"{name}-c", compacted=True)


def partitions(admin: KafkaAdminClient, topic: Topic) -> int:
    (described,) = admin.describe_topics([topic.name])
    return len(described["partitions"])


def test_doing_it_again_changes_nothing(shared_broker: str, admin: KafkaAdminClient) -> None:
    topics = own()
    for settings in (
        KafkaSettings(bootstrap=shared_broker, partitions=3),
        KafkaSettings(bootstrap=shared_broker, partitions=3, retention_hours=1),
    ):
        create_topics(settings, topics)
        assert [partitions(admin, t) for t in topics] == [3, 1, 3]


def test_another_number_of_partitions_is_an_error_and_nothing_is_made(
    shared_broker: str, admin: KafkaAdminClient
) -> None:
    first, second, third = own()
    create_topics(KafkaSettings(bootstrap=shared_broker, partitions=3), [first])
    with pytest.raises(Misconfigured) as caught:
        create_topics(KafkaSettings(bootstrap=shared_broker, partitions=4), [second, first, third])
    assert str(caught.value) == (
        f"topic {first.name} has 3 partitions and kafka.partitions asks for 4: "
        "set it back, partitions are chosen once"
    )
    assert not {second.name, third.name} & set(admin.list_topics())
    with pytest.raises(Misconfigured, match="this Lightship needs 1: delete the topic, then run"):
        create_topics(KafkaSettings(bootstrap=shared_broker, partitions=3), [Topic(first.name, partitions=1)])


def test_an_open_topic_that_a_collector_made_is_taken_as_it_is(
    shared_broker: str, admin: KafkaAdminClient
) -> None:
    theirs = Topic(f"t-{uuid.uuid4().hex[:8]}", partitions=1)
    create_topics(KafkaSettings(bootstrap=shared_broker), [theirs])
    create_topics(KafkaSettings(bootstrap=shared_broker, partitions=4), [Topic(theirs.name, unredacted=True)])
    assert partitions(admin, theirs) == 1


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # kafka-python leaks sockets that were refused
def test_nobody_there_is_named(monkeypatch: pytest.MonkeyPatch, refused_connections: None) -> None:
    monkeypatch.setattr("infra.kafka.BOOTSTRAP_TIMEOUT_MS", 200)
    with pytest.raises(Unavailable, match=r"no Kafka broker answers at 127\.0\.0\.1:1: start it, or correct"):
        create_topics(KafkaSettings(bootstrap="127.0.0.1:1"))
