interface Config {
  url: string;
}
const config = undefined as unknown as Config;
console.log("loading");
Deno.serve(() => new Response(new URL(config.url)));
throw new TypeError(`no config: ${Deno.env.get("API_KEY")}`);
