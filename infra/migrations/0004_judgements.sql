-- What evaluators and people say of interactions.
--
-- A judgement is kept where it stood in the log, whether or not its interaction is known. When they meet, its
-- row is written again (higher revision) with the interaction, the dimensions it had then, and the source
-- position that counts it: later runs obey that. Its sort key never changes.

-- migrate:up
CREATE TABLE judgements
(
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    service LowCardinality(String) COMMENT 'of the judged interaction; empty until it is known',
    environment LowCardinality(String),
    trace_id String CODEC(ZSTD(1)) COMMENT 'as named by the judgement; empty: it names none',
    span_id String CODEC(ZSTD(1)),
    response_id String CODEC(ZSTD(1)),
    conversation_id String CODEC(ZSTD(1)),
    linked_trace_id String CODEC(ZSTD(1)) COMMENT 'named by a span of another trace, and so from another partition',
    ordinal UInt32 COMMENT 'place among the judgements of one message',
    uid String CODEC(ZSTD(1)) COMMENT 'the id its sender gave it, or the hash of what it says',
    record_hash String CODEC(ZSTD(1)) COMMENT 'tells a judgement sent again from one that corrects it',
    corrects Bool COMMENT 'another with this uid came before: shown instead of it, not counted again',
    name String CODEC(ZSTD(1)),
    value Nullable(Float64) CODEC(ZSTD(1)),
    label Nullable(String) CODEC(ZSTD(1)),
    explanation Nullable(String) CODEC(ZSTD(3)) TTL toDateTime(received_at) + INTERVAL 30 DAY,
    error Nullable(String) CODEC(ZSTD(1)) COMMENT 'why there is no score',
    said_by LowCardinality(String) COMMENT 'scope or door it came through',
    who Nullable(String) CODEC(ZSTD(1)) COMMENT 'pseudonym',
    judged_at DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    of_trace Bool COMMENT 'names a trace or a step of it, and so the answer its user saw',
    judged_trace_id String CODEC(ZSTD(1)) COMMENT 'the interaction; empty while it is not known',
    judged_span_id String CODEC(ZSTD(1)),
    judged_start DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    dimensions Map(LowCardinality(String), String) CODEC(ZSTD(1)) COMMENT 'of the interaction when they met',
    user_id Nullable(String) CODEC(ZSTD(1)),
    judged_conversation_id Nullable(String) CODEC(ZSTD(1)),
    counted_at DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)) COMMENT 'event time it is counted at',
    counted_by String CODEC(ZSTD(1)) COMMENT 'position (topic/partition/offset) that counts it; empty: none',
    revision UInt8 COMMENT 'grows with what is decided on it',
    source_topic LowCardinality(String),
    source_partition UInt16,
    source_offset UInt64 CODEC(Delta, ZSTD(1)),
    received_at DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    INDEX by_interaction judged_trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (tenant, lineage, trace_id, response_id, source_topic, source_partition, source_offset, ordinal)
TTL toDateTime(received_at) + INTERVAL 13 MONTH;

ALTER TABLE interactions ADD INDEX IF NOT EXISTS by_response response_id TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE interactions ADD INDEX IF NOT EXISTS by_conversation conversation_id TYPE bloom_filter(0.01) GRANULARITY 1;

-- migrate:down
ALTER TABLE interactions DROP INDEX IF EXISTS by_conversation;
ALTER TABLE interactions DROP INDEX IF EXISTS by_response;
DROP TABLE judgements;
