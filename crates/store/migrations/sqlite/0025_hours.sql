-- Invocations added up by hour as they are recorded, so that pages need not count them: `c0` to `c31` are how many lasted how
-- long, in the classes of `domain::latency`. `hour` is its first millisecond, like every time.

CREATE TABLE invocation_hours (
    account TEXT NOT NULL,
    function_id TEXT NOT NULL,
    environment TEXT NOT NULL,
    hour INTEGER NOT NULL,
    invocations INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    cold INTEGER NOT NULL,
    c0 INTEGER NOT NULL,
    c1 INTEGER NOT NULL,
    c2 INTEGER NOT NULL,
    c3 INTEGER NOT NULL,
    c4 INTEGER NOT NULL,
    c5 INTEGER NOT NULL,
    c6 INTEGER NOT NULL,
    c7 INTEGER NOT NULL,
    c8 INTEGER NOT NULL,
    c9 INTEGER NOT NULL,
    c10 INTEGER NOT NULL,
    c11 INTEGER NOT NULL,
    c12 INTEGER NOT NULL,
    c13 INTEGER NOT NULL,
    c14 INTEGER NOT NULL,
    c15 INTEGER NOT NULL,
    c16 INTEGER NOT NULL,
    c17 INTEGER NOT NULL,
    c18 INTEGER NOT NULL,
    c19 INTEGER NOT NULL,
    c20 INTEGER NOT NULL,
    c21 INTEGER NOT NULL,
    c22 INTEGER NOT NULL,
    c23 INTEGER NOT NULL,
    c24 INTEGER NOT NULL,
    c25 INTEGER NOT NULL,
    c26 INTEGER NOT NULL,
    c27 INTEGER NOT NULL,
    c28 INTEGER NOT NULL,
    c29 INTEGER NOT NULL,
    c30 INTEGER NOT NULL,
    c31 INTEGER NOT NULL,
    PRIMARY KEY (account, function_id, environment, hour),
    FOREIGN KEY (account, function_id) REFERENCES functions (account, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX invocation_hours_age ON invocation_hours (account, hour);

-- Those that failed, to be found among many that did not.
CREATE INDEX invocations_failed ON invocations (account, function_id, started_at, id) WHERE outcome <> 'ok' OR status >= 500;
