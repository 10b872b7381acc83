// Receives Stripe's webhooks and believes only those that Stripe signed.
//
//   tresor secret put STRIPE_WEBHOOK_SECRET
//   tresor function deploy stripe-webhook examples/stripe-webhook.ts --access public
//
// Give Stripe the URL https://YOUR-HOST/functions/v1/stripe-webhook.

const TOLERANCE_SECONDS = 300;

export default async function handler(request: Request): Promise<Response> {
  const body = await request.text();
  const secret = process.env.STRIPE_WEBHOOK_SECRET;
  if (!secret) return new Response("not configured\n", { status: 503 });
  if (!await isSigned(body, request.headers.get("stripe-signature") ?? "", secret)) {
    return new Response("bad signature\n", { status: 400 });
  }
  const event = JSON.parse(body);
  console.log(`${event.type} ${event.id}`);
  return Response.json({ received: true });
}

/** Stripe's scheme: `t=<seconds>,v1=<hex HMAC-SHA256 of "t.body">`, with one `v1` for each secret that is in force. */
async function isSigned(body: string, header: string, secret: string): Promise<boolean> {
  const parts = header.split(",").map((part) => part.trim().split("=", 2));
  const time = parts.find(([key]) => key === "t")?.[1] ?? "";
  if (!(Math.abs(Date.now() / 1000 - Number(time || NaN)) <= TOLERANCE_SECONDS)) return false;
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, ["verify"]);
  const signed = encoder.encode(`${time}.${body}`);
  for (const [scheme, hex] of parts) {
    if (scheme !== "v1" || !/^[0-9a-f]{64}$/.test(hex ?? "")) continue;
    const signature = Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
    if (await crypto.subtle.verify("HMAC", key, signature, signed)) return true; // compares in constant time
  }
  return false;
}
