-- What replaces a secret's value, and the rotations that it made or is making.
CREATE TABLE rotators (
    account TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    kind TEXT NOT NULL, -- function or postgres
    function_id TEXT,
    settings TEXT NOT NULL, -- JSON; no value is in it
    every_days INTEGER,
    next_at INTEGER, -- when it begins by itself
    failed_at INTEGER, -- since when its last rotation waits for somebody
    set_at INTEGER NOT NULL,
    set_by TEXT NOT NULL,
    PRIMARY KEY (account, secret_id),
    FOREIGN KEY (account, secret_id) REFERENCES secrets (account, id) ON DELETE CASCADE,
    FOREIGN KEY (account, function_id) REFERENCES functions (account, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX rotators_function ON rotators (account, function_id) WHERE function_id IS NOT NULL;
CREATE INDEX rotators_next ON rotators (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE rotations (
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    of_version INTEGER NOT NULL, -- the version that it replaces
    step TEXT NOT NULL,
    status TEXT NOT NULL, -- running, failed, done or cancelled
    tries INTEGER NOT NULL, -- of the step
    next_at INTEGER, -- when somebody is to go on with it
    claim TEXT, -- who does, until then
    problem TEXT, -- why the last try failed
    pending BLOB, -- the new value, encrypted, until it is a version
    new_version INTEGER,
    started_at INTEGER NOT NULL,
    started_by TEXT NOT NULL,
    step_at INTEGER NOT NULL, -- since when it is at its step
    ended_at INTEGER,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, secret_id) REFERENCES secrets (account, id) ON DELETE CASCADE
) STRICT;
-- One at a time.
CREATE UNIQUE INDEX rotations_open ON rotations (account, secret_id) WHERE ended_at IS NULL;
CREATE INDEX rotations_newest ON rotations (account, secret_id, id);
CREATE INDEX rotations_next ON rotations (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX rotations_ended ON rotations (ended_at) WHERE ended_at IS NOT NULL;
