-- For how long functions get the value before the current one too, and which version that is while they do.
CREATE TABLE secret_overlaps (
    account TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    seconds INTEGER NOT NULL,
    previous_version INTEGER,
    previous_until INTEGER,
    PRIMARY KEY (account, secret_id),
    FOREIGN KEY (account, secret_id) REFERENCES secrets (account, id) ON DELETE CASCADE,
    CHECK ((previous_version IS NULL) = (previous_until IS NULL))
) STRICT;
CREATE INDEX secret_overlaps_until ON secret_overlaps (previous_until) WHERE previous_until IS NOT NULL;
