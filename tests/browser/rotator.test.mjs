// A secret that is replaced by itself, as a person sees it: set, started, watched, retried, given up, removed. The function is the one
// of the documentation, and its provider a server here.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { DESKTOP, PICTURES, ROOT, SECRETS, axe, everyLook, login, startAll, until, watchedContext } from "./harness.mjs";

const FIRST = "sk-first-canary-2f81c04d97e5ab63";
const DATABASE = "database-canary-5d20b9e6f147";
const PAGE = "/secrets/KEYS_API_KEY?environment=production";

// A provider whose keys make and end keys.
const provider = { valid: new Set([FIRST]), made: new Map(), broken: false, held: undefined, waiting: [] };

async function answer(request) {
  const key = request.headers.authorization?.slice("Bearer ".length);
  if (provider.held === request.method) await new Promise((resolve) => provider.waiting.push(resolve));
  if (!provider.valid.has(key)) return [401, ""];
  if (request.method === "DELETE") provider.valid.delete(key);
  if (request.method !== "POST") return [200, ""];
  if (provider.broken) return provider.broken === "down" ? [503, ""] : [200, JSON.stringify({ key: "" })];
  const id = request.headers["idempotency-key"];
  if (!provider.made.has(id)) provider.made.set(id, `sk-made-canary-${provider.made.size}-9d04`);
  provider.valid.add(provider.made.get(id));
  return [200, JSON.stringify({ key: provider.made.get(id) })];
}

const hold = (method) => (provider.held = method);
const goOn = () => {
  provider.held = undefined;
  provider.waiting.splice(0).forEach((resolve) => resolve());
};

// No page may ever show them.
SECRETS.push(FIRST, DATABASE, "sk-made-canary");

let all, server, browser, main, page, upstream;

before(async () => {
  upstream = createServer((request, response) => answer(request).then(([status, body]) => response.writeHead(status).end(body)));
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  all = await startAll(DESKTOP, ["--allow-network", "127.0.0.1/32"]);
  ({ server, browser, main, page } = all);
  await server.api("PUT", "/api/v1/secrets/KEYS_API_KEY", { value: FIRST });
  await server.api("PUT", "/api/v1/secrets/KEYS_API_URL", { value: `http://127.0.0.1:${upstream.address().port}` });
  const source = await readFile(path.join(ROOT, "examples/rotate-api-key.ts"), "utf8");
  await server.api("PUT", "/api/v1/functions/rotate-api-key", { source, secrets: ["KEYS_API_KEY", "KEYS_API_URL"] });
});
after(async () => {
  goOn();
  await all?.stop();
  upstream?.closeAllConnections();
  upstream?.close();
});

const panel = (tab = page) => tab.getByRole("region", { name: "Rotation" });
const step = (tab = page) => panel(tab).locator("[aria-current=step]");

