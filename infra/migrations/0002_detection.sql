-- What detection keeps: the observation log for verification, cumulative cells for charts, the state of
-- every series, snapshots for restarts, and findings.
--
-- Cells are cumulative per (series, tick) and versioned by the applied log offset: writing one again after
-- a crash replaces it, so charts and detectors show the same numbers. No materialised view hangs on a table
-- that is written at least once (it would count twice).

-- migrate:up
CREATE TABLE observations
(
    partition UInt16,
    offset UInt64 CODEC(Delta, ZSTD(1)),
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    environment LowCardinality(String),
    service LowCardinality(String),
    kind LowCardinality(String) COMMENT 'observation, mark or control',
    at DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)) COMMENT 'latest event time in it',
    blob String CODEC(ZSTD(3)),
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (partition, offset)
TTL toDateTime(written_at) + INTERVAL 13 MONTH;

CREATE TABLE cells
(
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String),
    unit LowCardinality(String),
    score LowCardinality(String),
    generation UInt16,
    slice LowCardinality(String) COMMENT 'all, or dim=value',
    tick DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    part UInt64 DEFAULT 0 CODEC(ZSTD(1)) COMMENT '0: on time; else the log offset of late rows: add them up',
    n UInt32 CODEC(T64, ZSTD(1)),
    total Float64 CODEC(Gorilla, ZSTD(1)) COMMENT 'sum of the values (flags: hits)',
    cell Array(Int32) CODEC(ZSTD(1)) COMMENT 'cell numbers on the grid of the score; empty for categories',
    count Array(UInt32) CODEC(ZSTD(1)),
    category Array(LowCardinality(String)) CODEC(ZSTD(1)) COMMENT 'names instead of cell numbers',
    applied_offset UInt64 CODEC(Delta, ZSTD(1)),
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(applied_offset)
PARTITION BY toYYYYMM(tick)
ORDER BY (tenant, lineage, service, environment, unit, score, generation, slice, tick, part)
TTL toDateTime(written_at) + INTERVAL 13 MONTH;

CREATE TABLE series
(
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String),
    unit LowCardinality(String),
    score LowCardinality(String),
    generation UInt16,
    slice LowCardinality(String),
    series_id String,
    kind LowCardinality(String),
    state LowCardinality(String) COMMENT 'learning, watching, stale or accepted',
    first_seen DateTime('UTC'),
    last_seen DateTime('UTC'),
    watching_since Nullable(DateTime('UTC')),
    ready_at Nullable(DateTime('UTC')) COMMENT 'when learning ends if traffic goes on',
    baseline_version Nullable(String),
    baseline_value Nullable(Float64),
    baseline_low Nullable(Float64),
    baseline_high Nullable(Float64),
    current_value Nullable(Float64) COMMENT 'over the last day of the lineage clock',
    current_low Nullable(Float64),
    current_high Nullable(Float64),
    n_baseline UInt64,
    n_current UInt64,
    evidence Nullable(Float64),
    threshold Nullable(Float64),
    detectable_1h Nullable(Float64) COMMENT 'smallest change noticed within an hour, in the unit of the score',
    detectable_1d Nullable(Float64),
    detectable_7d Nullable(Float64),
    applied_offset UInt64
)
ENGINE = ReplacingMergeTree(applied_offset)
ORDER BY (tenant, lineage, service, environment, unit, score, generation, slice);

CREATE TABLE snapshots
(
    room LowCardinality(String),
    shard UInt16,
    epoch UInt32,
    next_offset UInt64,
    blob String CODEC(NONE) COMMENT 'compressed by the writer',
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (room, shard, epoch, next_offset)
TTL toDateTime(written_at) + INTERVAL 7 DAY;

CREATE TABLE progress
(
    room LowCardinality(String),
    topic LowCardinality(String),
    partition UInt16,
    next_offset UInt64,
    event_time DateTime64(9, 'UTC') COMMENT 'latest event time processed',
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(next_offset)
ORDER BY (room, topic, partition);

CREATE TABLE findings
(
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String),
    finding_id String,
    alert_kind LowCardinality(String),
    status LowCardinality(String),
    unit LowCardinality(String),
    score LowCardinality(String),
    slice LowCardinality(String),
    severity LowCardinality(String),
    made_at DateTime64(6, 'UTC'),
    onset Nullable(DateTime64(6, 'UTC')),
    onset_low Nullable(DateTime64(6, 'UTC')),
    onset_high Nullable(DateTime64(6, 'UTC')),
    effect Nullable(Float64),
    effect_low Nullable(Float64),
    effect_high Nullable(Float64),
    evidence Nullable(Float64),
    body String CODEC(ZSTD(3)) COMMENT 'the whole finding as JSON',
    version UInt64 COMMENT 'log position of the statement',
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, lineage, service, finding_id)
TTL toDateTime(written_at) + INTERVAL 13 MONTH;

-- migrate:down
DROP TABLE findings;
DROP TABLE progress;
DROP TABLE snapshots;
DROP TABLE series;
DROP TABLE cells;
DROP TABLE observations;
