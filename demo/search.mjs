// Looks for a value where it must not be: in its raw, base64, hex and URL forms.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The forms of `value`. Base64 of a longer text that contains it starts at one of three offsets, so all three are made. */
function forms(value) {
  const shifted = [0, 1, 2].map((shift) => {
    const text = Buffer.from("\0".repeat(shift) + value).toString("base64");
    // What stands at either end also depends on the neighbours.
    return text.slice(shift === 0 ? 0 : 4, -4);
  });
  const bytes = Buffer.from(value);
  const percent = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  return [value, ...shifted, ...shifted.map((text) => text.replaceAll("+", "-").replaceAll("/", "_")),
    bytes.toString("hex"), bytes.toString("hex").toUpperCase(), percent, encodeURIComponent(value)];
}

/** Whether `text` (string or bytes) holds any of the `values` in any form. */
export function holds(text, values) {
  const bytes = Buffer.from(text);
  return values.flatMap(forms).some((form) => bytes.includes(form));
}

/** Files below `folder` that hold one, and how many were read. */
export async function searchFiles(folder, values) {
  const found = [];
  let read = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const text = await readFile(path).catch(() => undefined); // a worker's file may be gone by now
    if (text === undefined) continue;
    read += 1;
    if (holds(text, values)) found.push(path);
  }
  return { found, read };
}

/** Processes whose environment or arguments hold one, and how many could be read. Empty where there is no `/proc`. */
export async function searchProcesses(values) {
  const found = [];
  let read = 0;
  for (const pid of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue;
    const texts = await Promise.all(["environ", "cmdline"].map((name) => readFile(`/proc/${pid}/${name}`).catch(() => undefined)));
    if (texts.includes(undefined)) continue;
    read += 1;
    if (texts.some((text) => holds(text, values))) found.push(pid);
  }
  return { found, read };
}
