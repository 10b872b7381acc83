-- Open slots for values that people shall enter, asked for by assistants and by people.
CREATE TABLE secret_requests (
    account TEXT NOT NULL REFERENCES accounts (id),
    id TEXT NOT NULL,
    environment TEXT NOT NULL,
    name TEXT NOT NULL,
    reason TEXT NOT NULL,
    obtain_url TEXT, -- where to get the value, as whoever asks says
    status TEXT NOT NULL, -- pending, fulfilled, declined or cancelled; that it has expired is told by the time
    requester_kind TEXT NOT NULL,
    requester_id TEXT NOT NULL,
    requester_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    resolved_at INTEGER,
    resolved_by TEXT,
    told_at INTEGER, -- when whoever asks was last told how it ended
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, environment) REFERENCES environments (account, name)
) STRICT;
-- What a put looks for.
CREATE INDEX secret_requests_pending ON secret_requests (account, environment, name) WHERE status = 'pending';

-- Who may put a secret may ask for one. So may who looks at them for a member: the role `user` has it.
UPDATE tokens SET scopes = scopes || ' secrets:request' WHERE scopes LIKE '%secrets:write%';
UPDATE sessions SET scopes = scopes || ' secrets:request' WHERE scopes LIKE '%secrets:write%';
UPDATE login_codes SET scopes = scopes || ' secrets:request' WHERE scopes LIKE '%secrets:write%';
