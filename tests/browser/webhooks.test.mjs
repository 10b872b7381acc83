// Webhooks as people meet them: one is added, its key is shown once, it is tried, and deleted.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { DESKTOP, SECRETS, axe, everyLook, login, startAll, watchedContext } from "./harness.mjs";

let all, server, browser, main, page;

before(async () => {
  all = await startAll();
  ({ server, browser, main, page } = all);
});
after(() => all?.stop());

describe("webhooks", { concurrency: false }, () => {
  test("one is added and its key is shown once", async () => {
    await page.goto(`${server.url}/secrets`);
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Webhooks" }).click();
    await page.getByRole("heading", { name: "Webhooks", level: 1 }).waitFor();
    await page.getByLabel("Name").fill("Chat");
    await page.getByLabel("Address").fill("https://127.0.0.1/");
    await page.getByRole("button", { name: "Store webhook" }).click();
    await page.getByRole("alert").waitFor();
    assert.equal(await page.getByLabel("Address").inputValue(), "https://127.0.0.1/");
    await axe(page, "webhook refused");
    await page.getByLabel("Name").fill("chat");
    await page.getByLabel("Address").fill("https://hooks.invalid/tresor");
    await page.getByRole("button", { name: "Store webhook" }).click();
    const key = await page.getByRole("group", { name: "Key that messages are signed with" }).innerText();
    assert.match(key, /whsec_[A-Za-z0-9+/]{43}=/);
    await axe(page, "webhook added");
    await page.goto(`${server.url}/webhooks`);
    assert.equal(await page.getByText("whsec_").count(), 0);
    await page.getByRole("row", { name: /chat/ }).getByText("Works").waitFor();
    await main.check();
  });

  test("another key is made, by keyboard, and shown once", async () => {
    await page.goto(`${server.url}/webhooks`);
    const row = page.getByRole("row", { name: /chat/ });
    await row.getByText("New key …").focus();
    await page.keyboard.press("Enter");
    assert.equal(await row.getByLabel("Sign with the old key too, for").inputValue(), "1d");
    await axe(page, "new key of a webhook");
    await row.getByRole("button", { name: "Make a new key for chat" }).focus();
    await page.keyboard.press("Enter");
    const key = await page.getByRole("group", { name: "Key that messages are signed with" }).innerText();
    assert.match(key, /whsec_[A-Za-z0-9+/]{43}=/);
    await page.getByText(/messages are signed with the one before too/).waitFor();
    await axe(page, "webhook with a new key");
    await page.goto(`${server.url}/webhooks`);
    assert.equal(await page.getByText("whsec_").count(), 0);
    await row.getByText(/Signed with two keys until/).waitFor();
    await row.getByText("New key …").click();
    await row.getByLabel("Sign with the old key too, for").selectOption({ label: "not at all: it may be known to others" });
    await row.getByRole("button", { name: "Make a new key for chat" }).click();
    await page.getByText("The one before is out of use.").waitFor();
    await main.check();
  });

  test("scripts are not needed to try and to delete one", async () => {
    const { context, check } = await watchedContext(browser, SECRETS, { ...DESKTOP, javaScriptEnabled: false });
    const tab = await login(server, context);
    await tab.goto(`${server.url}/webhooks`);
    await tab.getByRole("button", { name: "Try chat" }).click();
    await tab.getByText("It did not answer within 10 seconds").waitFor();
    await server.api("PUT", "/api/v1/webhooks/other", { url: "https://hooks.invalid/", events: ["secret_request.created"] });
    await tab.goto(`${server.url}/webhooks`);
    await tab.getByRole("row", { name: /other/ }).getByText("Delete …").click();
    await tab.getByRole("button", { name: "Delete other" }).click();
    await tab.waitForURL("**/webhooks");
    assert.equal(await tab.getByRole("row", { name: /other/ }).count(), 0);
    await check();
    await context.close();
  });

  test("every look", () => everyLook(all, { webhooks: "/webhooks" }));
});
