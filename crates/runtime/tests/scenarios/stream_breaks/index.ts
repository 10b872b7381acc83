Deno.serve(() => {
  let sent = false;
  return new Response(
    new ReadableStream({
      pull(controller) {
        if (sent) throw new Error("no more");
        sent = true;
        controller.enqueue(new TextEncoder().encode("some"));
      },
    }),
  );
});
