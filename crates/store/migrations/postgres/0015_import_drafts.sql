-- A text that was pasted to be imported and waits for a yes, one a session. Encrypted as values are, for minutes.
CREATE TABLE import_drafts (
    account TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    format TEXT COLLATE "C" NOT NULL,
    ciphertext BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account, session_id),
    FOREIGN KEY (account, session_id) REFERENCES sessions (account, id) ON DELETE CASCADE
);
CREATE INDEX import_drafts_expiry ON import_drafts (expires_at);
