//! Invariant 1: a known plaintext is put, rotated, injected, logged, thrown and sent where it does not belong, and is
//! afterwards in no file, answer, log, page, export, metric, environment or command line, in no encoding.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::api::{Answer, App, Client, eventually, str};
use crate::process::descendants;
use crate::scan::{Scanner, canary};

/// Proves that it has the value by its SHA-256, and prints it in every way that code is likely to.
const LEAKS: &str = r#"
import { Buffer } from "node:buffer";
import process from "node:process";
const encode = (text) => new TextEncoder().encode(text);
const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
Deno.serve(async (request) => {
  const value = Deno.env.get("CANARY");
  const mode = new URL(request.url).searchParams.get("mode");
  if (mode === "throw") throw new Error(`the provider refused the key ${value}`, { cause: new TypeError(btoa(value)) });
  if (mode === "reject") Promise.reject(new Error(`late: ${value}`));
  if (mode === "break") {
    return new Response(new ReadableStream({
      start(controller) { controller.enqueue(encode("begun")); },
      pull(controller) { controller.error(new Error(`broke on ${value}`)); },
    }));
  }
  console.log(value);
  console.log(`key=${value};`, { value, nested: [[value]] }, [value]);
  console.info(JSON.stringify({ value }), JSON.stringify(JSON.stringify({ value })));
  console.warn("%s and %o", value, value);
  console.error(new Error(value));
  console.table([{ value }]);
  console.log(request.url, [...request.headers], await request.text());
  for (const before of ["", "u", "us", "user:"]) {
    for (const after of ["", "p", "pa", "\n"]) {
      console.log(Buffer.from(before + value + after).toString("base64"));
      console.log(Buffer.from(before + value + after).toString("base64url"));
    }
  }
  console.log(btoa(value), hex(encode(value)), hex(encode(value)).toUpperCase());
  console.log(encodeURIComponent(value), encodeURI(value), new URLSearchParams({ value }).toString());
  console.log(encodeURIComponent(value).replace(/%../g, (escaped) => escaped.toLowerCase()));
  console.log(`https://user:${encodeURIComponent(value)}@host/?key=${value}`);
  process.stdout.write(`raw ${value}\n`);
  Deno.stderr.writeSync(encode(`raw ${value}\n`));
  Deno.stdout.writeSync(encode(`no line ${value}`));
  return new Response(hex(await crypto.subtle.digest("SHA-256", encode(value))));
});
"#;

const LEAKS_AT_LOAD: &str = r#"
console.log("loading with", Deno.env.get("CANARY"));
throw new Error(`cannot start with ${Deno.env.get("CANARY")} or ${btoa(Deno.env.get("CANARY"))}`);
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_nowhere() {
    let (first, second, third) = (canary("sk-C", false), canary("sk-D", true), canary("sk-E", false));
    let scanner = Scanner::new(&[&first, &second, &third]);
    let app = App::start();
    let admin = app.admin();

    admin.put_secret("CANARY", &first).await.expect(201);
    admin.deploy("leaks", LEAKS, json!({})).await;
    let mut tail = admin.request("GET", "/api/v1/functions/leaks/logs/tail").send().await.unwrap();
    invoke(&admin, &first).await;
    let mut told = Vec::new();
    while !String::from_utf8_lossy(&told).contains("late: [redacted CANARY]") {
        told.extend_from_slice(&tail.chunk().await.unwrap().unwrap());
    }
    admin.note(&tail.headers().clone(), &told);
    drop(tail);
    admin.put_secret("CANARY", &second).await.expect(200);
    invoke(&admin, &second).await;
    admin.deploy("leaks-at-load", LEAKS_AT_LOAD, json!({ "access": "public" })).await;
    admin.without_token().get("/functions/v1/leaks-at-load").await.problem(502, "function_boot_error");
    for value in [&first, &second] {
        misplace(&app, &admin, value).await;
    }
    pages(&app, &admin, &third).await;
    read_everything(&admin).await;

    // The server runs, with a worker that holds the value.
    processes(&app, &scanner);
    let read = scanner.assert_absent_below(app.server.home());
    for file in ["tresor.db", "tresor.db-wal", "tresor.db-shm", "stdout.log", "stderr.log", "bootstrap.mjs"] {
        assert!(read.iter().any(|path| path.ends_with(file)), "{file} was not looked at: {read:?}");
    }
    let app = app.restart(|server| assert_eq!(server.stop(), 0), &[]);
    // Once more, with all that was recorded at the end and folded into the database.
    let admin = app.admin();
    invoke(&admin, &second).await;
    read_everything(&admin).await;
    scanner.assert_absent_below(app.server.home());
    scanner.assert_absent("an answer", &app.transcript());

    let log = app.server.stderr_text();
    assert!(log.contains("/api/v1/secrets/{name}"), "requests are not logged: {log}");
}

