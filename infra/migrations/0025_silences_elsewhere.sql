-- Silences that were made in an Alertmanager: where, under which id, and what they match.

-- migrate:up
ALTER TABLE silences ADD COLUMN IF NOT EXISTS origin String COMMENT 'receiver in whose Alertmanager it was made; empty: here' AFTER ended_reason;

ALTER TABLE silences ADD COLUMN IF NOT EXISTS source_id String COMMENT 'its id there' AFTER origin;

ALTER TABLE silences ADD COLUMN IF NOT EXISTS matchers String COMMENT 'JSON: matchers of labels, instead of the patterns' AFTER source_id;

-- migrate:down
ALTER TABLE silences DROP COLUMN IF EXISTS matchers;

ALTER TABLE silences DROP COLUMN IF EXISTS source_id;

ALTER TABLE silences DROP COLUMN IF EXISTS origin;
