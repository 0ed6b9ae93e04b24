-- The log of closed ticks, kept as the observation log is: what findings over several services rest on.

-- migrate:up
CREATE TABLE closed_ticks
(
    partition UInt16,
    offset UInt64 CODEC(Delta, ZSTD(1)),
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    environment LowCardinality(String),
    service LowCardinality(String),
    kind LowCardinality(String) COMMENT 'report or control',
    at DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)) COMMENT 'end of the latest tick in it',
    blob String CODEC(ZSTD(3)),
    digest String COMMENT 'of offset and blob, 32 hex',
    chain String COMMENT 'digest of the chain before it and of its own digest',
    config LowCardinality(String) COMMENT 'digest of what the fleet shard ran with, see run_configs',
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (partition, offset)
TTL toDateTime(written_at) + INTERVAL 13 MONTH;

ALTER TABLE evidence ADD COLUMN IF NOT EXISTS room LowCardinality(String) DEFAULT 'detect' COMMENT 'detect: the observation log; fleet: the log of closed ticks' AFTER version;

-- migrate:down
ALTER TABLE evidence DROP COLUMN IF EXISTS room;
DROP TABLE closed_ticks;
