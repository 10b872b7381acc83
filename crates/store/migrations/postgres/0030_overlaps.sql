-- For how long functions get the value before the current one too, and which version that is while they do.
CREATE TABLE secret_overlaps (
    account TEXT COLLATE "C" NOT NULL,
    secret_id TEXT COLLATE "C" NOT NULL,
    seconds BIGINT NOT NULL,
    previous_version BIGINT,
    previous_until BIGINT,
    PRIMARY KEY (account, secret_id),
    FOREIGN KEY (account, secret_id) REFERENCES secrets (account, id) ON DELETE CASCADE,
    CHECK ((previous_version IS NULL) = (previous_until IS NULL))
);
CREATE INDEX secret_overlaps_until ON secret_overlaps (previous_until) WHERE previous_until IS NOT NULL;
