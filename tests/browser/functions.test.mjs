// Pages of functions as people meet them.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { CHAT, OPENAI, PICTURES, axe, everyLook, invoke, recorded, startAll } from "./harness.mjs";

let all, server, browser, main, page, good, bad;

before(async () => {
  all = await startAll();
  ({ server, browser, main, page } = all);
});
after(() => all?.stop());

describe("functions", { concurrency: false }, () => {
  test("an empty list teaches what to do", async () => {
    await page.goto(`${server.url}/functions`);
    await page.getByRole("heading", { name: "No functions yet" }).waitFor();
    await page.getByText("tresor function deploy models models.ts").waitFor();
    await axe(page, "no functions");
    await page.screenshot({ path: path.join(PICTURES, "functions-empty.png"), fullPage: true });
    await main.check();
  });

  test("the list shows what happened to each function", async () => {
    await server.api("PUT", "/api/v1/secrets/OPENAI_API_KEY", { value: OPENAI });
    for (let times = 0; times < 2; times += 1) await server.api("PUT", "/api/v1/functions/chat", { source: CHAT, access: "public" });
    await server.api("PUT", "/api/v1/functions/quiet", { source: CHAT, access: "authenticated" });
    good = await invoke(server, "chat");
    bad = await invoke(server, "chat", "?fail");
    assert.equal(good.status, 200);
    await recorded(server, "chat", good.id);
    await recorded(server, "chat", bad.id);

    await page.goto(`${server.url}/functions`);
    const row = page.getByRole("row", { name: /chat/ });
    await row.getByText("Public").waitFor();
    await row.getByRole("img", { name: "The last 24 hours: 2 invocations, 1 of them failed" }).waitFor();
    assert.deepEqual(await row.locator("td.number").allInnerTexts().then((cells) => [cells[0], cells[1], cells[4]]), ["2", "50%", "50%"]);
    assert.match((await row.locator("td.number").allInnerTexts())[2], /^[\d.]+ (ms|s)$/);
    assert.ok((await page.getByRole("row", { name: /quiet/ }).innerText()).includes("–"));

    await page.keyboard.press("/");
    await page.keyboard.type("qui");
    await page.waitForURL("**q=qui");
    assert.deepEqual(await page.locator("tbody a.name").allInnerTexts(), ["quiet"]);
    await page.keyboard.press("Escape");
    await page.getByRole("link", { name: "chat", exact: true }).waitFor();
    await main.check();
  });

  test("one function at first sight: figures, where it runs, what it reads", async () => {
    await page.goto(`${server.url}/functions`);
    await page.getByRole("link", { name: "chat", exact: true }).click();
    await page.getByRole("heading", { name: "chat" }).waitFor();
    assert.match(await page.locator("dl.figures").innerText(), /Invocations\s+2\s+Failed\s+50%/);
    const here = page.getByRole("region", { name: "In production" });
    await here.getByText(`${server.url}/functions/v1/chat`).waitFor();
    const key = here.getByRole("row", { name: /OPENAI_API_KEY/ });
    await key.getByText("Given").waitFor();
    await key.getByText("sk-p****tail").waitFor();
    await page.getByRole("link", { name: "7 days" }).click();
    await page.getByRole("img", { name: "The last 7 days: 2 invocations, 1 of them failed" }).waitFor();

    // What is missing leads to the form that adds it.
    await server.api("DELETE", "/api/v1/secrets/OPENAI_API_KEY");
    await page.reload();
    await here.getByText("Missing").waitFor();
    await here.getByRole("link", { name: "Add OPENAI_API_KEY" }).click();
    assert.equal(await page.getByLabel("Name").inputValue(), "OPENAI_API_KEY");
    await server.api("PUT", "/api/v1/secrets/OPENAI_API_KEY", { value: OPENAI });
    await main.check();
  });

  test("an error leads to the line of the source", async () => {
    await page.goto(`${server.url}/functions/chat`);
    await page.getByRole("link", { name: "See those that failed" }).click();
    const calls = page.getByRole("table", { name: /Invocations/ });
    assert.equal(await calls.locator("tbody tr").count(), 1);
    await calls.locator("tbody th a").click();
    await page.waitForURL(`**/invocations/${bad.id}`);
    const failed = page.getByRole("region", { name: "Where it failed" });
    assert.match(await failed.locator(".at").innerText(), /throw new Error\("the model is not there"\)/);
    assert.ok((await failed.locator(".line").count()) > 3, "with what is around it");
    await page.getByRole("region", { name: "Error", exact: true }).getByRole("link").first().click();
    await page.waitForURL("**/source?**");
    const source = page.getByRole("region", { name: "Source of index.ts" });
    assert.match(await source.locator("#line").innerText(), /throw new Error/);
    assert.equal(await source.locator("#line .w").first().innerText(), "if");
    assert.equal(await source.locator(".c").first().innerText(), "// Answers with the length of what the key would fetch.");
    await main.check();
  });

  test("invocations tell what they had; what a function prints does nothing here", async () => {
    await page.goto(`${server.url}/functions/chat/invocations`);
    assert.equal(await page.getByRole("table", { name: /Invocations/ }).locator("tbody tr").count(), 2);
    await page.goto(`${server.url}/functions/chat/invocations/${good.id}`);
    await page.getByRole("region", { name: "Log lines" }).getByText("key is set").waitFor();
    assert.ok((await page.locator("dl.facts").innerText()).includes("OPENAI_API_KEY version 1"));

    await page.getByRole("link", { name: "chat" }).click();
    await page.getByRole("link", { name: "Log", exact: true }).click();
    const log = page.getByRole("region", { name: "Log lines" });
    await log.getByText("[31mGET <script>alert(1)</script> key is set").waitFor();
    assert.ok(!(await page.content()).includes("\u001b"), "no terminal escape reaches a page");
    await log.locator(".error").getByText("slow answer").waitFor();
    await main.check();
  });

  test("a log is followed as lines come", async () => {
    await page.goto(`${server.url}/functions/chat/log`);
    await page.getByLabel("Follow as they come").check();
    await page.getByRole("status").filter({ hasText: "Following" }).waitFor();
    const lines = page.getByRole("region", { name: "Log lines" }).locator("li");
    const before = await lines.count();
    await invoke(server, "chat");
    await lines.nth(before + 1).waitFor();
    await page.getByRole("region", { name: "Log lines" }).locator("li.error").last().getByText("slow answer").waitFor();
    assert.ok(!(await page.content()).includes("<script>alert"), "lines are escaped");
    await page.getByLabel("Follow as they come").uncheck();
    await main.check();
  });

  test("a function is tried here, and its answer is text without values", async () => {
    await server.api("PUT", "/api/v1/functions/echo", {
      access: "authenticated",
      source: `export default async function handler(request) {
        const key = Deno.env.get("OPENAI_API_KEY");
        console.log("got", request.method, new URL(request.url).search, request.headers.get("x-tresor-actor"), request.headers.get("x-mine"));
        return Response.json({ html: "<img src=x onerror=alert(1)>", key, body: await request.text() }, { status: 201, headers: { "x-key": key } });
      }`,
    });
    await page.goto(`${server.url}/functions/echo/try`);
    await page.getByLabel("Path below the function").fill("not a path");
    await page.getByRole("button", { name: "Invoke echo" }).click();
    await page.getByRole("alert").getByText("Nothing was sent.").waitFor();
    await page.getByLabel("Path below the function").fill("/x?limit=2");
    await page.getByLabel("Headers").fill("X-Mine: yes\nX-Tresor-Actor: someone-else");
    await page.getByLabel("Body").fill(`${OPENAI} and <b>more</b>`);
    await page.getByRole("button", { name: "Invoke echo" }).click();
    const answer = page.getByRole("region", { name: "Its answer" });
    await answer.getByText("Status 201").waitFor();
    const body = await answer.getByRole("region", { name: "Body" }).innerText();
    assert.ok(body.includes("<img src=x onerror=alert(1)>") && body.includes("[redacted OPENAI_API_KEY]"), body);
    assert.equal(await page.locator("main img").count(), 0);
    await answer.getByText("got POST ?limit=2 session:admin yes").waitFor();
    assert.equal(await page.getByLabel("Body", { exact: false }).first().inputValue(), "[redacted OPENAI_API_KEY] and <b>more</b>", "what was typed is cleaned too");
    await axe(page, "try it");
    await page.screenshot({ path: path.join(PICTURES, "function-tried.png"), fullPage: true });
    await answer.getByRole("link", { name: "This invocation" }).click();
    await page.locator("dl.facts").getByText("session admin").waitFor();

    // One that fails says so.
    await page.goto(`${server.url}/functions/chat/try?path=?fail`);
    await page.getByRole("button", { name: "Invoke chat" }).click();
    await page.getByRole("status").filter({ hasText: "It gave none." }).waitFor();
    await main.check();
  });

  test("an older deployment is used again, and a function is deleted after a question", async () => {
    await page.goto(`${server.url}/functions/chat/deployments`);
    await page.getByRole("button", { name: "Use in production: deployment 1" }).click();
    await page.getByRole("status").filter({ hasText: "Deployment 1 is active in production." }).waitFor();
    await page.goto(`${server.url}/functions/quiet`);
    await page.getByRole("link", { name: "Delete this function …" }).click();
    await page.getByText("It is active in production.").waitFor();
    await page.getByRole("button", { name: "Delete quiet" }).click();
    await page.getByRole("status").filter({ hasText: "quiet is deleted." }).waitFor();
    assert.equal(await page.getByRole("row", { name: /quiet/ }).count(), 0);
    await main.check();
  });

  test("every page of functions: light and dark, desktop and phone", async () => {
    const { id } = await invoke(server, "chat");
    await recorded(server, "chat", id);
    await everyLook(all, {
      functions: "/functions",
      function: "/functions/chat",
      "function-try": "/functions/chat/try",
      "function-invocations": "/functions/chat/invocations",
      "function-log": "/functions/chat/log",
      "function-source": "/functions/chat/source",
      "function-deployments": "/functions/chat/deployments",
      "function-delete": "/functions/chat/delete",
      invocation: `/functions/chat/invocations/${id}`,
      "invocation-failed": `/functions/chat/invocations/${bad.id}`,
    });
  });
});
