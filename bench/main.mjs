// Measures and prints the table. Rounds alternate (A B C A B C …), so that what else the machine does hits all alike;
// medians are reported. `--seconds N` sets the length of one round.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";

import { fdatasyncRate } from "./fdatasync.mjs";
import { injection } from "./injection.mjs";
import { rotation } from "./rotation.mjs";
import { scale } from "./scale.mjs";
import { bareDeno, freePort, nginxToDeno, startDeno, stop, stopAll, tresor, until } from "./servers.mjs";
import { median, wrk } from "./wrk.mjs";

const { values: options } = parseArgs({ options: { tresor: { type: "string" }, seconds: { type: "string", default: "3" } } });
const seconds = Number(options.seconds);
const ROUNDS = 5;
const CONNECTIONS = 32;
const SECRETS = 100;
const COLD_STARTS = 15;

const program = resolve(options.tresor);
const deno = process.env.TRESOR_DENO ?? await denoItself();
const file = resolve("bench/hello.ts");
const whole = (number) => Math.round(number).toLocaleString("en-US");
const fine = (number) => number.toFixed(2);
const commands = [];
const rows = [];

await mkdir(join(program, "../.."), { recursive: true });
const folder = await mkdtemp(join(program, "../../bench-"));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => void finish(1));

try {
  const vault = await tresor(program, deno, join(folder, "data"));
  // First: later the server also deletes what is too much of its log of invocations.
  await puts(vault);
  await warm(vault);
  await cold(vault);
  await injected(vault);
  await rotated(vault);
  await stop(vault.child);
  await grown();
  await redacted();
  print();
  await finish(0);
} catch (error) {
  console.error(`\nThe benchmark could not go on: ${error.message}${error.cause ? `: ${error.cause.message}` : ""}`);
  await finish(1);
}

/** The executable itself: the one in `.bin` may be a script, which would start later than Deno does. */
async function denoItself() {
  const platform = `${process.platform}-${process.arch}${process.platform === "linux" ? "-glibc" : ""}`;
  const path = resolve(`node_modules/@deno/${platform}/deno`);
  return await stat(path).then(() => path, () => resolve("node_modules/.bin/deno"));
}

function progress(text) {
  console.error(`  ${text}`);
}

async function warm(vault) {
  progress(`${SECRETS} secrets, one function, five ways to it …`);
  for (let index = 0; index < SECRETS; index++) {
    const name = `BENCH_SECRET_${String(index).padStart(3, "0")}`;
    await vault.put(`/api/v1/secrets/${name}`, { value: `bench-value-${index}-0123456789abcdef0123456789abcdef` });
  }
  await vault.put("/api/v1/functions/hello", { source: await readFile(file, "utf8"), access: "public", secrets: "all" });
  const nginx = await nginxToDeno(deno, file, folder);
  const ways = {
    tresor: `${vault.url}/functions/v1/hello`,
    nginx: nginx.silent,
    "nginx, logging": nginx.logged,
    "nginx, as it comes": nginx.asItComes,
    deno: await bareDeno(deno, file),
  };
  if (!(await (await fetch(ways.tresor)).text()).includes("with a secret")) throw new Error("the function did not get its secret");
  const seen = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (const url of Object.values(ways)) await wrk(url, { connections: CONNECTIONS, seconds: 1 });
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [name, url] of Object.entries(ways)) {
      const result = await wrk(url, { connections: CONNECTIONS, seconds });
      seen[name].push(result);
      progress(`round ${round} ${name.padEnd(18)} ${whole(result.rate).padStart(7)} invocations/s   p99 ${result.p99.toFixed(2)} ms`);
      if (round === 1) commands.push(`${result.command}   # ${name}`);
    }
  }
  const all = (name, figure) => seen[name].map((result) => result[figure]);
  row(`warm invocations/s, ${SECRETS} secrets`, all("tresor", "rate"), "nginx → Deno", all("nginx", "rate"), whole, "≥", 1.2);
  row("their p99, ms", all("tresor", "p99"), "nginx → Deno", all("nginx", "p99"), fine, "≤", 1);
  row("warm invocations/s", all("tresor", "rate"), "nginx, logging", all("nginx, logging", "rate"), whole);
  row("warm invocations/s", all("tresor", "rate"), "nginx, as it comes", all("nginx, as it comes", "rate"), whole);
  row("their p99, ms", all("tresor", "p99"), "nginx, as it comes", all("nginx, as it comes", "p99"), fine);
  row("warm invocations/s", all("tresor", "rate"), "bare Deno", all("deno", "rate"), whole);
}

async function cold(vault) {
  progress(`${COLD_STARTS} cold invocations, and as many starts of \`deno run\` …`);
  const source = await readFile(file, "utf8");
  const through = [];
  const fromNothing = [];
  for (let index = 0; index < COLD_STARTS; index++) {
    await vault.put(`/api/v1/functions/cold-${index}`, { source, access: "public", secrets: "all" });
    const began = performance.now();
    const answer = await fetch(`${vault.url}/functions/v1/cold-${index}`);
    await answer.text();
    through.push(performance.now() - began);
    fromNothing.push(await startFromNothing());
  }
  row("cold invocation, ms", through, "deno run", fromNothing, fine, "≤", 0.5);
}

