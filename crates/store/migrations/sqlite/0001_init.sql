-- Times are Unix milliseconds, flags are 0 or 1, lists and maps are text. Every table but server_state belongs to accounts.
-- ../postgres/0001_init.sql is the same schema; a test holds the two together.

CREATE TABLE server_state (
    key TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE account_keys (
    account TEXT NOT NULL REFERENCES accounts (id),
    key_id TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    current INTEGER NOT NULL CHECK (current IN (0, 1)),
    PRIMARY KEY (account, key_id)
) STRICT;
CREATE UNIQUE INDEX account_keys_current ON account_keys (account) WHERE current = 1;

CREATE TABLE environments (
    account TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account, name)
) STRICT;

CREATE TABLE tokens (
    account TEXT NOT NULL REFERENCES accounts (id),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    environments TEXT, -- NULL: all; empty: none
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER,
    PRIMARY KEY (account, id)
) STRICT;

CREATE TABLE sessions (
    account TEXT NOT NULL REFERENCES accounts (id),
    id TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    token_id TEXT, -- of the token that made the login link; NULL: the server itself
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    environments TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, token_id) REFERENCES tokens (account, id)
) STRICT;
CREATE INDEX sessions_token ON sessions (account, token_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE login_codes (
    hash TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    token_id TEXT,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    environments TEXT,
    expires_at INTEGER NOT NULL,
    FOREIGN KEY (account, token_id) REFERENCES tokens (account, id)
) STRICT;
CREATE INDEX login_codes_token ON login_codes (account, token_id);
CREATE INDEX login_codes_expiry ON login_codes (expires_at);

CREATE TABLE secrets (
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    environment TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL, -- the current one
    next_version INTEGER NOT NULL, -- only grows, so that a number is never reused
    delivery TEXT NOT NULL,
    hosts TEXT NOT NULL,
    note TEXT NOT NULL,
    rotate_after_days INTEGER,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    updated_by TEXT NOT NULL,
    last_used_at INTEGER,
    PRIMARY KEY (account, id),
    UNIQUE (account, environment, name),
    FOREIGN KEY (account, environment) REFERENCES environments (account, name)
) STRICT;

CREATE TABLE secret_versions (
    account TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    mask TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    destroyed_at INTEGER,
    ciphertext BLOB,
    PRIMARY KEY (account, secret_id, version),
    FOREIGN KEY (account, secret_id) REFERENCES secrets (account, id) ON DELETE CASCADE,
    CHECK ((ciphertext IS NULL) = (destroyed_at IS NOT NULL))
) STRICT;

CREATE TABLE functions (
    account TEXT NOT NULL REFERENCES accounts (id),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    next_number INTEGER NOT NULL, -- only grows, like secrets.next_version
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (account, id),
    UNIQUE (account, name)
) STRICT;

CREATE TABLE bundles (
    account TEXT NOT NULL REFERENCES accounts (id),
    digest TEXT NOT NULL,
    code BLOB NOT NULL,
    PRIMARY KEY (account, digest)
) STRICT;

CREATE TABLE deployments (
    account TEXT NOT NULL,
    function_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    digest TEXT NOT NULL,
    entry TEXT NOT NULL,
    access TEXT NOT NULL,
    secrets TEXT NOT NULL,
    limits_json TEXT NOT NULL,
    referenced TEXT,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    files TEXT NOT NULL,
    PRIMARY KEY (account, function_id, number),
    FOREIGN KEY (account, function_id) REFERENCES functions (account, id) ON DELETE CASCADE,
    FOREIGN KEY (account, digest) REFERENCES bundles (account, digest)
) STRICT;
CREATE INDEX deployments_bundle ON deployments (account, digest);

CREATE TABLE active (
    account TEXT NOT NULL,
    function_id TEXT NOT NULL,
    environment TEXT NOT NULL,
    number INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (account, function_id, environment),
    FOREIGN KEY (account, function_id, number) REFERENCES deployments (account, function_id, number) ON DELETE CASCADE,
    FOREIGN KEY (account, environment) REFERENCES environments (account, name)
) STRICT;
CREATE INDEX active_deployment ON active (account, function_id, number);

CREATE TABLE invocations (
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    function_id TEXT NOT NULL,
    environment TEXT NOT NULL,
    deployment INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    status INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    cold INTEGER NOT NULL CHECK (cold IN (0, 1)),
    worker TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    versions TEXT NOT NULL,
    error TEXT,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, function_id) REFERENCES functions (account, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX invocations_newest ON invocations (account, function_id, started_at, id);

-- No foreign key to invocations: lines are written while the invocation still runs.
CREATE TABLE logs (
    account TEXT NOT NULL,
    function_id TEXT NOT NULL,
    invocation TEXT,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    stream TEXT NOT NULL,
    text TEXT NOT NULL,
    FOREIGN KEY (account, function_id) REFERENCES functions (account, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX logs_newest ON logs (account, function_id, time, seq);
CREATE INDEX logs_invocation ON logs (account, invocation, seq);

CREATE TABLE idempotency (
    account TEXT NOT NULL REFERENCES accounts (id),
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) STRICT;
CREATE INDEX idempotency_age ON idempotency (created_at);

CREATE TABLE audit_logs (
    account TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id),
    size INTEGER NOT NULL,
    frontier BLOB NOT NULL
) STRICT;

CREATE TABLE audit_events (
    account TEXT NOT NULL REFERENCES audit_logs (account),
    idx INTEGER NOT NULL,
    leaf BLOB NOT NULL,
    time INTEGER NOT NULL,
    action TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    resource_kind TEXT NOT NULL,
    resource_name TEXT NOT NULL,
    outcome TEXT NOT NULL,
    body TEXT NOT NULL, -- exactly the bytes that were hashed
    PRIMARY KEY (account, idx)
) STRICT;
CREATE INDEX audit_events_action ON audit_events (account, action, idx);
CREATE INDEX audit_events_actor ON audit_events (account, actor_id, idx);
CREATE INDEX audit_events_actor_name ON audit_events (account, actor_name, idx);
CREATE INDEX audit_events_resource ON audit_events (account, resource_kind, resource_name, idx);

-- Complete subtrees of levels 8, 16, 24, …; those between are computed from the next stored level below.
CREATE TABLE audit_nodes (
    account TEXT NOT NULL REFERENCES audit_logs (account),
    level INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (account, level, idx)
) STRICT;

CREATE TABLE audit_checkpoints (
    account TEXT NOT NULL REFERENCES audit_logs (account),
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (account, size)
) STRICT;
