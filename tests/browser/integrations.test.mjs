// From the login link to an integration that works, as a newcomer goes; and the pages of integrations. The services are
// stand-ins on this machine, reached by their real names over TLS.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { HOSTS, providers, startHosts } from "./authority.mjs";
import { DESKTOP, PICTURES, REFUSED, SECRETS, axe, everyLook, login, startBrowser, startServer, watchedContext } from "./harness.mjs";

const SENDGRID = "SG.canary-0f3d9a7716aa2.canary-b1c5d2e4f6a798b0c1d2e3f4a5b6c7d8e9f0";
const OPENAI_WRONG = "sk-proj-canary-6f1d8b2a94c75e30-wrong";

let folder, hosts, server, browser, main, page;

before(async () => {
  await mkdir(PICTURES, { recursive: true });
  folder = await mkdtemp(path.join(tmpdir(), "tresor-hosts-"));
  hosts = await startHosts(folder, HOSTS, providers);
  [server, browser] = await Promise.all([startServer(hosts.options), startBrowser()]);
  main = await watchedContext(browser, [...SECRETS, SENDGRID, OPENAI_WRONG], DESKTOP);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  hosts?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe("integrations", { concurrency: false }, () => {
  test("from the login link to a mail that was sent", async () => {
    const began = Date.now();
    page = await login(server, main.context, server.loginLink);
    assert.equal(new URL(page.url()).pathname, "/welcome");
    await page.getByRole("heading", { name: "What would you like to connect?" }).waitFor();
    await axe(page, "welcome");
    await page.screenshot({ path: path.join(PICTURES, "welcome.png"), fullPage: true });
    await page.getByRole("link", { name: /SendGrid/ }).click();

    // 1. Its keys: what it is, where to get one, what it looks like.
    await page.getByRole("heading", { level: 1, name: "SendGrid" }).waitFor();
    await page.getByRole("link", { name: "Get it at app.sendgrid.com" }).waitFor();
    await page.getByText("Some of its keys are not set yet in production.").waitFor();
    await page.getByLabel("SENDGRID_API_KEY").fill(SENDGRID);
    await page.getByLabel("MAIL_FROM").fill("shop@example.com");
    await page.getByRole("button", { name: "Store" }).click();
    await page.getByRole("status").filter({ hasText: "Stored" }).first().waitFor();
    await page.getByText("SG.c****e9f0").waitFor();
    assert.equal((await server.api("GET", "/api/v1/secrets/SENDGRID_API_KEY")).delivery, "brokered");

    // 2. A function that uses them.
    await page.getByText("Read the code").click();
    await page.getByRole("region", { name: "Code of the example" }).getByText("https://api.sendgrid.com/v3/mail/send").waitFor();
    await page.screenshot({ path: path.join(PICTURES, "integration-ready.png"), fullPage: true });
    await page.getByRole("button", { name: "Deploy" }).click();

    // 3. It works.
    await page.getByRole("status").filter({ hasText: "Deployed." }).waitFor();
    await page.getByRole("button", { name: "Invoke send-mail" }).click();
    await page.getByRole("status").filter({ hasText: "Status 202" }).waitFor();
    const mail = hosts.seen.find((request) => request.path === "/v3/mail/send");
    assert.equal(mail.headers.authorization, `Bearer ${SENDGRID}`);
    assert.match(mail.body, /"value":"It works\."/);
    const seconds = (Date.now() - began) / 1000;
    assert.ok(seconds < 120, `${seconds} s`);
    console.log(`    from the login link to a mail: ${seconds.toFixed(1)} s`);

    // Who has something is led to it from now on.
    await page.goto(server.url);
    assert.equal(new URL(page.url()).pathname, "/secrets");
    await main.check();
  });

  test("services are found by name, kind and secret", async () => {
    await page.goto(`${server.url}/integrations`);
    const used = page.locator("section").filter({ has: page.getByRole("heading", { name: "In use" }) });
    assert.deepEqual(await used.locator(".pick-card b").allInnerTexts(), ["SendGrid"]);
    await page.keyboard.press("/");
    await page.keyboard.type("github_tok");
    await page.getByRole("link", { name: /^GitHub/ }).first().waitFor();
    await page.waitForURL("**q=github_tok");
    assert.ok((await page.locator(".pick-card").count()) < 5);
    await page.getByLabel("Search").fill("nobody has heard of it");
    await page.getByText("No service matches.").waitFor();
    await page.goto(`${server.url}/integrations?category=payments`);
    await page.getByRole("link", { name: /^Stripe/ }).waitFor();
    assert.equal(await page.getByRole("link", { name: /^OpenAI/ }).count(), 0);
    await main.check();
  });

  test("a key is checked with its provider: one that works and one that does not", async () => {
    await page.goto(`${server.url}/integrations/sendgrid`);
    await page.getByRole("button", { name: "Check whether SENDGRID_API_KEY works" }).click();
    await page.getByRole("status").filter({ hasText: "SENDGRID_API_KEY works." }).waitFor();
    await page.goto(`${server.url}/integrations/openai`);
    await page.getByLabel("OPENAI_API_KEY").fill(OPENAI_WRONG);
    await page.getByRole("button", { name: "Store" }).click();
    await page.getByRole("button", { name: "Check whether OPENAI_API_KEY works" }).click();
    await page.getByRole("status").filter({ hasText: "OPENAI_API_KEY does not work." }).waitFor();
    await main.check();
  });

  test("what is pasted into the wrong place is refused or pointed out, and never comes back", async () => {
    await page.goto(`${server.url}/integrations/stripe`);
    await page.getByLabel("STRIPE_SECRET_KEY").fill(`${REFUSED}${"x".repeat(66_000)}`);
    await page.getByRole("button", { name: "Store" }).click();
    await page.getByRole("alert").getByText("Not everything was stored.").waitFor();
    assert.equal(await page.getByLabel("STRIPE_SECRET_KEY").inputValue(), "");
    assert.equal(await page.getByLabel("STRIPE_SECRET_KEY").getAttribute("aria-invalid"), "true");
    await axe(page, "refused key");

    await page.getByLabel("STRIPE_SECRET_KEY").fill(` ${REFUSED} `);
    await page.getByRole("button", { name: "Store" }).click();
    await page.getByRole("status").filter({ hasText: "Look at this once more." }).waitFor();
    await axe(page, "warned");

    // A function of the name that is there is not deployed over unasked.
    await page.goto(`${server.url}/integrations/stripe`);
    await page.getByLabel("Name of the function").fill("send-mail");
    await page.getByRole("button", { name: "Deploy" }).click();
    await page.getByRole("alert").getByText("There is a function send-mail already.").waitFor();
    await page.getByLabel("Deploy over the function of this name").waitFor();
    await main.check();
  });

  test("every page of integrations: light and dark, desktop and phone", () =>
    everyLook({ server, browser }, {
      welcome: "/welcome",
      integrations: "/integrations",
      integration: "/integrations/stripe",
      "integration-endpoint": "/integrations/postgresql",
      "integration-plain": "/integrations/github",
    }));
});
