// The admin UI as people meet it: a real Chromium against the real binary. The tests build on each other, in order, as a
// first visit does. Pictures of every page go to artefacts/ui/, to be looked at.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { ROOT, startBrowser, startServer, watchedContext } from "./harness.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const PICTURES = path.join(ROOT, "artefacts/ui");
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const DESKTOP = { viewport: { width: 1280, height: 800 } };

// Values that no page may ever show.
const OPENAI = "sk-proj-canary-a81f04d2c7e95b36-tail";
const OPENAI_NEXT = "sk-proj-canary-5d20b9e6f1473ac8-next";
const STRIPE = "sk_live_canary_77aa02fb31c64de9";
const PEM = "-----BEGIN PRIVATE KEY-----\nMIIEcanarycanarycanarycanary\nAbCdcanary==\n-----END PRIVATE KEY-----\n";
const SECRETS = [OPENAI, OPENAI_NEXT, STRIPE, "MIIEcanarycanarycanarycanary", "canary-typed-but-refused"];

const CHAT = `// Answers with the length of what the key would fetch.
Deno.serve((request) => {
  const key = Deno.env.get("OPENAI_API_KEY");
  if (new URL(request.url).searchParams.has("fail")) throw new Error("the model is not there");
  console.log("asked by \\u001b[31m" + request.method, "<script>alert(1)</script>", "key is " + (key ? "set" : "missing"));
  console.error("slow answer");
  return Response.json({ set: key !== undefined });
});
`;

let server, browser, main, page;

async function login(context, link) {
  const tab = await context.newPage();
  await tab.goto(link ?? (await server.newLoginLink()));
  await tab.getByRole("button", { name: "Open Tresor" }).click();
  await tab.waitForURL("**/secrets");
  return tab;
}

async function until(what, condition) {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const found = await condition();
    if (found) return found;
    assert.ok(Date.now() < deadline, `waited in vain for ${what}`);
    await pause(25);
  }
}

async function invoke(name, query = "") {
  const response = await fetch(`${server.url}/functions/v1/${name}${query}`);
  await response.text();
  return { status: response.status, id: response.headers.get("x-tresor-invocation") };
}

const recorded = (name, id) =>
  until(`invocation ${id}`, async () => {
    const { items } = await server.api("GET", `/api/v1/functions/${name}/invocations`);
    return items.find((item) => item.id === id);
  });

