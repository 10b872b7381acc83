// What a hostile function would try, with every one of Deno's permissions granted. Each attack gives back what it got, or throws.
import { createRequire } from "node:module";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { DatabaseSync } from "node:sqlite";
import { readFileSync } from "node:fs";

// Not by a name that could be read in the code: a function that shows that it uses TCP gets its relay.
const { connect: nodeConnect } = await import("node:" + "net");
const own = new URL(".", import.meta.url).pathname;

function library() {
  return Deno.dlopen("libc.so.6", {
    syscall: { parameters: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"], result: "i64" },
    __errno_location: { parameters: [], result: "pointer" },
    memset: { parameters: ["i64", "i32", "usize"], result: "i64" },
  });
}

/** A raw system call: strings and arrays go by their address. */
function raw(number, ...args) {
  const { symbols } = library();
  const held = [];
  const value = (arg) => {
    if (typeof arg === "number" || typeof arg === "bigint") return BigInt(arg);
    const bytes = typeof arg === "string" ? new TextEncoder().encode(arg + "\0") : arg;
    held.push(bytes);
    return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
  };
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = args.map(value);
  const result = symbols.syscall(BigInt(number), a, b, c, d, e, f);
  const errno = new Deno.UnsafePointerView(symbols.__errno_location()).getInt32();
  return { result: Number(result), errno: result === -1n ? errno : 0 };
}

async function hear(connection) {
  const bytes = new Uint8Array(64);
  const count = await connection.read(bytes);
  return new TextDecoder().decode(bytes.subarray(0, count ?? 0));
}

export const attacks = {
  // ---- files
  read: ({ path }) => Deno.readTextFileSync(path),
  read_node: ({ path }) => readFileSync(path, "utf8"),
  list: ({ path }) => [...Deno.readDirSync(path)].map((entry) => entry.name).sort(),
  stat: ({ path }) => Deno.statSync(path).size,
  write: ({ path }) => Deno.openSync(path, { write: true, create: true, truncate: true }).close(),
  make: ({ name }) => Deno.openSync(own + name, { write: true, create: true }).close(),
  folder: ({ name }) => Deno.mkdirSync(own + name),
  temporary: () => Deno.makeTempFileSync(),
  link: ({ path }) => {
    Deno.symlinkSync(path, own + "link");
    return Deno.readTextFileSync(own + "link");
  },
  hard_link: ({ path }) => {
    Deno.linkSync(path, own + "hard");
    return Deno.readTextFileSync(own + "hard");
  },
  climb: ({ path }) => Deno.readTextFileSync(own + "../".repeat(20) + path.slice(1)),
  sqlite: ({ path }) => new DatabaseSync(path).exec("create table escaped(x)"),
  load_env: ({ path }) => {
    process.loadEnvFile(path);
    return process.env.CANARY;
  },
  require: ({ path }) => createRequire(import.meta.url)(path).canary,
  import: async ({ path }) => (await import("file://" + path, { with: { type: "json" } })).default.canary,
  import_relative: async ({ path }) => (await import(own + "../".repeat(20) + path.slice(1), { with: { type: "json" } })).default.canary,
  fetch_file: async ({ path }) => await (await fetch("file://" + path)).text(),
  kv: async ({ path }) => (await Deno.openKv(path)).close(),
  storage: () => localStorage.setItem("a", "b"),
  cache: async () => await (await caches.open("x")).put("https://x.example/", new Response("y")),
  chmod: ({ path }) => Deno.chmodSync(path, 0o777),

  // ---- network
  connect: async ({ hostname, port }) => await hear(await Deno.connect({ hostname, port })),
  connect_node: ({ hostname, port }) =>
    new Promise((resolve, reject) => nodeConnect(port, hostname).on("data", (data) => resolve(String(data))).on("error", reject)),
  fetch_past_the_broker: async ({ hostname, port }) => {
    const client = Deno.createHttpClient({ proxy: { url: `http://${hostname}:${port}` } });
    return await (await fetch("http://anywhere.example/", { client })).text();
  },
  fetch: async ({ url }) => {
    const response = await fetch(url);
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return text;
  },
  udp: ({ hostname, port }) =>
    new Promise((resolve, reject) => {
      const socket = createSocket("udp4");
      socket.on("error", reject).on("message", (message) => resolve(String(message)));
      socket.send("hello", port, hostname, (error) => error && reject(error));
    }),
  dns: async ({ hostname, port }) => await Deno.resolveDns("example.com", "A", { nameServer: { ipAddr: hostname, port } }),
  listen: () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).addr.port,
  inspector: async () => {
    const { default: inspector } = await import("node:inspector");
    inspector.open(0, "127.0.0.1");
    return inspector.url();
  },
  unix: async ({ path }) => {
    const connection = await Deno.connect({ transport: "unix", path });
    await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).catch(() => {});
    return await hear(connection);
  },
  abstract: async ({ name }) => await hear(await Deno.connect({ transport: "unix", path: "\0" + name })),

  // ---- processes
  command: ({ program, args }) => new TextDecoder().decode(new Deno.Command(program, { args }).outputSync().stdout),
  command_self: () => new TextDecoder().decode(new Deno.Command(Deno.execPath(), { args: ["--version"] }).outputSync().stdout),
  command_node: ({ program, args }) => {
    const { error, stdout } = spawnSync(program, args);
    if (error) throw error;
    return String(stdout);
  },
  shell: () => {
    const { error, stdout } = spawnSync("echo hello", { shell: true });
    if (error) throw error;
    return String(stdout);
  },
  kill: ({ pid }) => Deno.kill(pid, "SIGURG"),
  kill_node: ({ pid }) => process.kill(pid, 0),

  // ---- the kernel
  raw: ({ number, args = [] }) => raw(number, ...args.map((arg) => Array.isArray(arg) ? new Uint8Array(arg) : arg)),
  /** Memory that is neither of the heap nor private, so that no limit of the process counts it. */
  shared_memory: ({ number, mebibytes }) => {
    const { result, errno } = raw(number, 0, BigInt(mebibytes) << 20n, 3, 0x21, -1, 0);
    if (result < 0) throw new Error(`errno ${errno}`);
    library().symbols.memset(BigInt(result), 1, BigInt(mebibytes) << 20n);
    return mebibytes;
  },
  threads: async ({ count }) => {
    const started = Array.from({ length: count }, () => new Worker("data:text/javascript,postMessage(1);setInterval(()=>{},1e6)", { type: "module" }));
    await Promise.all(started.map((worker) => new Promise((resolve, reject) => (worker.onmessage = resolve, worker.onerror = reject))));
    return count;
  },
};

Deno.serve(async (request) => {
  const { attack, args } = await request.json();
  try {
    return Response.json({ reached: (await attacks[attack](args)) ?? null });
  } catch (error) {
    return Response.json({ stopped: `${error?.name}: ${error?.message}` });
  }
});
