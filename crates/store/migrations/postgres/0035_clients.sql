-- Programs that people let act for them at /mcp, by OAuth 2.1.
CREATE TABLE client_grants (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    id TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL, -- as the client says
    scopes TEXT COLLATE "C" NOT NULL,
    environments TEXT COLLATE "C", -- NULL: all; empty: none
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    revoked_at BIGINT,
    last_used_at BIGINT,
    PRIMARY KEY (account, id)
);
-- What a client trades for its first tokens, once.
CREATE TABLE client_codes (
    hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    grant_id TEXT COLLATE "C" NOT NULL,
    redirect_uri TEXT COLLATE "C" NOT NULL,
    challenge TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    FOREIGN KEY (account, grant_id) REFERENCES client_grants (account, id) ON DELETE CASCADE
);
CREATE INDEX client_codes_expiry ON client_codes (expires_at);
-- Access and refresh tokens. Those that were used stay until they expire, so that a second use is seen.
CREATE TABLE client_tokens (
    hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    grant_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL, -- access or refresh
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    FOREIGN KEY (account, grant_id) REFERENCES client_grants (account, id) ON DELETE CASCADE
);
CREATE INDEX client_tokens_expiry ON client_tokens (expires_at);