/// A function that is called with a value in the path (a webhook's token, say) does not make it part of the record.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_in_a_functions_path_is_not_recorded() {
    let value = canary("sk-P", true);
    let scanner = Scanner::new(&[&value]);
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("CANARY", &value).await;
    admin.deploy("plain", "Deno.serve(() => new Response('ok'))", json!({})).await;
    admin.get(&format!("/functions/v1/plain/hook/{}/end?key={}", url(&value), url(&value))).await.expect(200);
    let recorded = admin.invocations("plain", 1).await;
    assert!(str(&recorded[0]["path"]).starts_with("/hook/"), "{}", recorded[0]);
    scanner.assert_absent("the invocation", recorded[0].to_string().as_bytes());
    scanner.assert_absent_below(app.server.home());
}

fn url(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Invokes the leaking function in all its ways; it must have had the value, and never gives it away.
async fn invoke(admin: &Client, value: &str) {
    let recorded = admin.items("/api/v1/functions/leaks/invocations").await.len();
    let answer = admin
        .send(admin.request("POST", "/functions/v1/leaks?mode=log").header("x-key", value).body(value.to_owned()))
        .await
        .expect(200);
    // A credential's hash is the SHA-256 of its text.
    assert_eq!(answer.text(), domain::token::hash(value), "the function did not have the value");
    admin.get("/functions/v1/leaks?mode=throw").await.problem(502, "function_threw");
    admin.get("/functions/v1/leaks?mode=reject").await.expect(200);
    let broken = admin.try_send(admin.request("GET", "/functions/v1/leaks?mode=break")).await;
    assert!(broken.is_err(), "{broken:?}");
    admin.invocations("leaks", recorded + 4).await;
    let lines = eventually("what was printed is recorded", async || {
        let lines = admin.get("/api/v1/functions/leaks/logs?limit=500").await.expect(200).text();
        ["no line [redacted CANARY]", "late: [redacted CANARY]", "refused the key [redacted CANARY]"]
            .iter()
            .all(|line| lines.contains(line))
            .then_some(lines)
    })
    .await;
    assert!(lines.contains("key=[redacted CANARY];"), "{lines}");
}

/// Sends the value wherever it does not belong.
async fn misplace(app: &App, admin: &Client, value: &str) {
    let quoted = json!(value).to_string();
    let encoded = url(value);
    let send = async |method: &str, path: &str, kind: &str, body: Vec<u8>| {
        admin.send(admin.request(method, path).header("content-type", kind).body(body)).await
    };

    // As names.
    for (method, path, body) in [
        ("PUT", format!("/api/v1/secrets/{encoded}"), Some(json!({ "value": value }))),
        ("PUT", format!("/api/v1/functions/{encoded}"), Some(json!({ "source": "1" }))),
        ("PUT", format!("/api/v1/environments/{encoded}"), None),
        ("POST", "/api/v1/tokens".to_owned(), Some(json!({ "name": value, "scopes": ["admin"] }))),
        ("POST", "/api/v1/tokens".to_owned(), Some(json!({ "name": "ok", "scopes": [value] }))),
        (
            "POST",
            "/api/v1/tokens".to_owned(),
            Some(json!({ "name": "ok", "scopes": ["admin"], "environments": [value] })),
        ),
        ("POST", "/api/v1/tokens".to_owned(), Some(json!({ "name": "ok", "scopes": ["admin"], "expires_at": value }))),
        ("POST", "/api/v1/accounts".to_owned(), Some(json!({ "name": value }))),
        ("PUT", "/api/v1/functions/leaks".to_owned(), Some(json!({ "source": "1", "access": value }))),
        ("PUT", "/api/v1/functions/leaks".to_owned(), Some(json!({ "source": "1", "secrets": [value] }))),
        ("PUT", "/api/v1/functions/leaks".to_owned(), Some(json!({ "source": "1", "secrets": value }))),
        ("DELETE", format!("/api/v1/tokens/{encoded}"), None),
    ] {
        refused(&admin.call(method, &path, body.as_ref()).await, &path);
    }
    for path in ["", "/versions", "?environment=production"] {
        refused(&admin.get(&format!("/api/v1/secrets/{encoded}{path}")).await, path);
    }
    for path in ["functions/{}", "functions/{}/logs", "functions/{}/invocations", "functions/leaks/invocations/{}/logs"]
    {
        refused(&admin.get(&format!("/api/v1/{}", path.replace("{}", &encoded))).await, path);
    }

    // In the body of a put.
    let deep = format!("{}{quoted}{}", "[".repeat(2_000), "]".repeat(2_000));
    for body in [
        json!({ "value": value, "environment": value }).to_string(),
        json!({ "value": value, "delivery": value }).to_string(),
        json!({ "value": value, "hosts": [value] }).to_string(),
        json!({ "value": value, "rotate_after_days": value }).to_string(),
        json!({ "value": [value] }).to_string(),
        json!({ "value": { value: value } }).to_string(),
        json!({ "value": value, value: value }).to_string(),
        json!({ "value": value, "environment": { "name": value } }).to_string(),
        json!({ "value": format!("{value}\0") }).to_string(),
        json!({ "value": value.repeat(2_000) }).to_string(),
        json!({ "value": value.repeat(30_000) }).to_string(),
        format!("{{\"value\":{quoted},\"value\":{quoted}}}"),
        format!("{{\"value\":{quoted}"),
        format!("{{\"value\":\"{value}"),
        format!("{{\"value\":{quoted}}} {quoted}"),
        format!("{{\"value\":{value}}}"),
        format!("{{\"value\":{deep}}}"),
        quoted.clone(),
        value.to_owned(),
        deep.clone(),
    ] {
        refused(&send("PUT", "/api/v1/secrets/CANARY", "application/json", body.clone().into_bytes()).await, &body);
    }
    let not_utf8 = [b"{\"value\":\"".as_slice(), value.as_bytes(), b"\xff\"}"].concat();
    refused(&send("PUT", "/api/v1/secrets/CANARY", "application/json", not_utf8).await, "invalid UTF-8");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json+x", value] {
        refused(
            &send("PUT", "/api/v1/secrets/CANARY", kind, json!({ "value": value }).to_string().into_bytes()).await,
            kind,
        );
    }

    // In queries and paths that are nothing.
    for path in [
        "secrets?environment={}",
        "secrets?cursor={}",
        "secrets?limit={}",
        "functions?cursor={}",
        "audit?cursor={}",
        "audit/proof?index={}&size=1",
        "functions/leaks/invocations?cursor={}",
        "functions/leaks/logs?limit={}",
    ] {
        refused(&admin.get(&format!("/api/v1/{}", path.replace("{}", &encoded))).await, path);
    }
    for path in ["audit?action={}", "audit?actor={}", "audit?resource={}", "tokens?cursor={}", "secrets?unknown={}"] {
        admin.get(&format!("/api/v1/{}", path.replace("{}", &encoded))).await.expect(200);
    }
    for path in [
        "/{}",
        "/api/v1/{}",
        "/api/v1/secrets/CANARY/{}",
        "/functions/v1/{}",
        "/a/{}/production/functions/v1/leaks",
        "/a/default/{}/functions/v1/leaks",
        "/assets/{}/{}",
    ] {
        admin.get(&path.replace("{}", &encoded)).await.expect(404);
    }
    refused(&admin.call("PATCH", &format!("/api/v1/secrets/{encoded}"), None).await, "a wrong method");

    // In headers.
    let put = || admin.request("PUT", "/api/v1/secrets/OTHER").json(&json!({ "value": value }));
    admin.send(put().header("if-match", value)).await.problem(412, "version_mismatch");
    admin.send(put().header("if-match", format!("\"{value}\""))).await.problem(412, "version_mismatch");
    admin.send(put().header("if-none-match", value)).await.problem(400, "header_invalid");
    admin.send(put().header("idempotency-key", value)).await.expect(201);
    let reused = admin
        .request("PUT", "/api/v1/secrets/OTHER")
        .json(&json!({ "value": "another" }))
        .header("idempotency-key", value);
    admin.send(reused).await.problem(422, "idempotency_key_reused");
    admin.delete("/api/v1/secrets/OTHER").await.expect(204);
    admin.with_token(value).get("/api/v1/secrets").await.problem(401, "unauthenticated");
    admin.with_token(value).get("/functions/v1/leaks").await.problem(401, "unauthenticated");
    let nobody = admin.without_token();
    nobody
        .send(nobody.request("GET", "/api/v1/secrets").header("authorization", format!("Basic {value}")))
        .await
        .problem(401, "unauthenticated");
    admin.send(admin.request("GET", "/api/v1/secrets").header("origin", value)).await.problem(403, "origin_foreign");
    admin.send(admin.request("GET", "/api/v1/secrets").header("host", value)).await.problem(403, "host_unknown");
    admin.send(admin.request("GET", "/").header("cookie", format!("tresor_session={value}"))).await.expect(303);
    admin
        .send(admin.request("GET", "/api/v1/secrets").header("x-request-id", value).header("traceparent", value))
        .await
        .expect(200);

    // In requests that are no HTTP.
    for (method, path, header) in
        [("GET", value, "x: y"), (value, "/", "x: y"), ("GET", "/", value), ("GET", "/ HTTP/7.7 ", value)]
    {
        let answer = app.server.http(method, path, &[(header, value)], value.as_bytes());
        admin.note(&Default::default(), answer.as_bytes());
    }
}

