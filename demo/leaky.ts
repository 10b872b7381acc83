// A function with a mistake: it prints its key, and prints it again in base64. The demo shows what the log keeps.

Deno.serve(() => {
  const key = Deno.env.get("OPENAI_API_KEY") ?? "";
  console.log(`debug: the key is ${key}`);
  console.error("debug: in base64 it is", btoa(key));
  return new Response("done\n");
});
