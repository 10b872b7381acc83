// The official conformance suite, as each revision requires it of servers. What does not apply stands in
// mcp-conformance.yml, with the reason: a scenario that fails and is not named there fails this test, and so does one that
// is named there and passes.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";

import { ROOT, startServer } from "../browser/harness.mjs";

const SUITE = path.join(ROOT, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
// The suite asks for Node.js 22; Deno, which functions need anyway, has what it uses.
const DENO = path.join(path.dirname(createRequire(import.meta.url).resolve("deno/package.json")), "bin.cjs");

let server, front, folder;

before(async () => {
  server = await startServer();
  folder = await mkdtemp(path.join(tmpdir(), "tresor-conformance-"));
  const { token } = await server.api("POST", "/api/v1/tokens", { name: "conformance", scopes: ["admin"] });
  const { hostname, port, host } = new URL(server.url);
  // The suite cannot send a token. This adds it, and leaves everything else as it is: foreign `Host` and `Origin` too.
  front = createServer((incoming, answer) => {
    const own = new RegExp(`(localhost|127\\.0\\.0\\.1):${front.address().port}`);
    const headers = { ...incoming.headers, authorization: `Bearer ${token}`, host: incoming.headers.host.replace(own, host) };
    if (headers.origin) headers.origin = headers.origin.replace(own, host);
    const onward = request({ hostname, port, method: incoming.method, path: incoming.url, headers }, (back) => {
      answer.writeHead(back.statusCode, back.headers);
      back.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    incoming.pipe(onward);
  }).listen(0, "127.0.0.1");
  await once(front, "listening");
});

after(async () => {
  front?.close();
  front?.closeAllConnections();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

// Those that must be among the ones that pass, so that a suite that ran nothing is no success.
const WHOLE = {
  "2025-11-25": ["server-initialize", "ping", "tools-list", "resources-list", "prompts-list", "dns-rebinding-protection"],
  "2026-07-28": ["tools-list", "resources-list", "prompts-list", "sep-2164-resource-not-found", "caching", "dns-rebinding-protection", "http-header-validation"],
};

for (const [revision, whole] of Object.entries(WHOLE)) {
  test(`what revision ${revision} requires`, async () => {
    const url = `http://127.0.0.1:${front.address().port}/mcp`;
    const known = path.join(import.meta.dirname, `mcp-conformance-${revision}.yml`);
    const args = [DENO, "run", "--allow-all", "--no-prompt", SUITE, "server", "--url", url, "--requirements", revision, "--expected-failures", known];
    const [failed, said] = await new Promise((resolve) => {
      execFile(process.execPath, args, { cwd: folder, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => resolve([error, `${stdout}${stderr}`]));
    });
    assert.ok(!failed, said.slice(-8_000));
    const passed = [...said.matchAll(/^✓ ([\w-]+): /gm)].map((line) => line[1]);
    assert.deepEqual(whole.filter((scenario) => !passed.includes(scenario)), []);
    console.log(`    ${revision}: ${passed.length} scenarios whole`);
  });
}
