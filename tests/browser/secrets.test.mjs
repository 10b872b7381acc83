// Pages of secrets as people meet them, in the order of a first visit. Pictures of every page go to artefacts/ui/.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { CHAT, OPENAI, OPENAI_NEXT, PEM, PICTURES, REFUSED, STRIPE, axe, everyLook, invoke, recorded, startAll } from "./harness.mjs";

let all, server, browser, main, page;

before(async () => {
  all = await startAll();
  ({ server, browser, main, page } = all);
});
after(() => all?.stop());

describe("secrets", { concurrency: false }, () => {
  test("an empty list teaches what to do", async () => {
    await page.goto(`${server.url}/secrets`);
    await page.getByRole("heading", { name: "No secrets yet" }).waitFor();
    await page.getByText("tresor secret put OPENAI_API_KEY").waitFor();
    await page.getByText('Deno.env.get("OPENAI_API_KEY")').waitFor();
    assert.equal(await page.locator("nav a[aria-current=page]").innerText(), "Secrets");
    await axe(page, "no secrets");
    await page.screenshot({ path: path.join(PICTURES, "secrets-empty.png"), fullPage: true });
    await main.check();
  });

  test("a secret is added and then shown by its mask only", async () => {
    await page.goto(`${server.url}/secrets`);
    await page.getByRole("link", { name: "Add your first secret" }).click();
    const value = page.getByLabel("Value", { exact: true });
    assert.equal(await value.evaluate((area) => getComputedStyle(area).webkitTextSecurity), "disc");
    await page.getByLabel("Show what I type").check();
    assert.equal(await value.evaluate((area) => getComputedStyle(area).webkitTextSecurity), "none");
    assert.equal(await value.getAttribute("autocomplete"), "off");

    // The script tidies names as they are typed.
    await page.getByLabel("Name").pressSequentially("openai api-key");
    assert.equal(await page.getByLabel("Name").inputValue(), "OPENAI_API_KEY");
    await value.fill(`${OPENAI}\n`);
    await page.getByLabel("Note").fill("Team account <b>billing</b>");
    await page.getByRole("button", { name: "Store secret" }).click();

    await page.waitForURL("**/secrets*");
    assert.match(await page.getByRole("status").first().innerText(), /Stored OPENAI_API_KEY in production\. It is shown as sk-p\*\*\*\*tail/);
    const row = page.getByRole("row", { name: /OPENAI_API_KEY/ });
    for (const text of ["sk-p****tail", "just now", "by admin", "Never", "None", "OpenAI", "Team account <b>billing</b>"]) {
      assert.ok((await row.innerText()).includes(text), text);
    }
    assert.match(await row.locator("time").first().getAttribute("title"), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC$/);
    // What was told once is not told again.
    await page.reload();
    assert.equal(await page.locator(".notice").count(), 0);
    await main.check();
  });

  test("a form that fails keeps all but the value, and says what to do", async () => {
    await page.goto(`${server.url}/secrets/new`);
    await page.getByLabel("Name").fill("LD_PRELOAD");
    await page.getByLabel("Value", { exact: true }).fill(REFUSED);
    await page.getByLabel("Note").fill("\nkeep this");
    const sent = page.waitForResponse((response) => response.request().method() === "POST");
    await page.getByRole("button", { name: "Store secret" }).click();
    assert.equal((await sent).status(), 422);

    const name = page.getByLabel("Name");
    assert.equal(await name.inputValue(), "LD_PRELOAD");
    assert.equal(await page.getByLabel("Note").inputValue(), "\nkeep this");
    assert.equal(await page.getByLabel("Value", { exact: true }).inputValue(), "");
    assert.equal(await name.getAttribute("aria-invalid"), "true");
    const told = await page.locator(`#${(await name.getAttribute("aria-describedby")).split(" ")[0]}`).innerText();
    assert.equal(told, "LD_PRELOAD is reserved: the dynamic loader would run code from it; choose another name.");
    await page.getByRole("alert").getByText("Nothing was stored.").waitFor();
    await axe(page, "failed form");
    await page.screenshot({ path: path.join(PICTURES, "secret-new-failed.png"), fullPage: true });

    await name.fill("TOO_LARGE");
    await page.getByLabel("Value", { exact: true }).fill("x".repeat(65_537));
    await page.getByRole("button", { name: "Store secret" }).click();
    await page.getByRole("alert").getByText("The value must be at most 65536 bytes.").waitFor();

    // A name that is taken is not overwritten; the page leads to where it can be.
    await name.fill("OPENAI_API_KEY");
    await page.getByLabel("Value", { exact: true }).fill(REFUSED);
    await page.getByRole("button", { name: "Store secret" }).click();
    await page.getByRole("alert").getByText("has a secret of this name already").waitFor();
    await page.getByRole("alert").getByRole("link").click();
    await page.getByRole("heading", { name: "OPENAI_API_KEY" }).waitFor();
    assert.ok((await page.locator(".big-mask").innerText()).includes("sk-p****tail"));
    await main.check();
  });

  test("the catalogue helps with a name, and says where a brokered value may go", async () => {
    await page.goto(`${server.url}/secrets/new`);
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.getByLabel("Value", { exact: true }).fill(STRIPE);
    await page.getByLabel("Name").pressSequentially("stripe restricted key");
    await page.locator("#help").getByText("Stripe").first().waitFor();
    assert.match(await page.locator("#help a").getAttribute("href"), /^https:\/\/dashboard\.stripe\.com\//);
    assert.equal(await page.getByLabel("Value", { exact: true }).inputValue(), STRIPE, "what was typed stays");
    assert.ok(asked.length > 0 && asked.every((url) => !url.includes(STRIPE) && !url.includes("canary")), "only the name is asked for");
    await page.getByText("How functions get it").click();
    await page.getByRole("radio", { name: /^never hold it/ }).check();
    await page.getByLabel("Hosts it may be sent to").fill("http://api.stripe.com/");
    await page.getByLabel("Replace it every").fill("90");
    await axe(page, "a new secret with all its settings");
    await page.getByRole("button", { name: "Store secret" }).click();
    await page.getByRole("alert").getByText("Nothing was stored.").waitFor();
    assert.ok(await page.getByRole("radio", { name: /^never hold it/ }).isChecked());
    assert.equal(await page.getByLabel("Replace it every").inputValue(), "90");
    await page.getByLabel("Hosts it may be sent to").fill("api.stripe.com");
    await page.getByLabel("Value", { exact: true }).fill(STRIPE);
    await page.getByRole("button", { name: "Store secret" }).click();
    await page.getByRole("status").filter({ hasText: "STRIPE_RESTRICTED_KEY" }).waitFor();
    const stored = await server.api("GET", "/api/v1/secrets/STRIPE_RESTRICTED_KEY");
    assert.deepEqual([stored.delivery, stored.hosts, stored.rotate_after_days], ["brokered", ["api.stripe.com"], 90]);
    await server.api("DELETE", "/api/v1/secrets/STRIPE_RESTRICTED_KEY");
    await main.check();
  });

  test("an update shows the new mask beside the old one, and an older version can be used again", async () => {
    await page.goto(`${server.url}/secrets/OPENAI_API_KEY`);
    assert.equal(await page.getByLabel("Note").inputValue(), "Team account <b>billing</b>");
    await page.getByLabel("New value").fill(OPENAI_NEXT);
    await page.getByRole("button", { name: "Store new value" }).click();
    const notice = page.getByRole("status").filter({ hasText: "The new value is stored." });
    await notice.waitFor();
    assert.equal(await notice.locator(".old").innerText(), "sk-p****tail");
    assert.equal(await notice.locator(".new").innerText(), "sk-p****next");
    await page.screenshot({ path: path.join(PICTURES, "secret-updated.png"), fullPage: true });

    await page.getByRole("button", { name: "Use again: version 1" }).click();
    await page.getByRole("status").filter({ hasText: "Version 1 is current again." }).waitFor();
    assert.equal((await server.api("GET", "/api/v1/secrets/OPENAI_API_KEY")).mask, "sk-p****tail");
    await main.check();
  });

  test("a change made meanwhile by somebody else is told and not overwritten", async () => {
    await page.goto(`${server.url}/secrets/OPENAI_API_KEY`);
    await server.api("PUT", "/api/v1/secrets/OPENAI_API_KEY", { value: OPENAI_NEXT });
    await page.getByLabel("New value").fill(REFUSED);
    const sent = page.waitForResponse((response) => response.request().method() === "POST");
    await page.getByRole("button", { name: "Store new value" }).click();
    assert.equal((await sent).status(), 412);
    assert.match(await page.getByRole("alert").innerText(), /Nothing was stored\. admin changed this secret just now.*version 3, sk-p\*\*\*\*next/);
    assert.equal((await server.api("GET", "/api/v1/secrets/OPENAI_API_KEY")).version, 3);
    // The form that came back knows the present version.
    await page.getByLabel("New value").fill(OPENAI);
    await page.getByRole("button", { name: "Store new value" }).click();
    await page.getByRole("status").filter({ hasText: "The new value is stored." }).waitFor();
    await main.check();
  });

  test("a key of several lines arrives as it was", async () => {
    await server.api("PUT", "/api/v1/secrets/SIGNING_KEY", { value: PEM });
    const { mask } = await server.api("GET", "/api/v1/secrets/SIGNING_KEY");
    await page.goto(`${server.url}/secrets/SIGNING_KEY`);
    await page.getByLabel("New value").fill(PEM);
    await page.getByRole("button", { name: "Store new value" }).click();
    await page.getByRole("status").filter({ hasText: "stored" }).waitFor();
    // The mask of a PEM key has a fingerprint of the whole text, so equal masks are equal values, line ends included.
    assert.equal((await server.api("GET", "/api/v1/secrets/SIGNING_KEY")).mask, mask);
    await main.check();
  });

  test("a secret knows who uses it, and when it was used", async () => {
    await server.api("PUT", "/api/v1/functions/chat", { source: CHAT, access: "public" });
    const { id } = await invoke(server, "chat");
    await recorded(server, "chat", id);
    await page.goto(`${server.url}/secrets`);
    const row = page.getByRole("row", { name: /OPENAI_API_KEY/ });
    await row.getByRole("link", { name: "chat" }).waitFor();
    assert.ok(!(await row.innerText()).includes("Never"), "last used");
    await main.check();
  });

  test("the list narrows while one types, and its address says what it shows", async () => {
    await server.api("PUT", "/api/v1/environments/test");
    await server.api("PUT", "/api/v1/secrets/STRIPE_SECRET_KEY", { value: STRIPE, environment: "test", note: "Payments", rotate_after_days: 30 });
    await page.goto(`${server.url}/secrets`);
    const names = () => page.locator("tbody a.name").allInnerTexts();
    const before = await names();
    assert.ok(before.length > 2 && before.includes("STRIPE_SECRET_KEY"));
    await page.keyboard.press("/");
    await page.keyboard.type("payments");
    await page.getByRole("status").filter({ hasText: "1 secret" }).waitFor();
    assert.deepEqual(await names(), ["STRIPE_SECRET_KEY"]);
    assert.equal(new URL(page.url()).search, "?q=payments");
    await page.reload();
    assert.deepEqual(await names(), ["STRIPE_SECRET_KEY"]);
    await page.getByLabel("Search").fill("nothing has this");
    await page.getByText("No secret matches.").waitFor();
    await page.getByLabel("Search").press("Escape");
    await page.getByRole("link", { name: "OPENAI_API_KEY", exact: true }).waitFor();
    assert.deepEqual(await names(), before);

    // What is missing somewhere leads to the form that adds it there.
    await page.getByLabel("Show").selectOption("missing");
    await page.getByRole("link", { name: "STRIPE_SECRET_KEY is missing in production: add it" }).click();
    await page.waitForURL("**/secrets/new**");
    assert.equal(await page.getByLabel("Name").inputValue(), "STRIPE_SECRET_KEY");
    assert.equal(await page.getByLabel("Environment").inputValue(), "production");

    await page.goto(`${server.url}/secrets`);
    await page.getByRole("navigation", { name: "Environment" }).getByRole("link", { name: "test" }).click();
    await page.waitForURL("**environment=test");
    assert.deepEqual(await names(), ["STRIPE_SECRET_KEY"]);
    assert.ok((await page.getByRole("row", { name: /STRIPE/ }).innerText()).includes("Due in"));
    await main.check();
  });

  test("headings order the list, and turn it round", async () => {
    await page.goto(`${server.url}/secrets`);
    const names = () => page.locator("tbody a.name").allInnerTexts();
    const byName = await names();
    assert.deepEqual(byName, [...byName].sort());
    assert.equal(await page.getByRole("columnheader", { name: "Name" }).getAttribute("aria-sort"), "ascending");
    await page.getByRole("link", { name: "Name", exact: true }).click();
    await page.waitForURL("**sort=-name");
    assert.deepEqual(await names(), byName.toReversed());
    await page.getByRole("link", { name: "Updated" }).click();
    await page.waitForURL("**sort=updated");
    assert.equal((await names())[0], "STRIPE_SECRET_KEY", "the newest first");
    assert.equal(await page.getByRole("columnheader", { name: "Updated" }).getAttribute("aria-sort"), "descending");
    await page.getByRole("link", { name: "Rotation" }).click();
    await page.waitForURL("**sort=due");
    assert.equal((await names())[0], "STRIPE_SECRET_KEY", "the only one that is due ever");
    await main.check();
  });

  test("several are deleted at once, after a page that says what would miss them", async () => {
    for (const name of ["BULK_ONE", "BULK_TWO", "BULK_KEPT"]) await server.api("PUT", `/api/v1/secrets/${name}`, { value: `value of ${name}` });
    await server.api("PUT", "/api/v1/secrets/BULK_ONE", { value: "its test value", environment: "test" });
    await page.goto(`${server.url}/secrets?q=bulk`);
    const bulk = page.locator(".bulk");
    assert.equal(await bulk.isVisible(), false);
    await page.getByLabel("Tick all").check();
    await bulk.waitFor();
    await page.getByLabel("Tick BULK_KEPT").uncheck();
    await page.getByRole("button", { name: "Delete …" }).click();
    await page.getByRole("heading", { name: "Delete 3 secrets?" }).waitFor();
    await axe(page, "bulk delete");
    await page.screenshot({ path: path.join(PICTURES, "secrets-delete-many.png"), fullPage: true });
    assert.equal(await page.locator("tbody tr").count(), 3);
    await page.getByRole("button", { name: "Delete 3 secrets" }).click();
    await page.getByRole("status").filter({ hasText: "2 secrets are no longer in any environment." }).waitFor();
    await page.goto(`${server.url}/secrets?q=bulk`);
    assert.deepEqual(await page.locator("tbody a.name").allInnerTexts(), ["BULK_KEPT"]);
    await server.api("DELETE", "/api/v1/secrets/BULK_KEPT");
    await main.check();
  });

  test("deleting names the functions that would miss the secret", async () => {
    await page.goto(`${server.url}/secrets/OPENAI_API_KEY`);
    await page.getByRole("link", { name: "Delete …" }).click();
    await page.getByText("1 function uses it").waitFor();
    await page.locator(".notice").getByRole("link", { name: "chat" }).waitFor();
    await axe(page, "delete");
    await page.screenshot({ path: path.join(PICTURES, "secret-delete.png"), fullPage: true });
    await page.getByRole("link", { name: "Keep it" }).click();
    await page.getByRole("heading", { name: "OPENAI_API_KEY" }).waitFor();

    await page.getByRole("link", { name: "Delete …" }).click();
    await page.getByRole("button", { name: "Delete OPENAI_API_KEY" }).click();
    await page.getByRole("status").filter({ hasText: "OPENAI_API_KEY is no longer in production." }).waitFor();
    assert.equal(await page.getByRole("row", { name: /OPENAI_API_KEY/ }).count(), 0);
    await page.reload();
    assert.equal(await page.locator(".notice").count(), 0);
    await main.check();
  });

  test("the keyboard alone adds a secret", async () => {
    await page.goto(`${server.url}/secrets`);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
    await page.keyboard.press("Enter");
    for (const name of ["By environment", "Export names", "Import", "Add a secret"]) {
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate(() => document.activeElement.textContent), name);
    }
    await page.keyboard.press("Enter");
    await page.waitForURL("**/secrets/new");
    // The name gets the focus by itself, once the page is there.
    await page.locator("input[data-secret-name]:focus").waitFor();
    await page.keyboard.type("OPENAI_API_KEY");
    await page.keyboard.press("Tab");
    await page.keyboard.type(OPENAI);
    for (let presses = 0; (await page.evaluate(() => document.activeElement.textContent)) !== "Store secret"; presses += 1) {
      assert.ok(presses < 10, "the button is reached by Tab");
      await page.keyboard.press("Tab");
    }
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
    await page.keyboard.press("Enter");
    await page.getByRole("status").filter({ hasText: "Stored OPENAI_API_KEY" }).waitFor();
    await main.check();
  });

  test("the old value goes on working for a while, and is ended from the page", async () => {
    await server.api("PUT", "/api/v1/secrets/HOOK_SECRET", { value: "hook-value-that-is-first-4bFz0mQx8sWv" });
    await page.goto(`${server.url}/secrets/HOOK_SECRET`);
    await page.getByText("Keep the old value working").click();
    await page.getByLabel("For", { exact: true }).selectOption("1d");
    await axe(page, "overlap");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByLabel("New value", { exact: true }).fill("hook-value-that-is-next-9pLk2hGt5rEd");
    await page.getByRole("button", { name: "Store new value" }).click();
    await page.getByText("Functions also get version 1, as HOOK_SECRET_PREVIOUS, until").waitFor();
    await axe(page, "overlap under way");
    await page.getByRole("button", { name: "End it now" }).click();
    await page.getByText("Functions also get version 1").waitFor({ state: "detached" });
    const secret = await server.api("GET", "/api/v1/secrets/HOOK_SECRET");
    assert.deepEqual([secret.overlap, secret.previous, secret.version], [undefined, undefined, 2]);
    await server.api("DELETE", "/api/v1/secrets/HOOK_SECRET");
    await main.check();
  });

  test("lists have pages", async () => {
    await Promise.all(Array.from({ length: 101 }, (_, at) => server.api("PUT", `/api/v1/secrets/BULK_${String(at).padStart(3, "0")}`, { value: `bulk-value-${at}`, environment: "test" })));
    await page.goto(`${server.url}/secrets?environment=test`);
    assert.equal(await page.locator("tbody tr").count(), 50);
    await page.getByRole("link", { name: "Next page" }).click();
    await page.getByRole("link", { name: "Back to the first page" }).waitFor();
    assert.equal(await page.locator("tbody tr").count(), 50);
    await page.getByRole("link", { name: "Next page" }).click();
    await page.waitForURL("**BULK_099");
    assert.deepEqual(await page.locator("tbody a.name").allInnerTexts(), ["BULK_100", "STRIPE_SECRET_KEY"]);
    assert.equal(await page.getByRole("link", { name: "Next page" }).count(), 0);
    await Promise.all(Array.from({ length: 101 }, (_, at) => server.api("DELETE", `/api/v1/secrets/BULK_${String(at).padStart(3, "0")}?environment=test`)));
    await main.check();
  });

  test("every page of secrets: light and dark, desktop and phone", async () => {
    await server.api("PUT", "/api/v1/secrets/DATABASE_URL", { value: `postgres://app:${REFUSED}@db.example.com:5432/app` });
    await server.api("PUT", "/api/v1/secrets/A_VERY_LONG_NAME_THAT_SOMEBODY_CHOSE_TO_DESCRIBE_EXACTLY_WHAT_IT_IS_FOR_KEY", { value: STRIPE, note: "x".repeat(400) });
    await everyLook(all, {
      secrets: "/secrets",
      "secrets-test": "/secrets?environment=test",
      "secret-new": "/secrets/new",
      secret: "/secrets/OPENAI_API_KEY",
      "secret-long": "/secrets/A_VERY_LONG_NAME_THAT_SOMEBODY_CHOSE_TO_DESCRIBE_EXACTLY_WHAT_IT_IS_FOR_KEY",
      "secret-delete": "/secrets/OPENAI_API_KEY/delete",
    });
  });
});
