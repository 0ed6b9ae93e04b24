-- Which instrumentation told of a call: two that tell of the same one are known by it. And whether a trace was
-- counted already, asked without its service and its start.

-- migrate:up
ALTER TABLE interactions ADD COLUMN IF NOT EXISTS scope LowCardinality(String) COMMENT 'instrumentation scope of the span' AFTER prompt_hash;

ALTER TABLE traces ADD INDEX IF NOT EXISTS by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1;

-- migrate:down
ALTER TABLE traces DROP INDEX IF EXISTS by_trace;
ALTER TABLE interactions DROP COLUMN IF EXISTS scope;
