-- Cells by day: what is asked over weeks and over all services reads one row a day of a series, not hundreds.
--
-- Days are computed from deduplicated cells, again whenever cells of the day were written, and replace themselves.

-- migrate:up
CREATE TABLE days
(
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    unit LowCardinality(String),
    score LowCardinality(String),
    slice LowCardinality(String) COMMENT 'all, or dim=value',
    service LowCardinality(String),
    environment LowCardinality(String),
    generation UInt16,
    day Date CODEC(DoubleDelta, ZSTD(1)) COMMENT 'UTC',
    n UInt64 CODEC(T64, ZSTD(1)),
    total Float64 CODEC(Gorilla, ZSTD(1)) COMMENT 'sum of the values (flags: hits)',
    cell Array(Int32) CODEC(ZSTD(1)) COMMENT 'cell numbers on the grid of the score; empty for categories',
    count Array(UInt64) CODEC(ZSTD(1)),
    category Array(LowCardinality(String)) CODEC(ZSTD(1)) COMMENT 'names instead of cell numbers',
    written_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(written_at)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, lineage, unit, score, slice, service, environment, generation, day)
TTL toDateTime(written_at) + INTERVAL 13 MONTH;

CREATE TABLE days_done
(
    until DateTime64(3, 'UTC') COMMENT 'cells written before are in their days'
)
ENGINE = ReplacingMergeTree(until)
ORDER BY tuple();

ALTER TABLE cells ADD INDEX IF NOT EXISTS by_writing written_at TYPE minmax GRANULARITY 1;

-- migrate:down
ALTER TABLE cells DROP INDEX IF EXISTS by_writing;
DROP TABLE days_done;

DROP TABLE days;
