// Rotates a key of an API whose keys can make and delete keys: a function for a secret's rotator.
//
//   tresor secret put KEYS_API_KEY
//   tresor function deploy rotate-api-key examples/rotate-api-key.ts --secrets KEYS_API_KEY,KEYS_API_URL
//   tresor secret rotator set KEYS_API_KEY --function rotate-api-key --every 30d
//   tresor secret rotate KEYS_API_KEY --wait
//
// The server asks it for one step at a time, and may ask for a step twice: after a crash nobody knows how far the first went.

const API = Deno.env.get("KEYS_API_URL") ?? "https://api.example.com";

const ask = (key: string, method: string, path: string, headers: Record<string, string> = {}) =>
  fetch(API + path, { method, headers: { authorization: `Bearer ${key}`, ...headers } });

Deno.serve(async (request) => {
  // Tresor says who calls; nobody else can be a rotator.
  if (request.headers.get("x-tresor-actor") !== "rotator:KEYS_API_KEY") {
    return new Response("this is for the rotator", { status: 403 });
  }
  const { step, rotation, current, pending, previous } = await request.json();
  switch (step) {
    case "create": {
      // The same rotation asks for the same key, however often.
      const made = await ask(current, "POST", "/keys", { "idempotency-key": rotation });
      if (!made.ok) return new Response(null, { status: 502 });
      return Response.json({ value: (await made.json()).key });
    }
    case "verify": {
      const tried = await ask(pending, "GET", "/keys/self");
      return Response.json({ valid: tried.ok });
    }
    case "retire": {
      const deleted = await ask(previous, "DELETE", "/keys/self");
      // 401: it is gone already.
      return new Response(null, { status: deleted.ok || deleted.status === 401 ? 204 : 502 });
    }
    default:
      return new Response(null, { status: 501 });
  }
});
