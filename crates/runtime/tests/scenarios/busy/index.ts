// `/compute?MS` keeps the processor, `/wait?MS` only waits, `/large?BYTES` answers so much, `/` tells the worker.
const me = crypto.randomUUID();

function compute(millis: number) {
  const until = performance.now() + millis;
  while (performance.now() < until);
}

Deno.serve(async (request) => {
  const { pathname, search } = new URL(request.url);
  const number = Number(search.slice(1));
  if (pathname === "/compute") compute(number);
  if (pathname === "/compute-on") {
    // In pieces, so that the event loop turns and nobody could say that the worker hangs.
    for (let spent = 0; spent < number; spent += 10) {
      compute(10);
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
  if (pathname === "/wait") await new Promise((resolve) => setTimeout(resolve, number));
  if (pathname === "/large") return new Response("x".repeat(number));
  if (pathname === "/large-stream") {
    let left = number;
    return new Response(new ReadableStream({
      pull(controller) {
        if (left <= 0) return controller.close();
        controller.enqueue(new TextEncoder().encode("x".repeat(1000)));
        left -= 1000;
      },
    }));
  }
  return new Response(me);
});
