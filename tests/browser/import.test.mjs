// Importing a pasted file in a real Chromium, with scripts off: the text is in no page that comes back.

import assert from "node:assert/strict";
import { test } from "node:test";

import { startBrowser, startServer, watchedContext } from "./harness.mjs";

const KEY = "my-own-canary-5d20b9e6f1473ac8-tail";
const TEXT = `# pasted\nAPI_KEY="${KEY}"\nMULTI='line one canary\nline two canary'\nlower=canary-x\n`;

test("a pasted file is looked at, stored by a button, and never shown", async () => {
  const [server, browser] = await Promise.all([startServer(), startBrowser()]);
  try {
    const { context, check } = await watchedContext(browser, [KEY, "line one canary", "line two canary", "canary-x"], { javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(server.loginLink);
    await page.getByRole("button", { name: "Open Tresor" }).click();
    await page.getByRole("link", { name: "Import" }).click();
    await page.getByLabel("Text of the file").fill("{ broken");
    await page.getByLabel("Format").selectOption("JSON");
    await page.getByRole("button", { name: "Show what would change" }).click();
    await page.getByRole("alert").getByText("The text is no JSON: line 1").waitFor();
    assert.equal(await page.getByLabel("Text of the file").inputValue(), "", "what was pasted does not come back");

    await page.getByLabel("Text of the file").fill(TEXT);
    await page.getByLabel("Format").selectOption("As it looks");
    await page.getByRole("button", { name: "Show what would change" }).click();
    await page.getByRole("heading", { name: "Import into production?" }).waitFor();
    const rows = await page.locator("tbody tr").allInnerTexts();
    assert.deepEqual([rows.length, rows[0].includes("my-o****tail"), rows[2].includes("Rejected")], [3, true, true], rows.join("\n"));
    await page.getByRole("button", { name: "Store 2 secrets, leave out the rejected lines" }).click();
    await page.getByText("2 new, 0 changed, 0 the same, 1 rejected.").waitFor();

    const { items } = await server.api("GET", "/api/v1/secrets");
    assert.deepEqual(items.map((secret) => secret.name), ["API_KEY", "MULTI"]);
    await page.goto(`${server.url}/audit`);
    await page.getByText("imported a file in production: 2 new, 0 changed, 0 the same").waitFor();
    await page.goto(`${server.url}/secrets/import/preview`);
    await page.getByRole("alert").getByText("That text is no longer here").waitFor();
    await check();
  } finally {
    await browser.close();
    await server.stop();
  }
});
