-- Who may invoke a function beyond the account's tokens: members in groups, and callers that an issuer vouches for.
CREATE TABLE members (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    name TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    issuer TEXT COLLATE "C", -- with `subject`: whose JWTs speak for the member
    subject TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, name),
    UNIQUE (account, issuer, subject)
);

CREATE TABLE member_groups (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, name)
);

CREATE TABLE group_members (
    account TEXT COLLATE "C" NOT NULL,
    group_name TEXT COLLATE "C" NOT NULL,
    member TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, group_name, member),
    FOREIGN KEY (account, group_name) REFERENCES member_groups (account, name),
    FOREIGN KEY (account, member) REFERENCES members (account, name)
);
CREATE INDEX group_members_member ON group_members (account, member);

CREATE TABLE issuers (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    name TEXT COLLATE "C" NOT NULL,
    issuer TEXT COLLATE "C" NOT NULL,
    audience TEXT COLLATE "C" NOT NULL,
    algorithms TEXT COLLATE "C" NOT NULL, -- parted by spaces
    verifier TEXT COLLATE "C" NOT NULL, -- JSON: {"jwks_url"|"jwks"|"secret": text}
    groups_claim TEXT COLLATE "C",
    environments TEXT COLLATE "C", -- NULL: all; empty: none
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, name),
    UNIQUE (account, issuer)
);

ALTER TABLE tokens ADD COLUMN member TEXT COLLATE "C"; -- NULL: of nobody in particular
CREATE INDEX tokens_member ON tokens (account, member);

-- Who had every scope of the account keeps every scope of the account.
UPDATE tokens SET scopes = scopes || ' members:read members:write'
WHERE scopes LIKE 'secrets:read secrets:write functions:read functions:write functions:invoke environments:write audit:read tokens:read tokens:write sessions:write%';
UPDATE sessions SET scopes = scopes || ' members:read members:write'
WHERE scopes LIKE 'secrets:read secrets:write functions:read functions:write functions:invoke environments:write audit:read tokens:read tokens:write sessions:write%';
UPDATE login_codes SET scopes = scopes || ' members:read members:write'
WHERE scopes LIKE 'secrets:read secrets:write functions:read functions:write functions:invoke environments:write audit:read tokens:read tokens:write sessions:write%';
