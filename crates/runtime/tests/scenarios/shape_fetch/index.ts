import process from "node:process";

interface Env {
  API_KEY: string;
}

export default {
  name: "shape",
  fetch(request: Request, env: Env, ctx: { waitUntil(promise: Promise<unknown>): void }): Response {
    ctx.waitUntil(Promise.resolve().then(() => console.log("later")));
    const greeting = `hello ${this.name}`;
    return Response.json({ greeting, env: env.API_KEY, process: process.env.API_KEY, deno: Deno.env.get("API_KEY") });
  },
};
