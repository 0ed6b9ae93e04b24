-- Which runtime sends: what an instrumentation is told by is not the same in Java, Node.js, Python, .NET and Go.

-- migrate:up
ALTER TABLE interactions ADD COLUMN IF NOT EXISTS sdk_language LowCardinality(String) COMMENT 'telemetry.sdk.language of the resource' AFTER scope;

-- migrate:down
ALTER TABLE interactions DROP COLUMN IF EXISTS sdk_language;
