console.log("loading");

Deno.serve(async (request) => {
  const tag = new URL(request.url).pathname.slice(1);
  if (tag === "raw") {
    Deno.stdout.writeSync(new TextEncoder().encode("raw out\n"));
    Deno.stderr.writeSync(new TextEncoder().encode("raw err\n"));
    return new Response();
  }
  if (tag === "secret") {
    const key = Deno.env.get("API_KEY")!;
    console.log("key %s and %o", key, { authorization: `Bearer ${key}` });
    console.log(btoa(`user:${key}`));
    const pem = Deno.env.get("PEM")!;
    Deno.stderr.writeSync(new TextEncoder().encode(`it is ${pem} so\n`));
    return new Response();
  }
  if (tag === "terminal") {
    console.log("red \x1b[31malert\x1b[0m\x07 and\ttab\nnext line");
    console.log("x".repeat(100_000));
    return new Response();
  }
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
    console.log(`${tag} ${i}`);
  }
  console.error(`${tag} error`);
  setTimeout(() => console.log(`${tag} after`), 20);
  return new Response(request.headers.get("x-tresor-invocation"));
});
