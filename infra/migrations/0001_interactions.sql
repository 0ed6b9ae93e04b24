-- Interactions with their scores, the context around them, and the account of every source record.
--
-- Every row carries the Kafka position it came from: a row can be traced to its message, and a repeated
-- record (stored under another position) can be told from a repeated run (same position, identical row).
-- Sort keys begin with the tenant and end with what makes the row unique, so a re-run replaces itself.

-- migrate:up
CREATE TABLE interactions
(
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String) COMMENT 'empty: not given',
    start DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    parent_span_id Nullable(String) CODEC(ZSTD(1)),
    kind LowCardinality(String),
    operation LowCardinality(Nullable(String)),
    modality LowCardinality(String),
    duration_s Nullable(Float64) CODEC(Gorilla, ZSTD(1)),
    time_to_first_chunk_s Nullable(Float64) CODEC(Gorilla, ZSTD(1)),
    service_version LowCardinality(Nullable(String)),
    release LowCardinality(Nullable(String)),
    trace_name LowCardinality(Nullable(String)),
    agent_name LowCardinality(Nullable(String)),
    prompt_name LowCardinality(Nullable(String)),
    prompt_version LowCardinality(Nullable(String)),
    provider LowCardinality(Nullable(String)),
    request_model LowCardinality(Nullable(String)),
    response_model LowCardinality(Nullable(String)),
    response_id Nullable(String) CODEC(ZSTD(1)),
    system_prompt_hash LowCardinality(Nullable(String)),
    conversation_id Nullable(String) CODEC(ZSTD(1)),
    user_id Nullable(String) CODEC(ZSTD(1)),
    language LowCardinality(Nullable(String)),
    output_language LowCardinality(Nullable(String)),
    finish_reason LowCardinality(Nullable(String)),
    error_type LowCardinality(Nullable(String)),
    error_message Nullable(String) CODEC(ZSTD(3)) TTL toDateTime(received_at) + INTERVAL 30 DAY,
    http_status Nullable(UInt16),
    input_tokens Nullable(UInt32) CODEC(T64, ZSTD(1)),
    output_tokens Nullable(UInt32) CODEC(T64, ZSTD(1)),
    cached_tokens Nullable(UInt32) CODEC(T64, ZSTD(1)),
    reasoning_tokens Nullable(UInt32) CODEC(T64, ZSTD(1)),
    system_prompt Nullable(String) CODEC(ZSTD(3)) TTL toDateTime(received_at) + INTERVAL 30 DAY,
    input_text Nullable(String) CODEC(ZSTD(3)) TTL toDateTime(received_at) + INTERVAL 30 DAY,
    output_text Nullable(String) CODEC(ZSTD(3)) TTL toDateTime(received_at) + INTERVAL 30 DAY,
    tool_calls String DEFAULT '[]' CODEC(ZSTD(3)) TTL toDateTime(received_at) + INTERVAL 30 DAY,
    tool_results Array(String) CODEC(ZSTD(3)) TTL toDateTime(received_at) + INTERVAL 30 DAY,
    context_texts Array(String) CODEC(ZSTD(3)) TTL toDateTime(received_at) + INTERVAL 30 DAY,
    text_absent LowCardinality(Nullable(String)) COMMENT 'why text was not kept; null: it was',
    content_from LowCardinality(Nullable(String)) COMMENT 'which part of the telemetry held the text',
    redactions Nested(side LowCardinality(String), type LowCardinality(String), n UInt16),
    score_secrets Nullable(Float32),
    score_secrets_prompt Nullable(Float32),
    score_pii Nullable(Float32),
    score_pii_prompt Nullable(Float32),
    score_refusal Nullable(Float32),
    score_error Nullable(Float32),
    score_truncated Nullable(Float32),
    score_degenerate Nullable(Float32),
    score_repetition Nullable(Float32),
    score_output_length Nullable(Float32),
    score_prompt_length Nullable(Float32),
    score_latency_s Nullable(Float32) COMMENT 'as observed; null: the score did not apply',
    score_time_to_first_chunk_s Nullable(Float32),
    score_input_tokens Nullable(Float32),
    score_output_tokens Nullable(Float32),
    other_scores Map(LowCardinality(String), Float64) COMMENT 'numeric scores without a column',
    other_categories Map(LowCardinality(String), String) COMMENT 'category scores without a column',
    scorer_versions LowCardinality(String) COMMENT 'hash of the versions that scored the row',
    dialect LowCardinality(String),
    synthetic Bool,
    sampling_probability Nullable(Float64),
    clock_skew Bool COMMENT 'event time was clamped to received_at',
    observed Bool COMMENT 'false: stored without feeding a detector',
    settings_version UInt32,
    revision UInt16 COMMENT 'grows when content that came after the span is added',
    late_scores Map(LowCardinality(String), String) COMMENT 'scores observed after the span, each with the position (topic/partition/offset) that did; all others at the source position',
    source_topic LowCardinality(String),
    source_partition UInt16,
    source_offset UInt64 CODEC(Delta, ZSTD(1)),
    received_at DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(start)
