-- What telemetry lost before it came, on the row; arrival as an index, for what looks at recent rows alone;
-- holes in the offsets, once they are proven.

-- migrate:up
ALTER TABLE interactions ADD COLUMN IF NOT EXISTS dropped_attributes UInt32 AFTER content_from;

ALTER TABLE interactions ADD COLUMN IF NOT EXISTS truncated Bool COMMENT 'a value was cut by the sender' AFTER dropped_attributes;

ALTER TABLE interactions ADD COLUMN IF NOT EXISTS hidden Bool COMMENT 'content was hidden by the sender' AFTER truncated;

ALTER TABLE interactions ADD INDEX IF NOT EXISTS by_arrival received_at TYPE minmax GRANULARITY 1;

ALTER TABLE context_spans ADD INDEX IF NOT EXISTS by_arrival received_at TYPE minmax GRANULARITY 1;

ALTER TABLE content_records ADD INDEX IF NOT EXISTS by_arrival received_at TYPE minmax GRANULARITY 1;

ALTER TABLE ledger ADD INDEX IF NOT EXISTS by_arrival received_at TYPE minmax GRANULARITY 1;

CREATE TABLE ledger_holes
(
    topic LowCardinality(String),
    partition UInt16,
    first UInt64,
    last UInt64,
    proven_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, partition, first, last)
TTL toDateTime(proven_at) + INTERVAL 13 MONTH;

-- migrate:down
DROP TABLE ledger_holes;

ALTER TABLE ledger DROP INDEX IF EXISTS by_arrival;

ALTER TABLE content_records DROP INDEX IF EXISTS by_arrival;

ALTER TABLE context_spans DROP INDEX IF EXISTS by_arrival;

ALTER TABLE interactions DROP INDEX IF EXISTS by_arrival;
ALTER TABLE interactions DROP COLUMN IF EXISTS hidden;
ALTER TABLE interactions DROP COLUMN IF EXISTS truncated;
ALTER TABLE interactions DROP COLUMN IF EXISTS dropped_attributes;
