-- A text that was pasted to be imported and waits for a yes, one a session. Encrypted as values are, for minutes.
CREATE TABLE import_drafts (
    account TEXT NOT NULL,
    session_id TEXT NOT NULL,
    id TEXT NOT NULL,
    environment TEXT NOT NULL,
    format TEXT NOT NULL,
    ciphertext BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (account, session_id),
    FOREIGN KEY (account, session_id) REFERENCES sessions (account, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX import_drafts_expiry ON import_drafts (expires_at);
