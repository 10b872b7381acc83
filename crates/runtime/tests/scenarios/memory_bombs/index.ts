// Memory that V8's heap limit does not count.
const held: unknown[] = [];

function buffers() {
  for (let mib = 0; mib < 8192; mib += 64) held.push(new Uint8Array(64 << 20).fill(1));
}

function wasm() {
  for (let n = 0; n < 32; n++) {
    const memory = new WebAssembly.Memory({ initial: 4096 });
    new Uint8Array(memory.buffer).fill(1);
    held.push(memory);
  }
}

async function threads() {
  const code = `const held = []; for (let n = 0; n < 64; n++) held.push(new Uint8Array(16 << 20).fill(1)); postMessage("done"); setInterval(() => {}, 1e6);`;
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  for (let n = 0; n < 40; n++) {
    const worker = new Worker(url, { type: "module" });
    await new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
    });
  }
}

Deno.serve(async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/buffers") buffers();
  if (pathname === "/wasm") wasm();
  if (pathname === "/threads") await threads();
  return new Response("ok");
});
