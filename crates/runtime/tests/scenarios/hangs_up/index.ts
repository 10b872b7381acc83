Deno.serve((request) => {
  if (request.url.endsWith("/ping")) return new Response("pong");
  request.signal.addEventListener("abort", () => console.log("aborted"));
  if (request.url.endsWith("/wait")) return new Promise(() => console.log("waiting"));
  return new Response(new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode("one")) }));
});
