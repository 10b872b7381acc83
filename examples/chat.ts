// Answers a prompt with OpenAI and streams the words as they come.
//
//   tresor secret put OPENAI_API_KEY
//   tresor function deploy chat examples/chat.ts
//   tresor function invoke chat --data '{"prompt":"What is a vault?"}'
//
// OPENAI_BASE_URL is optional: any server that speaks OpenAI's HTTP will do.

const baseUrl = Deno.env.get("OPENAI_BASE_URL") ?? "https://api.openai.com/v1";

Deno.serve(async (request) => {
  const { prompt } = await request.json();
  const answer = await fetch(`${baseUrl}/chat/completions`, {
    method: "POST",
    headers: {
      "authorization": `Bearer ${Deno.env.get("OPENAI_API_KEY")}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({
      model: "gpt-4o-mini",
      stream: true,
      messages: [{ role: "user", content: prompt }],
    }),
    signal: request.signal, // a caller who hangs up stops the bill too
  });
  if (!answer.ok || !answer.body) {
    console.error(`OpenAI answered ${answer.status}`);
    return Response.json({ error: "the model could not be asked" }, { status: 502 });
  }
  console.log(`answering a prompt of ${prompt.length} characters`);
  const words = answer.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(wordsOfEvents())
    .pipeThrough(new TextEncoderStream());
  return new Response(words, { headers: { "content-type": "text/plain; charset=utf-8" } });
});

/** Server-sent events of a chat completion in, the words of its answer out. */
function wordsOfEvents(): TransformStream<string, string> {
  let rest = "";
  return new TransformStream({
    transform(chunk, controller) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
        const word = JSON.parse(line.slice("data: ".length)).choices[0]?.delta?.content;
        if (word) controller.enqueue(word);
      }
    },
  });
}
