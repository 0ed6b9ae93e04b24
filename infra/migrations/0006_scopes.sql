-- Which instrumentation told of a call: two that tell of the same one are known by it.

-- migrate:up
ALTER TABLE interactions ADD COLUMN IF NOT EXISTS scope LowCardinality(String) COMMENT 'instrumentation scope of the span' AFTER prompt_hash;

-- migrate:down
ALTER TABLE interactions DROP COLUMN IF EXISTS scope;
