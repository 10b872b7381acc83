// The demo's story: Tresor's main job with real commands, each claim checked as it is made.
//   node demo/tour.mjs --tresor PATH [--check]
// With --check nobody reads along: the words come fast, nothing is kept running, and a claim that fails fails the run.
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { checkExamples } from "./examples.mjs";
import { newKey, sha256, startProvider } from "./provider.mjs";
import { holds, searchFiles, searchProcesses } from "./search.mjs";
import { bold, claim, command, cyan, dim, freePort, heading, printed, say, score, show, start, stopAll, until } from "./stage.mjs";

const { values: options } = parseArgs({ options: { tresor: { type: "string" }, check: { type: "boolean", default: false } } });
const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const program = resolve(options.tresor);
const deno = process.env.TRESOR_DENO ?? resolve("node_modules/.bin/deno");

const PORT = 7200;
const port = options.check ? await freePort(0) : await freePort(PORT) ?? await freePort(0);
const url = `http://127.0.0.1:${port}`;
await mkdir(".demo", { recursive: true });
const home = options.check ? await mkdtemp(".demo/check-") : `.demo/${port}`;
const data = join(home, "data");

// The reader's own TRESOR_* settings must not reach into the demo.
const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TRESOR_")));
const env = { ...inherited, XDG_STATE_HOME: resolve(home, "state") };
if (process.env.TRESOR_DENO) env.TRESOR_DENO = process.env.TRESOR_DENO;
const client = { ...env, TRESOR_URL: url };
const tresor = (args, more = {}) => show(more.shown ?? `tresor ${args.join(" ")}`, program, more.args ?? args, { env: client, ...more });

const firstKey = newKey();
const secondKey = newKey();
const keys = [firstKey, secondKey];
const PROMPT = '{"prompt":"Why should I keep my keys in a vault?"}';
const short = (hash) => `${hash.slice(0, 8)}…${hash.slice(-4)}`;
const mask = (key) => `${key.slice(0, 4)}****${key.slice(-4)}`;

let stopping = false;
async function stop(code) {
  if (stopping) return;
  stopping = true;
  if (code === 0 && !options.check) say("\nStopping the server and the stand-in provider …");
  await stopAll();
  if (options.check) await rm(home, { recursive: true, force: true });
  process.exit(code);
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => void stop(signal === "SIGINT" ? 0 : 1));

try {
  const provider = await introduce();
  await serve();
  await putTheKey(provider);
  await useIt(provider);
  await leakIt();
  await rotate(provider);
  await audit();
  await search();
  if (options.check) await checkExamples({ tresor, url, key: secondKey });
  const { held, failed } = score();
  if (options.check || failed > 0) {
    say(`\n${failed === 0 ? "Every claim of the demo held." : bold("Not every claim of the demo held.")}`);
    console.log(`${held} passed, ${failed} failed`);
    await stop(failed === 0 ? 0 : 1);
  } else {
    await keepServing();
  }
} catch (error) {
  console.error(`\nThe demo could not go on: ${error.message}`);
  const log = await readFile(join(home, "server.log"), "utf8").catch(() => "");
  if (log) console.error(`The server's log ends with:\n${log.split("\n").slice(-15).join("\n")}`);
  await stop(1);
}

async function introduce() {
  say(`\n${bold("Tresor")}: an API key goes in, a function uses it, nobody sees it.`);
  say(dim("Every command below is real and runs now, on this machine only."));
  const provider = await startProvider(deno, options.check ? 2 : 60, env);
  await provider.issue(firstKey);
  say(dim(`A stand-in for OpenAI listens on ${provider.url}; it has just issued us a key.`));
  return provider;
}

