-- Services that detection failed on and no longer watches. Append-only: a row when one is set aside and one when it is
-- watched again, the same however often they are written.

-- migrate:up
CREATE TABLE quarantine
(
    room LowCardinality(String) COMMENT 'detect or fleet: whose log the offset is of',
    shard UInt16,
    tenant LowCardinality(String),
    lineage LowCardinality(String),
    environment LowCardinality(String),
    service String,
    since_offset UInt64 COMMENT 'the message after which it was set aside',
    released Bool COMMENT 'false: the row that set it aside; true: the one that ended it',
    since DateTime64(9, 'UTC') COMMENT 'clock of the lineage then',
    error String COMMENT 'type of the exception; its text is kept nowhere',
    place String COMMENT 'module, line and function',
    program String,
    state String COMMENT 'what was left of the watcher, for diagnosis; empty where it could not be packed or is large',
    recorded_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, lineage, environment, service, room, shard, since_offset, released)
TTL toDateTime(recorded_at) + INTERVAL 13 MONTH;

-- migrate:down
DROP TABLE quarantine;
