// Runs wrk and reads what it prints.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const UNITS = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** Requests a second (0 if nothing was answered in time) and p99 in milliseconds. A failed answer is no measurement and throws. */
export async function wrk(url, { connections, seconds, script, args = [] }) {
  const command = ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "--timeout", "20s", ...(script ? ["-s", script] : []), url, ...(args.length ? ["--", ...args] : [])];
  const { stdout } = await promisify(execFile)("wrk", command, { timeout: (seconds + 20) * 1000 });
  const bad = /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? /Socket errors: .*/.exec(stdout)?.[0];
  if (bad !== undefined) throw new Error(`wrk ${command.join(" ")}: failed answers: ${bad}\n${stdout}`);
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  const [, number, unit] = /99%\s+([\d.]+)(us|ms|s|m)/.exec(stdout) ?? [];
  if (!(rate >= 0) || number === undefined) throw new Error(`wrk printed something unknown:\n${stdout}`);
  return { rate, p99: Number(number) * UNITS[unit], command: `wrk ${command.join(" ")}` };
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
