-- That somebody was told that a version is to be replaced soon, or should have been.
CREATE TABLE secret_reminders (
    account TEXT COLLATE "C" NOT NULL,
    secret_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    due_soon_at BIGINT,
    overdue_at BIGINT,
    PRIMARY KEY (account, secret_id, version),
    FOREIGN KEY (account, secret_id) REFERENCES secrets (account, id) ON DELETE CASCADE
);
-- Those that are to be replaced at some time are found without a look at the others.
CREATE INDEX secrets_rotating ON secrets (account) WHERE rotate_after_days IS NOT NULL;
