-- Pictures, recordings and files by reference, what image models made of a prompt, how long recordings were.

-- migrate:up
ALTER TABLE interactions ADD COLUMN IF NOT EXISTS revised_prompts Array(String) CODEC(ZSTD(3)) TTL toDateTime(received_at) + INTERVAL 30 DAY;

ALTER TABLE interactions ADD COLUMN IF NOT EXISTS media String DEFAULT '[]' CODEC(ZSTD(3)) TTL toDateTime(received_at) + INTERVAL 30 DAY;

ALTER TABLE interactions ADD COLUMN IF NOT EXISTS audio_duration_s Nullable(Float64) COMMENT 'of the recording';

ALTER TABLE interactions ADD COLUMN IF NOT EXISTS no_speech_probability Nullable(Float64) COMMENT 'that nobody speaks in it, by the recogniser';

-- migrate:down
ALTER TABLE interactions DROP COLUMN IF EXISTS no_speech_probability;
ALTER TABLE interactions DROP COLUMN IF EXISTS audio_duration_s;
ALTER TABLE interactions DROP COLUMN IF EXISTS media;
ALTER TABLE interactions DROP COLUMN IF EXISTS revised_prompts;
