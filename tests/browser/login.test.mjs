// Logging in, and who may send a form: a real Chromium against the real binary.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import { PICTURES, SECRETS, DESKTOP, axe, everyLook, startBrowser, startServer, watchedContext } from "./harness.mjs";

let server, browser, main, page;

before(async () => {
  await mkdir(PICTURES, { recursive: true });
  [server, browser] = await Promise.all([startServer(), startBrowser()]);
  main = await watchedContext(browser, SECRETS, DESKTOP);
  page = await main.context.newPage();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

describe("login", { concurrency: false }, () => {
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
    await page.waitForURL("**/welcome");

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

  test("forms that no page of ours sent are refused", async () => {
    await server.api("PUT", "/api/v1/secrets/OPENAI_API_KEY", { value: "still there" });
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
    await tab.getByRole("heading", { level: 1, name: "Functions" }).waitFor();
    await tab.close();
    await main.check();
  });


  test("light and dark, desktop and phone", async () => {
    const link = new URL(await server.newLoginLink());
    await everyLook({ server, browser }, {}, { login: "/login", "login-link": link.pathname + link.search });
  });
});
