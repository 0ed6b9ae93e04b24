"""Topics: names, partitions, how long messages are kept."""

from __future__ import annotations

import pytest

from infra import kafka
from infra.errors import Misconfigured
from infra.kafka import TOPICS, Topic, create_topics, retained_hours
from infra.settings import KafkaSettings

WEEK_MS = str(7 * 24 * 3_600_000)
SETTINGS = KafkaSettings(bootstrap="k:1", retention_hours=5)


@pytest.mark.parametrize(
    ("topic", "policy", "retention_ms"),
    [
        (kafka.SPANS, "delete", str(5 * 3_600_000)),
        (kafka.LOGS, "delete", str(5 * 3_600_000)),
        (kafka.SPANS_IN, "delete", str(45 * 60_000)),
        (kafka.LOGS_IN, "delete", str(45 * 60_000)),
        (kafka.OBSERVATIONS, "delete", WEEK_MS),
        (kafka.TICKS, "delete", WEEK_MS),
        (kafka.SETTINGS, "compact", None),
        (kafka.FINDINGS, "delete", str(28 * 24 * 3_600_000)),
        (kafka.INCIDENTS, "compact", None),
        (kafka.ACTIONS, "delete", "-1"),
        (kafka.DEAD_LETTERS, "delete", str(28 * 24 * 3_600_000)),
    ],
    ids=lambda v: getattr(v, "name", None),
)
def test_how_long_messages_are_kept(topic: Topic, policy: str, retention_ms: str | None) -> None:
    config = topic.config(SETTINGS)
    assert config["cleanup.policy"] == policy
    assert config.get("retention.ms") == retention_ms
    assert int(config["max.message.bytes"]) >= 64 << 20


def test_the_embedded_broker_is_told_the_same() -> None:
    hours = retained_hours(SETTINGS)
    for topic in TOPICS:
        retention_ms = topic.config(SETTINGS).get("retention.ms", "-1")
        assert (topic.name in hours) == (retention_ms != "-1")
        if topic.name in hours:
            assert hours[topic.name] * 3_600_000 == int(retention_ms)


def test_raw_topics_of_one_trace_share_their_number_of_partitions() -> None:
    """Spans and logs of a trace must come to the same worker."""
    assert kafka.SPANS.partitions == kafka.LOGS.partitions == kafka.OBSERVATIONS.partitions == 0


def test_unredacted_messages_are_gone_within_an_hour() -> None:
    """The broker deletes whole segments, and looks every five minutes."""
    for topic in (t for t in TOPICS if t.unredacted):
        config = topic.config(SETTINGS)
        assert int(config["retention.ms"]) + int(config["segment.ms"]) + 5 * 60_000 <= 3_600_000
        assert config["message.timestamp.type"] == "LogAppendTime"


def test_names_are_unique() -> None:
    assert len({t.name for t in TOPICS}) == len(TOPICS)


def test_what_is_no_address_is_refused_at_once() -> None:
    with pytest.raises(Misconfigured, match="'k:port' is not host:port"):
        create_topics(KafkaSettings(bootstrap="k:port"))
