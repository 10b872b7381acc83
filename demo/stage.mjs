// What the tour stands on: printing, claims, and child processes that end with it. Knows nothing of Tresor.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const style = (code) => (text) => colour ? `\x1b[${code}m${text}\x1b[0m` : text;
export const [bold, dim, red, green, cyan] = ["1", "2", "31", "32", "36"].map(style);
export const plain = (text) => text.replace(/\x1b\[[0-9;]*m/g, "");

/** All that was printed, so that the tour can search it. */
let transcript = "";
export const printed = () => plain(transcript);

const claims = { held: 0, failed: 0 };
let step = 0;
let lineIsOpen = false;
let claimsEnded = true;

function write(text) {
  transcript += text;
  process.stdout.write(text);
}

/** Parts what comes from the claims above it. */
function paragraph() {
  if (!claimsEnded) write("\n");
  claimsEnded = true;
}

export function say(text = "") {
  write(text.split("\n").map((line) => (line ? `  ${line}` : "") + "\n").join(""));
}

export function heading(text) {
  claimsEnded = true;
  write(`\n${bold(`${++step}. ${text}`)}\n\n`);
}

/** States what was just seen and remembers whether it was so. `detail` says more if it was not. */
export function claim(text, held, detail = "") {
  claims[held ? "held" : "failed"] += 1;
  claimsEnded = false;
  say(held ? `${green("✓")} ${text}` : `${red("✗ " + text)}${detail ? `\n${dim(detail)}` : ""}`);
}

/** How many claims held and how many did not. */
export const score = () => ({ ...claims });

/** Indents what a command prints, piece by piece as it arrives. */
function quote(text) {
  let out = "";
  for (const piece of text.split(/(?<=\n)/)) {
    out += (lineIsOpen ? "" : "    ") + piece;
    lineIsOpen = !piece.endsWith("\n");
  }
  write(out);
}

function endQuote() {
  if (lineIsOpen) write("\n");
  lineIsOpen = false;
}

const children = new Set();

/** Starts a program that runs beside the tour until `stopAll`. */
export function start(program, args, options = {}) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], ...options });
  children.add(child);
  child.once("exit", () => children.delete(child));
  child.once("error", (error) => {
    children.delete(child);
    say(red(`${program} could not be started: ${error.message}`));
  });
  return child;
}

/** Ends what `start` started: politely, then not. */
export async function stopAll() {
  const ending = [...children].map(async (child) => {
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await gone;
    clearTimeout(timer);
  });
  await Promise.all(ending);
}

process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));

/** Shows a command that is about to run, or that the reader could run. */
export function command(shown, remark = "") {
  paragraph();
  say(`${dim("$")} ${cyan(shown)}${remark && dim(`   # ${remark}`)}`);
}

/**
 * Shows a command, runs it, and shows what it prints while it prints it.
 * `pieces` are the outputs with the time each arrived, so that streaming can be told from waiting.
 */
export async function show(shown, program, args, { input, env, quiet = false } = {}) {
  if (!quiet) command(shown);
  const result = { code: null, stdout: "", stderr: "", pieces: [] };
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...env, ...(colour && { CLICOLOR_FORCE: "1" }) } });
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8").on("data", (text) => {
      result[name] += plain(text);
      if (name === "stdout") result.pieces.push({ text, at: performance.now() });
      if (!quiet) quote(text);
    });
  }
  child.stdin.on("error", () => {}); // a program that reads nothing may close it first
  child.stdin.end(input ?? "");
  [result.code] = await once(child, "close");
  if (!quiet) {
    endQuote();
    say();
  }
  return result;
}

/** Whether nobody listens on the loopback port; `0` gives a free one. */
export async function freePort(port) {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return server.address().port;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}

/** Asks again until `condition` gives something, or fails with `what` after `seconds`. */
export async function until(what, seconds, condition) {
  const deadline = performance.now() + seconds * 1000;
  while (performance.now() < deadline) {
    const got = await condition();
    if (got) return got;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited ${seconds} seconds for ${what}`);
}
