// The genuine `supabase` command line, pointed at a Tresor: its secrets, its functions, its words.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";

import { ROOT, startServer } from "../browser/harness.mjs";

const SUPABASE = path.join(ROOT, "node_modules/supabase/dist/supabase.js");
const SCOPES = ["secrets:read", "secrets:write", "functions:read", "functions:write", "functions:publish", "functions:invoke"];

// Its binary is an optional package, and the lock file has the one of the platform that this is tested on.
const skip = !existsSync(path.join(ROOT, `node_modules/@supabase/cli-${process.platform}-${process.arch}`)) && "its package is not here for this platform";

let server, folder, token, references;

/** Runs it with nothing of the tester's own settings; what it printed, and its exit code. */
async function supabase(args, bearer = token) {
  const env = {
    PATH: process.env.PATH,
    HOME: path.join(folder, "home"),
    SUPABASE_PROFILE: path.join(folder, "profile.yaml"),
    SUPABASE_ACCESS_TOKEN: bearer,
    SUPABASE_TELEMETRY_DISABLED: "1",
    DO_NOT_TRACK: "1",
    CI: "1",
  };
  const child = spawn(process.execPath, [SUPABASE, ...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  const code = await new Promise((resolve) => child.once("close", resolve));
  return { code, stdout, stderr, all: stdout + stderr };
}

async function ok(args, bearer) {
  const done = await supabase(args, bearer);
  assert.equal(done.code, 0, done.all);
  return done;
}

const write = async (file, text) => {
  await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
  await writeFile(path.join(folder, file), text);
};

const list = async (place) => JSON.parse((await ok(["secrets", "list", `--remote=${place}`, "-o", "json"])).stdout);

before(async () => {
  if (skip) return;
  server = await startServer();
  assert.ok(server.hasDeno, "Deno is missing: run `npm ci`");
  folder = await mkdtemp(path.join(tmpdir(), "tresor-supabase-"));
  await server.api("PUT", "/api/v1/environments/test");
  ({ token } = await server.api("POST", "/api/v1/tokens", { name: "supabase", format: "supabase", scopes: SCOPES }));
  assert.match(token, /^sbp_[0-9a-f]{40}$/);
  const { items } = await server.api("GET", "/api/v1/environments");
  references = Object.fromEntries(items.map((item) => [item.name, item.supabase_ref]));
  await mkdir(path.join(folder, "home"));
  await write("profile.yaml", `name: tresor\napi_url: ${server.url}\ndashboard_url: ${server.url}\nproject_host: 127.0.0.1\n`);
  await write("supabase/config.toml", 'project_id = "shop"\n[functions.hello]\nverify_jwt = true\n[functions.open]\nverify_jwt = false\n');
  await write("supabase/functions/_shared/cors.ts", 'export const headers = { "x-shared": "yes" };\n');
  await write("supabase/functions/hello/deno.json", '{ "imports": { "shout": "./lib/shout.ts", "shared/": "../_shared/" } }\n');
  await write("supabase/functions/hello/lib/shout.ts", "export const shout = (text: string) => text.toUpperCase();\n");
  await write(
    "supabase/functions/hello/index.ts",
    `import { headers } from "../_shared/cors.ts";
     import { headers as same } from "shared/cors.ts";
     import { shout } from "shout";
     Deno.serve(() => Response.json({ said: shout("hello"), key: Deno.env.get("API_KEY")?.length, same: same === headers }, { headers }));\n`,
  );
  await write("supabase/functions/open/index.ts", 'import { headers } from "../_shared/cors.ts";\nDeno.serve(() => new Response("open", { headers }));\n');
});

after(async () => {
  await server?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

test("secrets are set from arguments and files, listed by digests, and unset", { skip }, async () => {
  const { production } = references;
  const value = "my-own-canary-0123456789";
  await ok(["secrets", "set", `API_KEY=${value}`, "EQUAL=a", `--remote=${production}`, "--yes"]);
  await write(".env.shop", 'MULTI="one\ntwo"\nEQUAL_TOO=a\nSUPABASE_URL=http://x\n# no\n');
  const set = await ok(["secrets", "set", "--env-file", ".env.shop", `--remote=${production}`, "--yes"]);
  assert.match(set.all, /SUPABASE_URL/, "what it skips, it says");
  const listed = await list(production);
  assert.deepEqual(listed.map((secret) => secret.name), ["API_KEY", "EQUAL", "EQUAL_TOO", "MULTI"]);
  const digest = Object.fromEntries(listed.map((secret) => [secret.name, secret.value]));
  assert.match(digest.API_KEY, /^[0-9a-f]{64}$/);
  assert.equal(digest.EQUAL, digest.EQUAL_TOO);
  assert.notEqual(digest.EQUAL, createHash("sha256").update("a").digest("hex"), "nobody can guess a short value from it");
  const { stdout } = await ok(["secrets", "list", `--remote=${production}`]);
  assert.ok(stdout.includes(digest.API_KEY) && !stdout.includes(value), stdout);

  // The same secrets as everywhere else: versions, events, another environment without them.
  const secret = await server.api("GET", "/api/v1/secrets/API_KEY");
  assert.deepEqual([secret.version, secret.created_by], [1, "supabase"]);
  await ok(["secrets", "set", `API_KEY=${value}`, `--remote=${production}`, "--yes"]);
  assert.equal((await server.api("GET", "/api/v1/secrets/API_KEY")).version, 1, "an equal value makes no version");
  assert.deepEqual(await list(references.test), []);
  await ok(["secrets", "unset", "EQUAL", "EQUAL_TOO", `--remote=${production}`, "--yes"]);
  assert.deepEqual((await list(production)).map((secret) => secret.name), ["API_KEY", "MULTI"]);
  const { items } = await server.api("GET", "/api/v1/audit?actor=supabase&limit=500");
  const put = items.filter((item) => item.event.action === "secret.put").length;
  const deleted = items.filter((item) => item.event.action === "secret.delete").length;
  assert.deepEqual([put, deleted], [4, 2]);
});

test("functions with shared code and an import map deploy, run, list and go", { skip }, async () => {
  const { production, test: testing } = references;
  await ok(["functions", "deploy", "hello", `--remote=${production}`, "--use-api", "--yes"]);
  const invoke = (name, bearer, base = "/functions/v1") =>
    fetch(`${server.url}${base}/${name}`, { headers: bearer ? { authorization: `Bearer ${bearer}` } : {} });
  assert.equal((await invoke("hello")).status, 401, "verify_jwt = true");
  const answer = await invoke("hello", token);
  assert.deepEqual([answer.headers.get("x-shared"), await answer.json()], ["yes", { said: "HELLO", key: 24, same: true }]);

  // Several at once: all are bundled before one of them is active.
  const deployed = await ok(["functions", "deploy", `--remote=${testing}`, "--use-api", "--yes"]);
  assert.match(deployed.all, /hello, open/);
  const open = await invoke("open", undefined, "/a/default/test/functions/v1");
  assert.deepEqual([open.status, await open.text()], [200, "open"], "verify_jwt = false");
  assert.equal((await invoke("open")).status, 404, "production has none of it");
  const listed = JSON.parse((await ok(["functions", "list", `--remote=${testing}`, "-o", "json"])).stdout);
  assert.deepEqual(listed.map((row) => [row.slug, row.status, row.version, row.verify_jwt]), [["hello", "ACTIVE", 2, true], ["open", "ACTIVE", 1, false]]);

  await ok(["functions", "delete", "hello", `--remote=${testing}`, "--yes"]);
  assert.equal((await invoke("hello", token, "/a/default/test/functions/v1")).status, 404);
  assert.equal((await invoke("hello", token)).status, 200, "production keeps it");
});

test("a broken function leaves what is active, and the error names the place", { skip }, async () => {
  const { production } = references;
  await write("supabase/functions/bad/index.ts", 'Deno.serve(() => new Response("x"));\nconst = 1;\n');
  const refused = await supabase(["functions", "deploy", "--use-api", `--remote=${production}`, "--yes"]);
  await rm(path.join(folder, "supabase/functions/bad"), { recursive: true });
  assert.notEqual(refused.code, 0);
  assert.match(refused.all, /supabase\/functions\/bad\/index\.ts:2/);
  const { items } = await server.api("GET", "/api/v1/functions");
  assert.deepEqual(items.map((item) => item.name), ["hello", "open"], "nothing is left of the broken one");
});

test("what is refused is refused as everywhere else, in words", { skip }, async () => {
  const { production } = references;
  for (const [args, says] of [
    [["secrets", "set", "lower=x", "GOOD=1", `--remote=${production}`, "--yes"], /capital letters/],
    [["secrets", "set", "LD_PRELOAD=x", `--remote=${production}`, "--yes"], /reserved/],
    [["secrets", "unset", "API_KEY", "NO_SUCH", `--remote=${production}`, "--yes"], /no such secret/],
    [["secrets", "list", "--remote=abcdefghijklmnopqrst"], /no project/],
  ]) {
    const refused = await supabase(args);
    assert.notEqual(refused.code, 0, refused.all);
    assert.match(refused.all, says);
  }
  assert.deepEqual((await list(production)).map((secret) => secret.name), ["API_KEY", "MULTI"], "all or nothing");
  const make = async (body) => (await server.api("POST", "/api/v1/tokens", { format: "supabase", ...body })).token;
  const reader = await make({ name: "reader", scopes: ["secrets:read"], environments: ["test"] });
  await ok(["secrets", "list", `--remote=${references.test}`], reader);
  const other = await supabase(["secrets", "list", `--remote=${production}`], reader);
  assert.match(other.all, /not for the environment production/);
  const writes = await supabase(["secrets", "set", "A=1", `--remote=${references.test}`, "--yes"], reader);
  assert.match(writes.all, /secrets:write/);
  const unknown = await supabase(["secrets", "list", `--remote=${production}`], `sbp_${"0".repeat(40)}`);
  assert.match(unknown.all, /not known/);
});
