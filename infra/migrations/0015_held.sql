-- What an incident rests on, copied while a person holds it. No table here has a TTL: rows go when the incident is
-- released, and with nothing else. Nothing counts over them, and copying again gives the same rows.

-- migrate:up
CREATE TABLE held_rows
(
    tenant LowCardinality(String),
    incident_id String,
    source LowCardinality(String) COMMENT 'table it is a row of',
    key String COMMENT 'what tells it from other rows there',
    version UInt64 COMMENT 'of a row that was written again: each is kept as it was',
    body String CODEC(ZSTD(3)) COMMENT 'the whole row as JSON; blobs in base64',
    copied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, incident_id, source, key, version);

CREATE TABLE holds
(
    tenant LowCardinality(String),
    incident_id String,
    source LowCardinality(String),
    there UInt64 COMMENT 'rows that belong to it, when it was looked last',
    kept UInt64 COMMENT 'how many of them are held',
    bytes UInt64,
    cut Bool COMMENT 'the bound on size kept some out',
    copied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(copied_at)
ORDER BY (tenant, incident_id, source);

-- migrate:down
DROP TABLE holds;
DROP TABLE held_rows;
