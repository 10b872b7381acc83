// The official TypeScript SDKs connect by OAuth, as remote assistants do: refused, they find the server's description,
// register, open the consent page in a real browser, and come back with a code.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { after, before, test } from "node:test";
import path from "node:path";

import * as modern from "@modelcontextprotocol/client";
import { UnauthorizedError as EarlierUnauthorized } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client as EarlierClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as EarlierTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { DESKTOP, PHONE, PICTURES, axe, login, startBrowser, startServer, watchedContext } from "../browser/harness.mjs";

const NAMED = { name: "connected", version: "1.0.0" };

let server, browser, callback, came;

before(async () => {
  [server, browser] = await Promise.all([startServer(), startBrowser()]);
  // Where the program waits for its answer, on the person's machine.
  callback = createServer((request, answer) => {
    const { searchParams, pathname } = new URL(request.url, "http://callback");
    if (pathname === "/callback") came?.(searchParams);
    answer.setHeader("content-type", "text/html").end("<!doctype html><title>Connected</title><p>You can close this page.");
  }).listen(0, "127.0.0.1");
  await once(callback, "listening");
});

after(async () => {
  await browser?.close();
  await server?.stop();
  callback?.close();
  callback?.closeAllConnections();
});

/** What a program keeps, and what it does where a person is asked. */
function provider(kept) {
  const redirect = `http://127.0.0.1:${callback.address().port}/callback`;
  return {
    get redirectUrl() { return redirect; },
    get clientMetadata() { return { client_name: "Conversation <b>test</b>", redirect_uris: [redirect], token_endpoint_auth_method: "none" }; },
    state: () => "a state",
    clientInformation: () => kept.client,
    saveClientInformation: (client) => (kept.client = client),
    tokens: () => kept.tokens,
    saveTokens: (tokens) => (kept.tokens = tokens),
    redirectToAuthorization: (address) => (kept.address = address),
    saveCodeVerifier: (verifier) => (kept.verifier = verifier),
    codeVerifier: () => kept.verifier,
  };
}

/** The person follows the link, logs in on the way, reads, and answers. */
async function answer(address, word, device, picture) {
  const { context, check } = await watchedContext(browser, [], device);
  const page = await context.newPage();
  await page.goto(address.href);
  await page.goto(await server.newLoginLink());
  await page.getByRole("button", { name: "Open Tresor" }).click();
  await page.getByRole("heading", { name: "Connect Conversation <b>test</b>?" }).waitFor();
  await page.getByText("nothing but its own word").waitFor();
  await page.getByText("Ask you for secrets, which you enter here.").waitFor();
  await axe(page, "consent");
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= device.viewport.width, "nothing is wider than the screen");
  await page.screenshot({ path: path.join(PICTURES, `${picture}.png`), fullPage: true });
  const answered = new Promise((resolve) => (came = resolve));
  await page.getByRole("button", { name: word, exact: true }).click();
  const told = await answered;
  await page.getByText("You can close this page.").waitFor();
  await check();
  await context.close();
  return told;
}

/** The scopes that a program asks a person for. */
const asksFor = (kept) => kept.address.searchParams.get("scope").split(" ").sort().join(" ");
const FIRST = "functions:invoke functions:read functions:write secrets:read secrets:request";

async function connect(client, transport, kept, Unauthorized, device, picture) {
  await assert.rejects(client.connect(transport()), Unauthorized);
  const told = await answer(kept.address, "Connect", device, picture);
  assert.deepEqual([told.get("state"), told.get("iss")], ["a state", server.url]);
  return told.get("code");
}

