// What injected secrets cost: the same function in environments that hold none, one, ten, … secrets.
import { median, wrk } from "./wrk.mjs";

const COUNTS = [0, 1, 10, 100, 1000];
const ROUNDS = 4;
const COLD_ROUNDS = 9;

/** By number of secrets: `warm` in invocations/s and `cold` in milliseconds, round by round. */
export async function injection(vault, { source, seconds, connections, progress }) {
  const seen = new Map(COUNTS.map((count) => [count, { warm: [], cold: [] }]));
  const numbers = new Map();
  const url = (count) => `${vault.url}/a/default/inject-${count}/functions/v1/injected`;
  for (const count of COUNTS) {
    const environment = `inject-${count}`;
    await vault.put(`/api/v1/environments/${environment}`, {});
    for (let first = 0; first < count; first += 50) {
      const some = Array.from({ length: Math.min(50, count - first) }, (_, index) => first + index);
      await Promise.all(some.map((index) => {
        const name = `INJECT_${String(index).padStart(4, "0")}`;
        return vault.put(`/api/v1/secrets/${name}`, { value: `inject-value-${index}-0123456789abcdef0123456789`, environment });
      }));
    }
    await vault.put("/api/v1/functions/injected", { source, access: "public", secrets: "all", environment });
    numbers.set(count, numbers.size + 1);
    await wrk(url(count), { connections, seconds: 1 });
  }
  /** Retires the environment's workers. */
  const renewed = (count) =>
    vault.send("POST", "/api/v1/functions/injected/rollback", { number: numbers.get(count), environment: `inject-${count}` });
  for (let round = 0; round < ROUNDS; round++) {
    for (const count of turned(COUNTS, round)) {
      // A new worker each round: processes of the same code differ by more than what is looked for.
      await renewed(count);
      await wrk(url(count), { connections, seconds: 1 });
      seen.get(count).warm.push((await wrk(url(count), { connections, seconds })).rate);
    }
    progress(`round ${round + 1} ${COUNTS.map((count) => `${count}: ${Math.round(seen.get(count).warm[round])}/s`).join("  ")}`);
  }
  for (let round = 0; round < COLD_ROUNDS; round++) {
    for (const count of turned(COUNTS, round)) {
      await renewed(count);
      // The pool gets time to have a process for each cold start.
      await new Promise((resolve) => setTimeout(resolve, 100));
      const began = performance.now();
      const answer = await fetch(url(count));
      await answer.text();
      seen.get(count).cold.push(performance.now() - began);
    }
  }
  progress(`cold ${COUNTS.map((count) => `${count}: ${median(seen.get(count).cold).toFixed(2)} ms`).join("  ")}`);
  return seen;
}

/** Each round begins elsewhere, so that none always follows the same one. */
function turned(list, by) {
  return list.map((_, index) => list[(index + by) % list.length]);
}
