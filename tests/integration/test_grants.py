"""The alerts service tells detection its budgets, over the real broker and store."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from alerts.service import Service
from detectors.budgets.service_budget import ServiceBudget
from detectors.closed_ticks import REPORT
from detectors.finding import SEVERAL
from detectors.observation import Control, ServiceKey, decode
from infra.clickhouse import connect
from infra.kafka import CLIENT, OBSERVATIONS, TICKS, TOPICS, Topic, create_topics
from infra.settings import AlertSettings, BudgetSettings, KafkaSettings, Settings
from tests.databases import fresh_database
from tests.running import records_of

pytestmark = pytest.mark.integration

WAIT_S = 60.0


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


@contextmanager
def serving(settings: Settings, name: str) -> Iterator[None]:
    service = Service(settings, topic=f"findings_{name}", group=f"alerts-{name}")
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        yield
    finally:
        service.stop()
        thread.join(30)
    assert not thread.is_alive()


def told(bootstrap: str, topic: Topic, whose: ServiceKey) -> list[ServiceBudget | None]:
    """Budgets in control records of one key, in order."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, **CLIENT)
    places = [TopicPartition(topic.name, p) for p in consumer.partitions_for_topic(topic.name)]
    values = [r.value for place in places for r in records_of(consumer, place)]
    consumer.close()
    records = [decode(v) for v in values if v[1] != REPORT]
    return [ServiceBudget.of(r.body) for r in records if isinstance(r, Control) and r.key == whose]


@pytest.mark.long
def test_a_service_is_told_its_budget_and_the_new_one_after_a_restart(
    broker: str, store: str, tmp_path: Path
) -> None:
    name = uuid.uuid4().hex[:8]
    settings = Settings(
        home=tmp_path,
        store=fresh_database(store, f"grants_{name}"),
        kafka=KafkaSettings(bootstrap=broker, session_timeout_s=2.0),
        alerts=AlertSettings(port=0),
    )
    create_topics(settings.kafka, [*TOPICS, Topic(f"findings_{name}", partitions=1)])
    key = ServiceKey("default", f"evaluation-{name}", "", "desk")
    fleet = replace(key, service=SEVERAL)
    client = connect(settings.store)
    names = ("tenant", "lineage", "environment", "service", "unit", "score", "generation", "slice")
    place = (key.tenant, key.lineage, key.environment, key.service)
    client.insert("series", [(*place, "interaction", "refusal", 1, "all")], names)
    client.close()
    with serving(settings, name):
        until(lambda: told(broker, OBSERVATIONS, key) == [ServiceBudget(0.8 / 50, 2 * 0.8 / 50)])
        until(lambda: told(broker, TICKS, fleet) == [ServiceBudget(0.1, 0.2)])
    budget = BudgetSettings(pages_per_month=5, max_services=10)
    with serving(replace(settings, budget=budget), name):
        until(lambda: told(broker, OBSERVATIONS, key)[1:] == [ServiceBudget(0.4, 0.16)])
