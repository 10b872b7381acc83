-- Where an account is told of things, and what is still to be told there.
CREATE TABLE webhooks (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    name TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL, -- what its key's ciphertext is bound to
    url TEXT COLLATE "C" NOT NULL,
    events TEXT COLLATE "C" NOT NULL, -- parted by spaces
    signing_key BYTEA NOT NULL, -- encrypted
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    told_at BIGINT, -- when it last took something
    failing_since BIGINT,
    problem TEXT COLLATE "C", -- why it did not take it
    disabled_at BIGINT,
    PRIMARY KEY (account, name)
);

CREATE TABLE webhook_messages (
    account TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    webhook TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL, -- how many there were
    next_at BIGINT NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, webhook) REFERENCES webhooks (account, name) ON DELETE CASCADE
);
CREATE INDEX webhook_messages_next ON webhook_messages (next_at);
