-- Programs that people let act for them at /mcp, by OAuth 2.1.
CREATE TABLE client_grants (
    account TEXT NOT NULL REFERENCES accounts (id),
    id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    name TEXT NOT NULL, -- as the client says
    scopes TEXT NOT NULL,
    environments TEXT, -- NULL: all; empty: none
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    revoked_at INTEGER,
    last_used_at INTEGER,
    PRIMARY KEY (account, id)
) STRICT;
-- What a client trades for its first tokens, once.
CREATE TABLE client_codes (
    hash TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    FOREIGN KEY (account, grant_id) REFERENCES client_grants (account, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX client_codes_expiry ON client_codes (expires_at);
-- Access and refresh tokens. Those that were used stay until they expire, so that a second use is seen.
CREATE TABLE client_tokens (
    hash TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    kind TEXT NOT NULL, -- access or refresh
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    FOREIGN KEY (account, grant_id) REFERENCES client_grants (account, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX client_tokens_expiry ON client_tokens (expires_at);