test("revision 2025-11-25, and the end of what was granted", async () => {
  const kept = {};
  const transport = () => new EarlierTransport(new URL(`${server.url}/mcp`), { authProvider: provider(kept) });
  const code = await connect(new EarlierClient(NAMED), transport, kept, EarlierUnauthorized, DESKTOP, "consent");
  await transport().finishAuth(code);
  const client = new EarlierClient(NAMED);
  await client.connect(transport());
  try {
    const { structuredContent } = await client.callTool({ name: "request_secret", arguments: { name: "MAIL_KEY", reason: "to send mail" } });
    assert.equal(structuredContent.status, "pending");
    // It lacks a scope: this library renews its token then, which gives it no more, and the model reads why.
    const refused = await client.callTool({ name: "put_secret", arguments: { name: "MAIL_KEY", value: "x" } });
    assert.ok(refused.isError && refused.content[0].text.includes("secrets:write"));
    // One that cannot renew asks the person, for all that it had too.
    const { refresh_token, ...rest } = kept.tokens;
    kept.tokens = rest;
    await assert.rejects(client.callTool({ name: "list_audit", arguments: {} }), EarlierUnauthorized);
    assert.equal(asksFor(kept), `audit:read ${FIRST}`);
    kept.tokens = { ...rest, refresh_token };
    // An access token that ended is renewed without anybody being asked.
    const [all, last] = [kept.tokens.access_token, kept.tokens.access_token.at(-1)];
    kept.tokens.access_token = `${all.slice(0, -1)}${last === "0" ? "1" : "0"}`;
    const before = kept.tokens.refresh_token;
    await client.listTools();
    assert.notEqual(kept.tokens.refresh_token, before);

    const { context, check } = await watchedContext(browser, [], PHONE);
    const page = await login(server, context);
    await page.goto(`${server.url}/settings`);
    await page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: "Programs" }).click();
    await page.getByRole("heading", { name: "Conversation <b>test</b>" }).waitFor();
    await axe(page, "connected programs");
    await page.screenshot({ path: path.join(PICTURES, "programs-phone.png"), fullPage: true });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 390);
    await page.getByRole("button", { name: "Disconnect Conversation <b>test</b>" }).click();
    await page.getByText("No program is connected").waitFor();
    await check();
    await context.close();
    await assert.rejects(client.listTools(), "it is out at once");
  } finally {
    await client.close();
  }
});

test("revision 2026-07-28, and a person who says no", async () => {
  const kept = {};
  const options = { versionNegotiation: { mode: { pin: "2026-07-28" } } };
  const transport = () => new modern.StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), { authProvider: provider(kept) });
  await assert.rejects(new modern.Client(NAMED, options).connect(transport()));
  const no = await answer(kept.address, "No", PHONE, "consent-phone");
  assert.deepEqual([no.get("error"), no.get("code")], ["access_denied", null]);

  await assert.rejects(new modern.Client(NAMED, options).connect(transport()));
  const told = await answer(kept.address, "Connect", PHONE, "consent-phone");
  await transport().finishAuth(told);
  const client = new modern.Client(NAMED, options);
  await client.connect(transport());
  try {
    const { tools } = await client.listTools();
    assert.ok(tools.length > 10);
    // It lacks a scope, asks the person for it and for all that it had, and goes on where it was.
    const put = { name: "put_secret", arguments: { name: "CHAT_KEY", value: "a value of the conversation" } };
    await assert.rejects(client.callTool(put), modern.UnauthorizedError);
    assert.equal(asksFor(kept), `${FIRST} secrets:write`);
    await transport().finishAuth(await answer(kept.address, "Connect", DESKTOP, "consent-more"));
    const { structuredContent } = await client.callTool(put);
    assert.equal(structuredContent.name, "CHAT_KEY");
    // A person who says no, and a program that tries again: it reads why.
    const audit = { name: "list_audit", arguments: {} };
    await assert.rejects(client.callTool(audit), modern.UnauthorizedError);
    assert.equal((await answer(kept.address, "No", DESKTOP, "consent-more-no")).get("error"), "access_denied");
    const refused = await client.callTool(audit);
    assert.ok(refused.isError && refused.content[0].text.includes("audit:read"));
  } finally {
    await client.close();
  }
});
