// Answers a prompt with Gemini.
//
//   tresor secret put GEMINI_API_KEY
//   tresor function deploy google-ai examples/google-ai.ts
//   tresor function invoke google-ai --data '{"prompt":"What is a vault?"}'
//
// MODEL is optional.

Deno.serve(async (request) => {
  if (request.method !== "POST") return new Response("POST only\n", { status: 405, headers: { allow: "POST" } });
  const { prompt } = await request.json();
  const model = Deno.env.get("MODEL") ?? "gemini-2.5-flash";
  const answer = await fetch(`https://generativelanguage.googleapis.com/v1beta/models/${model}:generateContent`, {
    method: "POST",
    headers: { "x-goog-api-key": Deno.env.get("GEMINI_API_KEY") ?? "", "content-type": "application/json" },
    body: JSON.stringify({ contents: [{ parts: [{ text: prompt }] }] }),
    signal: request.signal, // a caller who hangs up stops the bill too
  });
  const told = await answer.json();
  if (!answer.ok) {
    console.error(`Google answered ${answer.status}: ${told.error?.message}`);
    return Response.json({ error: "the model could not be asked" }, { status: 502 });
  }
  const parts = told.candidates?.[0]?.content?.parts ?? [];
  return Response.json({ text: parts.map((part) => part.text ?? "").join("") });
});
