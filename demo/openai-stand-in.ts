// A stand-in for OpenAI on the loopback address: the real shape of its HTTP, with a canned answer.
//
//   deno run --allow-net=127.0.0.1 demo/openai-stand-in.ts [milliseconds between words]
//
// It knows keys only by their SHA-256, as a provider should. Standard input: `issue HASH`, `revoke HASH`; its end stops
// the program. Standard output: a line of JSON when it listens, for each order, and for each request with the hash of the
// key that came with it, so that the demo can prove which key arrived without showing it.

const pace = Number(Deno.args[0] ?? 60);
const issued = new Set<string>();
const encoder = new TextEncoder();

const ANSWER = "A vault keeps what you cannot afford to lose, and hands it only to those who need it, when they need it.\n" +
  "You put the key in once. The function finds it in its environment. Everyone else sees four asterisks.\n";

function report(line: Record<string, unknown>) {
  console.log(JSON.stringify(line));
}

async function sha256(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function problem(status: number, code: string, message: string): Response {
  return Response.json({ error: { message, type: "invalid_request_error", param: null, code } }, { status });
}

/** The answer as OpenAI streams it: `data: {…}` events with a piece each, then `data: [DONE]`. */
function events(id: string, model: string): ReadableStream<Uint8Array> {
  const created = Math.floor(Date.now() / 1000);
  const chunk = (delta: Record<string, string>, finish_reason: string | null = null) => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason }];
    const data = { id, object: "chat.completion.chunk", created, model, choices };
    return encoder.encode(`data: ${JSON.stringify(data)}\n\n`);
  };
  const words = ANSWER.match(/\S+\s*/g) ?? [];
  return new ReadableStream({
    start: (controller) => controller.enqueue(chunk({ role: "assistant", content: "" })),
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, pace));
      const word = words.shift();
      if (word !== undefined) return controller.enqueue(chunk({ content: word }));
      controller.enqueue(chunk({}, "stop"));
      controller.enqueue(encoder.encode("data: [DONE]\n\n"));
      controller.close();
    },
  });
}

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname !== "/v1/chat/completions") return problem(404, "unknown_url", `Unknown request URL: ${pathname}`);
  if (request.method !== "POST") return problem(405, "method_not_supported", "Use POST.");
  const key = request.headers.get("authorization")?.match(/^Bearer (\S+)$/)?.[1];
  const hash = key === undefined ? null : await sha256(key);
  if (hash === null || !issued.has(hash)) {
    report({ status: 401, key: hash });
    return problem(401, "invalid_api_key", "Incorrect API key provided.");
  }
  const { model, messages, stream } = await request.json().catch(() => ({}));
  if (!model || !Array.isArray(messages)) return problem(400, "missing_required_parameter", "Give model and messages.");
  report({ status: 200, key: hash });
  const id = `chatcmpl-${crypto.randomUUID().replaceAll("-", "")}`;
  if (stream) return new Response(events(id, model), { headers: { "content-type": "text/event-stream" } });
  const message = { role: "assistant", content: ANSWER };
  return Response.json({ id, object: "chat.completion", model, choices: [{ index: 0, message, finish_reason: "stop" }] });
}

Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: ({ port }) => report({ port }) }, answer);

let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    const [order, hash] = line.split(" ");
    if (order === "issue") issued.add(hash);
    if (order === "revoke") issued.delete(hash);
    report({ order, key: hash });
  }
}
Deno.exit(0);
