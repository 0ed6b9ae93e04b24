-- What people or tools recorded as changed, for pages that draw it. The topic actions holds the same for ever and is
-- written here again at every start of the alerts service: a row is the same however often it is written.

-- migrate:up
CREATE TABLE changes
(
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    since DateTime64(6, 'UTC') COMMENT 'when it was done, as whoever recorded it says',
    service String COMMENT 'empty: of all services',
    environment String COMMENT '*: of all environments',
    kind LowCardinality(String),
    value String
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, lineage, since, service, environment, kind, value)
TTL toDateTime(since) + INTERVAL 13 MONTH;

-- migrate:down
DROP TABLE changes;
