"""Everything that lies in the broker and in the store, as it lies there."""

from __future__ import annotations

from collections.abc import Iterator

from kafka import TopicPartition

from infra import clickhouse
from infra.settings import KafkaSettings, StoreSettings
from tests.running import reader, records_of

_ALL = {"max_result_bytes": 0, "max_result_rows": 0}


def raw_messages(kafka: KafkaSettings) -> Iterator[tuple[str, bytes]]:
    """Every message of every topic as it lies there: where it is, and its key, headers and value."""
    with reader(kafka) as consumer:
        places = [TopicPartition(t, p) for t in consumer.topics() for p in consumer.partitions_for_topic(t)]
        for place in sorted(places):
            for record in records_of(consumer, place):
                headers = b" ".join(name.encode() + b"=" + value for name, value in record.headers)
                where = f"topic {place.topic}/{place.partition}/{record.offset}"
                yield where, b"\n".join((record.key or b"", headers, record.value or b""))


def rows_of_everything(settings: StoreSettings) -> Iterator[tuple[str, bytes]]:
    """Every table with all its columns in ClickHouse's own binary form, its logs of statements included."""
    client = clickhouse.connect(settings)
    try:
        tables = client.query(
            "SELECT database, name FROM system.tables WHERE database NOT ILIKE 'information_schema' "
            "AND (database != 'system' OR name ILIKE '%log%' OR name IN ('processes', 'errors', 'warnings'))"
        ).result_rows
        for database, name in sorted((str(d), str(n)) for d, n in tables):
            everything = f"SELECT * FROM `{database}`.`{name}`"  # noqa: S608
            yield f"table {database}.{name}", client.raw_query(everything, settings=_ALL, fmt="RowBinary")
    finally:
        client.close()
