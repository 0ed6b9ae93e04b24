-- What whole runs and conversations need: repeated prompts, how each run was closed, the clock of every
-- message, and finding spans by where they came from.

-- migrate:up
ALTER TABLE interactions ADD COLUMN IF NOT EXISTS prompt_hash Nullable(UInt64) COMMENT 'keyed; the same for a prompt asked again in other case or spacing' AFTER late_scores;

ALTER TABLE interactions ADD INDEX IF NOT EXISTS by_source source_offset TYPE minmax GRANULARITY 1;

ALTER TABLE context_spans ADD INDEX IF NOT EXISTS by_source source_offset TYPE minmax GRANULARITY 1;

ALTER TABLE traces ADD COLUMN IF NOT EXISTS closed_by LowCardinality(String) DEFAULT 'root' COMMENT 'root: with its root span; idle: nothing came for a while; end: its lineage ended' AFTER observed;

ALTER TABLE traces ADD COLUMN IF NOT EXISTS counted_at DateTime64(9, 'UTC') DEFAULT addNanoseconds(start, toInt64(duration_s * 1e9)) COMMENT 'event time it is counted at' AFTER closed_by;

ALTER TABLE traces ADD INDEX IF NOT EXISTS by_source source_offset TYPE minmax GRANULARITY 1;

ALTER TABLE ledger ADD COLUMN IF NOT EXISTS clock DateTime64(9, 'UTC') DEFAULT toDateTime64(0, 9, 'UTC') COMMENT 'latest event time of the lineage in this partition, up to this message' AFTER reasons;

-- migrate:down
ALTER TABLE ledger DROP COLUMN IF EXISTS clock;
ALTER TABLE traces DROP INDEX IF EXISTS by_source;
ALTER TABLE traces DROP COLUMN IF EXISTS counted_at;
ALTER TABLE traces DROP COLUMN IF EXISTS closed_by;
ALTER TABLE context_spans DROP INDEX IF EXISTS by_source;
ALTER TABLE interactions DROP INDEX IF EXISTS by_source;
ALTER TABLE interactions DROP COLUMN IF EXISTS prompt_hash;
