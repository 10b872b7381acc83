// The function that is measured, unchanged, behind Tresor, behind nginx and bare.

const greeting = Deno.env.get("BENCH_SECRET_000") === undefined ? "Hello" : "Hello with a secret";

Deno.serve(() => new Response(`${greeting}\n`));
