-- What replaces a secret's value, and the rotations that it made or is making.
CREATE TABLE rotators (
    account TEXT COLLATE "C" NOT NULL,
    secret_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL, -- function or postgres
    function_id TEXT COLLATE "C",
    settings TEXT COLLATE "C" NOT NULL, -- JSON; no value is in it
    every_days BIGINT,
    next_at BIGINT, -- when it begins by itself
    failed_at BIGINT, -- since when its last rotation waits for somebody
    set_at BIGINT NOT NULL,
    set_by TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, secret_id),
    FOREIGN KEY (account, secret_id) REFERENCES secrets (account, id) ON DELETE CASCADE,
    FOREIGN KEY (account, function_id) REFERENCES functions (account, id) ON DELETE CASCADE
);
CREATE INDEX rotators_function ON rotators (account, function_id) WHERE function_id IS NOT NULL;
CREATE INDEX rotators_next ON rotators (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE rotations (
    account TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    secret_id TEXT COLLATE "C" NOT NULL,
    of_version BIGINT NOT NULL, -- the version that it replaces
    step TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL, -- running, failed, done or cancelled
    tries BIGINT NOT NULL, -- of the step
    next_at BIGINT, -- when somebody is to go on with it
    claim TEXT COLLATE "C", -- who does, until then
    problem TEXT COLLATE "C", -- why the last try failed
    pending BYTEA, -- the new value, encrypted, until it is a version
    new_version BIGINT,
    started_at BIGINT NOT NULL,
    started_by TEXT COLLATE "C" NOT NULL,
    step_at BIGINT NOT NULL, -- since when it is at its step
    ended_at BIGINT,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, secret_id) REFERENCES secrets (account, id) ON DELETE CASCADE
);
-- One at a time.
CREATE UNIQUE INDEX rotations_open ON rotations (account, secret_id) WHERE ended_at IS NULL;
CREATE INDEX rotations_newest ON rotations (account, secret_id, id);
CREATE INDEX rotations_next ON rotations (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX rotations_ended ON rotations (ended_at) WHERE ended_at IS NOT NULL;
