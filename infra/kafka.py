"""Topics and client settings of Kafka: the one place that knows names, partitions and time-outs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from infra.errors import Misconfigured, Unavailable
from infra.settings import KafkaSettings

logger = logging.getLogger(__name__)

HEADER_TENANT = "lightship-tenant"
HEADER_LINEAGE = "lightship-lineage"
HEADER_REDACTED = "lightship-redacted"
HEADER_RECORDS = "lightship-records"
HEADER_RECEIVED_AT = "lightship-received-at"
HEADER_EVENT_TIME = "lightship-event-time"
HEADER_LINEAGE_END = "lightship-lineage-end"
HEADER_BACKFILL = "lightship-backfill"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. ``partitions`` 0 means the configured number."""

    name: str
    partitions: int = 0
    compacted: bool = False
    retention_hours: int = 0


SPANS = Topic("otlp_spans")
LOGS = Topic("otlp_logs")
OBSERVATIONS = Topic("observations", retention_hours=7 * 24)
TICKS = Topic("ticks", partitions=1, retention_hours=7 * 24)
SETTINGS = Topic("settings", partitions=1, compacted=True)
FINDINGS = Topic("findings", partitions=1, retention_hours=28 * 24)
INCIDENTS = Topic("incidents", partitions=1, compacted=True)
ACTIONS = Topic("actions", partitions=1, retention_hours=-1)
DEAD_LETTERS = Topic("dead_letters", partitions=1, retention_hours=28 * 24)

TOPICS = (SPANS, LOGS, OBSERVATIONS, TICKS, SETTINGS, FINDINGS, INCIDENTS, ACTIONS, DEAD_LETTERS)

CLIENT: dict[str, Any] = {"request_timeout_ms": 10_000}
"""What every kafka-python client of ours is given."""


def create_topics(settings: KafkaSettings, topics: Sequence[Topic] = TOPICS) -> None:
    """Create what is missing; an existing topic with another partition count is an error.

    Raises
    ------
    Unavailable
        If no broker answers.
    Misconfigured
        If a topic exists with another number of partitions (it can't be changed afterwards).
    """
    try:
        admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap, client_id="lightship-setup", **CLIENT)
    except KafkaError as error:
        raise Unavailable(f"no Kafka broker at {settings.bootstrap}: {error}") from error
    try:
        have = {t["name"]: len(t["partitions"]) for t in admin.describe_topics() if t.get("name")}
        for topic in topics:
            want = topic.partitions or settings.partitions
            if topic.name in have:
                if have[topic.name] != want:
                    raise Misconfigured(
                        f"topic {topic.name} has {have[topic.name]} partitions and kafka.partitions asks for "
                        f"{want}: set it back, partitions are chosen once"
                    )
                continue
            _create(admin, topic, want, settings)
    except KafkaError as error:
        raise Unavailable(f"Kafka at {settings.bootstrap} failed while creating topics: {error}") from error
    finally:
        admin.close()


def _create(admin: KafkaAdminClient, topic: Topic, partitions: int, settings: KafkaSettings) -> None:
    hours = topic.retention_hours or settings.retention_hours
    config = {
        "cleanup.policy": "compact" if topic.compacted else "delete",
        "max.message.bytes": str(64 << 20),
    }
    if not topic.compacted:
        config["retention.ms"] = str(-1 if hours < 0 else hours * 3_600_000)
    try:
        admin.create_topics([NewTopic(topic.name, partitions, 1, topic_configs=config)])
    except TopicAlreadyExistsError:
        logger.info("topic %s was created by another process", topic.name)
