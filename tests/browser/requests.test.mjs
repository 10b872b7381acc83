// Secret requests as people meet them: a link from a chat, the login on the way, the form, and what the asker learns.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { ROOT, startBrowser, startServer, watchedContext } from "./harness.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const PICTURES = path.join(ROOT, "artefacts/ui");
const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

// Put together here, so that no scanner takes this file for one that holds a key.
const KEY = ["SG", "canarycanarycanary1234", "canarycanarycanarycanarycanarycanary1234567"].join(".");
const WRONG = "canary-that-is-no-key-of-sendgrid";
const SECRETS = [KEY, WRONG, "canarycanarycanary1234"];

let server, browser, assistant;

async function axe(tab, what) {
  await tab.evaluate(await readFile(AXE, "utf8"));
  const { violations } = await tab.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  assert.equal(violations.length, 0, `${what}: ${JSON.stringify(violations, null, 2)}`);
}

const ask = (body) => server.api("POST", "/api/v1/secret-requests", { reason: "To send the weekly mail to your customers.", ...body }, assistant);
const status = async (request) => (await server.api("GET", `/api/v1/secret-requests/${request.id}`, undefined, assistant)).status;

describe("secret requests", { concurrency: false }, () => {
  before(async () => {
    await mkdir(PICTURES, { recursive: true });
    [server, browser] = await Promise.all([startServer(), startBrowser()]);
    ({ token: assistant } = await server.api("POST", "/api/v1/tokens", { name: "assistant", scopes: ["secrets:request"] }));
  });

  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("a link from elsewhere leads through the login to its form, and the value goes in once", async () => {
    const request = await ask({ name: "SENDGRID_API_KEY" });
    const { context, check } = await watchedContext(browser, SECRETS, DESKTOP);
    const page = await context.newPage();
    await page.goto(request.url);
    assert.equal(new URL(page.url()).pathname, "/login");
    await page.getByText("you get there").waitFor();
    await axe(page, "login on the way to a request");
    assert.equal(await status(request), "pending");

    await page.goto(await server.newLoginLink());
    await page.getByRole("button", { name: "Open Tresor" }).click();
    await page.waitForURL(request.url);
    await page.getByRole("heading", { name: "SENDGRID_API_KEY" }).waitFor();
    await page.getByText("To send the weekly mail to your customers.").waitFor();
    await page.getByText("By its name it is of SendGrid").waitFor();
    await axe(page, "request");
    await page.screenshot({ path: path.join(PICTURES, "request.png"), fullPage: true });

    // The other side of the login: a chat on another site links here, and the session is used.
    const chat = await context.newPage();
    await chat.route("https://chat.example/", (route) => route.fulfill({ contentType: "text/html", body: `<a href="${request.url}">enter it here</a>` }));
    await chat.goto("https://chat.example/");
    await chat.getByRole("link").click();
    await chat.getByRole("heading", { name: "SENDGRID_API_KEY" }).waitFor();
    await chat.close();

    await page.getByRole("textbox", { name: "Value" }).fill(WRONG);
    await page.getByRole("button", { name: "Store SENDGRID_API_KEY" }).click();
    await page.getByText("has not the form of").waitFor();
    assert.equal(await page.getByRole("textbox", { name: "Value" }).inputValue(), "", "what was typed does not come back");
    assert.equal(await status(request), "pending");
    await axe(page, "request with a warning");
    await page.screenshot({ path: path.join(PICTURES, "request-warned.png"), fullPage: true });

    await page.getByRole("textbox", { name: "Value" }).fill(`${KEY}\n`);
    await page.getByRole("button", { name: "Store SENDGRID_API_KEY" }).click();
    await page.getByText("Whoever asked was told only that.").waitFor();
    assert.equal(await page.locator("textarea").count(), 0);
    await axe(page, "fulfilled request");
    assert.equal(await status(request), "fulfilled");
    await page.getByRole("link", { name: "Open SENDGRID_API_KEY" }).click();
    await page.getByRole("heading", { name: "SENDGRID_API_KEY" }).waitFor();
    await check();
    await context.close();
  });

  test("a person says no, and finds what else waits", async () => {
    const request = await ask({ name: "OPENAI_API_KEY", obtain_url: "https://openai.com.evil.example/keys", reason: "</blockquote><script>window.hit=1</script>\nline two" });
    const { context, check } = await watchedContext(browser, SECRETS, PHONE);
    const page = await context.newPage();
    await page.goto(await server.newLoginLink());
    await page.getByRole("button", { name: "Open Tresor" }).click();
    await page.waitForURL("**/secrets");
    await page.getByRole("button", { name: "Menu" }).click();
    await page.getByRole("navigation").getByRole("link", { name: "Requests" }).click();
    await page.getByRole("heading", { name: "Requests", level: 1 }).waitFor();
    assert.deepEqual(await page.locator("tbody .badge").allInnerTexts(), ["Waiting", "Fulfilled"]);
    await axe(page, "requests");
    await page.screenshot({ path: path.join(PICTURES, "requests.png"), fullPage: true });
    await page.getByRole("link", { name: "OPENAI_API_KEY" }).click();
    await page.getByText("not a site of OpenAI").waitFor();
    assert.equal(await page.evaluate(() => window.hit), undefined);
    await page.screenshot({ path: path.join(PICTURES, "request-phone.png"), fullPage: true });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 390, "nothing is wider than the phone");
    await page.getByRole("button", { name: "Decline" }).click();
    await page.getByText("It was declined.").waitFor();
    assert.equal(await status(request), "declined");
    await check();
    await context.close();
  });

  test("what an assistant wants to delete waits for a yes", async () => {
    await server.api("PUT", "/api/v1/settings", { confirmations: "destructive" });
    await server.api("PUT", "/api/v1/secrets/OLD_KEY", { value: WRONG });
    const { token } = await server.api("POST", "/api/v1/tokens", { name: "cleaner", scopes: ["secrets:write", "secrets:read"] });
    const ask = async () => {
      const headers = { authorization: `Bearer ${token}`, accept: "application/json, text/event-stream", "content-type": "application/json" };
      const params = { name: "delete_secret", arguments: { name: "OLD_KEY", confirm: "OLD_KEY" } };
      const answer = await fetch(`${server.url}/mcp`, { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }) });
      return (await answer.json()).result.structuredContent;
    };
    const { confirmation } = await ask();
    const { context, check } = await watchedContext(browser, SECRETS, PHONE);
    const page = await context.newPage();
    await page.goto(confirmation.url);
    await page.goto(await server.newLoginLink());
    await page.getByRole("button", { name: "Open Tresor" }).click();
    await page.waitForURL(confirmation.url);
    await page.getByText("wants to delete this secret in").waitFor();
    await axe(page, "confirmation");
    await page.screenshot({ path: path.join(PICTURES, "confirmation-phone.png"), fullPage: true });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 390, "nothing is wider than the phone");
    await page.goto(`${server.url}/requests`);
    await page.getByRole("heading", { name: "Wait for your yes" }).waitFor();
    await axe(page, "requests with a confirmation");
    await page.getByRole("link", { name: "Delete OLD_KEY" }).click();
    await page.getByRole("button", { name: "Yes, delete OLD_KEY" }).click();
    await page.getByText("You said yes.").waitFor();
    assert.equal((await ask()).deleted, true);
    await page.reload();
    await page.getByText("It was done.").waitFor();
    await check();
    await context.close();
  });

  test("scripts are not needed", async () => {
    const request = await ask({ name: "STRIPE_SECRET_KEY" });
    const { context, check } = await watchedContext(browser, SECRETS, { ...DESKTOP, javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(request.url);
    await page.goto(await server.newLoginLink());
    await page.getByRole("button", { name: "Open Tresor" }).click();
    await page.waitForURL(request.url);
    await page.getByRole("textbox", { name: "Value" }).fill(WRONG);
    await page.getByRole("button", { name: "Store STRIPE_SECRET_KEY" }).click();
    await page.getByRole("textbox", { name: "Value" }).fill(WRONG);
    await page.getByLabel("Store it even if it looks wrong").check();
    await page.getByRole("button", { name: "Store STRIPE_SECRET_KEY" }).click();
    await page.getByText("Whoever asked was told only that.").waitFor();
    await check();
    await context.close();
  });
});
