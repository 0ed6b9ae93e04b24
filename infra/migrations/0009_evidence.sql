-- Evidence: what it takes to compute a finding again, and to see that nothing of it was changed meanwhile.
--
-- Every message of the observation log carries a digest of its own and the head of the chain up to it, and
-- names what stage 2 ran with when it applied it. Snapshots carry a digest; the one before each finding, and
-- the baselines the finding rests on, are kept as long as the finding.

-- migrate:up
ALTER TABLE observations ADD COLUMN IF NOT EXISTS digest String COMMENT 'of offset and blob, 32 hex' AFTER blob;

ALTER TABLE observations ADD COLUMN IF NOT EXISTS chain String COMMENT 'digest of the chain before it and of its own digest' AFTER digest;

ALTER TABLE observations ADD COLUMN IF NOT EXISTS config LowCardinality(String) COMMENT 'digest of what stage 2 ran with, see run_configs' AFTER chain;

ALTER TABLE snapshots ADD COLUMN IF NOT EXISTS digest String COMMENT 'of the blob, 32 hex' AFTER blob;

CREATE TABLE run_configs
(
    digest String COMMENT 'of the body, 32 hex',
    config_hash LowCardinality(String) COMMENT 'as findings name it',
    body String CODEC(ZSTD(3)) COMMENT 'all that stage 2 ran with, as JSON',
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY digest;

CREATE TABLE evidence
(
    tenant LowCardinality(String),
    finding_id String,
    version UInt64 COMMENT 'log position of the statement',
    partition UInt16 COMMENT 'of the observation log',
    chain String COMMENT 'head of the chain at the statement',
    config String COMMENT 'digest of what stage 2 ran with',
    snapshot_offset Nullable(UInt64) COMMENT 'next offset of the snapshot before it; NULL: there was none yet',
    snapshot_digest String,
    body_digest String COMMENT 'of the finding as JSON, 32 hex',
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, finding_id, version)
TTL toDateTime(written_at) + INTERVAL 13 MONTH;

CREATE TABLE kept_snapshots
(
    room LowCardinality(String),
    shard UInt16,
    next_offset UInt64,
    digest String,
    blob String CODEC(NONE),
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (room, shard, next_offset)
TTL toDateTime(written_at) + INTERVAL 13 MONTH;

CREATE TABLE baselines
(
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    environment LowCardinality(String),
    service LowCardinality(String),
    unit LowCardinality(String),
    score LowCardinality(String),
    slice LowCardinality(String),
    series_id String,
    version String COMMENT 'as findings name it',
    channel LowCardinality(String),
    channel_version String COMMENT 'digest of the body',
    body String CODEC(ZSTD(3)) COMMENT 'the frozen reference of one channel, as JSON',
    cell Array(Int64) CODEC(ZSTD(1)) COMMENT 'what was learned from, by cell',
    count Array(Int64) CODEC(ZSTD(1)),
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, lineage, service, environment, series_id, version, channel)
TTL toDateTime(written_at) + INTERVAL 13 MONTH;

-- migrate:down
DROP TABLE baselines;
DROP TABLE kept_snapshots;
DROP TABLE evidence;
DROP TABLE run_configs;
ALTER TABLE snapshots DROP COLUMN IF EXISTS digest;
ALTER TABLE observations DROP COLUMN IF EXISTS config;
ALTER TABLE observations DROP COLUMN IF EXISTS chain;
ALTER TABLE observations DROP COLUMN IF EXISTS digest;
