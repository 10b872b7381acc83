// Settings: what the account decides, environments, tokens, people, and issuers of JWTs.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { everyLook, login, startAll, watchedContext } from "./harness.mjs";

let all, server, main, page;

before(async () => {
  all = await startAll();
  ({ server, main, page } = all);
});
after(() => all?.stop());

const open = (name) => page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name }).click();
const row = (name) => page.getByRole("row", { name });

describe("settings", { concurrency: false }, () => {
  test("what the account decides holds and stays chosen", async () => {
    await page.getByRole("link", { name: "Settings" }).click();
    await page.getByRole("radio", { name: /^Block it/ }).check();
    await page.getByRole("radio", { name: /^Refuse it/ }).check();
    await page.getByRole("radio", { name: /^Ask a person first/ }).check();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("status").filter({ hasText: "Saved." }).waitFor();
    assert.ok(await page.getByRole("radio", { name: /^Block it/ }).isChecked());
    const { response_guard, conversation_values, confirmations } = await server.api("GET", "/api/v1/settings");
    assert.deepEqual([response_guard, conversation_values, confirmations], ["block", "forbid", "destructive"]);
    await main.check();
  });

  test("an environment is made, and a wrong name says which rule it breaks", async () => {
    await open("Environments");
    await page.getByLabel("Name", { exact: true }).fill("Staging!");
    await page.getByRole("button", { name: "Make it" }).click();
    await page.getByRole("alert").getByText("No environment was made.").waitFor();
    assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "Staging!");
    assert.equal(await page.getByLabel("Name", { exact: true }).getAttribute("aria-invalid"), "true");
    await page.getByLabel("Name", { exact: true }).fill("staging");
    await page.getByRole("button", { name: "Make it" }).click();
    await page.getByText("The environment staging is there.").waitFor();
    await row(/staging/).getByRole("link", { name: "Secrets in staging" }).waitFor();
    await main.check();
  });

  test("an environment is made with another's names, and deleted with all that is in it", async () => {
    const value = "canary-of-the-other-environment";
    await server.api("PUT", "/api/v1/secrets/CRM_KEY", { value, environment: "staging", note: "of the trial account" });
    await page.getByLabel("Name", { exact: true }).fill("copy");
    await page.getByLabel("With the names of").selectOption("staging");
    await page.getByRole("button", { name: "Make it" }).click();
    await page.getByText("It has the names and settings of staging").waitFor();
    const copied = await server.api("GET", "/api/v1/secrets/CRM_KEY?environment=copy");
    assert.deepEqual([copied.note, copied.state], ["of the trial account", "pending"]);

    await server.api("PUT", "/api/v1/functions/works", { source: "Deno.serve(() => new Response('ok'));", environment: "copy" });
    await row(/^copy/).getByRole("link", { name: "Delete copy" }).click();
    await page.getByRole("button", { name: "Delete copy" }).click();
    await page.getByRole("alert").getByText("works").waitFor();
    await page.getByRole("button", { name: "Delete copy all the same" }).click();
    await page.getByText("The environment copy is gone").waitFor();
    assert.equal(await row(/^copy/).count(), 0);
    assert.equal(await row(/^production/).getByRole("link", { name: "Delete production" }).count(), 0);
    await main.check();
  });

  test("a token is shown once, does what was ticked, and stops when it is revoked", async () => {
    await open("Tokens");
    await page.getByRole("link", { name: "Make a token" }).click();
    await page.getByRole("button", { name: "Make token" }).waitFor();
    await page.getByLabel("Name", { exact: true }).fill("ci");
    await page.getByRole("button", { name: "Make token" }).click();
    await page.getByText("No token was made.").waitFor();
    await page.getByRole("checkbox", { name: /^See secrets/ }).check();
    await page.getByRole("checkbox", { name: "staging" }).check();
    await page.getByRole("button", { name: "Make token" }).click();
    await page.getByText("It is shown this once").waitFor();
    const token = (await page.getByRole("group", { name: "The token", exact: true }).innerText()).match(/trs_[0-9a-f]+/)[0];
    const ask = (environment) =>
      fetch(`${server.url}/api/v1/secrets?environment=${environment}`, { headers: { authorization: `Bearer ${token}` } }).then(({ status }) => status);
    assert.deepEqual([await ask("staging"), await ask("production")], [200, 403]);

    await page.getByRole("link", { name: "I have copied it" }).click();
    assert.ok(!(await page.content()).includes(token));
    await row(/^ci/).getByRole("link", { name: "Revoke ci" }).click();
    await page.getByRole("button", { name: "Revoke ci" }).click();
    await page.getByRole("status").filter({ hasText: "The token ci is revoked." }).waitFor();
    await row(/^ci/).getByText("Revoked").waitFor();
    assert.equal(await ask("staging"), 401);
    await main.check();
  });

  test("people and groups come and go; a group that a function is for stays", async () => {
    await open("Members and groups");
    await page.getByRole("form", { name: "Make or change a member" }).getByLabel("Name", { exact: true }).fill("anna");
    await page.getByRole("button", { name: "Save member" }).click();
    await row(/^anna/).waitFor();
    const group = page.getByRole("form", { name: "Make or change a group" });
    await group.getByLabel("Name").fill("billing");
    await group.getByLabel("Members").fill("anna nobody");
    await page.getByRole("button", { name: "Save group" }).click();
    await page.getByText("Nothing was changed.").waitFor();
    await group.getByLabel("Members").fill("anna");
    await page.getByRole("button", { name: "Save group" }).click();
    await row(/^billing anna/).waitFor();

    await server.api("PUT", "/api/v1/functions/bills", { source: "Deno.serve(() => new Response('ok'));", access: "group:billing" });
    await page.reload();
    await row(/^billing/).getByText("Delete …").click();
    await page.getByRole("button", { name: "Delete billing" }).click();
    await page.getByText("Nothing was changed.").waitFor();
    await row(/^billing/).getByRole("link", { name: "bills" }).waitFor();
    await row(/^anna/).getByText("Delete …").click();
    await page.getByRole("button", { name: "Delete anna" }).click();
    await page.getByText("You do not need any to work alone.").waitFor();
    await main.check();
  });

  test("an issuer is trusted by its settings, and forgotten", async () => {
    await open("Callers with a JWT");
    await page.getByLabel("Name", { exact: true }).fill("auth");
    await page.getByLabel("Issuer", { exact: true }).fill("https://auth.example.com/");
    await page.getByLabel("Audience").fill("functions");
    await page.getByLabel("Algorithms").fill("RS256");
    await page.getByLabel("Address of its keys").fill("http://auth.example.com/keys");
    await page.getByRole("button", { name: "Save issuer" }).click();
    await page.getByText("Nothing was changed.").waitFor();
    assert.equal(await page.getByLabel("Audience").inputValue(), "functions");
    await page.getByLabel("Address of its keys").fill("");
    await page.getByLabel("Algorithms").fill("HS256");
    await page.getByLabel("Or the secret it signs with").fill("JWT_SECRET");
    await page.getByRole("button", { name: "Save issuer" }).click();
    await row(/^auth/).getByText("JWT_SECRET").waitFor();
    await row(/^auth/).getByText("Delete …").click();
    await page.getByRole("button", { name: "Delete auth" }).click();
    await page.getByText("None yet: only tokens of this account are taken.").waitFor();
    await main.check();
  });

  test("whoever looks after the server sees its walls; others do not", async () => {
    await open("Server");
    const { items } = await server.api("GET", "/api/v1/walls");
    for (const { name, stands } of items) await row(new RegExp(`^${name} ${stands ? "Stands" : "Missing"}`)).waitFor();
    await page.getByText("Invocations and logs: 30 days").waitFor();
    const { token } = await server.api("POST", "/api/v1/tokens", { name: "looker", scopes: ["secrets:read", "sessions:write"] });
    const other = await watchedContext(all.browser, []);
    const tab = await login(server, other.context, await server.newLoginLink(token));
    await tab.goto(`${server.url}/settings/server`);
    await tab.getByText("is shown to its administrators").waitFor();
    assert.equal(await tab.getByRole("table").count(), 0);
    await other.context.close();
    await main.check();
  });

  test("light and dark, desktop and phone", async () => {
    await server.api("PUT", "/api/v1/members/bela", { role: "admin" });
    await server.api("PUT", "/api/v1/groups/staff", { members: ["bela"] });
    const pages = { general: "", environments: "/environments", tokens: "/tokens", "tokens-new": "/tokens/new", people: "/people", issuers: "/issuers", server: "/server" };
    await everyLook(all, Object.fromEntries(Object.entries(pages).map(([name, where]) => [`settings-${name}`, `/settings${where}`])));
  });
});
