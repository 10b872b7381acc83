-- That a function has a placeholder does not mean that anything is done with it: when the broker last put the value in.
ALTER TABLE secrets ADD COLUMN last_sent_at BIGINT;

-- Values of which something may have to be told: few, and found without a look at the others.
CREATE INDEX secret_versions_told ON secret_versions (account, secret_id, version) WHERE findings <> '' OR mode <> '' OR rotate_by IS NOT NULL;
