//! Brokered secrets with the packages that people use, unchanged: they think that they talk to the provider with its key.

use serde_json::{Value, json};

use crate::api::{App, random, str};
use crate::process::{forms, in_workers};
use crate::registry::Registry;
use crate::upstream::Upstream;

const FUNCTION: &str = r#"
import OpenAI from "npm:openai@7.57.0";
import Stripe from "npm:stripe@23.1.0";

const openai = new OpenAI();
const stripe = new Stripe(process.env.STRIPE_SECRET_KEY!);
const model = "gpt-4o-mini", messages = [{ role: "user" as const, content: "What is a vault?" }];

Deno.serve(async () => {
  const completion = await openai.chat.completions.create({ model, messages });
  let words = "";
  for await (const part of await openai.chat.completions.create({ model, messages, stream: true })) {
    words += part.choices[0]?.delta?.content ?? "";
  }
  const customer = await stripe.customers.create({ email: "ada@example.com", metadata: { key: Deno.env.get("STRIPE_SECRET_KEY")! } });
  const form = new FormData();
  form.set("key", Deno.env.get("OPENAI_API_KEY")!);
  form.set("file", new Blob(["content"]), "a.txt");
  const plain = await fetch("https://api.openai.com/v1/files", { method: "POST", body: form, headers: { authorization: `Bearer ${Deno.env.get("OPENAI_API_KEY")}` } });
  const seen = { completion: completion.choices[0].message.content, words, customer, plain: await plain.text() };
  console.log(seen, Deno.env.get("OPENAI_API_KEY"), process.env.STRIPE_SECRET_KEY);
  return Response.json(seen);
});
"#;

/// Both providers, as far as the function goes. Each says the key that it was sent: a reflection.
fn provider(request: &str) -> (&'static str, String) {
    let key = request.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap_or("none");
    let json = |body: Value| ("application/json", body.to_string());
    let first = request.lines().next().unwrap();
    if first.contains("/v1/customers") {
        return json(json!({ "id": "cus_1", "object": "customer", "email": "ada@example.com", "description": key }));
    }
    if first.contains("/v1/files") {
        return ("text/plain", format!("{key} {}", request.rsplit("\r\n\r\n").next().unwrap()));
    }
    let choice = |kind: &str, content: &str| json!([{ "index": 0, kind: { "role": "assistant", "content": content }, "finish_reason": null }]);
    if !request.contains("\"stream\":true") {
        return json(
            json!({ "id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": choice("message", key) }),
        );
    }
    let part = |content: &str| json!({ "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choice("delta", content) });
    ("text/event-stream", format!("data: {}\n\ndata: {}\n\ndata: [DONE]\n\n", part("a box "), part(key)))
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_and_stripe_and_fetch_are_none_the_wiser() {
    let upstream = Upstream::named(&["api.openai.com", "api.stripe.com"], provider).await;
    let registry = Registry::start();
    let at = format!("127.0.0.1:{}", upstream.port);
    let (openai_at, stripe_at) = (format!("api.openai.com:443={at}"), format!("api.stripe.com:443={at}"));
    let mut args = upstream.args().to_vec();
    args.extend(["--resolve", &openai_at, "--resolve", &stripe_at]);
    let app = App::start_in(&args, &[registry.variable()]);
    let admin = app.admin();

    let (openai, stripe) = (format!("sk-proj-{}", random(40)), format!("sk_live_{}", random(32)));
    std::fs::write(app.server.home().join("shop.ts"), FUNCTION).unwrap();
    let (invoked, logs) = tokio::task::block_in_place(|| {
        for (name, value, host) in
            [("OPENAI_API_KEY", &openai, "api.openai.com"), ("STRIPE_SECRET_KEY", &stripe, "api.stripe.com")]
        {
            let put = ["secret", "put", name, "--delivery", "brokered", "--host", host];
            app.server.run_with(&put, value.as_bytes()).ok();
        }
        app.server.run(&["function", "deploy", "shop", "shop.ts"]).ok();
        let invoked = app.server.run(&["function", "invoke", "shop"]).ok();
        (invoked.stdout, app.server.run(&["function", "logs", "shop"]).ok().stdout)
    });

    // The providers got the real keys, wherever the code put them,
    let seen = upstream.seen.lock().unwrap().clone();
    let to = |path: &str| seen.iter().filter(|request| request.contains(path)).cloned().collect::<Vec<_>>();
    let (chats, customers, files) = (to("POST /v1/chat/completions"), to("POST /v1/customers"), to("POST /v1/files"));
    assert_eq!((chats.len(), customers.len(), files.len(), seen.len()), (2, 1, 1, 4), "{seen:#?}");
    for request in &chats {
        assert!(
            request.contains(&format!("authorization: Bearer {openai}"))
                && request.contains("host: api.openai.com\r\n")
        );
    }
    assert!(customers[0].contains(&format!("authorization: Bearer {stripe}")), "{}", customers[0]);
    assert!(
        customers[0].contains(&format!("metadata[key]={stripe}"))
            || customers[0].contains(&format!("metadata%5Bkey%5D={stripe}"))
    );
    assert!(files[0].contains(&format!("name=\"key\"\r\n\r\n{openai}\r\n")), "{}", files[0]);

    // and what they said of them came back as placeholders of the same shape.
    let answer: Value = serde_json::from_str(&invoked).unwrap_or_else(|_| panic!("{invoked}"));
    let placeholder = str(&answer["completion"]).to_owned();
    assert!(placeholder.starts_with("sk-proj-") && placeholder.len() == openai.len(), "{placeholder}");
    assert_eq!(answer["words"], format!("a box {placeholder}"));
    assert!(str(&answer["plain"]).starts_with(&placeholder));
    assert!(str(&answer["customer"]["description"]).starts_with("sk_live_"));

    let records = admin.items("/api/v1/functions/shop/egress").await;
    let invocations = admin.invocations("shop", 1).await;
    assert_eq!(records.len(), 4);
    assert!(records.iter().all(|record| record["secrets"].as_array().unwrap().len() == 1), "{records:#?}");
    assert!(logs.contains(&placeholder), "{logs}");
    let audit = admin.export().await;
    let transcript = app.transcript();
    let told = [
        invoked.as_str(),
        &logs,
        &format!("{records:?}{invocations:?}"),
        &audit,
        &String::from_utf8_lossy(&transcript),
        &app.server.stderr_text(),
    ]
    .concat();
    let workers = [forms(&openai), forms(&stripe)].concat();
    for form in &workers {
        assert!(!told.contains(form), "a value was told");
    }
    assert_eq!(
        in_workers(app.server.pid(), std::slice::from_ref(&placeholder)).len(),
        1,
        "the search finds what is there"
    );
    assert_eq!(in_workers(app.server.pid(), &workers), Vec::<String>::new());
}