describe("rotator", { concurrency: false }, () => {
  test("one is set, by keyboard, and what is wrong is said beside it", async () => {
    await page.goto(server.url + PAGE);
    await panel().getByText("Somebody replaces this value by hand.").waitFor();
    await panel().getByText("Have it replaced by itself …").focus();
    await page.keyboard.press("Enter");
    await panel().getByLabel("Function", { exact: true }).fill("no-such-function");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("There is no such function.").waitFor();
    const field = panel().getByLabel("Function", { exact: true });
    assert.equal(await field.inputValue(), "no-such-function");
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    await axe(page, "rotator refused");
    await page.screenshot({ path: path.join(PICTURES, "rotator-refused.png"), fullPage: true });
    assert.deepEqual(await panel().locator("#functions option").evaluateAll((all) => all.map((one) => one.value)), ["rotate-api-key"]);
    await field.fill("rotate-api-key");
    await panel().getByLabel("How often").selectOption("30");
    await panel().getByRole("button", { name: "Set the rotator" }).focus();
    await page.keyboard.press("Enter");
    await panel().getByText("Every 30 days, next in").waitFor();
    await axe(page, "rotator");
    // A value that is replaced by itself is told of as due nowhere.
    await server.api("PATCH", "/api/v1/secrets/KEYS_API_KEY", { rotate_by: "2020-01-01" });
    await page.goto(`${server.url}/secrets`);
    await page.getByRole("row", { name: /KEYS_API_KEY/ }).getByText(/^By itself in (29|30) days$/).waitFor();
    assert.equal(await page.getByText("should have been replaced").count(), 0);
    await page.goto(server.url + PAGE);
    assert.equal(await page.getByText("was to be replaced").count(), 0);
    await server.api("PATCH", "/api/v1/secrets/KEYS_API_KEY", { rotate_by: null });
    await page.goto(server.url + PAGE);
    await main.check();
  });

  test("a rotation is watched while it goes on, and what is typed meanwhile stays", async () => {
    hold("GET");
    await panel().getByRole("button", { name: "Rotate now" }).focus();
    await page.keyboard.press("Enter");
    await page.waitForURL("**#rotator");
    await page.locator("textarea#note").fill("typed meanwhile");
    await until("the second step", async () => (await step().innerText()) === "Try it");
    await panel().getByText("Functions get version 1 until the new one is current.").waitFor();
    await panel().getByText("Give up …").focus();
    await axe(page, "rotation under way");
    await page.screenshot({ path: path.join(PICTURES, "rotation-running.png"), fullPage: true });
    goOn();
    await panel().getByText("1 → 2").waitFor();
    // The rest of the page has followed, without being loaded.
    const version = page.getByRole("table", { name: "Versions of KEYS_API_KEY" }).getByRole("row", { name: /^2 / });
    await version.getByText("Current").waitFor();
    await version.getByText("by its rotator").waitFor();
    assert.match(await page.locator("#about .big-mask").innerText(), /\*\*\*\*/);
    assert.equal(await page.locator("textarea#note").inputValue(), "typed meanwhile");
    assert.equal(await page.evaluate(() => document.activeElement.id), "rotator-head", "the focus does not get lost");
    assert.match(await page.locator("[data-watch-told]").textContent(), /version 2 is current/);
    assert.deepEqual([...provider.valid], ["sk-made-canary-0-9d04"]);
    await axe(page, "rotation done");
    await page.screenshot({ path: path.join(PICTURES, "rotation-done.png"), fullPage: true });
    await main.check();
  });

  test("one that fails says why, is tried again, and is given up", async () => {
    provider.broken = "down";
    await page.goto(server.url + PAGE);
    await panel().getByRole("button", { name: "Rotate now" }).click();
    await panel().getByText("This step failed, and is tried again.").waitFor();
    await panel().getByRole("button", { name: "Try again now" }).waitFor();
    await axe(page, "rotation that waits");
    await panel().getByText("again in a moment").waitFor();
    // An answer that is none: trying again does not help.
    provider.broken = "odd";
    await panel().getByRole("button", { name: "Try again now" }).click();
    await panel().getByText("It stopped: somebody must retry it or give it up.").waitFor();
    assert.equal(await step().textContent(), "Make a new value, failed");
    await axe(page, "rotation that failed");
    await everyLook(all, { "rotation-failed": PAGE });
    // In the earlier of two tabs nothing is set meanwhile.
    assert.equal(await panel().getByText("Change …").count(), 0);
    await panel().getByText("Give up …").click();
    await panel().getByRole("button", { name: "Give up this rotation" }).click();
    await panel().getByText("Given up").waitFor();
    assert.equal(await panel().getByText("2 stayed").count(), 1);
    provider.broken = false;
    await main.check();
  });

  test("scripts are not needed", async () => {
    const { context, check } = await watchedContext(browser, SECRETS, { ...DESKTOP, javaScriptEnabled: false });
    const tab = await login(server, context);
    await tab.goto(server.url + PAGE);
    await panel(tab).getByRole("button", { name: "Rotate now" }).click();
    await until("the third version", async () => {
      await tab.goto(server.url + PAGE);
      return (await panel(tab).getByText("2 → 3").count()) === 1;
    });
    await panel(tab).getByText("Change …").click();
    await panel(tab).getByLabel("How often").selectOption({ label: "Only when somebody starts it" });
    await panel(tab).getByRole("button", { name: "Save the rotator" }).click();
    await panel(tab).getByText("Only when somebody starts it").first().waitFor();
    await panel(tab).getByText("Remove …").click();
    await panel(tab).getByRole("button", { name: "Remove the rotator" }).click();
    await panel(tab).getByText("Somebody replaces this value by hand.").waitFor();
    // What it did is still told.
    await panel(tab).getByText("2 → 3").waitFor();
    await check();
    await context.close();
  });

  test("a PostgreSQL user's password is for the server itself", async () => {
    const at = (name) => `${server.url}/secrets/${name}?environment=production`;
    await server.api("PUT", "/api/v1/secrets/DATABASE_URL", { value: `postgres://app:${DATABASE}@127.0.0.1:1/shop` });
    await server.api("PUT", "/api/v1/secrets/DATABASE_ADMIN_URL", { value: `postgres://rotator:${DATABASE}@127.0.0.1:1/shop` });
    // What is no address of one has none.
    await page.goto(at("KEYS_API_URL"));
    await panel().getByText("Have it replaced by itself …").click();
    await panel().getByLabel("The server: it is the password of a PostgreSQL user").check();
    assert.equal(await panel().getByLabel("Function", { exact: true }).isVisible(), false);
    await panel().getByRole("button", { name: "Set the rotator" }).click();
    await page.getByRole("alert").getByText("Its value").waitFor();
    await axe(page, "no database");

    await page.goto(at("DATABASE_URL"));
    await panel().getByText("Have it replaced by itself …").click();
    assert.ok(await panel().getByLabel("The server: it is the password of a PostgreSQL user").isChecked(), "it is one by its value");
    assert.deepEqual(await panel().locator("#databases option").evaluateAll((all) => all.map((one) => one.value)), ["DATABASE_ADMIN_URL"]);
    await panel().getByLabel("Secret of who gives passwords").fill("NO_SUCH");
    await panel().getByLabel("The two roles").fill("app");
    await panel().getByRole("button", { name: "Set the rotator" }).click();
    await page.getByRole("alert").getByText("The secret has no value in production.").waitFor();
    assert.equal(await panel().getByLabel("The two roles").inputValue(), "app");
    await page.screenshot({ path: path.join(PICTURES, "rotator-postgres-refused.png"), fullPage: true });
    await axe(page, "rotator of a database refused");
    await panel().getByLabel("Secret of who gives passwords").fill("DATABASE_ADMIN_URL");
    await panel().getByLabel("The second role").fill("app_two");
    await panel().getByRole("button", { name: "Set the rotator" }).click();
    await panel().getByText("app and app_two in turn, by DATABASE_ADMIN_URL").waitFor();
    // Nobody is there.
    await panel().getByRole("button", { name: "Rotate now" }).click();
    await panel().getByText("This step failed, and is tried again.").waitFor();
    await everyLook(all, { "rotator-postgres": "/secrets/DATABASE_URL?environment=production" });
    await panel().getByText("Give up …").click();
    await panel().getByRole("button", { name: "Give up this rotation" }).click();
    await panel().getByText("1 stayed").waitFor();
    // From one kind to the other.
    await panel().getByText("Change …").click();
    await panel().getByLabel("A function of this account").check();
    await panel().getByLabel("Function", { exact: true }).fill("rotate-api-key");
    await panel().getByRole("button", { name: "Save the rotator" }).click();
    await panel().getByText("the function rotate-api-key").waitFor();
    assert.equal(await panel().getByText("in turn").count(), 0);
    await main.check();
  });

  test("a value that is another's, or none, has no rotator here", async () => {
    await server.api("PUT", "/api/v1/environments/test", {});
    await server.api("POST", "/api/v1/secrets/KEYS_API_KEY/share", { environment: "test" });
    await page.goto(`${server.url}/secrets/KEYS_API_KEY?environment=test`);
    await page.getByText("Shared from").waitFor();
    assert.equal(await panel().count(), 0);
  });

  test("every look", () => everyLook(all, { rotator: PAGE }));
});
