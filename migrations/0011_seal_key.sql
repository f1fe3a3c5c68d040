-- Up Migration

-- A job that is claimed by its own submit travels to its worker through Redis, sealed: Redis can neither read nor forge it.
-- Two random UUIDs are 244 random bits.
ALTER TABLE installation ADD COLUMN seal_key bytea NOT NULL
  DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
COMMENT ON COLUMN installation.seal_key IS 'AES-256 key of what submitters send to workers through Redis.';

-- Down Migration

ALTER TABLE installation DROP COLUMN seal_key;
