// A whole conversation as coding assistants have it, by the official TypeScript SDKs of both revisions: a provider is looked
// up, its key is asked for, a person enters it in a real browser, a function is deployed and tried, and its log is read. The
// service is a stand-in on this machine, reached by its real name over TLS.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import * as modern from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { Client as EarlierClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as EarlierTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { HOSTS, providers, startHosts } from "../browser/authority.mjs";
import { BINARY, ROOT, login, startBrowser, startServer, watchedContext } from "../browser/harness.mjs";

// Put together here, so that no scanner takes this file for one that holds a key.
const KEYS = [1, 2, 3, 4].map((n) => ["SG", `canarycanarycanary123${n}`, `canarycanarycanarycanarycanarycanary123456${n}`].join("."));
const ASSISTANT = ["secrets:read", "secrets:request", "functions:read", "functions:write", "functions:invoke"];
const NAMED = { name: "conversation", version: "1.0.0" };
const INSPECTOR = createRequire(import.meta.url).resolve("@modelcontextprotocol/inspector-cli/build/cli.js");

let folder, hosts, server, browser, person, source;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "tresor-mcp-"));
  hosts = await startHosts(folder, HOSTS, providers);
  [server, browser] = await Promise.all([startServer(hosts.options), startBrowser()]);
  assert.ok(server.hasDeno, "functions must run for these tests: run `npm ci`");
  person = await watchedContext(browser, KEYS);
  await (await login(server, person.context)).close();
  source = await readFile(path.join(ROOT, "examples/send-mail.ts"), "utf8");
});

after(async () => {
  await browser?.close();
  await server?.stop();
  hosts?.stop();
  await rm(folder, { recursive: true, force: true });
});

const token = async (name) => (await server.api("POST", "/api/v1/tokens", { name, scopes: ASSISTANT })).token;

/** Connects, and lets go in the end: what is left open would keep the test from ending. */
async function during(client, transport, work) {
  await client.connect(transport);
  try {
    await work();
  } finally {
    await client.close();
  }
}

/** What a person does with the link that the assistant's client shows. */
async function enter(link, value) {
  const page = await person.context.newPage();
  await page.goto(link);
  await page.getByRole("textbox", { name: "Value" }).fill(value);
  await page.getByRole("button", { name: /^Store / }).click();
  await page.getByText("Whoever asked was told only that.").waitFor();
  await person.check();
  await page.close();
}

/** The conversation. `ask` asks for a secret and gives how that ended. */
async function conversation(client, ask, name, key) {
  const heard = [];
  const call = async (tool, args) => {
    const result = await client.callTool({ name: tool, arguments: args });
    heard.push(JSON.stringify(result));
    assert.ok(!result.isError, `${tool}: ${JSON.stringify(result.content)}`);
    return result.structuredContent;
  };
  const { tools } = await client.listTools();
  assert.ok(tools.every((tool) => tool.outputSchema?.type === "object" && tool.annotations));

  const [provider] = (await call("find_provider", { query: "send mail with SendGrid" })).providers;
  assert.equal(provider.id, "sendgrid");
  const wanted = provider.secrets[0].names[0];
  assert.equal(wanted, "SENDGRID_API_KEY");
  assert.equal((await ask(call, wanted, "To send the weekly mail.", key)).status, "fulfilled");
  const stored = await call("get_secret", { name: wanted });
  assert.match(stored.mask, /^SG\.c\*{4}/);

  const missing = await call("deploy_function", { name, source, egress: ["api.sendgrid.com"] });
  assert.deepEqual(missing.missing_secrets, ["MAIL_FROM"]);
  await server.api("PUT", "/api/v1/secrets/MAIL_FROM", { value: "shop@example.com" });
  const before = hosts.seen.length;
  const invoked = await call("invoke_function", { name, body: JSON.stringify({ to: "ada@example.com", subject: "Hello", text: "It works." }) });
  assert.equal(invoked.status, 202, JSON.stringify(invoked));
  assert.equal(hosts.seen.at(-1).headers.authorization, `Bearer ${key}`, "the mail was sent with the key that was entered");
  assert.equal(hosts.seen.length, before + 1);

  // One that prints and returns its key, plainly and encoded. It never had it: the person let it go to its provider only.
  assert.ok(stored.delivery === "brokered" && stored.hosts.includes("api.sendgrid.com"));
  const leaky = "Deno.serve(() => { const key = Deno.env.get('SENDGRID_API_KEY'); console.log('with', key, btoa(key)); return new Response(key + ' ' + btoa(key)); })";
  await call("deploy_function", { name, source: leaky });
  const { invocation, body } = await call("invoke_function", { name, method: "GET" });
  assert.ok(body.length > 0 && !body.includes(key));
  const lines = await call("read_logs", { name, invocation });
  assert.match(lines.items[0].text, /^with /);
  await call("rollback_function", { name, number: 1 });
  assert.deepEqual((await call("list_functions", {})).items.find((one) => one.name === name).active[0].number, 1);

  // The next conversation begins with nothing.
  for (const secret of ["MAIL_FROM", "SENDGRID_API_KEY"]) await server.api("DELETE", `/api/v1/secrets/${secret}`);

  const prompt = await client.getPrompt({ name: "add-integration", arguments: { service: "SendGrid" } });
  assert.match(prompt.messages[0].content.text, /request_secret/);
  const guide = await client.readResource({ uri: "tresor://guide/functions" });
  assert.match(guide.contents[0].text, /Deno\.serve/);
  const all = heard.join("\n");
  for (const form of [key, Buffer.from(key).toString("base64"), encodeURIComponent(key)]) assert.ok(!all.includes(form), "a value was heard");
}

