// What all pages share: navigation, keyboard, colours, weight, and work without JavaScript.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { CHAT, DESKTOP, PHONE, PICTURES, SECRETS, STRIPE, axe, everyLook, login, startAll, watchedContext } from "./harness.mjs";

let all, server, browser, main, page;

before(async () => {
  all = await startAll();
  ({ server, browser, main, page } = all);
});
after(() => all?.stop());

describe("frame", { concurrency: false }, () => {
  test("what is not there, and what may not be done, gets a page that says so", async () => {
    await server.api("PUT", "/api/v1/functions/chat", { source: CHAT, access: "public" });
    await server.api("PUT", "/api/v1/functions/chat", { source: CHAT, access: "public" });
    await server.api("PUT", "/api/v1/environments/test");
    await server.api("PUT", "/api/v1/secrets/STRIPE_SECRET_KEY", { value: STRIPE, environment: "test" });
    for (const [where, status, heading] of [
      ["/secrets/NOT_THERE", 404, "That is not here"],
      ["/secrets/not a name", 404, "That is not here"],
      ["/secrets/NOT_THERE/delete", 404, "That is not here"],
      ["/functions/missing", 404, "That is not here"],
      ["/functions/chat/invocations/missing", 404, "That is not here"],
      ["/secrets?environment=nowhere", 422, "That did not work"],
    ]) {
      const response = await page.goto(server.url + where);
      assert.equal(response.status(), status, where);
      await page.getByRole("heading", { name: heading }).waitFor();
      await page.getByRole("navigation", { name: "Main" }).waitFor();
    }
    await axe(page, "not found");

    const { token } = await server.api("POST", "/api/v1/tokens", { name: "looker", scopes: ["secrets:read", "sessions:write"] });
    const looker = await watchedContext(browser, SECRETS);
    const tab = await login(server, looker.context, await server.newLoginLink(token));
    assert.ok((await tab.getByRole("table").innerText()).includes("STRIPE_SECRET_KEY"));
    for (const where of ["/audit", "/functions"]) {
      assert.equal((await tab.goto(server.url + where)).status(), 403, where);
      await tab.getByText(/^This needs the scope \w+:read\.$/).waitFor();
    }
    await tab.goto(`${server.url}/secrets/STRIPE_SECRET_KEY/delete?environment=test`);
    await tab.getByRole("button", { name: "Delete STRIPE_SECRET_KEY" }).click();
    await tab.getByRole("heading", { name: "You may not do this" }).waitFor();
    await server.api("GET", "/api/v1/secrets/STRIPE_SECRET_KEY?environment=test");
    await looker.check();
    await looker.context.close();
    await main.check();
  });

  test("everything that matters works without JavaScript", async () => {
    const plain = await watchedContext(browser, SECRETS, { ...DESKTOP, javaScriptEnabled: false });
    const tab = await login(server, plain.context);
    assert.equal(await tab.locator("[data-pick-all]").isVisible(), false);
    await tab.getByRole("link", { name: "Add a secret" }).click();
    await tab.getByLabel("Name").fill("SMTP_PASSWORD");
    await tab.getByLabel("Value", { exact: true }).fill("short-canary");
    await tab.getByLabel("Environment").selectOption("test");
    await tab.getByRole("button", { name: "Store secret" }).click();
    await tab.getByRole("status").filter({ hasText: "Stored SMTP_PASSWORD in test" }).waitFor();
    await tab.getByLabel("Search").fill("smtp");
    await tab.getByRole("button", { name: "Search" }).click();
    await tab.getByRole("link", { name: "SMTP_PASSWORD", exact: true }).click();
    await tab.getByLabel("New value").fill("another-short-canary");
    await tab.getByRole("button", { name: "Store new value" }).click();
    await tab.getByRole("status").filter({ hasText: "The new value is stored." }).waitFor();
    await tab.getByRole("link", { name: "Delete …" }).click();
    await tab.getByRole("button", { name: "Delete SMTP_PASSWORD" }).click();
    await tab.getByRole("status").filter({ hasText: "SMTP_PASSWORD is no longer in test." }).waitFor();
    for (const name of ["ONE", "TWO"]) await server.api("PUT", `/api/v1/secrets/${name}`, { value: `value of ${name}` });
    await tab.goto(`${server.url}/secrets`);
    await tab.getByLabel("Tick ONE").check();
    await tab.getByLabel("Tick TWO").check();
    await tab.getByRole("button", { name: "Delete …" }).click();
    await tab.getByRole("button", { name: "Delete 2 secrets" }).click();
    await tab.getByRole("status").filter({ hasText: "2 secrets are no longer" }).waitFor();
    await tab.getByRole("button", { name: "Dark" }).click();
    assert.equal(await tab.evaluate(() => document.documentElement.dataset.look), "dark");
    await tab.getByRole("link", { name: "Functions" }).click();
    await tab.getByRole("link", { name: "chat" }).click();
    await tab.getByRole("link", { name: "Try it" }).click();
    await tab.getByRole("button", { name: "Invoke chat" }).click();
    await tab.getByRole("status").filter({ hasText: "Status 200" }).waitFor();
    await tab.getByRole("link", { name: "Deployments" }).click();
    await tab.getByRole("button", { name: "Use in production: deployment 1" }).click();
    await tab.getByRole("status").filter({ hasText: "Deployment 1 is active" }).waitFor();
    await tab.getByRole("button", { name: "Log out" }).click();
    await tab.getByText("You are logged out.").waitFor();
    await tab.goto(`${server.url}/secrets`);
    assert.equal(new URL(tab.url()).pathname, "/login");
    await plain.check();
    await plain.context.close();
  });

  test("the keyboard goes everywhere, says how, and can be left alone", async () => {
    await page.goto(`${server.url}/secrets`);
    await page.keyboard.press("?");
    const help = page.getByRole("dialog", { name: "Keyboard" });
    await help.getByText("Go to Functions").waitFor();
    await axe(page, "keyboard help");
    await page.keyboard.press("Escape");
    await help.waitFor({ state: "hidden" });
    for (const [key, where] of [["f", "/functions"], ["a", "/audit"], ["s", "/secrets"]]) {
      await page.keyboard.press("g");
      await page.keyboard.press(key);
      await page.waitForURL(`**${where}`);
    }
    await page.getByRole("button", { name: "Keyboard" }).click();
    await help.getByRole("button", { name: "Turn shortcuts off" }).click();
    await help.getByRole("button", { name: "Close" }).click();
    await page.locator("body").press("n");
    await page.reload();
    await page.getByRole("button", { name: "Keyboard" }).click();
    await help.getByRole("button", { name: "Turn shortcuts on" }).click();
    await help.getByRole("button", { name: "Close" }).click();
    await page.locator("h1").press("n");
    await page.waitForURL("**/secrets/new");
    // Letters in a field are letters.
    await page.getByLabel("Name").pressSequentially("gn");
    assert.equal(await page.getByLabel("Name").inputValue(), "GN");
    await main.check();
  });

  test("a person chooses light or dark, whatever the system asks", async () => {
    const visitor = await watchedContext(browser, SECRETS, { ...DESKTOP, colorScheme: "light" });
    const tab = await login(server, visitor.context);
    const ground = () => tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await tab.goto(`${server.url}/audit?action=secret.put`);
    await tab.getByRole("button", { name: "Dark" }).click();
    await tab.waitForLoadState();
    assert.equal(new URL(tab.url()).pathname + new URL(tab.url()).search, "/audit?action=secret.put", "back where it was chosen");
    assert.notEqual(await ground(), light);
    assert.equal(await tab.getByRole("button", { name: "Dark" }).getAttribute("aria-pressed"), "true");
    await tab.emulateMedia({ colorScheme: "dark" });
    const dark = await ground();
    await tab.getByRole("button", { name: "Light" }).click();
    assert.equal(await ground(), light);
    await tab.getByRole("button", { name: "System" }).click();
    assert.equal(await ground(), dark);
    await visitor.check();
    await visitor.context.close();
  });

  test("on a phone the navigation is a menu", async () => {
    const visitor = await watchedContext(browser, SECRETS, PHONE);
    const tab = await login(server, visitor.context);
    const menu = tab.getByRole("navigation", { name: "Main" });
    assert.equal(await menu.isVisible(), false);
    await tab.getByRole("button", { name: "Menu" }).tap();
    await menu.waitFor();
    await axe(tab, "menu");
    await tab.screenshot({ path: path.join(PICTURES, "menu-phone.png") });
    await menu.getByRole("link", { name: "Audit" }).tap();
    await tab.waitForURL("**/audit");
    await visitor.check();
    await visitor.context.close();
  });

  test("the first page weighs less than 150 KB over the wire, all it needs included", async () => {
    const names = Array.from({ length: 50 }, (_, at) => `WEIGHT_${at}_API_KEY`);
    await Promise.all(names.map((name) => server.api("PUT", `/api/v1/secrets/${name}`, { value: `value of ${name}`, note: "A note of some length, as people write them." })));
    const visitor = await watchedContext(browser, SECRETS);
    const tab = await login(server, visitor.context);
    const wire = await visitor.context.newCDPSession(tab);
    await wire.send("Network.enable");
    await wire.send("Network.setCacheDisabled", { cacheDisabled: true });
    let bytes = 0;
    const files = [];
    wire.on("Network.responseReceived", ({ response }) => files.push(response.url));
    wire.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
    await tab.goto(`${server.url}/secrets`, { waitUntil: "networkidle" });
    assert.equal(await tab.locator("tbody tr").count(), 50);
    assert.ok(files.length >= 3 && files.every((file) => file.startsWith(server.url)), `nothing from elsewhere: ${files}`);
    assert.ok(bytes > 5_000 && bytes < 150_000, `${bytes} bytes`);
    console.log(`    the secrets page: ${bytes} bytes in ${files.length} files`);
    await visitor.check();
    await visitor.context.close();
  });

  test("a page that is not there: light and dark, desktop and phone", () => everyLook(all, { "not-found": "/secrets/NOT_THERE" }));
});
