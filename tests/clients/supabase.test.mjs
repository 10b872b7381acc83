// supabase-js calls our functions unchanged: only the URL and the token are Tresor's.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { after, before, test } from "node:test";

import { FunctionsClient, FunctionsHttpError } from "@supabase/functions-js";

import { startBrowser, startServer } from "../browser/harness.mjs";

const SOURCE = `
Deno.serve(async (request) => {
  const path = new URL(request.url).pathname;
  const type = request.headers.get("content-type") ?? "";
  if (path.endsWith("/stream")) {
    const parts = ["one ", "two ", "three"];
    return new Response(new ReadableStream({
      pull(controller) {
        const part = parts.shift();
        part ? controller.enqueue(new TextEncoder().encode(part)) : controller.close();
      },
    }), { headers: { "content-type": "text/event-stream" } });
  }
  if (path.endsWith("/fail")) return Response.json({ message: "out of stock" }, { status: 409 });
  if (type.startsWith("multipart/form-data")) {
    const form = await request.formData();
    return Response.json({ name: form.get("name"), file: await form.get("file").text() });
  }
  if (type.startsWith("application/octet-stream")) return new Response(await request.arrayBuffer(), { headers: { "content-type": "application/octet-stream" } });
  if (type.startsWith("application/json")) return Response.json({ method: request.method, got: await request.json(), actor: request.headers.get("x-tresor-actor") });
  return new Response("text: " + await request.text(), { headers: { "content-type": "text/plain" } });
});`;

let server, client;

before(async () => {
  server = await startServer();
  assert.ok(server.hasDeno, "Deno is missing: run `npm ci`");
  await server.api("PUT", "/api/v1/functions/shop", { source: SOURCE });
  const { token } = await server.api("POST", "/api/v1/tokens", { name: "app", scopes: ["functions:invoke"] });
  client = new FunctionsClient(`${server.url}/functions/v1`, { headers: { Authorization: `Bearer ${token}` } });
});

after(() => server?.stop());

test("JSON, text, bytes and forms go and come back as they were", async () => {
  const json = await client.invoke("shop", { body: { items: [1, "zwei"] } });
  assert.deepEqual(json.data, { method: "POST", got: { items: [1, "zwei"] }, actor: "token:app" });
  assert.equal(json.error, null);
  const put = await client.invoke("shop", { method: "PUT", body: { a: 1 }, region: "eu-central-1" });
  assert.equal(put.data.method, "PUT");
  assert.equal((await client.invoke("shop", { body: "hello" })).data, "text: hello");
  const bytes = await client.invoke("shop", { body: new Uint8Array([0, 255, 10, 13]).buffer });
  assert.deepEqual([...new Uint8Array(await bytes.data.arrayBuffer())], [0, 255, 10, 13]);
  const form = new FormData();
  form.set("name", "Ada");
  form.set("file", new Blob(["line 1\nline 2"]), "notes.txt");
  assert.deepEqual((await client.invoke("shop", { body: form })).data, { name: "Ada", file: "line 1\nline 2" });
});

test("a stream comes as one", async () => {
  const { data } = await client.invoke("shop/stream");
  assert.equal(await data.text(), "one two three");
});

test("what went wrong comes as supabase-js says it", async () => {
  const failed = await client.invoke("shop/fail");
  assert.ok(failed.error instanceof FunctionsHttpError);
  assert.equal(failed.error.context.status, 409);
  assert.deepEqual(await failed.error.context.json(), { message: "out of stock" });
  const stranger = new FunctionsClient(`${server.url}/functions/v1`);
  const refused = await stranger.invoke("shop", { body: {} });
  assert.equal(refused.error.context.status, 401);
  assert.equal((await refused.error.context.json()).code, "unauthenticated");
});

test("a page of another origin calls it in a real browser if the deployment says so", async () => {
  const site = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<!doctype html><title>app</title>")).listen(0, "127.0.0.1");
  await once(site, "listening");
  const origin = `http://127.0.0.1:${site.address().port}`;
  const { token } = await server.api("POST", "/api/v1/tokens", { name: "page", scopes: ["functions:invoke"] });
  const browser = await startBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(origin);
    const call = (bearer) =>
      page.evaluate(
        async ([url, bearer]) => {
          const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
          try {
            const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ from: "page" }) });
            return { status: answer.status, body: await answer.json(), id: answer.headers.get("x-tresor-invocation") };
          } catch (error) {
            return { failed: error.name };
          }
        },
        [`${server.url}/functions/v1/shop`, bearer],
      );
    assert.deepEqual(await call(token), { failed: "TypeError" });
    await server.api("PUT", "/api/v1/functions/shop", { source: SOURCE, cors_origins: [origin] });
    const answer = await call(token);
    assert.deepEqual([answer.status, answer.body.got, answer.body.actor], [200, { from: "page" }, "token:page"]);
    assert.match(answer.id, /^[0-9a-f]{32}$/);
    const refused = await call("trs_wrong");
    assert.deepEqual([refused.status, refused.body.code], [401, "unauthenticated"], "the page can read why");
  } finally {
    await browser.close();
    site.close();
  }
});