/** Milliseconds from starting `deno run` to its first answer. */
async function startFromNothing() {
  const port = await freePort();
  const began = performance.now();
  const child = startDeno(deno, file, `tcp:127.0.0.1:${port}`);
  let took;
  await until(child, async () => {
    for (let attempt = 0; attempt < 200 && took === undefined; attempt++) {
      const answer = await fetch(`http://127.0.0.1:${port}/`).then((got) => got.text(), () => undefined);
      if (answer !== undefined) took = performance.now() - began;
      else await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return took !== undefined;
  });
  await stop(child);
  return took;
}

async function injected(vault) {
  progress("as many secrets, each number in an environment of its own …");
  const seen = await injection(vault, { source: await readFile(file, "utf8"), seconds: Math.ceil(seconds / 2), connections: CONNECTIONS, progress });
  const [none, ...some] = [...seen.keys()];
  for (const count of some) {
    row(`warm invocations/s, secrets: ${whole(count)}`, seen.get(count).warm, "no secrets", seen.get(none).warm, whole, "≥", 0.99);
  }
  for (const count of some) {
    const [with_, without] = [seen.get(count).cold, seen.get(none).cold];
    const added = median(with_.map((ms, round) => ms - without[round]));
    const reached = added <= 2 ? "reached" : "not reached";
    rows.push([`cold invocation, ms, secrets: ${whole(count)}`, fine(median(with_)), "no secrets", fine(median(without)), `${added < 0 ? "" : "+"}${fine(added)}`, "≤ +2.00", reached]);
  }
}

async function rotated(vault) {
  progress("1,000 puts while four callers see what each put changes …");
  const { alone, loaded, stale, failed, invocations } = await rotation(vault);
  row("put, its worker replaced under load, ms", loaded, "nothing running", alone, fine);
  const reached = stale === 0 && failed === 0 ? "reached" : "not reached";
  const outcome = `${stale} stale, ${failed} failed`;
  rows.push(["1,000 puts under load", outcome, "invocations", whole(invocations), "", "0 and 0", reached]);
}

async function grown() {
  const seen = await scale({ program, deno, folder, seconds: Math.ceil(seconds / 2), progress });
  for (const [name, { small, large }] of Object.entries(seen)) {
    // The design bounds time: at 1,000,000 it may take 1.2 times as long, which is 1/1.2 as many a second.
    row(`${name}s/s at 1,000,000 secrets`, large, "at 1,000", small, whole, "≥", 1 / 1.2);
  }
}

/** Apart from the server: on one core, against a copy of the same text. */
async function redacted() {
  progress("redaction of what functions print …");
  const example = join(program, "../examples/redaction");
  const seen = [];
  for (let round = 1; round <= ROUNDS; round++) seen.push(JSON.parse((await promisify(execFile)(example)).stdout));
  commands.push(`${example}   # redaction`);
  for (const [index, { secrets }] of seen[0].entries()) {
    const giga = (figure) => median(seen.map((round) => round[index][figure])) / 1e9;
    const [ours, copy] = [giga("by_line"), giga("copy")];
    const reached = ours >= 1 ? "reached" : "not reached";
    rows.push([`redaction, GB/s, secrets: ${whole(secrets)}`, fine(ours), "memory copy", fine(copy), `${fine(ours / copy)}×`, "≥ 1 GB/s", reached]);
  }
}

async function puts(vault) {
  progress("puts by 16 clients, and this disk's own durable writes …");
  await vault.put("/api/v1/environments/puts", {});
  const seen = { puts: [], disk: [] };
  for (let round = 1; round <= ROUNDS; round++) {
    const disk = fdatasyncRate(folder, seconds / 2);
    const result = await wrk(vault.url, { connections: 16, seconds, script: "bench/put.lua", args: [vault.tokenFile] });
    seen.disk.push(disk);
    seen.puts.push(result.rate);
    progress(`round ${round} ${whole(result.rate).padStart(7)} puts/s   ${whole(disk).padStart(7)} fdatasync/s`);
    if (round === 1) commands.push(`${result.command}   # puts`, `node bench/fdatasync.mjs ${folder} ${seconds / 2}   # disk`);
  }
  row("durable puts/s, 16 clients", seen.puts, "fdatasync/s", seen.disk, whole, "≥", 2);
}

/** A line of the table. The ratio is the median of the rounds' own ratios: neighbours in time met the same machine. */
function row(what, ours, against, theirs, format, bound, target) {
  const ratio = median(ours.map((number, round) => number / theirs[round]));
  const reached = target === undefined || (bound === "≥" ? ratio >= target : ratio <= target);
  const goal = target === undefined ? ["", ""] : [`${bound} ${fine(target)}×`, reached ? "reached" : "not reached"];
  rows.push([what, format(median(ours)), against, format(median(theirs)), `${fine(ratio)}×`, ...goal]);
}

function print() {
  const table = [["what", "Tresor", "against", "", "ratio", "target", ""], ...rows];
  const widths = table[0].map((_, column) => Math.max(...table.map((cells) => cells[column].length)));
  console.log("");
  for (const cells of table) console.log(`  ${cells.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd()}`);
  console.log(`\n  Medians of ${ROUNDS} alternating rounds of ${seconds} s; Tresor with its invocation log; nginx without an access log, but where it says so.`);
  console.log("  Each was measured by (ports and folders are of this run):");
  for (const command of commands) console.log(`    ${command}`);
}

async function finish(code) {
  await stopAll();
  await rm(folder, { recursive: true, force: true });
  process.exit(code);
}