#[track_caller]
fn refused(answer: &Answer, what: &str) {
    assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}: {}", answer.text());
}

/// The admin UI: adds, updates and looks at secrets, and sends forms with a value in the wrong place.
async fn pages(app: &App, admin: &Client, value: &str) {
    let browser = admin.without_token();
    let link = app.server.login_link().unwrap();
    let code = link.split_once("code=").unwrap().1.to_owned();
    let form = |path: &str, fields: &[(&str, &str)], cookie: &str| {
        let body: Vec<String> = fields.iter().map(|(name, text)| format!("{name}={}", url(text))).collect();
        let request = browser.request("POST", path).header("origin", browser.url()).header("cookie", cookie);
        request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"))
    };
    let opened = browser.send(form("/login", &[("code", &code)], "")).await.expect(303);
    let cookie = opened.header("set-cookie").split(';').next().unwrap().to_owned();

    for fields in [
        [("name", "not a name"), ("value", value)],
        [("name", "PATH"), ("value", value)],
        [("name", "CANARY"), ("value", value)],
        [("environment", "nowhere"), ("value", value)],
        [("value", value), ("value", value)],
    ] {
        let answer = browser.send(form("/secrets/new", &fields, &cookie)).await;
        assert!((400..500).contains(&answer.status), "{fields:?}: {}", answer.text());
    }
    browser.send(form("/secrets/new", &[("name", "FROM_THE_UI"), ("value", value)], &cookie)).await.expect(303);
    let etag = admin.get("/api/v1/secrets/FROM_THE_UI").await.expect(200).header("etag").to_owned();
    browser.send(form("/secrets/FROM_THE_UI", &[("value", value)], &cookie)).await.expect(412);
    browser
        .send(form("/secrets/FROM_THE_UI", &[("value", &format!("{value}\n")), ("etag", &etag)], &cookie))
        .await
        .expect(303);
    browser.send(form("/secrets/new", &[("name", "ANOTHER"), ("value", value)], "")).await.expect(303);
    browser.send(form("/login", &[("code", value)], "")).await.expect(401);
    // Tried with the value in every field, its own answer has it many times over.
    let fields = [
        ("method", "POST"),
        ("path", &format!("/?x={value}")),
        ("headers", &format!("X-Own: {value}")),
        ("body", value),
    ];
    browser.send(form("/functions/leaks/try", &fields, &cookie)).await.expect(200);
    let asked = json!({ "name": "ASKED_FOR", "reason": "to test" });
    let asked = admin.post("/api/v1/secret-requests", asked).await.expect(201).json();
    let asked = format!("/requests/{}", str(&asked["id"]));
    browser.send(form(&asked, &[("value", &format!("\"{value}\""))], &cookie)).await.expect(422);
    browser.send(form(&asked, &[("value", value), ("value", value)], &cookie)).await.expect(400);
    browser.send(form(&asked, &[("anyway", "yes"), ("value", value)], &cookie)).await.expect(303);
    let id = str(&admin.items("/api/v1/functions/leaks/invocations").await[0]["id"]).to_owned();
    for page in [
        "/secrets",
        "/secrets/CANARY",
        "/secrets/FROM_THE_UI",
        "/secrets/FROM_THE_UI/delete",
        "/requests",
        &asked,
        "/functions",
        "/secrets?q=canary&sort=updated",
        "/functions/leaks",
        "/functions/leaks/try",
        "/functions/leaks/invocations",
        "/functions/leaks/invocations?show=failed",
        "/functions/leaks/log",
        "/functions/leaks/source",
        "/functions/leaks/deployments",
        "/functions/leaks/delete",
        &format!("/functions/leaks/invocations/{id}"),
        "/functions/leaks-at-load",
        "/audit",
    ] {
        browser.send(browser.request("GET", page).header("cookie", &cookie)).await.expect(200);
    }
}

