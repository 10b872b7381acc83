-- What assistants want to do that cannot be undone, for people to say yes or no to.
CREATE TABLE confirmations (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    id TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL, -- as the audit log names it
    environment TEXT COLLATE "C" NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL, -- of the resource when it was asked: a yes is not for what came later
    status TEXT COLLATE "C" NOT NULL, -- pending, approved, declined or used; that it has expired is told by the time
    requester_kind TEXT COLLATE "C" NOT NULL,
    requester_id TEXT COLLATE "C" NOT NULL,
    requester_name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    resolved_at BIGINT,
    resolved_by TEXT COLLATE "C",
    PRIMARY KEY (account, id)
);
CREATE INDEX confirmations_expiry ON confirmations (expires_at);
