-- What people handle. The history of an incident is append-only and the same however often it is written: a
-- repeated run gives the same rows under the same (incident, seq). It is also the outbox: a row whose notify
-- is not empty is due to every receiver it names until the delivery log says how that went.
--
-- incidents holds the newest state of each, replaced by revision: counts of policy hits and refined effects
-- change it without a line of history. A restart takes the newer of the two.

-- migrate:up
CREATE TABLE incident_transitions
(
    tenant LowCardinality(String),
    incident_id String,
    seq UInt32,
    at DateTime64(6, 'UTC') COMMENT 'on the clock of the lineage',
    lineage LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String) COMMENT 'empty: not given',
    fingerprint String,
    what LowCardinality(String) COMMENT 'opened, fired, joined, raised, acknowledged, resolved and the like',
    state LowCardinality(String) COMMENT 'ok, pending, firing, recovering or resolved',
    evidence LowCardinality(String) COMMENT 'ok, breach, no_data or error',
    ending LowCardinality(Nullable(String)) COMMENT 'recovered, withdrawn, accepted, superseded or false_alarm',
    severity LowCardinality(String),
    acknowledged_by Nullable(String),
    actor LowCardinality(String) COMMENT 'detector, or the person who acted',
    reason String,
    finding_id Nullable(String) COMMENT 'the finding that moved it',
    notify LowCardinality(String) COMMENT 'empty, opened, raised, reopened or resolved',
    receivers Array(LowCardinality(String)) COMMENT 'to whom it is due, as routed when it happened',
    headline String CODEC(ZSTD(3)),
    body String CODEC(ZSTD(3)) COMMENT 'the incident after the transition, as JSON',
    revision UInt64 COMMENT 'counts every change of the incident',
    recorded_at DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'wall clock'
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, incident_id, seq)
TTL toDateTime(recorded_at) + INTERVAL 13 MONTH;

CREATE TABLE incidents
(
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String) COMMENT 'empty: not given',
    incident_id String,
    state LowCardinality(String),
    evidence LowCardinality(String),
    ending LowCardinality(Nullable(String)),
    severity LowCardinality(String),
    alert_kind LowCardinality(String) COMMENT 'of the lead finding, like unit and score',
    unit LowCardinality(String),
    score LowCardinality(String),
    slice LowCardinality(String) COMMENT 'the first-ranked explaining slice',
    onset DateTime64(6, 'UTC'),
    onset_low DateTime64(6, 'UTC'),
    onset_high DateTime64(6, 'UTC'),
    opened_at DateTime64(6, 'UTC'),
    fired_at Nullable(DateTime64(6, 'UTC')),
    resolved_at Nullable(DateTime64(6, 'UTC')),
    acknowledged_by Nullable(String),
    acknowledged_at Nullable(DateTime64(6, 'UTC')),
    reopened UInt16,
    hits UInt32 COMMENT 'policy hits counted',
    finding_ids Array(String) COMMENT 'findings kept whole, in order of arrival',
    detectors Array(LowCardinality(String)),
    headline String CODEC(ZSTD(3)),
    runbook LowCardinality(String) COMMENT 'name of a file in infra/runbooks, without .md',
    brief String CODEC(ZSTD(3)) COMMENT 'the message, as JSON, without examples',
    body String CODEC(ZSTD(3)) COMMENT 'the incident as JSON',
    seq UInt32 COMMENT 'its last transition',
    revision UInt64,
    updated_at DateTime64(6, 'UTC') COMMENT 'on the clock of the lineage',
    recorded_at DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'wall clock'
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (tenant, lineage, service, environment, incident_id)
TTL toDateTime(recorded_at) + INTERVAL 13 MONTH;

CREATE TABLE notifications
(
    tenant LowCardinality(String),
    incident_id String,
    receiver LowCardinality(String),
    dedup_key String COMMENT 'one delivery is due per key',
    kind LowCardinality(String) COMMENT 'opened, raised, reopened or resolved',
    attempt UInt16 COMMENT 'from 1',
    outcome LowCardinality(String) COMMENT 'sending (written before the attempt), sent, retry or gave_up',
    response_code Nullable(UInt16),
    reason String,
    at DateTime64(6, 'UTC') COMMENT 'wall clock'
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, incident_id, receiver, dedup_key, attempt, outcome)
TTL toDateTime(at) + INTERVAL 13 MONTH;

-- migrate:down
DROP TABLE notifications;
DROP TABLE incidents;
DROP TABLE incident_transitions;
