import { greeting } from "./lib/greeting.ts";

Deno.serve({ port: 9999 }, (request: Request, info: Deno.ServeHandlerInfo) => {
  const seen = { url: request.url, method: request.method, host: request.headers.get("host"), address: info.remoteAddr };
  return Response.json({ greeting: greeting("serve"), env: Deno.env.get("API_KEY"), seen });
});
