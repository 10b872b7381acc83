// Answers a prompt with Claude.
//
//   tresor secret put ANTHROPIC_API_KEY
//   tresor function deploy anthropic examples/anthropic.ts
//   tresor function invoke anthropic --data '{"prompt":"What is a vault?"}'
//
// MODEL is optional.

Deno.serve(async (request) => {
  if (request.method !== "POST") return new Response("POST only\n", { status: 405, headers: { allow: "POST" } });
  const { prompt } = await request.json();
  const answer = await fetch("https://api.anthropic.com/v1/messages", {
    method: "POST",
    headers: {
      "x-api-key": Deno.env.get("ANTHROPIC_API_KEY") ?? "",
      "anthropic-version": "2023-06-01",
      "content-type": "application/json",
    },
    body: JSON.stringify({
      model: Deno.env.get("MODEL") ?? "claude-haiku-4-5",
      max_tokens: 1024,
      messages: [{ role: "user", content: prompt }],
    }),
    signal: request.signal, // a caller who hangs up stops the bill too
  });
  const told = await answer.json();
  if (!answer.ok) {
    console.error(`Anthropic answered ${answer.status}: ${told.error?.message}`);
    return Response.json({ error: "the model could not be asked" }, { status: 502 });
  }
  return Response.json({ text: told.content.map((part) => part.text ?? "").join("") });
});
