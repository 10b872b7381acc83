-- The schema of ../sqlite/0001_init.sql. COLLATE "C" makes both databases order text by its bytes, as cursors need.

CREATE TABLE server_state (
    key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE accounts (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE account_keys (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    key_id TEXT COLLATE "C" NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    current BIGINT NOT NULL CHECK (current IN (0, 1)),
    PRIMARY KEY (account, key_id)
);
CREATE UNIQUE INDEX account_keys_current ON account_keys (account) WHERE current = 1;

CREATE TABLE environments (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, name)
);

CREATE TABLE tokens (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL UNIQUE,
    scopes TEXT COLLATE "C" NOT NULL,
    environments TEXT COLLATE "C", -- NULL: all; empty: none
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    PRIMARY KEY (account, id)
);

CREATE TABLE sessions (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    id TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL UNIQUE,
    token_id TEXT COLLATE "C", -- of the token that made the login link; NULL: the server itself
    name TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    environments TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, token_id) REFERENCES tokens (account, id)
);
CREATE INDEX sessions_token ON sessions (account, token_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE login_codes (
    hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    token_id TEXT COLLATE "C",
    name TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    environments TEXT COLLATE "C",
    expires_at BIGINT NOT NULL,
    FOREIGN KEY (account, token_id) REFERENCES tokens (account, id)
);
CREATE INDEX login_codes_token ON login_codes (account, token_id);
CREATE INDEX login_codes_expiry ON login_codes (expires_at);

CREATE TABLE secrets (
    account TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL, -- the current one
    next_version BIGINT NOT NULL, -- only grows, so that a number is never reused
    delivery TEXT COLLATE "C" NOT NULL,
    hosts TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    rotate_after_days BIGINT,
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT COLLATE "C" NOT NULL,
    last_used_at BIGINT,
    PRIMARY KEY (account, id),
    UNIQUE (account, environment, name),
    FOREIGN KEY (account, environment) REFERENCES environments (account, name)
);

CREATE TABLE secret_versions (
    account TEXT COLLATE "C" NOT NULL,
    secret_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    mask TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    destroyed_at BIGINT,
    ciphertext BYTEA,
    PRIMARY KEY (account, secret_id, version),
    FOREIGN KEY (account, secret_id) REFERENCES secrets (account, id) ON DELETE CASCADE,
    CHECK ((ciphertext IS NULL) = (destroyed_at IS NOT NULL))
);

CREATE TABLE functions (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    next_number BIGINT NOT NULL, -- only grows, like secrets.next_version
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account, id),
    UNIQUE (account, name)
);

CREATE TABLE bundles (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    digest TEXT COLLATE "C" NOT NULL,
    code BYTEA NOT NULL,
    PRIMARY KEY (account, digest)
);

CREATE TABLE deployments (
    account TEXT COLLATE "C" NOT NULL,
    function_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    entry TEXT COLLATE "C" NOT NULL,
    access TEXT COLLATE "C" NOT NULL,
    secrets TEXT COLLATE "C" NOT NULL,
    limits_json TEXT COLLATE "C" NOT NULL,
    referenced TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    files TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, function_id, number),
    FOREIGN KEY (account, function_id) REFERENCES functions (account, id) ON DELETE CASCADE,
    FOREIGN KEY (account, digest) REFERENCES bundles (account, digest)
);
CREATE INDEX deployments_bundle ON deployments (account, digest);

CREATE TABLE active (
    account TEXT COLLATE "C" NOT NULL,
    function_id TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account, function_id, environment),
    FOREIGN KEY (account, function_id, number) REFERENCES deployments (account, function_id, number) ON DELETE CASCADE,
    FOREIGN KEY (account, environment) REFERENCES environments (account, name)
);
CREATE INDEX active_deployment ON active (account, function_id, number);

CREATE TABLE invocations (
    account TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    function_id TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    deployment BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    status BIGINT NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    cold BIGINT NOT NULL CHECK (cold IN (0, 1)),
    worker TEXT COLLATE "C" NOT NULL,
    actor_kind TEXT COLLATE "C" NOT NULL,
    actor_name TEXT COLLATE "C" NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    versions TEXT COLLATE "C" NOT NULL,
    error TEXT COLLATE "C",
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, function_id) REFERENCES functions (account, id) ON DELETE CASCADE
);
CREATE INDEX invocations_newest ON invocations (account, function_id, started_at, id);

-- No foreign key to invocations: lines are written while the invocation still runs.
CREATE TABLE logs (
    account TEXT COLLATE "C" NOT NULL,
    function_id TEXT COLLATE "C" NOT NULL,
    invocation TEXT COLLATE "C",
    seq BIGINT NOT NULL,
    time BIGINT NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    FOREIGN KEY (account, function_id) REFERENCES functions (account, id) ON DELETE CASCADE
);
CREATE INDEX logs_newest ON logs (account, function_id, time, seq);
CREATE INDEX logs_invocation ON logs (account, invocation, seq);

CREATE TABLE idempotency (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    key TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    status BIGINT NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

CREATE TABLE audit_logs (
    account TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES accounts (id),
    size BIGINT NOT NULL,
    frontier BYTEA NOT NULL
);

CREATE TABLE audit_events (
    account TEXT COLLATE "C" NOT NULL REFERENCES audit_logs (account),
    idx BIGINT NOT NULL,
    leaf BYTEA NOT NULL,
    time BIGINT NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    actor_id TEXT COLLATE "C" NOT NULL,
    actor_name TEXT COLLATE "C" NOT NULL,
    resource_kind TEXT COLLATE "C" NOT NULL,
    resource_name TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL, -- exactly the bytes that were hashed
    PRIMARY KEY (account, idx)
);
CREATE INDEX audit_events_action ON audit_events (account, action, idx);
CREATE INDEX audit_events_actor ON audit_events (account, actor_id, idx);
CREATE INDEX audit_events_actor_name ON audit_events (account, actor_name, idx);
CREATE INDEX audit_events_resource ON audit_events (account, resource_kind, resource_name, idx);

-- Complete subtrees of levels 8, 16, 24, …; those between are computed from the next stored level below.
CREATE TABLE audit_nodes (
    account TEXT COLLATE "C" NOT NULL REFERENCES audit_logs (account),
    level BIGINT NOT NULL,
    idx BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (account, level, idx)
);

CREATE TABLE audit_checkpoints (
    account TEXT COLLATE "C" NOT NULL REFERENCES audit_logs (account),
    size BIGINT NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, size)
);
