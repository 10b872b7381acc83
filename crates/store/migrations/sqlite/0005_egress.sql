-- Where functions may send requests, which secrets they use without holding them, and what they sent.
ALTER TABLE deployments ADD COLUMN egress TEXT NOT NULL DEFAULT '*'; -- *: any public host; else patterns parted by commas; empty: none
ALTER TABLE deployments ADD COLUMN tcp TEXT NOT NULL DEFAULT ''; -- host:port parted by commas

-- An older version goes where it went when it was put, and nowhere that was named for a later value.
ALTER TABLE secret_versions ADD COLUMN delivery TEXT NOT NULL DEFAULT 'env';
ALTER TABLE secret_versions ADD COLUMN hosts TEXT NOT NULL DEFAULT '[]'; -- JSON

CREATE TABLE egress (
    account TEXT NOT NULL,
    function_id TEXT NOT NULL,
    invocation TEXT, -- NULL: of no invocation that can be told
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    via TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    method TEXT NOT NULL,
    outcome TEXT NOT NULL, -- a status, or a word
    request_bytes INTEGER NOT NULL,
    response_bytes INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    secrets TEXT NOT NULL, -- names parted by spaces
    FOREIGN KEY (account, function_id) REFERENCES functions (account, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX egress_newest ON egress (account, function_id, time, seq);
CREATE INDEX egress_invocation ON egress (account, invocation, seq);