async function axe(tab, what) {
  await tab.evaluate(await import("node:fs/promises").then((fs) => fs.readFile(AXE, "utf8")));
  const { violations } = await tab.evaluate(() =>
    window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  const told = violations.map((found) => `${found.id}: ${found.help}\n${found.nodes.map((node) => `    ${node.html}\n    ${node.failureSummary}`).join("\n")}`);
  assert.equal(told.length, 0, `${what}:\n${told.join("\n")}`);
}

describe("admin UI", { concurrency: false }, () => {
  before(async () => {
    await mkdir(PICTURES, { recursive: true });
    [server, browser] = await Promise.all([startServer(), startBrowser()]);
    assert.ok(server.hasDeno, "functions must run for these tests: run `npm ci`");
    main = await watchedContext(browser, SECRETS, DESKTOP);
    page = await main.context.newPage();
  });

  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("without a session every page leads to the login, which says how to get a link", async () => {
    for (const where of ["/", "/secrets", "/secrets/new", "/secrets/X", "/functions", "/functions/x", "/audit"]) {
      await page.goto(server.url + where);
      assert.equal(new URL(page.url()).pathname, "/login", where);
    }
    await page.getByText("tresor login").waitFor();
    await axe(page, "login");

    await main.context.addCookies([{ name: "tresor_session", value: `trc_${"0".repeat(48)}`, url: server.url }]);
    await page.goto(`${server.url}/secrets`);
    await page.getByText("Your session has ended.").waitFor();
    assert.deepEqual(await main.context.cookies(), [], "the dead cookie is gone");
    await main.check();
  });

  test("a login link opens one session, by its button, once", async () => {
    await page.goto(server.loginLink);
    assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), "Welcome to Tresor");
    // Looking at the link, as previews do, uses nothing up.
    assert.equal((await fetch(server.loginLink)).status, 200);
    await page.getByRole("button", { name: "Open Tresor" }).click();
    await page.waitForURL("**/secrets");

    const [cookie] = await main.context.cookies();
    assert.equal(cookie.name, "tresor_session");
    assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, "Strict", "/"]);

    const stranger = await watchedContext(browser, SECRETS);
    const tab = await stranger.context.newPage();
    await tab.goto(server.loginLink);
    const [answer] = await Promise.all([tab.waitForResponse((response) => response.request().method() === "POST"), tab.getByRole("button").click()]);
    assert.equal(answer.status(), 401);
    await tab.getByRole("heading", { name: "This link does not work" }).waitFor();
    await tab.getByText("tresor login").waitFor();
    assert.deepEqual(await stranger.context.cookies(), []);
    await tab.goto(`${server.url}/login?code=nonsense`);
    await tab.getByRole("button").click();
    await tab.getByRole("heading", { name: "This link does not work" }).waitFor();
    await stranger.check();
    await stranger.context.close();
    await main.check();
  });

  test("empty pages teach what to do", async () => {
    await page.goto(`${server.url}/secrets`);
    await page.getByRole("heading", { name: "No secrets yet" }).waitFor();
    await page.getByText("tresor secret put OPENAI_API_KEY").waitFor();
    await page.getByText('Deno.env.get("OPENAI_API_KEY")').waitFor();
    assert.equal(await page.locator("nav a[aria-current=page]").innerText(), "Secrets");
    await axe(page, "no secrets");
    await page.screenshot({ path: path.join(PICTURES, "secrets-empty.png"), fullPage: true });

    await page.getByRole("link", { name: "Functions" }).click();
    await page.getByRole("heading", { name: "No functions yet" }).waitFor();
    await page.getByText("tresor function deploy models models.ts").waitFor();
    await axe(page, "no functions");
    await page.screenshot({ path: path.join(PICTURES, "functions-empty.png"), fullPage: true });
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
    for (const text of ["sk-p****tail", "production", "just now", "by admin", "Never", "None", "Team account <b>billing</b>"]) {
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
    await page.getByLabel("Value", { exact: true }).fill("canary-typed-but-refused");
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
    await page.getByLabel("Value", { exact: true }).fill("canary-typed-but-refused");
    await page.getByRole("button", { name: "Store secret" }).click();
    await page.getByRole("alert").getByText("has a secret of this name already").waitFor();
    await page.getByRole("alert").getByRole("link").click();
    await page.getByRole("heading", { name: "OPENAI_API_KEY" }).waitFor();
    assert.ok((await page.locator(".big-mask").innerText()).includes("sk-p****tail"));
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
    await page.getByLabel("New value").fill("canary-typed-but-refused");
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

  test("functions show their deployments, source, invocations and log", async () => {
    await server.api("PUT", "/api/v1/functions/chat", { source: CHAT, access: "public" });
    await server.api("PUT", "/api/v1/functions/chat", { source: CHAT, access: "public" });
    const good = await invoke("chat");
    const bad = await invoke("chat", "?fail");
    assert.equal(good.status, 200);
    await recorded("chat", good.id);
    await recorded("chat", bad.id);

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
    assert.ok((await page.locator("dl.facts").innerText()).includes("OPENAI_API_KEY version 4"));
    await page.goto(`${server.url}/functions/chat/invocations/${bad.id}`);
    await page.locator("main").getByText("the model is not there").first().waitFor();

    // The secret now knows who uses it, and when it was used.
    await page.goto(`${server.url}/secrets`);
    const row = page.getByRole("row", { name: /OPENAI_API_KEY/ });
    await row.getByRole("link", { name: "chat" }).waitFor();
    assert.ok(!(await row.innerText()).includes("Never"), "last used");
    await main.check();
  });

  test("the filter narrows the list at once", async () => {
    await server.api("PUT", "/api/v1/environments/test");
    await server.api("PUT", "/api/v1/secrets/STRIPE_SECRET_KEY", { value: STRIPE, environment: "test", note: "Payments" });
    await page.goto(`${server.url}/secrets`);
    await page.keyboard.press("/");
    await page.keyboard.type("payments");
    assert.equal(await page.locator("tbody tr:visible").count(), 1);
    await page.getByRole("status").filter({ hasText: "1 of 3" }).waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("tbody tr:visible").count(), 3);

    await page.getByRole("navigation", { name: "Environment" }).getByRole("link", { name: "test" }).click();
    await page.waitForURL("**environment=test");
    assert.deepEqual(await page.locator("tbody th a").allInnerTexts(), ["STRIPE_SECRET_KEY"]);
    await main.check();
  });

  test("shortcuts can be turned off", async () => {
    await page.goto(`${server.url}/secrets`);
    await page.getByRole("button", { name: "Turn shortcuts off" }).click();
    await page.locator("body").press("n");
    await page.reload();
    await page.getByRole("button", { name: "Turn shortcuts on" }).click();
    await page.locator("h1").press("n");
    await page.waitForURL("**/secrets/new");
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
    await main.check();
  });

  test("the keyboard alone adds a secret", async () => {
    await page.goto(`${server.url}/secrets`);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Add a secret");
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

  test("the audit page tells what happened and that it verifies", async () => {
    const { token } = await server.api("POST", "/api/v1/tokens", { name: "reader", scopes: ["secrets:read"] });
    const refused = await fetch(`${server.url}/api/v1/secrets/STRIPE_SECRET_KEY?environment=test`, { method: "DELETE", headers: { authorization: `Bearer ${token}` } });
    assert.equal(refused.status, 403);

    await page.goto(`${server.url}/audit`);
    await page.getByText("Verified now").waitFor();
    const events = page.getByRole("table");
    for (const words of [
      "session of admin stored OPENAI_API_KEY version 1 in production",
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
    await page.getByText("tresor audit verify").waitFor();

    await page.getByLabel("Name").fill("STRIPE_SECRET_KEY");
    await page.getByLabel("What").selectOption("secret.put");
    await page.getByRole("button", { name: "Filter" }).click();
    await page.waitForURL("**action=secret.put*");
    assert.equal(await page.locator("tbody tr").count(), 1);
    await page.getByLabel("Who").fill("nobody");
    await page.getByRole("button", { name: "Filter" }).click();
    await page.getByText("Nothing in the log matches.").waitFor();
    await main.check();
  });

  test("what is not there, and what may not be done, gets a page that says so", async () => {
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
    const tab = await login(looker.context, await server.newLoginLink(token));
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
    const tab = await login(plain.context);
    assert.equal(await tab.locator(".filter").isVisible(), false);
    await tab.getByRole("link", { name: "Add a secret" }).click();
    await tab.getByLabel("Name").fill("SMTP_PASSWORD");
    await tab.getByLabel("Value", { exact: true }).fill("short-canary");
    await tab.getByLabel("Environment").selectOption("test");
    await tab.getByRole("button", { name: "Store secret" }).click();
    await tab.getByRole("status").filter({ hasText: "Stored SMTP_PASSWORD in test" }).waitFor();
    await tab.getByRole("link", { name: "SMTP_PASSWORD" }).click();
    await tab.getByLabel("New value").fill("another-short-canary");
    await tab.getByRole("button", { name: "Store new value" }).click();
    await tab.getByRole("status").filter({ hasText: "The new value is stored." }).waitFor();
    await tab.getByRole("link", { name: "Delete …" }).click();
    await tab.getByRole("button", { name: "Delete SMTP_PASSWORD" }).click();
    await tab.getByRole("status").filter({ hasText: "SMTP_PASSWORD is no longer in test." }).waitFor();
    await tab.getByRole("link", { name: "Functions" }).click();
    await tab.getByRole("link", { name: "chat" }).click();
    await tab.getByRole("button", { name: "Use in production: deployment 2" }).click();
    await tab.getByRole("status").filter({ hasText: "Deployment 2 is active" }).waitFor();
    await tab.getByRole("button", { name: "Log out" }).click();
    await tab.getByText("You are logged out.").waitFor();
    await tab.goto(`${server.url}/secrets`);
    assert.equal(new URL(tab.url()).pathname, "/login");
    await plain.check();
    await plain.context.close();
  });

  test("forms that no page of ours sent are refused", async () => {
    const cookie = (await main.context.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
    const body = "environment=production";
    const send = (headers) =>
      fetch(`${server.url}/secrets/OPENAI_API_KEY/delete`, { method: "POST", redirect: "manual", body, headers: { cookie, "content-type": "application/x-www-form-urlencoded", ...headers } });
    for (const headers of [{ origin: "https://evil.example" }, { origin: "null" }, { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }]) {
      assert.equal((await send(headers)).status, 403, JSON.stringify(headers));
    }
    // Node's fetch says `sec-fetch-mode: cors` and neither Origin nor Sec-Fetch-Site: as unknown as curl.
    assert.equal((await send({})).status, 403);
    await server.api("GET", "/api/v1/secrets/OPENAI_API_KEY");
  });

  test("a link from another site finds the session", async () => {
    const tab = await main.context.newPage();
    await tab.route("http://elsewhere.example/", (route) => route.fulfill({ contentType: "text/html", body: `<a href="${server.url}/functions">link</a>` }));
    await tab.goto("http://elsewhere.example/");
    await tab.getByRole("link").click();
    await tab.getByRole("heading", { name: "Functions" }).waitFor();
    await tab.close();
    await main.check();
  });

  test("every page: light and dark, desktop and phone, axe finds nothing, nothing scrolls sideways or jumps", async () => {
    await server.api("PUT", "/api/v1/secrets/DATABASE_URL", { value: "postgres://app:canary-typed-but-refused@db.example.com:5432/app" });
    await server.api("PUT", "/api/v1/secrets/A_VERY_LONG_NAME_THAT_SOMEBODY_CHOSE_TO_DESCRIBE_EXACTLY_WHAT_IT_IS_FOR_KEY", { value: STRIPE, note: "x".repeat(400) });
    const { id } = await invoke("chat");
    await recorded("chat", id);
    const pages = {
      login: "/login",
      "login-link": new URL(await server.newLoginLink()).pathname + new URL(await server.newLoginLink()).search,
      secrets: "/secrets",
      "secret-new": "/secrets/new",
      secret: "/secrets/OPENAI_API_KEY",
      "secret-long": "/secrets/A_VERY_LONG_NAME_THAT_SOMEBODY_CHOSE_TO_DESCRIBE_EXACTLY_WHAT_IT_IS_FOR_KEY",
      "secret-delete": "/secrets/OPENAI_API_KEY/delete",
      functions: "/functions",
      function: "/functions/chat",
      invocation: `/functions/chat/invocations/${id}`,
      audit: "/audit",
      "not-found": "/secrets/NOT_THERE",
    };
    for (const [size, device] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
      for (const colorScheme of ["light", "dark"]) {
        const visitor = await watchedContext(browser, SECRETS, { ...device, colorScheme });
        const tab = await login(visitor.context);
        const guest = await visitor.context.browser().newContext({ ...device, colorScheme });
        const guestTab = await guest.newPage();
        for (const [name, where] of Object.entries(pages)) {
          const shown = where.startsWith("/login") ? guestTab : tab;
          await shown.goto(server.url + where);
          const what = `${name}, ${size}, ${colorScheme}`;
          const { width, shift } = await shown.evaluate(
            () =>
              new Promise((resolve) => {
                let shift = 0;
                const watcher = new PerformanceObserver((list) => list.getEntries().forEach((entry) => (shift += entry.value)));
                watcher.observe({ type: "layout-shift", buffered: true });
                requestAnimationFrame(() => requestAnimationFrame(() => resolve({ width: document.documentElement.scrollWidth, shift })));
              }),
          );
          assert.ok(width <= device.viewport.width, `${what} is ${width} px wide`);
          assert.equal(shift, 0, `${what} jumps`);
          // After the measurement: both resize or scroll the page, which counts as a jump.
          await shown.screenshot({ path: path.join(PICTURES, `${name}-${size}-${colorScheme}.png`), fullPage: true });
          await axe(shown, what);
        }
        await guest.close();
        await visitor.check();
        await visitor.context.close();
      }
    }
  });

  test("lists have pages", async () => {
    await Promise.all(Array.from({ length: 101 }, (_, at) => server.api("PUT", `/api/v1/secrets/BULK_${String(at).padStart(3, "0")}`, { value: `bulk-value-${at}`, environment: "test" })));
    await page.goto(`${server.url}/secrets?environment=test`);
    assert.equal(await page.locator("tbody tr").count(), 100);
    await page.getByRole("link", { name: "Next page" }).click();
    await page.getByRole("link", { name: "Back to the first page" }).waitFor();
    assert.deepEqual(await page.locator("tbody th a").allInnerTexts(), ["BULK_100", "STRIPE_SECRET_KEY"]);
    assert.equal(await page.getByRole("link", { name: "Next page" }).count(), 0);
    await Promise.all(Array.from({ length: 101 }, (_, at) => server.api("DELETE", `/api/v1/secrets/BULK_${String(at).padStart(3, "0")}?environment=test`)));
    await main.check();
  });
});
