// What `demo/run --check` adds for whoever works on Tresor: every other example deploys and does its job.
import { createHmac, randomBytes } from "node:crypto";

import { claim, heading } from "./stage.mjs";

/** `tresor` runs the command line as the tour does; `key` is the current value of OPENAI_API_KEY. */
export async function checkExamples({ tresor, url, key }) {
  heading("The other examples");
  const deploy = async (name, ...more) => {
    const result = await tresor(["function", "deploy", name, `examples/${name}.ts`, ...more]);
    claim(`examples/${name}.ts is deployed.`, result.code === 0, result.stderr);
  };
  const invoke = (name, init) => fetch(`${url}/functions/v1/${name}`, init);

  await deploy("hello", "--access", "public");
  const hello = await (await invoke("hello?name=Ada")).json();
  claim("It answers, and has the key.", hello.hello === "Ada" && hello.key === `has ${key.length} characters`);

  await deploy("send-mail", "--access", "public");
  claim("It takes only POST.", (await invoke("send-mail")).status === 405);

  const secret = `whsec_${randomBytes(24).toString("hex")}`;
  await tresor(["secret", "put", "STRIPE_WEBHOOK_SECRET"], { shown: 'printf %s "$SIGNING_SECRET" | tresor secret put STRIPE_WEBHOOK_SECRET', input: secret });
  await deploy("stripe-webhook", "--access", "public");
  const now = Math.floor(Date.now() / 1000);
  const event = JSON.stringify({ id: "evt_1", type: "payment_intent.succeeded" });
  const post = async (body, time, key) => {
    const signature = createHmac("sha256", key).update(`${time}.${event}`).digest("hex");
    const headers = { "stripe-signature": `t=${time},v1=${signature}`, "content-type": "application/json" };
    return (await invoke("stripe-webhook", { method: "POST", body, headers })).status;
  };
  claim("It takes what Stripe signed.", await post(event, now, secret) === 200);
  claim("It refuses another body, an old one, and another's signature.",
    await post(event.replace("evt_1", "evt_2"), now, secret) === 400 && await post(event, now - 3600, secret) === 400 && await post(event, now, "whsec_other") === 400);
}
