async function main(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50));
  Deno.serve(() => new Response("late"));
}
main();
