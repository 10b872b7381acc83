-- Fills an account for bench/ui.mjs: 5,000 names in two environments, 20 functions with 50,000 invocations each in the last
-- 30 days, their hourly sums, log lines and requests. What is stored encrypted is not: pages do not decrypt.
-- :now is in milliseconds. The functions exist; everything else is made of numbers.
PRAGMA synchronous = OFF;
BEGIN;

WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999),
words(j, word) AS (VALUES (0, 'STRIPE'), (1, 'OPENAI'), (2, 'SENDGRID'), (3, 'TWILIO'), (4, 'GITHUB'), (5, 'SLACK'), (6, 'INTERNAL'), (7, 'PARTNER'))
INSERT INTO secrets (account, id, environment, name, version, next_version, delivery, hosts, note, rotate_after_days, created_at, created_by, updated_at, updated_by, last_used_at)
SELECT a.id, printf('s%s%06d', e.name, i), e.name, printf('%s_KEY_%04d', word, i), 1, 2, 'env', '[]',
       CASE WHEN i % 3 = 0 THEN printf('Account of team %d, ask there for a new one', i % 40) ELSE '' END,
       CASE WHEN i % 4 = 0 THEN 30 + i % 300 END, :now - i * 3600000, 'admin', :now - i * 360000, 'admin',
       CASE WHEN i % 5 <> 0 THEN :now - i * 60000 END
FROM n JOIN words ON j = i % 8 JOIN accounts a ON a.name = 'default' JOIN environments e ON e.account = a.id;

INSERT INTO secret_versions (account, secret_id, version, mask, created_at, created_by, ciphertext)
SELECT account, id, 1, 'sk-p****' || substr(id, -4), updated_at, 'admin', randomblob(64) FROM secrets WHERE id LIKE 's%';

INSERT INTO version_sets (account, id, versions, used_at)
SELECT id, 'bench', '{"STRIPE_KEY_0000":1,"OPENAI_KEY_0001":1}', :now FROM accounts WHERE name = 'default';

WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 49999)
INSERT INTO invocations (account, id, function_id, environment, deployment, started_at, duration_us, status, outcome, cold, worker, actor_kind, actor_name, method, path, versions, error)
SELECT f.account, printf('b%s%06d', substr(f.id, 1, 20), i), f.id, 'production', 1, :now - i * 51840 - f.rowid, 900 + (i * 7919) % 250000,
       CASE WHEN i % 97 = 0 THEN 502 ELSE 200 END, CASE WHEN i % 97 = 0 THEN 'error' ELSE 'ok' END, i % 211 = 0, 'w', 'token', 'ci', 'POST', '/', 'bench',
       CASE WHEN i % 97 = 0 THEN 'the function threw: Error: no' || char(10) || '    at file:///index.ts:1:1' END
FROM functions f, n WHERE f.name LIKE 'bench-%';

INSERT INTO invocation_hours
SELECT account, function_id, environment, started_at - started_at % 3600000, count(*), sum(outcome <> 'ok'), sum(cold),
       0, 0, 0, 0, 0, count(*) / 2, count(*) - count(*) / 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM invocations WHERE versions = 'bench' GROUP BY 1, 2, 3, 4;

WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19999)
INSERT INTO logs (account, function_id, invocation, seq, time, stream, text)
SELECT f.account, f.id, NULL, i, :now - (20000 - i) * 1000, 'stdout', 'asked by POST, key is set: ' || i FROM functions f, n WHERE f.name LIKE 'bench-%';

WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
INSERT INTO egress (account, function_id, invocation, seq, time, via, host, port, method, outcome, request_bytes, response_bytes, duration_us, secrets)
SELECT f.account, f.id, NULL, i, :now - (10000 - i) * 1000, 'fetch', 'api' || i % 5 || '.example.com', 443, 'POST', '200', 512, 2048, 80000, '' FROM functions f, n WHERE f.name LIKE 'bench-%';

COMMIT;
ANALYZE;
