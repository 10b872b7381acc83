// Starts the real binary on an empty data folder and drives it with a real Chromium. Nothing is stubbed here.
//
// TRESOR_BIN names another binary, CHROMIUM another browser.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const BINARY = process.env.TRESOR_BIN ?? path.join(process.env.CARGO_TARGET_DIR ?? path.join(ROOT, "target"), "debug/tresor");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** A running server: `{ url, loginLink, api, invoke, stop }`. */
export async function startServer() {
  if (!existsSync(BINARY)) throw new Error(`there is no ${BINARY}: run \`make build\` first`);
  const data = await mkdtemp(path.join(tmpdir(), "tresor-ui-"));
  const options = ["serve", "--data", data, "--listen", "127.0.0.1:0", "--json"];
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