/** Asks, tells the person the link, and waits as an assistant does. */
async function byLink(call, name, reason, key) {
  const asked = await call("request_secret", { name, reason });
  assert.equal(asked.status, "pending");
  const waiting = call("get_secret_request", { id: asked.id });
  await enter(asked.url, key);
  return waiting;
}

test("revision 2025-11-25, with a plain link", async () => {
  const headers = { authorization: `Bearer ${await token("earlier")}` };
  const client = new EarlierClient(NAMED, { capabilities: { elicitation: { url: {} } } });
  await during(client, new EarlierTransport(new URL(`${server.url}/mcp`), { requestInit: { headers } }), async () => {
    assert.equal(client.getServerVersion().name, "tresor");
    await conversation(client, byLink, "mail-earlier", KEYS[0]);
  });
});

test("revision 2026-07-28, with a link that the client shows", async () => {
  const headers = { authorization: `Bearer ${await token("modern")}` };
  const client = new modern.Client(NAMED, { capabilities: { elicitation: { url: {} } }, versionNegotiation: { mode: { pin: "2026-07-28" } } });
  const shown = [];
  client.setRequestHandler("elicitation/create", async ({ params }) => {
    shown.push(params.mode);
    // The person follows the link while the call comes back, and takes a moment.
    void enter(params.url, KEYS[1]);
    return { action: "accept" };
  });
  await during(client, new modern.StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), { requestInit: { headers } }), () =>
    conversation(client, (call, name, reason) => call("request_secret", { name, reason }), "mail-modern", KEYS[1]),
  );
  assert.deepEqual(shown, ["url"]);
});

test("by `tresor mcp`, as an assistant starts it", async () => {
  const env = { TRESOR_URL: server.url, TRESOR_TOKEN: await token("stdio"), HOME: folder };
  const client = new modern.Client(NAMED, { versionNegotiation: { mode: "auto" } });
  await during(client, new StdioClientTransport({ command: BINARY, args: ["mcp"], env }), () => conversation(client, byLink, "mail-stdio", KEYS[2]));
});

/** The inspector's command line as a client: one process for each call. */
function inspector(bearer) {
  const run = async (method, ...more) => {
    const args = [INSPECTOR, "--cli", `${server.url}/mcp`, "--transport", "http", "--header", `Authorization: Bearer ${bearer}`, "--method", method, ...more];
    // It looks for its own version from where it is started.
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 24, cwd: path.dirname(INSPECTOR) });
    return JSON.parse(stdout);
  };
  const named = (option, values) => Object.entries(values).flatMap(([name, value]) => [option, `${name}=${JSON.stringify(value)}`]);
  return {
    listTools: () => run("tools/list"),
    callTool: ({ name, arguments: args }) => run("tools/call", "--tool-name", name, ...named("--tool-arg", args)),
    getPrompt: ({ name, arguments: args }) => run("prompts/get", "--prompt-name", name, ...Object.entries(args).flatMap(([key, value]) => ["--prompt-args", `${key}=${value}`])),
    readResource: ({ uri }) => run("resources/read", "--uri", uri),
  };
}

test("by the inspector's command line", () => token("inspector").then((bearer) => conversation(inspector(bearer), byLink, "mail-inspector", KEYS[3])));
