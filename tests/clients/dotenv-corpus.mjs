// What npm `dotenv` makes of the corpora in crates/domain/tests/dotenv, for the tests of `domain::import::dotenv`.
// Run it to write them anew: node tests/clients/dotenv-corpus.mjs

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import dotenv from "dotenv";

export const FOLDER = fileURLToPath(new URL("../../crates/domain/tests/dotenv/", import.meta.url));
export const files = () => readdirSync(FOLDER).filter((name) => name.endsWith(".env"));

// dotenv reads UTF-8 only; a byte order mark decides what a file is.
function decode(bytes) {
  const mark = bytes.subarray(0, 2).toString("hex");
  const encoding = mark === "fffe" ? "utf-16le" : mark === "feff" ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
}

export const golden = (name) => `${JSON.stringify(dotenv.parse(decode(readFileSync(FOLDER + name))), null, 2)}\n`;

// mulberry32: the same texts on every machine.
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// Half of the texts follow a grammar, half are soup of what the expression looks at.
function* texts(count, seed) {
  const next = random(seed);
  const pick = (list) => list[Math.floor(next() * list.length)];
  const some = (least, most, make) => Array.from({ length: least + Math.floor(next() * (most - least + 1)) }, make).join("");
  const space = () => pick(["", "", "", " ", "  ", "\t", "\u00a0", "\n"]);
  const key = () => pick(["A", "B", "C_1", "a.b", "x-y", "export", "9"]);
  const word = () => pick(["x", "yz", "1", " ", "#", "\\n", "\\r", "\\\\", "\\'", '\\"', "\\`", '\\" #', "\\' # ", "$A", "${A}", "=", ":", "é", "😀", "{\"a\":1}", "\t"]);
  const quoted = () => {
    const quote = pick(["'", '"', "`"]);
    return quote + some(0, 4, () => pick([word, word, () => "\n", () => pick(["'", '"', "`"])])()) + pick([quote, quote, quote, ""]);
  };
  const value = () => pick([quoted, quoted, () => some(0, 4, word), () => ""])();
  const comment = () => pick(["", "", "", " # c", "# 'c", "#"]);
  const assignment = () => `${space()}${pick(["", "", "", "export ", "export  "])}${key()}${space()}${pick(["=", "=", "=", ":", ": "])}${space()}${value()}${comment()}`;
  const junk = () => pick(["", "", "# A=1", "junk", "A", "A B=1", "=1", "-----END X-----", "export"]);
  const line = () => pick([assignment, assignment, assignment, junk])();
  const ends = ["\n", "\n", "\n", "\r\n", "\r", "\u2028"];
  const soup = ["A", "B", "=", "=", ":", "'", '"', "`", "#", "\\", "n", "r", " ", " ", "\n", "\n", "\r", ".", "export ", "\u2028", "\ufeff"];
  for (let index = 0; index < count; index++) {
    if (index % 2) yield some(1, 16, () => pick(soup));
    else yield pick(["", "", "\ufeff"]) + some(1, 4, () => line() + pick(ends));
  }
}

export const generated = () => [...texts(2000, 20261123)].map((text) => `${JSON.stringify([text, dotenv.parse(text)])}\n`).join("");

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of files()) writeFileSync(`${FOLDER}${name}.json`, golden(name));
  writeFileSync(`${FOLDER}generated.jsonl`, generated());
}
