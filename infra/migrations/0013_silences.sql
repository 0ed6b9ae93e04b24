-- Of what nobody is to be told, and until when. Append-only: a row when a silence is made and one when it ends, the
-- same however often it is written.

-- migrate:up
CREATE TABLE silences
(
    tenant LowCardinality(String),
    silence_id String,
    in_force Bool COMMENT 'true: the row that made it; false: the one that ended it',
    service String COMMENT 'pattern, like score, slice and severity; * is everything',
    score String,
    slice String,
    severity String,
    actor String,
    reason String,
    made_at DateTime64(9, 'UTC') COMMENT 'wall clock, like all times here',
    begins_at DateTime64(9, 'UTC') COMMENT 'when it begins to cover: maintenance is announced',
    ends_at DateTime64(9, 'UTC') COMMENT 'when it ends by itself',
    ended_at Nullable(DateTime64(9, 'UTC')),
    ended_by Nullable(String) COMMENT 'detector: its time had come; else who lifted it',
    ended_reason String,
    recorded_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, silence_id, in_force)
TTL toDateTime(recorded_at) + INTERVAL 13 MONTH;

-- migrate:down
DROP TABLE silences;
