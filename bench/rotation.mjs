// Puts alone, and puts that each replace the worker of a function that callers keep busy. A caller notes which put had
// returned before it asked, so what it gets tells whether it was stale.
import { median } from "./wrk.mjs";

const ROUNDS = 5;
const PUTS = 200;
const CALLERS = 4;

const SOURCE = `const number = Deno.env.get("ROTATING").slice(8);
Deno.serve(() => new Response(number));
`;

/** Medians of each round's puts in milliseconds, and what the callers saw. */
export async function rotation(vault) {
  let number = 0;
  const put = async (path) => {
    const value = `rotating${String(number + 1).padStart(8, "0")}`;
    const began = performance.now();
    await vault.put(path, { value, environment: "rotation" });
    return performance.now() - began;
  };
  await vault.put("/api/v1/environments/rotation", {});
  await put("/api/v1/secrets/ROTATING");
  number += 1;
  await vault.put("/api/v1/functions/rotating", { source: SOURCE, access: "public", secrets: ["ROTATING"], environment: "rotation" });
  const seen = { alone: [], loaded: [], stale: 0, failed: 0, invocations: 0 };
  let stopped = false;
  const caller = async () => {
    while (!stopped) {
      const least = number;
      const answer = await fetch(`${vault.url}/a/default/rotation/functions/v1/rotating`).catch(() => undefined);
      const text = await answer?.text().catch(() => undefined);
      seen.invocations += 1;
      if (answer?.status !== 200 || text === undefined) seen.failed += 1;
      else if (!(Number(text) >= least)) seen.stale += 1;
    }
  };
  for (let round = 0; round < ROUNDS; round++) {
    // Of another environment, so that no worker is replaced.
    const alone = [];
    for (let index = 0; index < PUTS / 2; index++) {
      const began = performance.now();
      await vault.put("/api/v1/secrets/BENCH_ALONE", { value: `alone-${round}-${index}-0123456789` });
      alone.push(performance.now() - began);
    }
    stopped = false;
    const callers = Array.from({ length: CALLERS }, caller);
    const loaded = [];
    for (let index = 0; index < PUTS; index++) {
      loaded.push(await put("/api/v1/secrets/ROTATING"));
      number += 1;
      // A put that nobody notices would prove nothing: the next one waits for a caller.
      const before = seen.invocations;
      while (seen.invocations === before) await new Promise((resolve) => setImmediate(resolve));
    }
    stopped = true;
    await Promise.all(callers);
    seen.alone.push(median(alone));
    seen.loaded.push(median(loaded));
  }
  return seen;
}