/// Every list, log, export and metric, into the transcript.
async fn read_everything(admin: &Client) {
    admin.state().await;
    for function in ["leaks", "leaks-at-load"] {
        for invocation in admin.items(&format!("/api/v1/functions/{function}/invocations")).await {
            admin
                .get(&format!("/api/v1/functions/{function}/invocations/{}/logs", str(&invocation["id"])))
                .await
                .expect(200);
        }
        admin.get(&format!("/api/v1/functions/{function}/logs?limit=500")).await.expect(200);
    }
    let events: Vec<Value> = admin.events().await;
    assert!(events.iter().any(|event| event["action"] == "secret.put" && event["resource"]["name"] == "CANARY"));
    for path in ["/api/v1/audit?limit=500", "/metrics", "/openapi.json", "/healthz", "/readyz"] {
        admin.get(path).await.expect(200);
    }
}

/// What other users of the machine could read of the server and all that it started.
fn processes(app: &App, scanner: &Scanner) {
    let children = descendants(app.server.pid());
    assert!(children.iter().any(|process| process.name.contains("deno")), "no worker runs: {children:?}");
    let pids = children.iter().map(|process| process.pid).chain([app.server.pid()]);
    for pid in pids {
        for file in ["environ", "cmdline", "comm"] {
            match std::fs::read(format!("/proc/{pid}/{file}")) {
                Ok(bytes) => scanner.assert_absent(&format!("/proc/{pid}/{file}"), &bytes),
                // Closed even to its own user, or gone.
                Err(error) => {
                    let gone = error.kind() == std::io::ErrorKind::NotFound || error.raw_os_error() == Some(3);
                    assert!(gone || file == "environ", "{file}: {error}");
                }
            }
        }
    }
}