async function serve() {
  heading("One program, no setup");
  if (port !== PORT && !options.check) say(dim(`Port ${PORT} is taken, so this server listens on ${port}.\n`));
  await rm(home, { recursive: true, force: true });
  await mkdir(home, { recursive: true });
  // Functions reach public addresses only; the stand-in provider listens on this machine.
  command(`tresor serve --data ${data} --listen 127.0.0.1:${port} --allow-network 127.0.0.0/8`);
  const log = await open(join(home, "server.log"), "w", 0o600);
  const args = ["serve", "--data", data, "--listen", `127.0.0.1:${port}`, "--allow-network", "127.0.0.0/8"];
  const server = start(program, args, { env, stdio: ["ignore", log.fd, log.fd] });
  await log.close(); // the server has its own
  const began = performance.now();
  await until("the server to be ready", 30, async () => {
    if (server.exitCode !== null) throw new Error("the server ended");
    return fetch(`${url}/readyz`).then((answer) => answer.ok, () => false);
  });
  const took = Math.round(performance.now() - began);
  client.TRESOR_TOKEN_FILE = resolve(data, "admin-token");
  say(`  Ready after ${took} ms: database, root key and admin token were made in ${data}.\n`);
  command(`export TRESOR_URL=${url} TRESOR_TOKEN_FILE=${data}/admin-token`);
}

async function putTheKey(provider) {
  heading("The key goes in once, by standard input");
  const put = await tresor(["secret", "put", "OPENAI_API_KEY"], {
    shown: 'printf %s "$KEY" | tresor secret put OPENAI_API_KEY --note "demo key"',
    args: ["secret", "put", "OPENAI_API_KEY", "--note", "demo key"],
    input: firstKey,
  });
  claim("The key was taken.", put.code === 0, put.stderr);
  const base = await tresor(["secret", "put", "OPENAI_BASE_URL"], {
    shown: `printf %s ${provider.url} | tresor secret put OPENAI_BASE_URL`,
    input: provider.url,
  });
  claim("So was the provider's address: a setting travels the same way.", base.code === 0, base.stderr);
  const list = await tresor(["secret", "list"]);
  claim(`The list shows ${mask(firstKey)} and no more.`, list.stdout.includes(mask(firstKey)) && !holds(list.stdout, keys));
  const get = await tresor(["secret", "get", "OPENAI_API_KEY", "--json"]);
  const secret = get.code === 0 ? JSON.parse(get.stdout) : {};
  claim("So does the API: it has no field for a value.", secret.mask === mask(firstKey) && !("value" in secret) && !holds(get.stdout, keys));
}

/** Invokes `chat` and gives what the caller and what the provider saw. */
async function ask(provider) {
  const answer = await tresor(["function", "invoke", "chat"], {
    shown: `tresor function invoke chat --data '${PROMPT}'`,
    args: ["function", "invoke", "chat", "--data", PROMPT],
  });
  return { answer, request: await provider.request() };
}

async function useIt(provider) {
  heading("A function uses it");
  const deploy = await tresor(["function", "deploy", "chat", "examples/chat.ts"]);
  claim("examples/chat.ts is deployed. It reads the key by Deno.env.get(\"OPENAI_API_KEY\").", deploy.code === 0, deploy.stderr);
  const { answer, request } = await ask(provider);
  const { pieces } = answer;
  const spread = pieces.length > 1 ? pieces.at(-1).at - pieces[0].at : 0;
  claim("The function answered.", answer.code === 0 && answer.stdout.includes("four asterisks"), answer.stderr);
  claim(`The words came one by one: ${pieces.length} pieces within ${Math.round(spread)} ms.`, pieces.length > 5 && spread > 20);
  claim(`The provider got the real key: SHA-256 ${short(request.key ?? "")} is that of the key we put in.`,
    request.status === 200 && request.key === sha256(firstKey));
  claim("The answer does not contain it.", !holds(answer.stdout, keys));
  const stranger = await fetch(`${url}/functions/v1/chat`, { method: "POST", body: PROMPT });
  claim(`A caller without a token gets ${stranger.status}.`, stranger.status === 401);
  const invocations = await untilShown(["function", "invocations", "chat"], "200");
  claim("The invocation is on record.", invocations.includes("POST"));
  const log = await untilShown(["function", "logs", "chat"], "characters");
  claim("So is what the function printed.", log.includes("answering a prompt"));
}

