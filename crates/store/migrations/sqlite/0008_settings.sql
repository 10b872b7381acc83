-- What an account decides once for all its functions: one row for each setting that is not as it is by default.
CREATE TABLE settings (
    account TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (account, name)
) STRICT;

-- Who had every scope of the account keeps every scope of the account.
UPDATE tokens SET scopes = scopes || ' settings:read settings:write'
WHERE scopes LIKE '%secrets:read%' AND scopes LIKE '%secrets:write%' AND scopes LIKE '%functions:read%' AND scopes LIKE '%functions:write%' AND scopes LIKE '%functions:invoke%' AND scopes LIKE '%environments:write%' AND scopes LIKE '%audit:read%' AND scopes LIKE '%tokens:read%' AND scopes LIKE '%tokens:write%' AND scopes LIKE '%members:read%' AND scopes LIKE '%members:write%' AND scopes LIKE '%sessions:write%';
UPDATE sessions SET scopes = scopes || ' settings:read settings:write'
WHERE scopes LIKE '%secrets:read%' AND scopes LIKE '%secrets:write%' AND scopes LIKE '%functions:read%' AND scopes LIKE '%functions:write%' AND scopes LIKE '%functions:invoke%' AND scopes LIKE '%environments:write%' AND scopes LIKE '%audit:read%' AND scopes LIKE '%tokens:read%' AND scopes LIKE '%tokens:write%' AND scopes LIKE '%members:read%' AND scopes LIKE '%members:write%' AND scopes LIKE '%sessions:write%';
UPDATE login_codes SET scopes = scopes || ' settings:read settings:write'
WHERE scopes LIKE '%secrets:read%' AND scopes LIKE '%secrets:write%' AND scopes LIKE '%functions:read%' AND scopes LIKE '%functions:write%' AND scopes LIKE '%functions:invoke%' AND scopes LIKE '%environments:write%' AND scopes LIKE '%audit:read%' AND scopes LIKE '%tokens:read%' AND scopes LIKE '%tokens:write%' AND scopes LIKE '%members:read%' AND scopes LIKE '%members:write%' AND scopes LIKE '%sessions:write%';
