// Pages of functions as people meet them.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { CHAT, OPENAI, PICTURES, axe, everyLook, invoke, recorded, startAll } from "./harness.mjs";

let all, server, browser, main, page;

before(async () => {
  all = await startAll();
  ({ server, browser, main, page } = all);
});
after(() => all?.stop());

describe("functions", { concurrency: false }, () => {
  test("an empty list teaches what to do", async () => {
    await page.goto(`${server.url}/functions`);
    await page.getByRole("heading", { name: "No functions yet" }).waitFor();
    await page.getByText("tresor function deploy models models.ts").waitFor();
    await axe(page, "no functions");
    await page.screenshot({ path: path.join(PICTURES, "functions-empty.png"), fullPage: true });
    await main.check();
  });

  test("functions show their deployments, source, invocations and log", async () => {
    await server.api("PUT", "/api/v1/secrets/OPENAI_API_KEY", { value: OPENAI });
    await server.api("PUT", "/api/v1/functions/chat", { source: CHAT, access: "public" });
    await server.api("PUT", "/api/v1/functions/chat", { source: CHAT, access: "public" });
    const good = await invoke(server, "chat");
    const bad = await invoke(server, "chat", "?fail");
    assert.equal(good.status, 200);
    await recorded(server, "chat", good.id);
    await recorded(server, "chat", bad.id);

    await page.goto(`${server.url}/functions`);
    await page.getByRole("row", { name: /chat/ }).getByText("Public").waitFor();
    await page.getByRole("link", { name: "chat", exact: true }).click();
    await page.getByRole("heading", { name: "chat" }).waitFor();
    const calls = page.getByRole("table", { name: /Invocations/ });
    assert.equal(await calls.locator("tbody tr").count(), 2);
    assert.ok((await calls.innerText()).includes("Cold"));
    await page.getByRole("region", { name: "Source of index.ts" }).getByText("the model is not there").waitFor();

    // What a function prints does nothing here.
    const log = page.getByRole("region", { name: "Log lines" });
    await log.getByText("[31mGET <script>alert(1)</script> key is set").waitFor();
    assert.ok(!(await page.content()).includes("\u001b"), "no terminal escape reaches a page");
    await log.locator(".error").getByText("slow answer").waitFor();

    await page.getByRole("button", { name: "Use in production: deployment 1" }).click();
    await page.getByRole("status").filter({ hasText: "Deployment 1 is active in production." }).waitFor();

    await page.goto(`${server.url}/functions/chat/invocations/${good.id}`);
    await page.getByRole("region", { name: "Log lines" }).getByText("key is set").waitFor();
    assert.ok((await page.locator("dl.facts").innerText()).includes("OPENAI_API_KEY version 1"));
    await page.goto(`${server.url}/functions/chat/invocations/${bad.id}`);
    await page.locator("main").getByText("the model is not there").first().waitFor();

    await main.check();
  });

  test("every page of functions: light and dark, desktop and phone", async () => {
    const { id } = await invoke(server, "chat");
    await recorded(server, "chat", id);
    await everyLook(all, { functions: "/functions", function: "/functions/chat", invocation: `/functions/chat/invocations/${id}` });
  });
});
