-- A secret can be a slot without a version of its own (version 0): to be filled, or, with a source, for the value that another
-- environment has under its name.
ALTER TABLE secrets ADD COLUMN source TEXT COLLATE "C"; -- id of the secret whose value it uses
ALTER TABLE secrets ADD COLUMN source_tag BYTEA; -- keyed, of the two together: a source that somebody else wrote here gives nothing
CREATE INDEX secrets_source ON secrets (account, source) WHERE source IS NOT NULL;
