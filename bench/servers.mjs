// The three ways to the same function: Tresor, nginx, and Deno alone. Each is started in `folder` and ends with `stop`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { cpus, userInfo } from "node:os";
import { join } from "node:path";

const children = new Set();
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));

export function start(program, args, env = process.env) {
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  child.output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (child.output = (child.output + text).slice(-4000)));
  return child;
}

export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await gone;
  clearTimeout(timer);
}

export async function stopAll() {
  await Promise.all([...children].map(stop));
}

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

export async function until(child, condition) {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended:\n${child.output}`);
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${child.spawnfile} did not come up:\n${child.output}`);
}

const answers = (url) => fetch(url).then((answer) => answer.ok, () => false);

/** Deno with the function, at `address`: `tcp:127.0.0.1:PORT` or `unix/PATH`. */
export function startDeno(deno, file, address) {
  const args = ["run", "--quiet", "--no-config", "--allow-env", "--allow-net", "--allow-read", "--allow-write", file];
  return start(deno, args, { ...process.env, DENO_SERVE_ADDRESS: address, DENO_NO_UPDATE_CHECK: "1" });
}

export async function bareDeno(deno, file) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const child = startDeno(deno, file, `tcp:127.0.0.1:${port}`);
  await until(child, () => answers(url));
  return url;
}

/** nginx in front of Deno on a unix socket: with kept connections on both sides, without and with its access log; and as it comes, with a connection to Deno for each request. */
export async function nginxToDeno(deno, file, folder) {
  const socket = join(folder, "deno.sock");
  const behind = startDeno(deno, file, `unix:${socket}`);
  await until(behind, () => existsSync(socket));
  const [port, logging, plain] = [await freePort(), await freePort(), await freePort()];
  const server = (port, log) => `
      server {
        listen 127.0.0.1:${port}; access_log ${log};
        location / { proxy_pass http://function; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }
      }`;
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${join(folder, name)};`).join(" ");
  const config = join(folder, "nginx.conf");
  await writeFile(config, `
    daemon off; worker_processes ${cpus().length}; pid ${join(folder, "nginx.pid")}; error_log stderr;
    ${userInfo().uid === 0 ? "user root;" : ""}
    events { worker_connections 1024; }
    http {
      ${temporary} keepalive_requests 1000000000;
      upstream function { server unix:${socket}; keepalive 64; keepalive_requests 1000000000; }
      ${server(port, "off")} ${server(logging, join(folder, "access.log"))}
      server { listen 127.0.0.1:${plain}; access_log ${join(folder, "plain.log")}; location / { proxy_pass http://unix:${socket}; proxy_http_version 1.0; } }
    }`);
  const [silent, logged, asItComes] = [port, logging, plain].map((port) => `http://127.0.0.1:${port}/`);
  const child = start("nginx", ["-c", config, "-p", folder]);
  await until(child, () => answers(silent));
  return { silent, logged, asItComes };
}

/** Tresor on embedded defaults, and a client of its API. */
export async function tresor(program, deno, data) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TRESOR_")));
  const child = start(program, ["serve", "--data", data, "--listen", `127.0.0.1:${port}`], { ...env, TRESOR_DENO: deno });
  await until(child, () => answers(`${url}/readyz`));
  const tokenFile = join(data, "admin-token");
  const token = (await readFile(tokenFile, "utf8")).trim();
  const send = async (method, path, body) => {
    const headers = { "authorization": `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  return { url, child, tokenFile, send, put: (path, body) => send("PUT", path, body) };
}
