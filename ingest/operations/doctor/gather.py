"""The facts that checks need, asked of the running servers. What does not answer is a fact as well."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import httpx
from clickhouse_connect.driver.client import Client
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from infra import clickhouse, kafka
from infra.clock import SystemClock
from infra.errors import InfraError
from infra.instance import HEADER
from infra.kafka import LOGS
from infra.missing_instrumentation import ServiceFacts, UnseenCalls
from infra.settings import KafkaSettings, StoreSettings, hide_password
from ingest.agents.score.settings_reader import SettingsReader
from ingest.errors import Unavailable
from ingest.operations.doctor.check_servers import Server
from ingest.operations.ledger.topic_ends import log_ends
from ingest.operations.ledger.waiting import Waiting, accounted, waiting_records
from ingest.otlp.dialects.genai import DETAILS_EVENTS
from ingest.stage_settings import StageSettings

_SERVICES = """
SELECT tenant, service, dialect, topK(1)(scope)[1], topK(1)(sdk_language)[1], count(),
    countIf(text_absent = 'not captured by the app' AND NOT failed),
    countIf(dropped_attributes > 0), countIf(truncated), countIf(hidden),
    countIf(sampling_probability < 1), countIf(clock_skew)
FROM
(
    SELECT tenant, service, dialect, scope, sdk_language, text_absent, dropped_attributes, truncated, hidden,
        sampling_probability, clock_skew, isNotNull(error_type) OR ifNull(score_error, 0) > 0 AS failed
    FROM interactions FINAL
    WHERE lineage = 'live' AND NOT synthetic AND kind = 'inference' AND start >= now() - toIntervalDay(7)
    ORDER BY start DESC
    LIMIT 200 BY tenant, service, dialect
)
GROUP BY tenant, service, dialect
ORDER BY tenant, service, dialect
LIMIT 200
"""

_UNJOINED = """
SELECT service, count() FROM
(
    SELECT DISTINCT tenant, service, trace_id, span_id FROM content_records
    WHERE lineage = 'live' AND span_id != ''
        AND received_at BETWEEN now() - toIntervalDay(1) AND now() - toIntervalMinute(10)
    LIMIT 100000
)
WHERE (tenant, trace_id, span_id) NOT IN
    (
        SELECT tenant, trace_id, span_id FROM interactions
        WHERE lineage = 'live' AND start >= now() - toIntervalDay(2)
        UNION ALL
        SELECT tenant, trace_id, span_id FROM context_spans
        WHERE lineage = 'live' AND start >= now() - toIntervalDay(2)
    )
GROUP BY service ORDER BY service LIMIT 50
"""

_WITHOUT_CALLS = """
SELECT tenant, service, count() FROM
(
    SELECT DISTINCT tenant, service, trace_id FROM context_spans
    WHERE lineage = 'live' AND kind != 'duplicate' AND attributes['synthetic'] = ''
        AND start BETWEEN now() - toIntervalDay(1) AND now() - toIntervalMinute(2)
    LIMIT 100000
)
WHERE (tenant, service) NOT IN
    (SELECT tenant, service FROM interactions WHERE lineage = 'live' AND start >= now() - toIntervalDay(7))
GROUP BY tenant, service
HAVING countIf((tenant, trace_id) IN
    (SELECT tenant, trace_id FROM interactions
     WHERE lineage = 'live' AND start >= now() - toIntervalDay(2))) = 0
ORDER BY tenant, service LIMIT 50
"""
"""Services none of whose traces holds a call of any service; those of the last minutes may be under way."""

_WITHOUT_SPANS = f"""
SELECT tenant, service, count() FROM
(
    SELECT DISTINCT tenant, service, record_hash FROM content_records
    WHERE lineage = 'live' AND span_id = '' AND event_name IN {DETAILS_EVENTS}
        AND received_at >= now() - toIntervalDay(1) AND at <= now() - toIntervalMinute(10)
        AND (tenant, substring(record_hash, 1, 16)) NOT IN
            (SELECT tenant, span_id FROM interactions
             WHERE lineage = 'live' AND source_topic = '{LOGS.name}' AND start >= now() - toIntervalDay(2))
        AND (tenant, JSONExtractString(body, 'attributes', 'gen_ai.response.id')) NOT IN
            (SELECT tenant, ifNull(response_id, '-') FROM interactions
             WHERE lineage = 'live' AND start >= now() - toIntervalDay(2))
    LIMIT 100000
)
GROUP BY tenant, service ORDER BY tenant, service LIMIT 50
"""  # noqa: S608 - constants of the reader
"""Log records of calls that name no span, were made no call of their own, and are none that a span tells."""

_PROGRESS = "SELECT room, dateDiff('second', max(written_at), now()) FROM progress GROUP BY room"
_NEXT = "SELECT topic, partition, max(offset) + 1 FROM ledger GROUP BY topic, partition"


def applied_settings(kafka_settings: KafkaSettings) -> StageSettings:
    """What the workers obey beyond the settings file.

    Raises
    ------
    Unavailable
        If the topic cannot be read.
    """
    reader = SettingsReader(kafka_settings)
    reader.start()
    try:
        return reader.current()
    finally:
        reader.stop()


def process_server(
    name: str, address: str, start: str, *, elsewhere: bool, instance: str = "", timeout_s: float = 5.0
) -> Server:
    """A room of ours: its ``/readyz`` says what it waits for, and names the ``instance`` if one runs it."""
    try:
        answer = httpx.get(f"{address}/readyz", timeout=timeout_s)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        says = f"no answer ({type(error).__name__})"
        return Server(name, address, says, away=True, start=start, elsewhere=elsewhere)
    if instance and answer.headers.get(HEADER, "") != instance:
        return Server(name, address, "another process answers there: it is not of this instance", start=start)
    if answer.status_code == 200:
        body = _body(answer)
        return Server(name, address, start=start, set_aside=_set_aside(body), config=_config(body))
    return Server(name, address, f"not ready: {' '.join(answer.text.split())[:300]}", start=start)


def _body(answer: httpx.Response) -> Mapping[str, object]:
    """What a room says of itself."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _set_aside(body: Mapping[str, object]) -> tuple[str, ...]:
    """What a room says that it failed on."""
    lines = body.get("set_aside")
    return tuple(str(line) for line in lines) if isinstance(lines, list) else ()


