-- Which scorers scored when: one row a service, day and set of scorer versions, kept while interactions are written.
-- An interaction that is written again changes neither the first nor the last of its day.

-- migrate:up
CREATE TABLE scored_by
(
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    service LowCardinality(String),
    day Date CODEC(DoubleDelta, ZSTD(1)) COMMENT 'UTC, of the start of interactions',
    scorer_versions LowCardinality(String),
    first SimpleAggregateFunction(min, DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    last SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    received_at SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(ZSTD(1)) COMMENT 'the latest of these interactions'
)
ENGINE = AggregatingMergeTree
ORDER BY (tenant, lineage, service, day, scorer_versions)
TTL toDateTime(received_at) + INTERVAL 13 MONTH;

CREATE MATERIALIZED VIEW IF NOT EXISTS scored_by_writing TO scored_by AS
SELECT
    tenant,
    lineage,
    service,
    toDate(start, 'UTC') AS day,
    scorer_versions,
    min(start) AS first,
    max(start) AS last,
    max(interactions.received_at) AS received_at
FROM interactions
WHERE scorer_versions != ''
GROUP BY tenant, lineage, service, day, scorer_versions;

INSERT INTO scored_by
SELECT
    tenant,
    lineage,
    service,
    toDate(start, 'UTC') AS day,
    scorer_versions,
    min(start) AS first,
    max(start) AS last,
    max(interactions.received_at) AS received_at
FROM interactions
WHERE scorer_versions != ''
GROUP BY tenant, lineage, service, day, scorer_versions;

-- migrate:down
DROP VIEW IF EXISTS scored_by_writing;

DROP TABLE scored_by;
