// What a worker runs before it is anyone's: it waits for one assignment on its control channel (standard input),
// puts the secrets into the environment, imports the bundle and serves it on the worker's own socket, `s` in its folder.
//
// Wire, parent to worker: 4 bytes of big-endian length, then JSON. The first message is the assignment; later ones
// are {ping} and {drain}. End of file means that the server is gone, and the worker goes too.
// Wire, worker to parent: lines on standard output that start with U+001E and the nonce of the assignment. Everything
// else there is output of the function. Everything is captured before the function's code runs, so that the function
// can replace any global without taking part in this conversation.
import { AsyncLocalStorage } from "node:async_hooks";

const INVOCATION_HEADER = "x-tresor-invocation";
const THREW_HEADER = "x-tresor-threw";
const LONGEST_TEXT = 1 << 20;
const LATE_SERVE_MS = 1000;

const { exit, inspect, stdin, stdout } = Deno;
const serve = Deno.serve;
const { stringify, parse } = JSON;
const { Response } = globalThis;
const { setTimeout } = globalThis;
const encoder = new TextEncoder();
const encode = encoder.encode.bind(encoder);
const writeSync = stdout.writeSync.bind(stdout);
const readSync = stdin.readSync.bind(stdin);
const read = stdin.read.bind(stdin);
const invocations = new AsyncLocalStorage();
const run = invocations.run.bind(invocations);
const current = invocations.getStore.bind(invocations);

let mark = "";

function tell(message) {
  let bytes = encode(mark + stringify(message) + "\n");
  while (bytes.length > 0) bytes = bytes.subarray(writeSync(bytes));
}

function print(text, level) {
  const cut = text.length > LONGEST_TEXT;
  tell({ log: cut ? text.slice(0, LONGEST_TEXT) : text, cut, error: level > 1, invocation: current() });
}

/** The error's stack, mapped to the user's source, without the frames of this file and of Deno. */
function describe(error, depth = 0) {
  const own = (line) => !line.includes(import.meta.url) && !line.includes("ext:") && !line.includes("(node:");
  const isError = error instanceof Error;
  const text = isError && typeof error.stack === "string" ? error.stack.split("\n").filter(own).join("\n") : inspect(error);
  const cause = isError && error.cause !== undefined && depth < 8 ? "\nCaused by: " + describe(error.cause, depth + 1) : "";
  return text + cause;
}

function threw(error) {
  const text = describe(error).slice(0, LONGEST_TEXT);
  // Printed here and not where the response is read, so that it stands after what the function printed before.
  print(text, 2);
  return new Response(text, { status: 500, headers: { [THREW_HEADER]: mark.slice(1) } });
}

// ---- the control channel

function readFullySync(length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = readSync(bytes.subarray(at));
    if (count === null) exit(0);
    at += count;
  }
  return bytes;
}

async function readFully(length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await read(bytes.subarray(at));
    if (count === null) exit(0);
    at += count;
  }
  return bytes;
}

const lengthOf = (bytes) => new DataView(bytes.buffer).getUint32(0);

function decode(bytes) {
  const message = parse(new TextDecoder().decode(bytes));
  bytes.fill(0);
  return message;
}

async function obey() {
  while (true) {
    const message = decode(await readFully(lengthOf(await readFully(4))));
    if (message.ping !== undefined) tell({ pong: message.ping });
    if (message.drain) void drain();
  }
}

// ---- work that outlives its response

const waiting = new Set();

function waitUntil(promise) {
  const settled = Promise.resolve(promise).catch((error) => console.error(describe(error))).finally(() => waiting.delete(settled));
  waiting.add(settled);
}

async function drain() {
  while (waiting.size > 0) await Promise.allSettled(waiting);
  exit(0);
}

class Context {
  waitUntil(promise) {
    waitUntil(promise);
  }
  passThroughOnException() {}
}

// ---- the three shapes of a handler

const ADDRESS = { transport: "tcp", hostname: "0.0.0.0", port: 8000 };

/** The second argument of a `Deno.serve` handler: the caller's address instead of the worker's socket. */
class Info {
  #request;
  #info;
  constructor(request, info) {
    this.#request = request;
    this.#info = info;
  }
  get remoteAddr() {
    const hostname = this.#request.headers.get("x-forwarded-for")?.split(",")[0].trim() || "127.0.0.1";
    return { transport: "tcp", hostname, port: 0 };
  }
  get completed() {
    return this.#info.completed;
  }
}

/** How requests are answered: `undefined` until the function has said so. */
let call;
let served;
const serving = new Promise((resolve) => (served = resolve));

/** What `answer` gives, or what `fail` makes of what it throws. Deno's own `onError` misses some of it. */
function settle(answer, fail) {
  const check = (value) => value instanceof Response ? value : fail(new TypeError("The handler returned no Response"));
  try {
    const value = answer();
    return typeof value?.then === "function" ? value.then(check).catch(fail) : check(value);
  } catch (error) {
    return fail(error);
  }
}

function listen(handler, options = {}) {
  if (call) throw new TypeError("Deno.serve was called before: a function serves once");
  const failed = options.onError;
  const fail = failed ? (error) => settle(() => failed(error), threw) : threw;
  call = (request, info) => settle(() => handler(request, new Info(request, info)), fail);
  served();
}

