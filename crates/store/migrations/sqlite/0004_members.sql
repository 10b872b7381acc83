-- Who may invoke a function beyond the account's tokens: members in groups, and callers that an issuer vouches for.
CREATE TABLE members (
    account TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    issuer TEXT, -- with `subject`: whose JWTs speak for the member
    subject TEXT,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (account, name),
    UNIQUE (account, issuer, subject)
) STRICT;

CREATE TABLE member_groups (
    account TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (account, name)
) STRICT;

CREATE TABLE group_members (
    account TEXT NOT NULL,
    group_name TEXT NOT NULL,
    member TEXT NOT NULL,
    PRIMARY KEY (account, group_name, member),
    FOREIGN KEY (account, group_name) REFERENCES member_groups (account, name),
    FOREIGN KEY (account, member) REFERENCES members (account, name)
) STRICT;
CREATE INDEX group_members_member ON group_members (account, member);

CREATE TABLE issuers (
    account TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    issuer TEXT NOT NULL,
    audience TEXT NOT NULL,
    algorithms TEXT NOT NULL, -- parted by spaces
    verifier TEXT NOT NULL, -- JSON: {"jwks_url"|"jwks"|"secret": text}
    groups_claim TEXT,
    environments TEXT, -- NULL: all; empty: none
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (account, name),
    UNIQUE (account, issuer)
) STRICT;

ALTER TABLE tokens ADD COLUMN member TEXT; -- NULL: of nobody in particular
CREATE INDEX tokens_member ON tokens (account, member);

-- Who had every scope of the account keeps every scope of the account.
UPDATE tokens SET scopes = scopes || ' members:read members:write'
WHERE scopes LIKE 'secrets:read secrets:write functions:read functions:write functions:invoke environments:write audit:read tokens:read tokens:write sessions:write%';
UPDATE sessions SET scopes = scopes || ' members:read members:write'
WHERE scopes LIKE 'secrets:read secrets:write functions:read functions:write functions:invoke environments:write audit:read tokens:read tokens:write sessions:write%';
UPDATE login_codes SET scopes = scopes || ' members:read members:write'
WHERE scopes LIKE 'secrets:read secrets:write functions:read functions:write functions:invoke environments:write audit:read tokens:read tokens:write sessions:write%';
