const me = crypto.randomUUID();

Deno.serve(async (request) => {
  if (request.url.endsWith("/loop")) for (;;);
  if (request.url.endsWith("/wait")) await new Promise(() => {});
  if (request.url.endsWith("/drip")) {
    return new Response(new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode("one")) }));
  }
  if (request.url.endsWith("/slow")) await new Promise((resolve) => setTimeout(resolve, 900));
  return new Response(me);
});
