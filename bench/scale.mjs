// What other accounts' secrets cost: the same account beside 9 others, and beside 9,999, each with 100 secrets.
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

import { stop, tresor } from "./servers.mjs";
import { wrk } from "./wrk.mjs";

const SECRETS = 100;
const ACCOUNTS = { small: 10, large: 10_000 };
const ROUNDS = 5;
const CONNECTIONS = 16;

/** By size, what is done, and round: operations a second. */
export async function scale({ program, deno, folder, seconds, progress }) {
  const servers = {};
  for (const [size, accounts] of Object.entries(ACCOUNTS)) {
    progress(`an account of ${SECRETS} secrets, beside ${accounts - 1} others …`);
    servers[size] = await filled(program, deno, join(folder, size), accounts - 1);
  }
  const done = {
    list: (server) => ["bench/scale.lua", server.tokenFile, "GET", `/api/v1/secrets?limit=${SECRETS}`],
    put: (server) => ["bench/put.lua", server.tokenFile],
    inject: (server) => ["bench/scale.lua", server.injectTokenFile, "POST", "/api/v1/environments/production/inject", '{"command":"bench"}'],
  };
  const seen = Object.fromEntries(Object.keys(done).map((name) => [name, { small: [], large: [] }]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, request] of Object.entries(done)) {
      const sizes = Object.keys(ACCOUNTS);
      for (const size of round % 2 ? sizes.reverse() : sizes) {
        const [script, ...args] = request(servers[size]);
        const { rate } = await wrk(servers[size].url, { connections: CONNECTIONS, seconds, script, args });
        seen[name][size].push(rate);
      }
    }
    const told = Object.entries(seen).map(([name, { small, large }]) => `${name} ${Math.round(small[round])}/${Math.round(large[round])}`);
    progress(`round ${round + 1} a second, beside few and many: ${told.join("  ")}`);
  }
  await Promise.all(Object.values(servers).map(({ child }) => stop(child)));
  return seen;
}

/** A server whose account `default` has its secrets, beside others that are written to the database while it is stopped. */
async function filled(program, deno, data, others) {
  const first = await tresor(program, deno, data);
  await first.put("/api/v1/environments/puts", {});
  for (let index = 0; index < SECRETS; index++) {
    const name = `BENCH_SECRET_${String(index).padStart(3, "0")}`;
    await first.put(`/api/v1/secrets/${name}`, { value: `bench-value-${index}-0123456789abcdef0123456789abcdef` });
  }
  const { token } = await first.send("POST", "/api/v1/tokens", { name: "bench", scopes: ["secrets:inject"], environments: ["production"] });
  const injectTokenFile = join(data, "bench-token");
  await writeFile(injectTokenFile, token, { mode: 0o600 });
  await stop(first.child);
  const fill = (await readFile(resolve("bench/scale.sql"), "utf8")).replaceAll(":accounts", String(others));
  const running = promisify(execFile)("sqlite3", ["-bail", join(data, "tresor.db")]);
  running.child.stdin.end(fill);
  await running;
  return { ...(await tresor(program, deno, data)), injectTokenFile };
}
