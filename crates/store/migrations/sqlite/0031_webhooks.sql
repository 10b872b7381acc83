-- Where an account is told of things, and what is still to be told there.
CREATE TABLE webhooks (
    account TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    id TEXT NOT NULL, -- what its key's ciphertext is bound to
    url TEXT NOT NULL,
    events TEXT NOT NULL, -- parted by spaces
    signing_key BLOB NOT NULL, -- encrypted
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    told_at INTEGER, -- when it last took something
    failing_since INTEGER,
    problem TEXT, -- why it did not take it
    disabled_at INTEGER,
    PRIMARY KEY (account, name)
) STRICT;

CREATE TABLE webhook_messages (
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    webhook TEXT NOT NULL,
    body TEXT NOT NULL,
    attempt INTEGER NOT NULL, -- how many there were
    next_at INTEGER NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, webhook) REFERENCES webhooks (account, name) ON DELETE CASCADE
) STRICT;
CREATE INDEX webhook_messages_next ON webhook_messages (next_at);
