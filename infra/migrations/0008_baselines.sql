-- Where the baseline of a series comes from, whether its level is fine, and in which unit its outlook is told.

-- migrate:up
ALTER TABLE series ADD COLUMN IF NOT EXISTS detectable_unit Nullable(String) COMMENT 'rate, or the unit of a median';

ALTER TABLE series ADD COLUMN IF NOT EXISTS origin LowCardinality(String) COMMENT 'learned, or accepted: a change taken for the level';

ALTER TABLE series ADD COLUMN IF NOT EXISTS examples Nullable(UInt64) COMMENT 'hits in the baseline of a flag';

ALTER TABLE series ADD COLUMN IF NOT EXISTS level_limit Nullable(Float64) COMMENT 'declared for the score of the service';

ALTER TABLE series ADD COLUMN IF NOT EXISTS level_verdict LowCardinality(String) COMMENT 'proposed, within limit, beyond limit or accepted';

ALTER TABLE series ADD COLUMN IF NOT EXISTS accepted_by String COMMENT 'who accepted the level; empty: nobody yet';

ALTER TABLE series ADD COLUMN IF NOT EXISTS accepted_reason String;

-- migrate:down
ALTER TABLE series DROP COLUMN IF EXISTS accepted_reason;
ALTER TABLE series DROP COLUMN IF EXISTS accepted_by;
ALTER TABLE series DROP COLUMN IF EXISTS level_verdict;
ALTER TABLE series DROP COLUMN IF EXISTS level_limit;
ALTER TABLE series DROP COLUMN IF EXISTS examples;
ALTER TABLE series DROP COLUMN IF EXISTS origin;
ALTER TABLE series DROP COLUMN IF EXISTS detectable_unit;
