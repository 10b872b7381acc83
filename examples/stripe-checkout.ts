// Makes a page of Stripe on which somebody pays, and answers with its address.
//
//   tresor secret put STRIPE_SECRET_KEY    # sk_test_… while you try it
//   tresor function deploy stripe-checkout examples/stripe-checkout.ts
//   tresor function invoke stripe-checkout --data '{"name":"A book","cents":1900,"currency":"eur"}'

Deno.serve(async (request) => {
  if (request.method !== "POST") return new Response("POST only\n", { status: 405, headers: { allow: "POST" } });
  const { name, cents, currency, success_url } = await request.json();
  const form = new URLSearchParams({
    "mode": "payment",
    "success_url": success_url ?? "https://example.com/thanks",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": currency,
    "line_items[0][price_data][unit_amount]": String(cents),
    "line_items[0][price_data][product_data][name]": name,
  });
  const answer = await fetch("https://api.stripe.com/v1/checkout/sessions", {
    method: "POST",
    headers: { authorization: `Bearer ${Deno.env.get("STRIPE_SECRET_KEY")}` },
    body: form,
  });
  const session = await answer.json();
  if (!answer.ok) {
    console.error(`Stripe answered ${answer.status}: ${session.error?.message}`);
    return Response.json({ error: "the payment could not be begun" }, { status: 502 });
  }
  return Response.json({ id: session.id, url: session.url }, { status: 201 });
});
