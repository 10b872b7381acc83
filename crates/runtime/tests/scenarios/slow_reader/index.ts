// A response without end, made as fast as it is taken.
const piece = new Uint8Array(64 * 1024);

Deno.serve((request) => {
  if (new URL(request.url).pathname === "/") return new Response("alive");
  return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(piece) }));
});
