// Receives webhooks that are signed by the Standard Webhooks specification, and believes no others.
//
//   tresor secret put WEBHOOK_SECRET       # whsec_…
//   tresor function deploy webhook examples/webhook.ts --access public
//
// Give the sender the URL https://YOUR-HOST/functions/v1/webhook. While the secret is replaced, WEBHOOK_SECRET_PREVIOUS
// may hold the one before: either is believed.

const TOLERANCE_SECONDS = 300;

Deno.serve(async (request) => {
  const id = request.headers.get("webhook-id") ?? "";
  const time = request.headers.get("webhook-timestamp") ?? "";
  const signatures = (request.headers.get("webhook-signature") ?? "").split(" ");
  const body = await request.text();
  const secrets = [Deno.env.get("WEBHOOK_SECRET"), Deno.env.get("WEBHOOK_SECRET_PREVIOUS")].filter((secret) => secret);
  if (secrets.length === 0) return new Response("not configured\n", { status: 503 });
  const isRecent = Math.abs(Date.now() / 1000 - Number(time || NaN)) <= TOLERANCE_SECONDS;
  for (const secret of secrets) {
    if (isRecent && await isSigned(`${id}.${time}.${body}`, signatures, secret!)) {
      console.log(`${id}: ${body.length} characters`);
      return Response.json({ received: true });
    }
  }
  return new Response("bad signature\n", { status: 400 });
});

async function isSigned(text: string, signatures: string[], secret: string): Promise<boolean> {
  const bytes = secret.startsWith("whsec_") ? fromBase64(secret.slice("whsec_".length)) : new TextEncoder().encode(secret);
  if (!bytes) return false;
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  for (const signature of signatures) {
    const given = signature.startsWith("v1,") ? fromBase64(signature.slice("v1,".length)) : undefined;
    if (given && await crypto.subtle.verify("HMAC", key, given, new TextEncoder().encode(text))) return true;
  }
  return false;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
