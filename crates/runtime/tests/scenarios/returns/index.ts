// Returns its key, in the way that the path says.
const key = Deno.env.get("API_KEY")!;
const encode = (text: string) => new TextEncoder().encode(text);

let go = () => {};

/** The pieces; the second one waits for a request to `/go`. */
function stream(pieces: string[]): Response {
  const gone = new Promise<void>((resolve) => (go = resolve));
  let next = 0;
  return new Response(
    new ReadableStream({
      async pull(controller) {
        if (next === 1) await gone;
        if (next < pieces.length) controller.enqueue(encode(pieces[next++]));
        else controller.close();
      },
    }),
  );
}

Deno.serve((request) => {
  switch (new URL(request.url).pathname) {
    case "/body":
      return Response.json({ key });
    case "/header":
      return new Response("fine", { headers: { "x-debug": `Bearer ${key}` } });
    case "/base64":
      return new Response(btoa(`user:${key}`));
    case "/late":
      return new Response("x".repeat(5_000_000) + key);
    case "/stream":
      return stream(["first ", "second " + key.slice(0, 9), key.slice(9), " after"]);
    case "/beginning":
      return stream(["first ", key.slice(0, 9)]);
    case "/go":
      go();
      return new Response("gone");
    default:
      return new Response("fine");
  }
});
