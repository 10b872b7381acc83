// What should be done about secrets, as people meet it: the most pressing first, each with the way to do it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { DESKTOP, OPENAI, SECRETS, axe, everyLook, login, startAll, watchedContext } from "./harness.mjs";

let all, server, browser, main, page;

before(async () => {
  all = await startAll();
  ({ server, browser, main, page } = all);
});
after(() => all?.stop());

describe("health", { concurrency: false }, () => {
  test("an account where all is well says so", async () => {
    await page.goto(`${server.url}/health`);
    await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
    assert.equal(await page.locator("nav a[aria-current=page]").innerText(), "Health");
    await axe(page, "health of nothing");
    await main.check();
  });

  test("what is found leads to where it is done", async () => {
    const put = (name, value, more) => server.api("PUT", `/api/v1/secrets/${name}`, { value, ...more });
    await server.api("PUT", "/api/v1/environments/test", {});
    await put("OPENAI_API_KEY", OPENAI);
    await put("OPENAI_API_KEY", OPENAI, { environment: "test" });
    await put("PASTED_KEY", "your-api-key-here", { rotate_by: "2020-01-01" });
    await put("VITE_SHOP_TOKEN", "4bFz0mQx8sWv2LpTn6RkYc1HdJ9aGe3U");
    await server.api("PUT", "/api/v1/functions/shop", { source: "Deno.serve(() => new Response(Deno.env.get('SHOP_KEY')))" });

    await page.goto(`${server.url}/secrets`);
    // The list and the secret's own page say it too.
    await page.getByText("1 value should have been replaced").waitFor();
    await axe(page, "list with a banner");
    await page.goto(`${server.url}/secrets/PASTED_KEY`);
    await page.getByText(/Its value was to be replaced \d+ years ago/).waitFor();
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Health" }).click();
    await page.getByRole("heading", { name: "Now" }).waitFor();
    const rows = await page.locator("tbody tr").allInnerTexts();
    const firsts = rows.map((row) => row.trim().split(/\s+/)[0]);
    assert.deepEqual(firsts, ["SHOP_KEY", "PASTED_KEY", "PASTED_KEY", "VITE_SHOP_TOKEN", "OPENAI_API_KEY"]);
    await page.getByText("PASTED_KEY in production was to be replaced").waitFor();

    await page.getByRole("link", { name: "Add the value: SHOP_KEY in production" }).click();
    assert.equal(await page.getByLabel("Name").inputValue(), "SHOP_KEY");
    await page.getByLabel("Value", { exact: true }).fill("Zk3uQ9wE7rT1yU5iO2pA8sD4fG6hJ0lX");
    await page.getByRole("button", { name: "Store secret" }).click();
    await page.waitForURL("**/secrets*");
    await page.goto(`${server.url}/health`);
    assert.equal(await page.getByText("SHOP_KEY in production").count(), 0, "what is done is told no longer");

    await page.getByRole("link", { name: "Replace the value: PASTED_KEY in production" }).first().click();
    await page.getByRole("heading", { name: "Replace the value" }).waitFor();
    await page.goBack();
    await page.getByRole("link", { name: "Add it under another name: VITE_SHOP_TOKEN in production" }).click();
    assert.equal(await page.getByLabel("Name").inputValue(), "SHOP_TOKEN");
    await page.goBack();
    await page.getByRole("navigation", { name: "Environment" }).getByRole("link", { name: "test" }).click();
    await page.getByText("OPENAI_API_KEY in test has the value of OPENAI_API_KEY in production.").waitFor();
    assert.equal(await page.locator("tbody tr").count(), 1);
    await main.check();
  });

  test("scripts are not needed", async () => {
    const { context, check } = await watchedContext(browser, SECRETS, { ...DESKTOP, javaScriptEnabled: false });
    const tab = await login(server, context);
    await tab.goto(`${server.url}/health`);
    await tab.getByRole("link", { name: "Look at it: OPENAI_API_KEY in production" }).click();
    await tab.getByRole("heading", { name: "OPENAI_API_KEY" }).waitFor();
    await check();
    await context.close();
  });

  test("every look", () => everyLook(all, { health: "/health" }));
});
