const kept: unknown[] = [];

Deno.serve((request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/exit") Deno.exit(7);
  if (pathname === "/heap") for (;;) kept.push(new Array(10_000).fill(Math.random()));
  if (pathname === "/stream") {
    const body = new ReadableStream({
      async pull(controller) {
        controller.enqueue(new TextEncoder().encode("some"));
        await new Promise((resolve) => setTimeout(resolve, 50));
        Deno.exit(9);
      },
    });
    return new Response(body);
  }
  return new Response("alive");
});