def _config(body: Mapping[str, object]) -> str | None:
    """Why a room does not go by its settings file, if it says so."""
    why = body.get("config")
    return why if isinstance(why, str) else None


def store_server(settings: StoreSettings) -> tuple[Server, Client | None]:
    """ClickHouse, and a client if it answers."""
    address = hide_password(settings.url)
    try:
        return Server("ClickHouse", address), clickhouse.connect(settings, answer_within_s=30)
    except InfraError as error:
        return Server("ClickHouse", address, str(error), away=True), None


@dataclass(frozen=True, slots=True)
class Topics:
    """Topics with their partitions, and how long those hold that others write to (ms; ``None``: not said)."""

    partitions: Mapping[str, int]
    unredacted_ms: Mapping[str, int | None]


def kafka_server(settings: KafkaSettings, open_topics: list[str]) -> tuple[Server, Topics | None]:
    """Kafka, and its topics if it answers; ``open_topics`` are those that others write to."""
    try:
        kafka.reach(settings)
        with closing(KafkaAdminClient(client_id="lightship-doctor", **kafka.client(settings))) as admin:
            found = {str(t["name"]): len(t["partitions"]) for t in admin.describe_topics() if t.get("name")}
            kept = {name: _kept_ms(admin, name) for name in open_topics if name in found}
    except (InfraError, KafkaError) as error:
        return Server("Kafka", settings.bootstrap, str(error), away=True), None
    return Server("Kafka", settings.bootstrap), Topics(found, kept)


def _kept_ms(admin: Any, topic: str) -> int | None:
    """``retention.ms`` of a topic, where the broker tells."""
    try:
        answers = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    except (KafkaError, ValueError):
        return None
    return _retention(answers)


def _retention(answer: Any) -> int | None:
    """The value of ``retention.ms`` wherever it stands in an answer: its shape differs between versions."""
    if isinstance(answer, Mapping):
        found = answer.get("retention.ms")
        if found is not None:
            value = str(found.get("value") if isinstance(found, Mapping) else found)
            return int(value) if value.lstrip("-").isdigit() else None
        return next((ms for v in answer.values() if (ms := _retention(v)) is not None), None)
    if isinstance(answer, list | tuple):
        return next((ms for v in answer if (ms := _retention(v)) is not None), None)
    return None


def clock_of(store: Client) -> tuple[int, int]:
    """Our clock and ClickHouse's, in ns, as of one moment."""
    before_ns = time.time_ns()
    theirs_ns = int(store.query("SELECT toUnixTimestamp64Nano(now64(9))").result_rows[0][0])
    return (before_ns + time.time_ns()) // 2, theirs_ns


def progress_of(store: Client, settings: KafkaSettings) -> tuple[dict[str, float], int | None]:
    """Seconds since each room wrote progress, and raw messages that have no account yet."""
    ages = {str(room): float(age) for room, age in store.query(_PROGRESS).result_rows}
    nexts = {(str(t), int(p)): int(n) for t, p, n in store.query(_NEXT).result_rows}
    try:
        ends = log_ends(settings, nexts)
    except (Unavailable, InfraError):
        return ages, None
    return ages, sum(max(end - nexts.get(place, 0), 0) for place, end in ends.items())


def waiting_of(store: Client, settings: KafkaSettings) -> Waiting:
    """How long raw messages without an account have waited, and whether any is processed."""
    clock = SystemClock()
    try:
        nexts = accounted(store)
        ends = log_ends(settings, nexts)
        pending = {at: nexts.get(at, 0) for at, end in ends.items() if end > nexts.get(at, 0)}
        return waiting_records(settings, pending, lambda: accounted(store), clock)
    except (Unavailable, InfraError):
        return Waiting()


def services_of(store: Client) -> tuple[list[ServiceFacts], dict[str, int]]:
    """The last interactions of each service, and content of calls whose span never came."""
    rows = store.query(_SERVICES).result_rows
    facts = [
        replace(
            ServiceFacts(str(t), str(s), str(d), *map(int, counts)),
            scope=str(scope),
            sdk_language=str(language),
        )
        for t, s, d, scope, language, *counts in rows
    ]
    unjoined = {str(service): int(n) for service, n in store.query(_UNJOINED).result_rows}
    return facts, unjoined


def silent_of(store: Client) -> list[UnseenCalls]:
    """Services that send and of which no call is seen."""
    found = [
        UnseenCalls(str(t), str(s), traces=int(n)) for t, s, n in store.query(_WITHOUT_CALLS).result_rows
    ]
    found += [
        UnseenCalls(str(t), str(s), events=int(n)) for t, s, n in store.query(_WITHOUT_SPANS).result_rows
    ]
    return found