ORDER BY (tenant, lineage, service, start, trace_id, span_id)
TTL toDateTime(received_at) + INTERVAL 13 MONTH;

CREATE TABLE context_spans
(
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    parent_span_id Nullable(String) CODEC(ZSTD(1)),
    kind LowCardinality(String) COMMENT 'agent, tool, chain, retriever or other',
    name String CODEC(ZSTD(1)),
    tool_name LowCardinality(Nullable(String)),
    tool_arguments Nullable(String) CODEC(ZSTD(3)) TTL toDateTime(received_at) + INTERVAL 30 DAY,
    start DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    duration_s Float64 CODEC(Gorilla, ZSTD(1)),
    error Bool,
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)) COMMENT 'agent name, release and the like',
    source_topic LowCardinality(String),
    source_partition UInt16,
    source_offset UInt64 CODEC(Delta, ZSTD(1)),
    received_at DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(start)
ORDER BY (tenant, lineage, service, start, trace_id, span_id)
TTL toDateTime(received_at) + INTERVAL 13 MONTH;

CREATE TABLE traces
(
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String),
    start DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    duration_s Float64 CODEC(Gorilla, ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    root_span_id String CODEC(ZSTD(1)),
    name Nullable(String) CODEC(ZSTD(1)),
    agent_name LowCardinality(Nullable(String)),
    release LowCardinality(Nullable(String)),
    prompt_version LowCardinality(Nullable(String)),
    language LowCardinality(Nullable(String)),
    conversation_id Nullable(String) CODEC(ZSTD(1)),
    user_id Nullable(String) CODEC(ZSTD(1)),
    scores Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    observed Bool,
    source_topic LowCardinality(String),
    source_partition UInt16,
    source_offset UInt64 CODEC(Delta, ZSTD(1)),
    received_at DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(start)
ORDER BY (tenant, lineage, service, start, trace_id)
TTL toDateTime(received_at) + INTERVAL 13 MONTH;

CREATE TABLE content_records
(
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    service LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    event_name LowCardinality(String),
    ordinal UInt32 COMMENT 'place among the records of one message',
    record_hash String CODEC(ZSTD(1)) COMMENT 'tells a record sent again from another one',
    body String CODEC(ZSTD(3)) COMMENT 'redacted, JSON',
    at DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    source_topic LowCardinality(String),
    source_partition UInt16,
    source_offset UInt64 CODEC(Delta, ZSTD(1)),
    received_at DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, lineage, trace_id, span_id, source_topic, source_partition, source_offset, ordinal)
TTL toDateTime(received_at) + INTERVAL 30 DAY;

CREATE TABLE ledger
(
    topic LowCardinality(String),
    partition UInt16,
    offset UInt64 CODEC(Delta, ZSTD(1)),
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    declared UInt32 COMMENT 'the lightship-records header',
    received UInt32,
    stored UInt32,
    duplicate UInt32,
    rejected UInt32,
    dead_lettered UInt32,
    reasons Map(LowCardinality(String), UInt32),
    received_at DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, partition, offset)
TTL toDateTime(received_at) + INTERVAL 13 MONTH;

-- migrate:down
DROP TABLE ledger;
DROP TABLE content_records;
DROP TABLE traces;
DROP TABLE context_spans;
DROP TABLE interactions;
