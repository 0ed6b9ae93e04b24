-- What a person allowed to stand in outputs: hits of policies that are no incident. Append-only: a row when a rule is
-- made and one when it is removed, the same however often it is written. It names pseudonyms and kinds, never values.

-- migrate:up
CREATE TABLE allow_rules
(
    tenant LowCardinality(String),
    rule_id String,
    in_force Bool COMMENT 'true: the row that made it; false: the one that removed it',
    service String COMMENT 'pattern; * is everything',
    secrets Array(String) COMMENT 'such as [openai_key:3f9a0c71b2d4e856], or [openai_key:*] for a kind',
    actor String,
    reason String,
    made_at DateTime64(9, 'UTC') COMMENT 'wall clock, like all times here',
    expires_at DateTime64(9, 'UTC'),
    ended_at Nullable(DateTime64(9, 'UTC')) COMMENT 'when it was removed; null: it expires',
    ended_by Nullable(String),
    ended_reason String,
    recorded_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, rule_id, in_force)
TTL toDateTime(expires_at) + INTERVAL 13 MONTH;

-- migrate:down
DROP TABLE allow_rules;
