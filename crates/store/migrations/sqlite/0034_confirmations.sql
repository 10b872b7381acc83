-- What assistants want to do that cannot be undone, for people to say yes or no to.
CREATE TABLE confirmations (
    account TEXT NOT NULL REFERENCES accounts (id),
    id TEXT NOT NULL,
    action TEXT NOT NULL, -- as the audit log names it
    environment TEXT NOT NULL,
    resource TEXT NOT NULL,
    version INTEGER NOT NULL, -- of the resource when it was asked: a yes is not for what came later
    status TEXT NOT NULL, -- pending, approved, declined or used; that it has expired is told by the time
    requester_kind TEXT NOT NULL,
    requester_id TEXT NOT NULL,
    requester_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    resolved_at INTEGER,
    resolved_by TEXT,
    PRIMARY KEY (account, id)
) STRICT;
CREATE INDEX confirmations_expiry ON confirmations (expires_at);
