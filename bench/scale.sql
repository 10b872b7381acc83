-- Fills a stopped server's database with other accounts, 100 secrets each, for bench/scale.mjs. What is stored encrypted is
-- not: nobody asks for it. :accounts is their number.
PRAGMA synchronous = OFF;
BEGIN;

CREATE TEMP TABLE numbers (i INTEGER PRIMARY KEY);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < max(:accounts, 100))
INSERT INTO numbers SELECT i FROM n;

INSERT INTO accounts (id, name, created_at)
SELECT lower(hex(randomblob(16))), printf('other-%05d', i), 1700000000000 FROM numbers WHERE i <= :accounts;

INSERT INTO environments (account, name, created_at)
SELECT id, 'production', created_at FROM accounts WHERE name LIKE 'other-%';

INSERT INTO secrets (account, id, environment, name, version, next_version, delivery, hosts, note, created_at, created_by, updated_at, updated_by)
SELECT a.id, lower(hex(randomblob(16))), 'production', printf('BENCH_SECRET_%03d', i), 1, 2, 'env', '[]', '', a.created_at, 'token:bench', a.created_at, 'token:bench'
FROM accounts a, numbers WHERE a.name LIKE 'other-%' AND i <= 100;

INSERT INTO secret_versions (account, secret_id, version, mask, created_at, created_by, ciphertext, fingerprint)
SELECT s.account, s.id, 1, 'benc****cdef', s.created_at, 'token:bench', randomblob(96), randomblob(32)
FROM secrets s JOIN accounts a ON a.id = s.account AND a.name LIKE 'other-%';

COMMIT;
ANALYZE;