/** Shows a command once its output holds `text`: what an invocation leaves is written a moment after its answer. */
async function untilShown(args, text) {
  await until(`"${text}" in tresor ${args.join(" ")}`, 10, async () => (await tresor(args, { quiet: true })).stdout.includes(text));
  return (await tresor(args)).stdout;
}

async function leakIt() {
  heading("A function that prints the key by mistake");
  await tresor(["function", "deploy", "leaky", "demo/leaky.ts"]);
  await tresor(["function", "invoke", "leaky"]);
  const log = await untilShown(["function", "logs", "leaky"], "base64");
  claim("The log has its lines without the key, in plain and in base64.", !holds(log, keys) && log.includes("debug"), "the log held the key");
}

async function rotate(provider) {
  heading("Rotation reaches the very next invocation");
  await provider.issue(secondKey);
  const put = await tresor(["secret", "put", "OPENAI_API_KEY"], {
    shown: 'printf %s "$NEW_KEY" | tresor secret put OPENAI_API_KEY',
    input: secondKey,
  });
  await provider.revoke(firstKey);
  claim("The provider no longer takes the old key.", put.code === 0, put.stderr);
  const { answer, request } = await ask(provider);
  claim(`The provider got the new key: SHA-256 ${short(request.key ?? "")}.`,
    answer.code === 0 && request.status === 200 && request.key === sha256(secondKey), answer.stderr);
  const versions = await tresor(["secret", "versions", "OPENAI_API_KEY"]);
  claim("Both versions are kept; version 2 is current.", versions.stdout.includes(mask(firstKey)) && versions.stdout.includes(mask(secondKey)));
}

async function audit() {
  heading("What happened is on a record that cannot be changed unseen");
  const list = await tresor(["audit", "list"]);
  claim("Every change is there, with who and when.", list.code === 0 && /secret\.put/.test(list.stdout) && /function\.deploy/.test(list.stdout));
  const verify = await tresor(["audit", "verify"]);
  claim("The log is whole: its Merkle tree fits the signed checkpoint.", verify.code === 0, verify.stderr);
  const file = join(home, "audit.jsonl");
  await tresor(["audit", "export", file]);
  const exported = await readFile(file, "utf8");
  const changed = exported.replace('"action":"secret.put"', '"action":"secret.get"');
  await writeFile(file, changed);
  command(`sed -i '0,/secret.put/s//secret.get/' ${file}`, "somebody rewrites one word");
  say();
  const tampered = await tresor(["audit", "verify", file]);
  claim("The change is found, without asking the server.", changed !== exported && tampered.code !== 0);
}

async function search() {
  heading("Where is the key now?");
  const files = await searchFiles(home, keys);
  claim(`Not in any of ${files.read} files of database, keys, log and export: raw, base64, hex or URL-encoded.`,
    files.read > 3 && files.found.length === 0, files.found.join("\n"));
  const processes = await searchProcesses(keys);
  if (processes.read > 0) {
    claim(`Not in the environment or arguments of any of ${processes.read} processes.`, processes.found.length === 0, processes.found.join(" "));
  }
  claim("Not in anything printed above.", !holds(printed(), keys));
}

async function keepServing() {
  heading("Look around");
  const login = await tresor(["login"]);
  claim("This link opens the admin UI, once.", login.code === 0 && login.stdout.includes(url), login.stderr);
  say(`\nIn another terminal, from ${root}:`);
  say(cyan(`export TRESOR_URL=${url} TRESOR_TOKEN_FILE=${data}/admin-token`));
  say(cyan(`${relative(root, program)} secret list`));
  say(cyan(`${relative(root, program)} login`) + dim("          # another link") + "\n");
  say(`The server goes on until you press ${bold("Ctrl-C")}. Its data is in ${data}; the next demo begins afresh.`);
}
