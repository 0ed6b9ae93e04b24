-- Which set of a file a rule or a silence is of that `apply` made; empty where a person added it by hand.

-- migrate:up
ALTER TABLE added_rules ADD COLUMN IF NOT EXISTS applied String COMMENT 'set of the file that has it; empty: added by hand';

ALTER TABLE silences ADD COLUMN IF NOT EXISTS applied String COMMENT 'set of the file that has it; empty: made by hand';

-- migrate:down
ALTER TABLE silences DROP COLUMN IF EXISTS applied;
ALTER TABLE added_rules DROP COLUMN IF EXISTS applied;
