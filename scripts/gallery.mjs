// Makes the pictures of README.md from the real admin UI, with demo data: `make gallery`.
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";

import { ROOT, login, recorded, startBrowser, startServer } from "../tests/browser/harness.mjs";

const INTO = path.join(ROOT, "docs/gallery");
const SIZE = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1, reducedMotion: "reduce" };
const hex = (length) => Array.from({ length }, (_, index) => "0123456789abcdef"[(index * 7 + length) % 16]).join("");

// Put together here, so that no scanner takes this file for one that holds keys.
const SECRETS = [
  ["STRIPE_SECRET_KEY", ["sk", "live", hex(32)].join("_"), { delivery: "brokered", hosts: ["api.stripe.com"], note: "The company's account" }, ["sk", "test", hex(30)].join("_")],
  ["STRIPE_WEBHOOK_SECRET", ["whsec", hex(32)].join("_"), {}, ["whsec", hex(30)].join("_")],
  ["OPENAI_API_KEY", ["sk", "proj", hex(40)].join("-"), { delivery: "brokered", hosts: ["api.openai.com"], rotate_after_days: 90 }],
  ["SENDGRID_API_KEY", ["SG", hex(22), hex(43)].join("."), { note: "Sends the weekly mail" }, ["SG", hex(21) + "Z", hex(43)].join(".")],
  ["TWILIO_AUTH_TOKEN", hex(32), {}],
  ["GITHUB_TOKEN", ["ghp", hex(36)].join("_"), { rotate_after_days: 30 }],
  ["DATABASE_URL", `postgres://shop:${hex(20)}@db.example.com:5432/shop`, {}, `postgres://shop:${hex(21)}@db-test.example.com:5432/shop`],
  ["SUPABASE_ANON_KEY", `supabase-anon-${hex(24)}`, { publishable: true }],
];

const SHOP = `// Answers with the orders of a customer.
import { total } from "./total.ts";

Deno.serve(async (request) => {
  const key = Deno.env.get("STRIPE_SECRET_KEY");
  const url = new URL(request.url);
  if (url.searchParams.has("broken")) throw new Error("the shop is closed");
  console.log("orders asked for", url.searchParams.get("customer") ?? "everybody");
  return Response.json({ orders: [], total: total([]), signed: key !== undefined });
});
`;

const [server, browser] = await Promise.all([startServer(), startBrowser()]);
try {
  await fill();
  await mkdir(INTO, { recursive: true });
  await picture("secrets", "light", "/secrets");
  await picture("function", "dark", "/functions/orders");
  await picture("health", "light", "/health");
  const [request] = (await server.api("GET", "/api/v1/secret-requests")).items;
  await picture("request", "light", new URL(request.url).pathname);
} finally {
  await browser.close();
  await server.stop();
}

async function fill() {
  await server.api("PUT", "/api/v1/environments/test");
  for (const [name, value, settings, test] of SECRETS) {
    await server.api("PUT", `/api/v1/secrets/${name}`, { value, ...settings });
    if (test) await server.api("PUT", `/api/v1/secrets/${name}`, { value: test, environment: "test" });
  }
  await server.api("PUT", "/api/v1/secrets/STRIPE_SECRET_KEY", { value: ["sk", "live", hex(31) + "9"].join("_"), version_note: "rotated at Stripe" });
  const files = { "index.ts": SHOP, "total.ts": "export const total = (prices: number[]) => prices.reduce((sum, price) => sum + price, 0);\n" };
  await server.api("PUT", "/api/v1/functions/orders", { files, entry: "index.ts", access: "public" });
  const mail = await readFile(path.join(ROOT, "examples/send-mail.ts"), "utf8");
  await server.api("PUT", "/api/v1/functions/weekly-mail", { source: mail, access: "authenticated" });
  let last;
  for (let count = 0; count < 60; count += 1) {
    const answer = await fetch(`${server.url}/functions/v1/orders?customer=c${count % 7}${count % 20 === 11 ? "&broken" : ""}`);
    await answer.text();
    last = answer.headers.get("x-tresor-invocation");
  }
  await recorded(server, "orders", last);
  const { token } = await server.api("POST", "/api/v1/tokens", { name: "assistant", scopes: ["secrets:request"] });
  await server.api("POST", "/api/v1/secret-requests", { name: "RESEND_API_KEY", reason: "To send receipts from receipts@example.com after each payment." }, token);
}

async function picture(name, colorScheme, address) {
  const context = await browser.newContext({ ...SIZE, colorScheme });
  const tab = await login(server, context);
  await tab.goto(server.url + address);
  await tab.evaluate(() => document.fonts.ready);
  await tab.screenshot({ path: path.join(INTO, `${name}.png`) });
  await context.close();
  console.error(`  docs/gallery/${name}.png`);
}
