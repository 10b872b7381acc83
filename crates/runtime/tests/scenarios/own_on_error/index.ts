Deno.serve({ onError: (error) => new Response(`handled ${(error as Error).message}`, { status: 503 }) }, () => {
  throw new Error("it");
});
