-- Rules that people added to a service while it is watched. A row when one is added and one when it is
-- removed; the newest is read. Those in force never expire.

-- migrate:up
CREATE TABLE added_rules
(
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    environment String,
    service String,
    rule_id String COMMENT '16 hex digits over what the rule says, but for its severity',
    rule String COMMENT 'JSON, the keys of [[rule]]',
    actor String,
    reason String,
    made_at DateTime64(9, 'UTC') COMMENT 'wall clock, like all times here',
    ended_at Nullable(DateTime64(9, 'UTC')),
    ended_by Nullable(String),
    ended_reason String,
    recorded_at DateTime64(6, 'UTC') DEFAULT now64(6),
    kept_since DateTime('UTC') DEFAULT if(isNull(ended_at), toDateTime('2100-01-01', 'UTC'), toDateTime(ended_at, 'UTC'))
        COMMENT 'from when on it is history: what is in force never expires'
)
ENGINE = ReplacingMergeTree(recorded_at)
ORDER BY (tenant, lineage, environment, service, rule_id)
TTL toDateTime(kept_since) + INTERVAL 13 MONTH;

-- migrate:down
DROP TABLE added_rules;
