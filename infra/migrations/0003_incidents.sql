-- What people handle. Transitions are append-only: the life of an incident can be read back, and a restart
-- rebuilds every open one from here.

-- migrate:up
CREATE TABLE incident_transitions
(
    tenant LowCardinality(String),
    incident_id String,
    seq UInt32,
    at DateTime64(6, 'UTC'),
    lineage LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String),
    fingerprint String,
    state LowCardinality(String) COMMENT 'pending, firing, recovering or resolved',
    evidence LowCardinality(String) COMMENT 'ok, breach, no_data or error',
    ending LowCardinality(Nullable(String)) COMMENT 'recovered, accepted, superseded or false_alarm',
    severity LowCardinality(String),
    acknowledged_by Nullable(String),
    actor LowCardinality(String) COMMENT 'detector, or the person who acted',
    reason String,
    finding_id Nullable(String) COMMENT 'the finding that moved it',
    headline String CODEC(ZSTD(3)),
    body String CODEC(ZSTD(3)) COMMENT 'the incident after the transition, as JSON'
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, incident_id, seq)
TTL toDateTime(at) + INTERVAL 13 MONTH;

CREATE TABLE notifications
(
    tenant LowCardinality(String),
    incident_id String,
    receiver LowCardinality(String),
    dedup_key String COMMENT 'one delivery is due per key',
    attempt UInt16,
    outcome LowCardinality(String) COMMENT 'sent, retry or gave_up',
    response_code Nullable(UInt16),
    reason String,
    at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, incident_id, receiver, dedup_key, attempt)
TTL toDateTime(at) + INTERVAL 13 MONTH;

-- migrate:down
DROP TABLE notifications;
DROP TABLE incident_transitions;
