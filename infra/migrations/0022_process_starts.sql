-- When processes started that no supervisor watches (containers, pods): many starts of one are a loop.

-- migrate:up
CREATE TABLE process_starts
(
    process LowCardinality(String) COMMENT 'gateway, relay, worker ...',
    host String COMMENT 'name of the machine, container or pod: it stays over restarts of the same one',
    started_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (process, host, started_at)
TTL toDateTime(started_at) + INTERVAL 7 DAY;

-- migrate:down
DROP TABLE process_starts;