function publicServe(first, second) {
  const options = typeof first === "function" ? (second ?? {}) : first;
  const handler = typeof first === "function" ? first : (second ?? first?.handler ?? first?.fetch);
  if (typeof handler !== "function") throw new TypeError("Deno.serve needs a handler function");
  listen(handler, options);
  options?.onListen?.(ADDRESS);
  return {
    addr: ADDRESS,
    finished: server.finished,
    shutdown: () => server.shutdown(),
    ref() {},
    unref() {},
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function listenDefault(module, env) {
  const exported = module.default;
  if (typeof exported === "function") return listen((request) => exported(request, env, new Context()));
  if (typeof exported?.fetch === "function") return listen((request) => exported.fetch(request, env, new Context()));
  return undefined;
}

// ---- assignment

/** The secrets, once it is assigned. */
const values = new Map();

/**
 * Puts the secrets before the process's environment, which never holds them. `process.env` asks the same methods, so
 * both show the same. The C library searches its environment from the start for each name that is set: 1,000 secrets
 * would take longer than the start of the function.
 */
function inject() {
  const { env } = Deno;
  const { get, has, set, delete: remove, toObject } = env;
  // Deno reads where its requests go when the first is sent, so these stay there, unseen. A secret cannot be named so.
  const hidden = new Set(["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NODE_USE_ENV_PROXY"]);
  const shown = () => Object.entries(toObject()).filter(([name]) => !hidden.has(name));
  Object.assign(env, {
    get: (name) => values.get(name) ?? (hidden.has(name) ? undefined : get(name)),
    has: (name) => values.has(name) || (!hidden.has(name) && has(name)),
    set: (name, value) => values.has(name) || hidden.has(name) ? void values.set(name, String(value)) : set(name, value),
    delete: (name) => (values.delete(name), hidden.has(name) ? undefined : remove(name)),
    toObject: () => ({ ...Object.fromEntries(shown()), ...Object.fromEntries(values) }),
  });
}

/** Tells the broker, which drops it, in which invocation a request is made. */
function markRequests() {
  const { fetch: send, Headers, Request } = globalThis;
  const marked = function fetch(input, init = undefined) {
    const invocation = current();
    if (invocation === undefined) return send(input, init);
    try {
      const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
      headers.set(INVOCATION_HEADER, invocation);
      return send(input, { ...init, headers });
    } catch {
      return send(input, init);
    }
  };
  Object.defineProperty(globalThis, "fetch", { value: marked, configurable: true, enumerable: true, writable: true });
}

function arrange() {
  inject();
  markRequests();
  for (const name of ["DENO_DIR", "DENO_NO_UPDATE_CHECK", "DENO_NODE_SHIM_ACTIVE", "NO_COLOR", "PATH"]) Deno.env.delete(name);
  // The methods are copied onto the one console object, because modules may hold it already.
  const { Console } = Deno[Deno.internal];
  Object.assign(console, new Console(print));
  const empty = {
    read: () => Promise.resolve(null),
    readSync: () => null,
    close() {},
    isTerminal: () => false,
    setRaw() {},
    get readable() {
      return new ReadableStream({ start: (controller) => controller.close() });
    },
  };
  Object.defineProperty(Deno, "stdin", { value: empty, configurable: true, enumerable: true });
  Object.defineProperty(Deno, "serve", { value: publicServe, configurable: true, enumerable: true, writable: true });
  globalThis.EdgeRuntime = { waitUntil };
  // One request's mistake must not end the others: what nobody caught is logged and the worker lives on.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    console.error("Uncaught (in promise) " + describe(event.reason));
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    console.error("Uncaught " + describe(event.error));
  });
}

function refuse(reason, message) {
  tell({ boot: reason, message: message.slice(0, LONGEST_TEXT) });
  exit(1);
}

async function start({ env, entry }) {
  const imported = import(entry).then((module) => {
    if (!call) listenDefault(module, env);
    return call ? serving : new Promise((resolve) => setTimeout(resolve, LATE_SERVE_MS));
  });
  try {
    // A module may await for ever after it has begun to serve (`await server.finished`).
    await Promise.race([imported, serving.then(() => new Promise((resolve) => setTimeout(resolve, 20)))]);
  } catch (error) {
    refuse("threw", describe(error));
  }
  if (!call) refuse("no_handler", "");
  imported.catch((error) => {
    console.error(describe(error));
    exit(1);
  });
  await serving;
  tell({ boot: "ready" });
}

/** What a process does for the first time takes it longest. So it has answered and imported before it is anyone's. */
async function rehearse() {
  call = (request, info) => settle(() => new Response(new Info(request, info).remoteAddr.hostname), threw);
  const connection = await Deno.connect({ transport: "unix", path });
  await connection.write(encode(`GET http://localhost/ HTTP/1.1\r\nhost: localhost\r\n${INVOCATION_HEADER}: 0\r\n\r\n`));
  await connection.read(new Uint8Array(1024));
  connection.close();
  call = undefined;
  await import("data:text/javascript,");
  parse(new TextDecoder().decode(encode(stringify({}))));
}

arrange();
// It listens from the beginning; nobody but itself connects before it has told that it is ready.
const path = `${Deno.cwd()}/s`;
let server;
await new Promise((resolve) => {
  const answer = (request, info) => run(request.headers.get(INVOCATION_HEADER), call, request, info);
  server = serve({ path, onError: threw, onListen: resolve }, answer);
});
await rehearse();
const assignment = decode(readFullySync(lengthOf(readFullySync(4))));
mark = "\x1e" + assignment.nonce;
for (const [name, value] of Object.entries(assignment.env)) values.set(name, value);
void obey();
await start(assignment);
