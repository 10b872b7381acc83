// The corpora that `domain::import::dotenv` is tested against are what npm `dotenv` gives today.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { FOLDER, files, generated, golden } from "./dotenv-corpus.mjs";

test("npm dotenv reads each file of the corpus as the test of our parser expects", () => {
  const names = files();
  assert.ok(names.length >= 15, "the corpus is there");
  for (const name of names) assert.equal(readFileSync(`${FOLDER}${name}.json`, "utf8"), golden(name), name);
});

test("and each of 2,000 generated texts", () => {
  assert.equal(readFileSync(`${FOLDER}generated.jsonl`, "utf8"), generated());
});
