-- Where functions may send requests, which secrets they use without holding them, and what they sent.
ALTER TABLE deployments ADD COLUMN egress TEXT COLLATE "C" NOT NULL DEFAULT '*'; -- *: any public host; else patterns parted by commas; empty: none
ALTER TABLE deployments ADD COLUMN tcp TEXT COLLATE "C" NOT NULL DEFAULT ''; -- host:port parted by commas

-- An older version goes where it went when it was put, and nowhere that was named for a later value.
ALTER TABLE secret_versions ADD COLUMN delivery TEXT COLLATE "C" NOT NULL DEFAULT 'env';
ALTER TABLE secret_versions ADD COLUMN hosts TEXT COLLATE "C" NOT NULL DEFAULT '[]'; -- JSON

CREATE TABLE egress (
    account TEXT COLLATE "C" NOT NULL,
    function_id TEXT COLLATE "C" NOT NULL,
    invocation TEXT COLLATE "C", -- NULL: of no invocation that can be told
    seq BIGINT NOT NULL,
    time BIGINT NOT NULL,
    via TEXT COLLATE "C" NOT NULL,
    host TEXT COLLATE "C" NOT NULL,
    port BIGINT NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL, -- a status, or a word
    request_bytes BIGINT NOT NULL,
    response_bytes BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    secrets TEXT COLLATE "C" NOT NULL, -- names parted by spaces
    FOREIGN KEY (account, function_id) REFERENCES functions (account, id) ON DELETE CASCADE
);
CREATE INDEX egress_newest ON egress (account, function_id, time, seq);
CREATE INDEX egress_invocation ON egress (account, invocation, seq);
