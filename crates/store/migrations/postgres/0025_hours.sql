-- Invocations added up by hour as they are recorded, so that pages need not count them: `c0` to `c31` are how many lasted how
-- long, in the classes of `domain::latency`. `hour` is its first millisecond, like every time.

CREATE TABLE invocation_hours (
    account TEXT COLLATE "C" NOT NULL,
    function_id TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    hour BIGINT NOT NULL,
    invocations BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    cold BIGINT NOT NULL,
    c0 BIGINT NOT NULL,
    c1 BIGINT NOT NULL,
    c2 BIGINT NOT NULL,
    c3 BIGINT NOT NULL,
    c4 BIGINT NOT NULL,
    c5 BIGINT NOT NULL,
    c6 BIGINT NOT NULL,
    c7 BIGINT NOT NULL,
    c8 BIGINT NOT NULL,
    c9 BIGINT NOT NULL,
    c10 BIGINT NOT NULL,
    c11 BIGINT NOT NULL,
    c12 BIGINT NOT NULL,
    c13 BIGINT NOT NULL,
    c14 BIGINT NOT NULL,
    c15 BIGINT NOT NULL,
    c16 BIGINT NOT NULL,
    c17 BIGINT NOT NULL,
    c18 BIGINT NOT NULL,
    c19 BIGINT NOT NULL,
    c20 BIGINT NOT NULL,
    c21 BIGINT NOT NULL,
    c22 BIGINT NOT NULL,
    c23 BIGINT NOT NULL,
    c24 BIGINT NOT NULL,
    c25 BIGINT NOT NULL,
    c26 BIGINT NOT NULL,
    c27 BIGINT NOT NULL,
    c28 BIGINT NOT NULL,
    c29 BIGINT NOT NULL,
    c30 BIGINT NOT NULL,
    c31 BIGINT NOT NULL,
    PRIMARY KEY (account, function_id, environment, hour),
    FOREIGN KEY (account, function_id) REFERENCES functions (account, id) ON DELETE CASCADE
);
CREATE INDEX invocation_hours_age ON invocation_hours (account, hour);

-- Those that failed, to be found among many that did not.
CREATE INDEX invocations_failed ON invocations (account, function_id, started_at, id) WHERE outcome <> 'ok' OR status >= 500;
