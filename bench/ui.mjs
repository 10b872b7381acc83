// How long each page of the admin UI takes the server, with 10,000 secrets and 1,000,000 invocations: each is loaded many
// times over one connection, and must take less than 50 ms. `node bench/ui.mjs --tresor target/release/tresor`
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent, get } from "node:http";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";

import { start, stop, stopAll } from "./servers.mjs";

const MOST_MILLIS = 50;
const TIMES = 30;
const FUNCTIONS = 20;

const { values: options } = parseArgs({ options: { tresor: { type: "string" }, json: { type: "boolean" } } });
const program = resolve(options.tresor);
const folder = await mkdtemp(join(program, "../../bench-ui-"));
const data = join(folder, "data");
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

async function serve() {
  const child = start(program, ["serve", "--data", data, "--listen", "127.0.0.1:0", "--json"]);
  const ready = await new Promise((done, failed) => {
    child.once("exit", () => failed(new Error(child.output)));
    child.stdout.on("data", () => {
      try {
        done(JSON.parse(child.output.slice(child.output.indexOf("{"), child.output.lastIndexOf("}") + 1)));
      } catch {
        // Not whole yet.
      }
    });
  });
  const token = (await readFile(ready.admin_token_file, "utf8")).trim();
  const api = async (method, path, body) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(ready.url + path, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  return { child, url: ready.url, api };
}

async function fill() {
  const { child, api } = await serve();
  await api("PUT", "/api/v1/environments/test");
  const source = 'Deno.serve(() => new Response(Deno.env.get("STRIPE_KEY_0000")));';
  for (let at = 0; at < FUNCTIONS; at += 1) await api("PUT", `/api/v1/functions/bench-${at}`, { source, access: "public" });
  await stop(child);
  const sql = (await readFile(new URL("ui.sql", import.meta.url), "utf8")).replaceAll(":now", String(Date.now()));
  const running = promisify(execFile)("sqlite3", ["-bail", join(data, "tresor.db")]);
  running.child.stdin.end(sql);
  await running;
}

/** One request: its milliseconds to the last byte, and its size. */
function load(url, headers) {
  return new Promise((done, failed) => {
    const began = performance.now();
    get(url, { agent, headers }, (answer) => {
      let bytes = 0;
      answer.on("data", (chunk) => (bytes += chunk.length));
      answer.on("end", () => (answer.statusCode === 200 ? done({ millis: performance.now() - began, bytes }) : failed(new Error(`${url}: ${answer.statusCode}`))));
    }).on("error", failed);
  });
}

async function measure() {
  const { url, api } = await serve();
  const link = new URL((await api("POST", "/api/v1/login-links")).url);
  const form = new URLSearchParams({ code: link.searchParams.get("code") });
  const opened = await fetch(`${url}/login`, { method: "POST", redirect: "manual", body: form, headers: { origin: url } });
  const cookie = opened.headers.get("set-cookie").split(";")[0];
  const failed = (await api("GET", "/api/v1/functions/bench-0/invocations?limit=100")).items.find((item) => item.error);
  const pages = {
    "secrets": "/secrets",
    "secrets, last page by update": "/secrets?sort=-updated",
    "secrets, by last use": "/secrets?sort=used",
    "secrets, by rotation": "/secrets?sort=due",
    "secrets, searched": "/secrets?q=team+7+stripe",
    "secrets, overdue": "/secrets?show=overdue",
    "secrets, missing somewhere": "/secrets?show=missing",
    "secrets, one environment": "/secrets?environment=test",
    "secrets, by environment": "/secrets/matrix",
    "secret": "/secrets/STRIPE_KEY_0000",
    "secret, new": "/secrets/new",
    "secret, delete": "/secrets/STRIPE_KEY_0000/delete",
    "integrations": "/integrations",
    "integration": "/integrations/stripe",
    "functions": "/functions",
    "function": "/functions/bench-0",
    "function, 30 days": "/functions/bench-0?span=month",
    "function, invocations": "/functions/bench-0/invocations",
    "function, those that failed": "/functions/bench-0/invocations?show=failed",
    "function, log": "/functions/bench-0/log",
    "function, source": "/functions/bench-0/source",
    "function, deployments": "/functions/bench-0/deployments",
    "function, try": "/functions/bench-0/try",
    "invocation": `/functions/bench-0/invocations/${failed.id}`,
    "health": "/health",
    "requests": "/requests",
    "audit": "/audit",
    "settings": "/settings",
    "settings, environments": "/settings/environments",
    "settings, tokens": "/settings/tokens",
    "settings, people": "/settings/people",
  };
  const rows = [];
  for (const [name, path] of Object.entries(pages)) {
    const headers = { cookie, "accept-encoding": "gzip" };
    for (let times = 0; times < 3; times += 1) await load(url + path, headers);
    const seen = [];
    for (let times = 0; times < TIMES; times += 1) seen.push(await load(url + path, headers));
    const millis = seen.map((one) => one.millis).sort((a, b) => a - b);
    rows.push({ page: name, median: millis[TIMES >> 1], p95: millis[Math.floor(TIMES * 0.95)], bytes: seen[0].bytes });
  }
  return rows;
}

try {
  console.error("  10,000 secrets, 1,000,000 invocations …");
  await fill();
  const rows = await measure();
  if (options.json) console.log(JSON.stringify(rows));
  else {
    console.log(`${"page".padEnd(32)} median   p95      over the wire`);
    for (const { page, median, p95, bytes } of rows) console.log(`${page.padEnd(32)} ${median.toFixed(1).padStart(5)} ms ${p95.toFixed(1).padStart(5)} ms ${(bytes / 1000).toFixed(1).padStart(8)} kB`);
  }
  const slow = rows.filter((row) => row.median >= MOST_MILLIS);
  for (const row of slow) console.error(`${row.page} takes ${row.median.toFixed(1)} ms: more than ${MOST_MILLIS}`);
  process.exitCode = slow.length > 0 ? 1 : 0;
} finally {
  await stopAll();
  agent.destroy();
  await rm(folder, { recursive: true, force: true });
}
