"""Topics and client settings of Kafka: the one place that knows names, partitions and time-outs."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from infra.errors import InfraError, Misconfigured, Unavailable
from infra.kafka_access import connection
from infra.kafka_refusal import refusal
from infra.settings import BROKERS, KafkaSettings

logger = logging.getLogger(__name__)

MS_PER_HOUR = 3_600_000
MAX_MESSAGE_BYTES = 64 << 20
REPLICAS_AS_BROKER = -1
"""Replication factor: what the broker is configured with (``default.replication.factor``)."""

HEADER_TENANT = "lightship-tenant"
HEADER_LINEAGE = "lightship-lineage"
HEADER_REDACTED = "lightship-redacted"
HEADER_RECORDS = "lightship-records"
HEADER_RECEIVED_AT = "lightship-received-at"
HEADER_EVENT_TIME = "lightship-event-time"
HEADER_LINEAGE_END = "lightship-lineage-end"
HEADER_BACKFILL = "lightship-backfill"
HEADER_DEAD_LETTER = "lightship-dead-letter"
"""Key of the dead letter that a message holds again."""

HEADER_INGEST_KEY = "lightship-key"
HEADER_EXPORTER = "lightship-exporter"
HEADER_SEQUENCE = "lightship-sequence"
HEADER_DROPPED = "lightship-dropped"
"""What an exporter says on the open topics: its key, its instance, its count of messages and of drops."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. ``partitions`` and ``retention_hours`` 0 mean the configured number, -1 hours for good.

    An ``unredacted`` topic is written by others: it may have been created with any number of partitions, the
    broker's clock dates its messages, and its segments are short, since only whole ones are deleted.
    """

    name: str
    partitions: int = 0
    compacted: bool = False
    retention_hours: float = 0
    unredacted: bool = False

    def kept_hours(self, settings: KafkaSettings) -> float | None:
        """How long messages are kept; ``None`` for good (compacted topics keep the newest of each key)."""
        hours = self.retention_hours or settings.retention_hours
        return None if self.compacted or hours < 0 else hours

    def config(self, settings: KafkaSettings) -> dict[str, str]:
        """Its settings on the broker."""
        config = {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
        }
        if not self.compacted:
            hours = self.kept_hours(settings)
            config["retention.ms"] = "-1" if hours is None else str(round(hours * MS_PER_HOUR))
        if self.unredacted:
            config["segment.ms"] = str(SEGMENT_MS)
            config["message.timestamp.type"] = "LogAppendTime"
        return config


SEGMENT_MS = 600_000

SPANS = Topic("otlp_spans")
LOGS = Topic("otlp_logs")
SPANS_IN = Topic("otlp_spans_in", retention_hours=0.75, unredacted=True)
LOGS_IN = Topic("otlp_logs_in", retention_hours=0.75, unredacted=True)
"""Open to Collectors and exporters. With the age of a segment and the broker's check every five minutes, no
message is kept for more than an hour."""
OBSERVATIONS = Topic("observations", retention_hours=7 * 24)
TICKS = Topic("ticks", partitions=1, retention_hours=7 * 24)
SETTINGS = Topic("settings", partitions=1, compacted=True)
FINDINGS = Topic("findings", partitions=1, retention_hours=28 * 24)
INCIDENTS = Topic("incidents", partitions=1, compacted=True)
ACTIONS = Topic("actions", partitions=1, retention_hours=-1)
DEAD_LETTERS = Topic("dead_letters", partitions=1, retention_hours=28 * 24)

TOPICS = (
    SPANS,
    LOGS,
    SPANS_IN,
    LOGS_IN,
    OBSERVATIONS,
    TICKS,
    SETTINGS,
    FINDINGS,
    INCIDENTS,
    ACTIONS,
    DEAD_LETTERS,
)

GROUP = "lightship"
"""Consumer group of the workers, which is the name of their Faust application."""

BOOTSTRAP_TIMEOUT_MS = 10_000

TOLD_WITHIN_S = 10.0

METADATA_MS = 5_000
"""After so long topics are looked up again. Who starts while the broker does, or joins a group just as topics
are made, may be told that a topic has no partitions, and is given none of it until then."""
CLIENT: dict[str, Any] = {"request_timeout_ms": 10_000, "metadata_max_age_ms": METADATA_MS}
"""What every kafka-python client of ours is given."""


def client(settings: KafkaSettings) -> dict[str, Any]:
    """Arguments of a kafka-python client: where and how it connects, and `CLIENT`.

    Raises
    ------
    Misconfigured
        If a file that the settings name cannot be used.
    """
    return {**connection(settings), **CLIENT}


def unreachable(settings: KafkaSettings) -> InfraError:
    """The error for a client that could not connect: what to change, or that nobody answers."""
    why = refusal(settings)
    if why is not None:
        return Misconfigured(why)
    return Unavailable(
        f"no Kafka broker answers at {settings.bootstrap}: start it, or correct LIGHTSHIP_KAFKA"
    )


def reach(settings: KafkaSettings) -> None:
    """Connect once, to know that it can be done.

    Raises
    ------
    Unavailable
        If no broker answers.
    Misconfigured
        If one does and does not let us in, or the address is none.
    """
    _admin(settings).close()


def retained_hours(settings: KafkaSettings, topics: Sequence[Topic] = TOPICS) -> dict[str, float]:
    """Hours each topic's messages are kept, without those kept for good; for the embedded broker."""
    kept = {topic.name: topic.kept_hours(settings) for topic in topics}
    return {name: hours for name, hours in kept.items() if hours is not None}


