// The audit page.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import { CHAT, OPENAI, OPENAI_NEXT, STRIPE, everyLook, startAll } from "./harness.mjs";

let all, server, browser, main, page;

before(async () => {
  all = await startAll();
  ({ server, browser, main, page } = all);
});
after(() => all?.stop());

describe("audit", { concurrency: false }, () => {
  test("the audit page tells what happened and that it verifies", async () => {
    // What happened, by a token and in a browser.
    await server.api("PUT", "/api/v1/environments/test");
    await server.api("PUT", "/api/v1/secrets/STRIPE_SECRET_KEY", { value: STRIPE, environment: "test" });
    for (const value of [OPENAI, OPENAI_NEXT]) await server.api("PUT", "/api/v1/secrets/OPENAI_API_KEY", { value });
    for (let times = 0; times < 2; times += 1) await server.api("PUT", "/api/v1/functions/chat", { source: CHAT, access: "public" });
    await page.goto(`${server.url}/functions/chat/deployments`);
    await page.getByRole("button", { name: "Use in production: deployment 1" }).click();
    await page.goto(`${server.url}/secrets/OPENAI_API_KEY`);
    await page.getByRole("button", { name: "Use again: version 1" }).click();
    await page.getByRole("link", { name: "Delete …" }).click();
    await page.getByRole("button", { name: "Delete OPENAI_API_KEY" }).click();
    await page.getByRole("status").filter({ hasText: "OPENAI_API_KEY is no longer" }).waitFor();
    const { token } = await server.api("POST", "/api/v1/tokens", { name: "reader", scopes: ["secrets:read"] });
    const refused = await fetch(`${server.url}/api/v1/secrets/STRIPE_SECRET_KEY?environment=test`, { method: "DELETE", headers: { authorization: `Bearer ${token}` } });
    assert.equal(refused.status, 403);

    await page.goto(`${server.url}/audit`);
    await page.getByText("Verified now").waitFor();
    const events = page.getByRole("table");
    for (const words of [
      "token admin stored OPENAI_API_KEY version 1 in production",
      "session of admin went from version 2 to version 1 of OPENAI_API_KEY in production",
      "session of admin deleted OPENAI_API_KEY in production",
      "token admin deployed chat as deployment 2 in production",
      "session of admin rolled chat back to deployment 1 in production",
      "token admin made the token reader",
    ]) {
      assert.ok((await events.innerText()).includes(words), words);
    }
    const denied = page.getByRole("row", { name: /token reader was not allowed to delete STRIPE_SECRET_KEY in test/ });
    await denied.getByText("Refused").waitFor();
    await page.getByText("Verify it yourself").click();
    await page.getByRole("group", { name: "Signed checkpoint" }).waitFor();
    await page.getByText("tresor audit verify", { exact: true }).waitFor();

    // All of an event, and all of the log to take along.
    const stored = page.getByRole("row", { name: /token admin stored OPENAI_API_KEY version 1/ });
    await stored.getByText("Details").click();
    await stored.getByRole("link", { name: "OPENAI_API_KEY" }).last().waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Export" }).click()]);
    assert.match(download.suggestedFilename(), /^audit-default-\d{4}-\d\d-\d\d\.jsonl$/);
    const lines = (await readFile(await download.path(), "utf8")).trim().split("\n").map((line) => JSON.parse(line));
    assert.ok(lines.length > 10);
    assert.ok(JSON.stringify(lines.at(-1)).includes("checkpoint"), "the last line is the trailer");

    // By day.
    const today = new Date().toISOString().slice(0, 10);
    await page.goto(`${server.url}/audit?from=${today}&to=${today}`);
    assert.ok((await page.locator("tbody tr").count()) > 5);
    await page.getByLabel("To").fill("2020-01-01");
    await page.getByText("Nothing in the log matches.").waitFor();
    await page.getByRole("link", { name: "Show everything" }).first().click();

    await page.getByLabel("Name").fill("STRIPE_SECRET_KEY");
    await page.getByLabel("What").selectOption("secret.put");
    await page.waitForURL("**action=secret.put*");
    assert.equal(await page.locator("tbody tr").count(), 1);
    await page.getByLabel("Who").fill("nobody");
    await page.getByText("Nothing in the log matches.").waitFor();
    await main.check();
  });

  test("light and dark, desktop and phone", () => everyLook(all, { audit: "/audit" }));
});
