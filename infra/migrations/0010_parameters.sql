-- The parameters of a request, in a line: a change of them is a suspect.

-- migrate:up
ALTER TABLE interactions ADD COLUMN IF NOT EXISTS parameters LowCardinality(Nullable(String)) COMMENT 'max_tokens=512 temperature=0.2; as known with the span' AFTER scope;

-- migrate:down
ALTER TABLE interactions DROP COLUMN IF EXISTS parameters;
