// The smallest function: it finds a secret in its environment, and uses it without showing it.
//
//   tresor secret put OPENAI_API_KEY
//   tresor function deploy hello examples/hello.ts
//   tresor function invoke hello --path '?name=Ada'

Deno.serve((request) => {
  const name = new URL(request.url).searchParams.get("name") ?? "world";
  const key = Deno.env.get("OPENAI_API_KEY");
  return Response.json({ hello: name, key: key ? `has ${key.length} characters` : "is missing" });
});
