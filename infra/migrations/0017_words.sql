-- Words in redacted texts, for who looks for outputs that hold one: an index of the words of every stretch of
-- rows, so that a search reads the stretches that may hold them. Parts that were there before are read whole.

-- migrate:up
ALTER TABLE interactions ADD INDEX IF NOT EXISTS words_in lowerUTF8(ifNull(input_text, '')) TYPE tokenbf_v1(32768, 2, 0) GRANULARITY 1;

ALTER TABLE interactions ADD INDEX IF NOT EXISTS words_out lowerUTF8(ifNull(output_text, '')) TYPE tokenbf_v1(32768, 2, 0) GRANULARITY 1;

-- migrate:down
ALTER TABLE interactions DROP INDEX IF EXISTS words_out;
ALTER TABLE interactions DROP INDEX IF EXISTS words_in;
