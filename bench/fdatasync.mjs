// How often the disk can make 4 KiB durable, one write at a time: `node bench/fdatasync.mjs FOLDER SECONDS`.
// The file is written beforehand and overwritten in place, which is the cheapest durable write there is.
import { closeSync, fdatasyncSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

const BLOCK = Buffer.alloc(4096, 0x5a);
const BLOCKS = 4096;

export function fdatasyncRate(folder, seconds) {
  const path = join(folder, "fdatasync.probe");
  const file = openSync(path, "w", 0o600);
  try {
    for (let block = 0; block < BLOCKS; block++) writeSync(file, BLOCK, 0, BLOCK.length, block * BLOCK.length);
    fsyncSync(file);
    const began = performance.now();
    const until = began + seconds * 1000;
    let count = 0;
    while (performance.now() < until) {
      writeSync(file, BLOCK, 0, BLOCK.length, (count % BLOCKS) * BLOCK.length);
      fdatasyncSync(file);
      count += 1;
    }
    return count / ((performance.now() - began) / 1000);
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [folder = ".", seconds = "2"] = process.argv.slice(2);
  console.log(`${Math.round(fdatasyncRate(folder, Number(seconds)))} fdatasync/s`);
}
