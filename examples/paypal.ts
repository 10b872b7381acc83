// Begins a payment with PayPal, and answers with the page on which the payer agrees to it.
//
//   tresor secret put PAYPAL_CLIENT_ID
//   tresor secret put PAYPAL_CLIENT_SECRET
//   tresor function deploy paypal examples/paypal.ts
//   tresor function invoke paypal --data '{"amount":"19.00","currency":"EUR"}'
//
// It is PayPal's sandbox until PAYPAL_HOST is api-m.paypal.com.

interface Env {
  PAYPAL_CLIENT_ID: string;
  PAYPAL_CLIENT_SECRET: string;
  PAYPAL_HOST?: string;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (request.method !== "POST") return new Response("POST only\n", { status: 405, headers: { allow: "POST" } });
    const { amount, currency } = await request.json();
    const host = env.PAYPAL_HOST ?? "api-m.sandbox.paypal.com";
    const login = await fetch(`https://${host}/v1/oauth2/token`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${env.PAYPAL_CLIENT_ID}:${env.PAYPAL_CLIENT_SECRET}`)}` },
      body: new URLSearchParams({ grant_type: "client_credentials" }),
    });
    if (!login.ok) return refused("the login", login);
    const { access_token } = await login.json();
    const order = await fetch(`https://${host}/v2/checkout/orders`, {
      method: "POST",
      headers: { "authorization": `Bearer ${access_token}`, "content-type": "application/json" },
      body: JSON.stringify({
        intent: "CAPTURE",
        purchase_units: [{ amount: { currency_code: currency, value: amount } }],
      }),
    });
    if (!order.ok) return refused("the order", order);
    const { id, links } = await order.json();
    return Response.json({ id, url: links?.find((link) => link.rel === "approve")?.href }, { status: 201 });
  },
};

async function refused(what: string, answer: Response): Promise<Response> {
  console.error(`PayPal answered ${answer.status} to ${what}: ${await answer.text()}`);
  return Response.json({ error: "the payment could not be begun" }, { status: 502 });
}
