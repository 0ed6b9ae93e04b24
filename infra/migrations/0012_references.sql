-- What a message leaves for later ones about the same incident to know: which of a channel's messages it is.

-- migrate:up
ALTER TABLE notifications ADD COLUMN IF NOT EXISTS reference String COMMENT 'what the channel calls the first message; empty: nothing to know' AFTER reason;

-- migrate:down
ALTER TABLE notifications DROP COLUMN IF EXISTS reference;
