// The second chunk is made only when the caller has the first one and says so by a second request.
let go: () => void;
const told = new Promise<void>((resolve) => (go = resolve));

Deno.serve((request) => {
  if (request.method === "POST") {
    go();
    return new Response(null, { status: 204 });
  }
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue("first ");
      await told;
      controller.enqueue("second");
      controller.close();
    },
  });
  return new Response(body.pipeThrough(new TextEncoderStream()));
});
