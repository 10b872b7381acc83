-- Open slots for values that people shall enter, asked for by assistants and by people.
CREATE TABLE secret_requests (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    id TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    obtain_url TEXT COLLATE "C", -- where to get the value, as whoever asks says
    status TEXT COLLATE "C" NOT NULL, -- pending, fulfilled, declined or cancelled; that it has expired is told by the time
    requester_kind TEXT COLLATE "C" NOT NULL,
    requester_id TEXT COLLATE "C" NOT NULL,
    requester_name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    resolved_at BIGINT,
    resolved_by TEXT COLLATE "C",
    told_at BIGINT, -- when whoever asks was last told how it ended
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, environment) REFERENCES environments (account, name)
);
-- What a put looks for.
CREATE INDEX secret_requests_pending ON secret_requests (account, environment, name) WHERE status = 'pending';

-- Who may put a secret may ask for one. So may who looks at them for a member: the role `user` has it.
UPDATE tokens SET scopes = scopes || ' secrets:request' WHERE scopes LIKE '%secrets:write%';
UPDATE sessions SET scopes = scopes || ' secrets:request' WHERE scopes LIKE '%secrets:write%';
UPDATE login_codes SET scopes = scopes || ' secrets:request' WHERE scopes LIKE '%secrets:write%';
