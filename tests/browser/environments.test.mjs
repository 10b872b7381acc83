// What is where: the table of names by environment, a value that is shared, a slot that is filled.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { OPENAI, PICTURES, PHONE, STRIPE, axe, login, measure, startAll, watchedContext } from "./harness.mjs";

let all, server, browser, main, page;

before(async () => {
  all = await startAll();
  ({ server, browser, main, page } = all);
  const put = (name, value) => server.api("PUT", `/api/v1/secrets/${name}`, { value });
  await put("OPENAI_API_KEY", OPENAI);
  await put("STRIPE_SECRET_KEY", STRIPE);
  await server.api("POST", "/api/v1/environments/production/clone", { to: "preview" });
  await server.api("PUT", "/api/v1/environments/test");
  await server.api("PUT", "/api/v1/functions/chat", { source: "Deno.serve(() => new Response(Deno.env.get('OPENAI_API_KEY') ? 'set' : 'missing'))", access: "public", environment: "preview" });
});
after(() => all?.stop());

const cell = (name, column) => page.getByRole("row", { name: new RegExp(name) }).getByRole("cell").nth(column);

describe("environments", { concurrency: false }, () => {
  test("the table tells what is missing where and leads there", async () => {
    await page.goto(`${server.url}/secrets`);
    await page.getByRole("link", { name: "By environment" }).click();
    await page.getByRole("heading", { name: "By environment" }).waitFor();
    assert.deepEqual(await page.locator("thead th").allTextContents(), ["Name", "preview", "production", "test"]);
    assert.match(await cell("OPENAI_API_KEY", 0).innerText(), /No value yet\s+wanted by chat/);
    assert.equal(await cell("OPENAI_API_KEY", 1).innerText(), "sk-p****tail");
    assert.equal(await cell("STRIPE_SECRET_KEY", 2).innerText(), "Missing");
    await axe(page, "by environment");
    await page.screenshot({ path: path.join(PICTURES, "secrets-matrix.png"), fullPage: true });
    await page.getByRole("link", { name: "STRIPE_SECRET_KEY is missing in test: add it" }).click();
    assert.equal(await page.getByLabel("Name").inputValue(), "STRIPE_SECRET_KEY");
    assert.equal(await page.getByLabel("Environment").inputValue(), "test");
    await main.check();
  });

  test("a slot uses the value of another environment, and ends that by one of its own", async () => {
    await page.goto(`${server.url}/secrets/OPENAI_API_KEY?environment=preview`);
    await page.getByText("No value yet: functions do not get it.").waitFor();
    await page.getByText("Use the value of another environment").click();
    await page.getByLabel("Environment").selectOption("production");
    await axe(page, "a slot");
    await page.getByRole("button", { name: "Use its value in preview" }).click();
    await page.getByText("Shared from production").waitFor();
    assert.equal(await page.locator(".big-mask").innerText(), "sk-p****tail");
    await axe(page, "a shared secret");
    const invoke = async () => (await fetch(`${server.url}/a/default/preview/functions/v1/chat`)).text();
    assert.equal(await invoke(), "set");

    await page.getByRole("textbox", { name: "New value" }).fill(STRIPE);
    await page.getByRole("button", { name: "Store new value" }).click();
    await page.getByRole("status").getByText("This value is used now").waitFor();
    assert.equal(await page.getByText("Shared from").count(), 0);
    // The same as in production, under another name: that is said, and the value is not.
    await page.getByText("The value is also that of STRIPE_SECRET_KEY in production: give each environment its own, or share one on purpose.").waitFor();
    await axe(page, "an equal value");
    await main.check();
  });

  test("production offers no other's value", async () => {
    await page.goto(`${server.url}/secrets/OPENAI_API_KEY`);
    await page.getByRole("heading", { name: "OPENAI_API_KEY" }).waitFor();
    assert.equal(await page.getByText("Use the value of another environment").count(), 0);
    await main.check();
  });

  test("names, notes and settings are saved as a file without values", async () => {
    await page.goto(`${server.url}/secrets`);
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Export names" }).click()]);
    assert.equal(download.suggestedFilename(), "tresor-secrets.json");
    const text = await readFile(await download.path(), "utf8");
    const { structure, environments, secrets } = JSON.parse(text);
    assert.deepEqual([structure, environments, secrets.length], [1, ["preview", "production", "test"], 4]);
    for (const value of [OPENAI, STRIPE, "sk-p"]) assert.ok(!text.includes(value));
    await main.check();
  });

  test("the table fits a phone", async () => {
    const phone = await watchedContext(browser, [OPENAI, STRIPE], PHONE);
    const tab = await login(server, phone.context);
    await tab.goto(`${server.url}/secrets/matrix`);
    const { width } = await measure(tab);
    assert.ok(width <= PHONE.viewport.width, `${width}`);
    await phone.check();
  });
});
