// Starts the real binary on an empty data folder and drives it with a real Chromium. Nothing is stubbed here.
//
// TRESOR_BIN names another binary, CHROMIUM another browser.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const BINARY = process.env.TRESOR_BIN ?? path.join(process.env.CARGO_TARGET_DIR ?? path.join(ROOT, "target"), "debug/tresor");
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** A running server: `{ url, loginLink, api, invoke, stop }`. */
export async function startServer(more = []) {
  if (!existsSync(BINARY)) throw new Error(`there is no ${BINARY}: run \`make build\` first`);
  const data = await mkdtemp(path.join(tmpdir(), "tresor-ui-"));
  const options = ["serve", "--data", data, "--listen", "127.0.0.1:0", "--json", ...more];
  const child = spawn(BINARY, options, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk) => (log += chunk));
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const ready = await new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
      try {
        resolve(JSON.parse(text));
      } catch {
        // Not whole yet.
      }
    });
    exited.then((code) => reject(new Error(`the server ended with ${code}\n${log}`)));
  });
  const token = (await readFile(ready.admin_token_file, "utf8")).trim();

  async function api(method, where, body, bearer = token) {
    const response = await fetch(ready.url + where, {
      method,
      headers: { authorization: `Bearer ${bearer}`, ...(body ? { "content-type": "application/json" } : {}) },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${where}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  return {
    url: ready.url,
    loginLink: ready.login_link,
    hasDeno: ready.deno !== null,
    api,
    log: () => log,
    newLoginLink: async (bearer) => (await api("POST", "/api/v1/login-links", undefined, bearer)).url,
    async stop() {
      child.kill("SIGTERM");
      await exited;
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** Chromium, without the traffic it makes of its own accord. */
export function startBrowser() {
  const args = ["--headless=new", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-component-update", "--disable-sync"];
  if (process.getuid?.() === 0) args.push("--no-sandbox");
  return chromium.launch({ executablePath: CHROMIUM, args });
}

/**
 * A browser context that remembers what must never happen: console errors, refusals by the content security policy, and
 * responses that hold one of the `secrets`. `check()` throws if something did.
 */
export async function watchedContext(browser, secrets, options = {}) {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(15_000);
  const faults = [];
  const reading = [];
  context.on("console", (message) => {
    // Chromium reports every document with an error status; the tests look at those themselves.
    const isStatus = message.text().startsWith("Failed to load resource: the server responded with a status of 4");
    if (message.type() === "error" && !isStatus) faults.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => faults.push(`page error: ${error.error()}`));
  context.on("response", (response) => {
    if (response.status() >= 300 && response.status() < 400) return;
    reading.push(
      response.text().then(
        (text) => {
          for (const secret of secrets) if (text.includes(secret)) faults.push(`${response.url()} holds a value`);
        },
        () => {}, // The page was left before its body was read.
      ),
    );
  });
  const check = async () => {
    await Promise.all(reading.splice(0));
    const found = faults.splice(0);
    if (found.length > 0) throw new Error(found.join("\n"));
  };
  return { context, check };
}

export const PICTURES = path.join(ROOT, "artefacts/ui");
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
export const DESKTOP = { viewport: { width: 1280, height: 800 } };

// Values that no page may ever show.
export const OPENAI = "sk-proj-canary-a81f04d2c7e95b36-tail";
export const OPENAI_NEXT = "sk-proj-canary-5d20b9e6f1473ac8-next";
export const STRIPE = "sk_live_canary_77aa02fb31c64de9";
export const PEM = "-----BEGIN PRIVATE KEY-----\nMIIEcanarycanarycanarycanary\nAbCdcanary==\n-----END PRIVATE KEY-----\n";
export const REFUSED = "canary-typed-but-refused";
export const SECRETS = [OPENAI, OPENAI_NEXT, STRIPE, "MIIEcanarycanarycanarycanary", REFUSED];

export const CHAT = `// Answers with the length of what the key would fetch.
Deno.serve((request) => {
  const key = Deno.env.get("OPENAI_API_KEY");
  if (new URL(request.url).searchParams.has("fail")) throw new Error("the model is not there");
  console.log("asked by \\u001b[31m" + request.method, "<script>alert(1)</script>", "key is " + (key ? "set" : "missing"));
  console.error("slow answer");
  return Response.json({ set: key !== undefined });
});
`;

/** A server, a browser, and a watched context with a page that is logged in. `stop()` ends them. */
export async function startAll(options = DESKTOP, more = []) {
  await mkdir(PICTURES, { recursive: true });
  const [server, browser] = await Promise.all([startServer(more), startBrowser()]);
  assert.ok(server.hasDeno, "functions must run for these tests: run `npm ci`");
  const main = await watchedContext(browser, SECRETS, options);
  const page = await login(server, main.context);
  const stop = async () => {
    await browser.close();
    await server.stop();
  };
  return { server, browser, main, page, stop };
}

/** A new tab of `context`, logged in by a new link. */
export async function login(server, context, link) {
  const tab = await context.newPage();
  await tab.goto(link ?? (await server.newLoginLink()));
  await tab.getByRole("button", { name: "Open Tresor" }).click();
  await tab.waitForURL((address) => address.pathname !== "/login");
  return tab;
}

export async function until(what, condition) {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const found = await condition();
    if (found) return found;
    assert.ok(Date.now() < deadline, `waited in vain for ${what}`);
    await pause(25);
  }
}

export async function invoke(server, name, query = "") {
  const response = await fetch(`${server.url}/functions/v1/${name}${query}`);
  await response.text();
  return { status: response.status, id: response.headers.get("x-tresor-invocation") };
}

export const recorded = (server, name, id) =>
  until(`invocation ${id}`, async () => {
    const { items } = await server.api("GET", `/api/v1/functions/${name}/invocations`);
    return items.find((item) => item.id === id);
  });

export async function axe(tab, what) {
  await tab.evaluate(await readFile(AXE, "utf8"));
  const { violations } = await tab.evaluate(() =>
    window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  const told = violations.map((found) => `${found.id}: ${found.help}\n${found.nodes.map((node) => `    ${node.html}\n    ${node.failureSummary}`).join("\n")}`);
  assert.equal(told.length, 0, `${what}:\n${told.join("\n")}`);
}

/** What is wider than the screen, and by how much the page jumped while it loaded. */
export async function measure(tab) {
  return tab.evaluate(
    () =>
      new Promise((resolve) => {
        let shift = 0;
        const watcher = new PerformanceObserver((list) => list.getEntries().forEach((entry) => (shift += entry.value)));
        watcher.observe({ type: "layout-shift", buffered: true });
        requestAnimationFrame(() => requestAnimationFrame(() => resolve({ width: document.documentElement.scrollWidth, shift })));
      }),
  );
}

/**
 * Every page in light and dark, on a desktop and on a phone: axe finds nothing, nothing scrolls sideways or jumps. Pictures
 * go to artefacts/ui/. `pages` are addresses by the picture's name; those in `guests` are seen without a session.
 */
export async function everyLook({ server, browser }, pages, guests = {}) {
  for (const [size, device] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    for (const colorScheme of ["light", "dark"]) {
      const visitor = await watchedContext(browser, SECRETS, { ...device, colorScheme });
      const guest = await watchedContext(browser, SECRETS, { ...device, colorScheme });
      const tab = Object.keys(pages).length > 0 ? await login(server, visitor.context) : undefined;
      const guestTab = await guest.context.newPage();
      const shown = [...Object.entries(pages).map((page) => [tab, ...page]), ...Object.entries(guests).map((page) => [guestTab, ...page])];
      for (const [where, name, address] of shown) {
        await where.goto(server.url + address);
        const what = `${name}, ${size}, ${colorScheme}`;
        const { width, shift } = await measure(where);
        assert.ok(width <= device.viewport.width, `${what} is ${width} px wide`);
        assert.equal(shift, 0, `${what} jumps`);
        // After the measurement: both resize or scroll the page, which counts as a jump.
        await where.screenshot({ path: path.join(PICTURES, `${name}-${size}-${colorScheme}.png`), fullPage: true });
        await axe(where, what);
      }
      await visitor.check();
      await guest.check();
      await visitor.context.close();
      await guest.context.close();
    }
  }
}
