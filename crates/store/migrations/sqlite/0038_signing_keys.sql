-- Messages of a webhook are signed with its key before too while it is being replaced.
ALTER TABLE webhooks ADD COLUMN key_version INTEGER NOT NULL DEFAULT 1; -- what the key's ciphertext is bound to, with the id
ALTER TABLE webhooks ADD COLUMN previous_key BLOB; -- encrypted, of the version before
ALTER TABLE webhooks ADD COLUMN previous_until INTEGER;
