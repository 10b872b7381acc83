-- That somebody was told that a version is to be replaced soon, or should have been.
CREATE TABLE secret_reminders (
    account TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    due_soon_at INTEGER,
    overdue_at INTEGER,
    PRIMARY KEY (account, secret_id, version),
    FOREIGN KEY (account, secret_id) REFERENCES secrets (account, id) ON DELETE CASCADE
) STRICT;
-- Those that are to be replaced at some time are found without a look at the others.
CREATE INDEX secrets_rotating ON secrets (account) WHERE rotate_after_days IS NOT NULL;
