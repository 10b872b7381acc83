-- Which version of which secret an invocation had was a text of its own for each, which for an account with many secrets was
-- most of what is stored of it and most of what storing costs. Now each such text is kept once for an account.
CREATE TABLE version_sets (
    account TEXT NOT NULL REFERENCES accounts (id),
    id TEXT NOT NULL, -- invocations.versions; the SHA-256 of `versions`, or, from before this table, an invocation's id
    versions TEXT NOT NULL,
    used_at INTEGER NOT NULL, -- when the last invocation that had them began
    PRIMARY KEY (account, id)
) STRICT;

INSERT INTO version_sets (account, id, versions, used_at)
SELECT account, min(id), versions, max(started_at) FROM invocations GROUP BY account, versions;

UPDATE invocations SET versions =
(SELECT s.id FROM version_sets s WHERE s.account = invocations.account AND s.versions = invocations.versions);