def create_topics(settings: KafkaSettings, topics: Sequence[Topic] = TOPICS) -> None:
    """Create what is missing; an existing topic with another partition count is an error.

    Existing topics are given the retention of the settings. On return the broker tells of all of them.

    Raises
    ------
    Unavailable
        If no broker answers.
    Misconfigured
        If the address is none, or a topic exists with another number of partitions (it can't be changed
        afterwards).
    """
    admin = _admin(settings)
    try:
        have = _partitions(admin)
        for topic in topics:
            if why := wrong_partitions(topic, have.get(topic.name), settings):
                raise Misconfigured(why)
        for topic in topics:
            if topic.name not in have:
                _create(admin, topic, settings)
        _configure(admin, [t for t in topics if t.name in have], settings)
        _until_told_of(admin, [t for t in topics if t.name not in have])
    except KafkaError as error:
        raise Unavailable(f"Kafka at {settings.bootstrap} failed while creating topics: {error}") from error
    finally:
        admin.close()


def check_topics(settings: KafkaSettings, topics: Sequence[Topic] = TOPICS) -> None:
    """Return if the topics exist and have as many partitions as this Lightship needs; creates none.

    Raises
    ------
    Unavailable
        If a topic does not exist yet, or no broker answers.
    Misconfigured
        If the address is none, or a topic has another number of partitions.
    """
    admin = _admin(settings)
    try:
        have = _partitions(admin)
    except KafkaError as error:
        raise Unavailable(f"Kafka at {settings.bootstrap} does not tell its topics: {error}") from error
    finally:
        admin.close()
    if missing := [t.name for t in topics if t.name not in have]:
        raise Unavailable(missing_topics(missing, settings))
    for topic in topics:
        if why := wrong_partitions(topic, have[topic.name], settings):
            raise Misconfigured(why)


def missing_topics(names: Sequence[str], settings: KafkaSettings) -> str:
    """The message for topics that do not exist, with the remedy."""
    what = f"topic {names[0]} does" if len(names) == 1 else f"topics {', '.join(names)} do"
    return f"{what} not exist in Kafka at {settings.bootstrap}: run `lightship setup`, which creates topics"


def wrong_partitions(topic: Topic, have: int | None, settings: KafkaSettings) -> str | None:
    """What is wrong with a topic's number of partitions, with the remedy; ``None`` if nothing is.

    ``have`` is ``None`` if the topic does not exist.
    """
    want = topic.partitions or settings.partitions
    if have is None or have == want or topic.unredacted:
        return None
    asked = "this Lightship needs" if topic.partitions else "kafka.partitions asks for"
    remedy = (
        "delete the topic, then run `lightship setup`"
        if topic.partitions
        else "set it back, partitions are chosen once"
    )
    return f"topic {topic.name} has {have} partitions and {asked} {want}: {remedy}"


def _admin(settings: KafkaSettings) -> KafkaAdminClient:
    if not BROKERS.fullmatch(settings.bootstrap):
        raise Misconfigured(
            f"kafka.bootstrap = {settings.bootstrap!r} is not host:port,...: correct LIGHTSHIP_KAFKA"
        )
    why = refusal(settings)  # first: a client that is not let in tries until it is out of time
    if why is not None:
        raise Misconfigured(why)
    try:
        return KafkaAdminClient(
            client_id="lightship-setup", bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS, **client(settings)
        )
    except KafkaError as error:
        raise unreachable(settings) from error


def _create(admin: KafkaAdminClient, topic: Topic, settings: KafkaSettings) -> None:
    new = NewTopic(
        topic.name,
        topic.partitions or settings.partitions,
        REPLICAS_AS_BROKER,
        topic_configs=topic.config(settings),
    )
    try:
        admin.create_topics([new])
    except TopicAlreadyExistsError:
        logger.info("topic %s was created by another process", topic.name)


def _partitions(admin: KafkaAdminClient) -> dict[str, int]:
    """How many partitions each topic has. One that is still being made has none as yet, and is left out."""
    told = {t["name"]: len(t["partitions"]) for t in admin.describe_topics() if t.get("name")}
    return {name: number for name, number in told.items() if number}


def _until_told_of(admin: KafkaAdminClient, topics: Sequence[Topic]) -> None:
    """Wait for topics that were made: a broker answers before it tells everybody of them."""
    deadline = time.monotonic() + TOLD_WITHIN_S
    while missing := {t.name for t in topics} - set(_partitions(admin)):
        if time.monotonic() > deadline:
            raise KafkaError(f"not told of {', '.join(sorted(missing))} within {TOLD_WITHIN_S:g} s")
        time.sleep(0.05)


def _configure(admin: KafkaAdminClient, topics: Sequence[Topic], settings: KafkaSettings) -> None:
    """Bring settings of existing topics up to date, where the broker lets us."""
    if not topics:
        return
    try:
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, t.name, configs=t.config(settings)) for t in topics]
        )
    except (KafkaError, ValueError) as error:
        logger.warning("retention of existing topics stays as it is, the broker refuses: %s", error)
