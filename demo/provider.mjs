// The tour's side of the stand-in provider: starts it, issues and revokes keys, and hears which key arrived.
import { createHash, randomBytes } from "node:crypto";
import { createInterface } from "node:readline";

import { start, until } from "./stage.mjs";

export const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** A key that looks like OpenAI's. It exists for one run of the demo and opens nothing else. */
export const newKey = () => `sk-proj-${randomBytes(30).toString("base64url").replace(/[-_]/g, "x")}`;

/** Starts the provider; `pace` is its milliseconds between words. */
export async function startProvider(deno, pace, env) {
  const script = new URL("openai-stand-in.ts", import.meta.url).pathname;
  const child = start(deno, ["run", "--quiet", "--no-config", "--allow-net=127.0.0.1", script, String(pace)], { env });
  const heard = [];
  let errors = "";
  createInterface({ input: child.stdout }).on("line", (line) => heard.push(JSON.parse(line)));
  child.stderr.setEncoding("utf8").on("data", (text) => errors += text);
  const hear = (what, wanted) =>
    until(`the stand-in provider to ${what}`, 20, () => {
      if (child.exitCode !== null) throw new Error(`the stand-in provider ended: ${errors}`);
      const at = heard.findIndex(wanted);
      return at >= 0 && heard.splice(at, 1)[0];
    });
  const order = async (word, key) => {
    child.stdin.write(`${word} ${sha256(key)}\n`);
    await hear(word, (line) => line.order === word && line.key === sha256(key));
  };
  const { port } = await hear("listen", (line) => line.port);
  return {
    url: `http://127.0.0.1:${port}/v1`,
    issue: (key) => order("issue", key),
    revoke: (key) => order("revoke", key),
    /** The next request it got: `{ status, key }`, the key as its SHA-256. */
    request: () => hear("be asked", (line) => line.status),
  };
}
