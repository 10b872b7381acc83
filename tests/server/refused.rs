//! Deny by default (invariants 7 and 8): who is refused what, for every operation there is.

use serde_json::{Value, json};

use crate::api::{App, Client, eventually, random};
use crate::operations::{Documented, Names, documented};

const SCOPES: [&str; 18] = [
    "secrets:read",
    "secrets:write",
    "secrets:request",
    "secrets:scan",
    "functions:read",
    "functions:write",
    "functions:publish",
    "functions:invoke",
    "environments:write",
    "audit:read",
    "tokens:read",
    "tokens:write",
    "members:read",
    "members:write",
    "settings:read",
    "settings:write",
    "sessions:write",
    "accounts:write",
];

/// The scope that only tokens of named environments have.
const INJECT: &str = "secrets:inject";

fn names() -> Names {
    Names {
        secret: "KEY".into(),
        environment: "production".into(),
        function: "fn".into(),
        token: "0123456789abcdef0123456789abcdef".into(),
        request: "0123456789abcdef0123456789abcdef".into(),
        people: "people".into(),
        invocation: "0123456789abcdef0123456789abcdef".into(),
        rotation: "0123456789abcdef0123456789abcdef".into(),
        new: "new-name".into(),
    }
}

async fn token(admin: &Client, body: Value) -> Client {
    let made = admin.post("/api/v1/tokens", body).await.expect(201).json();
    admin.with_token(made["token"].as_str().unwrap())
}

/// Every operation, and what the control plane has beside the document.
async fn everything(admin: &Client) -> Vec<Documented> {
    documented(admin).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_token_nothing_is_answered() {
    let app = App::start();
    let admin = app.admin();
    let soon = std::time::SystemTime::now() + std::time::Duration::from_millis(1500);
    let soon = i64::try_from(soon.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let expires_at = domain::Timestamp::from_millis(soon).to_string();
    let expired = token(&admin, json!({ "name": "expired", "scopes": SCOPES, "expires_at": expires_at })).await;
    let revoked = token(&admin, json!({ "name": "revoked", "scopes": SCOPES })).await;
    let id =
        admin.items("/api/v1/tokens").await.into_iter().find(|token| token["name"] == "revoked").unwrap()["id"].clone();
    // The server knows it now, and must forget that at once.
    revoked.get("/api/v1/environments").await.expect(200);
    admin.delete(&format!("/api/v1/tokens/{}", id.as_str().unwrap())).await.expect(204);
    assert_eq!(revoked.get("/api/v1/environments").await.status, 401);
    eventually("the token expires", async || (expired.get("/api/v1/environments").await.status == 401).then_some(()))
        .await;
    let before = admin.state().await;

    let text = admin.token().to_owned();
    let unknown = domain::token::encode(domain::token::Kind::Token, &[7; 20]);
    let session = domain::token::encode(domain::token::Kind::Session, &[7; 20]);
    let callers = [
        ("no token", admin.without_token(), "needs a token"),
        ("a cut token", admin.with_token(&text[..text.len() - 1]), "not a token"),
        ("a mistyped token", admin.with_token(&text.replace("trs_", "trs-")), "not a token"),
        ("a long token", admin.with_token(&random(4_000)), "not a token"),
        ("an empty token", admin.with_token(""), ""),
        ("a session's text", admin.with_token(&session), "not a token"),
        ("an unknown token", admin.with_token(&unknown), "not known"),
        ("an expired token", expired, "has expired"),
        ("a revoked token", revoked, "was revoked"),
    ];
    let all = everything(&admin).await;
    for (what, caller, says) in &callers {
        for documented in &all {
            let answer = documented.ask(caller, &names()).await;
            let problem = answer.problem(401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            assert!(
                problem["detail"].as_str().unwrap().contains(says),
                "{}, {what}: {problem}",
                documented.operation.id
            );
        }
        caller.get("/metrics").await.problem(401, "unauthenticated");
    }
    for header in [format!("Basic {text}"), text.clone(), format!("Bearer  {text} x"), "Bearer".to_owned()] {
        let nobody = admin.without_token();
        let caller = nobody.request("GET", "/api/v1/secrets").header("authorization", &header);
        nobody.send(caller).await.problem(401, "unauthenticated");
    }
    let twice = admin.request("GET", "/api/v1/secrets").header("authorization", format!("Bearer {text}"));
    admin.send(twice).await.problem(401, "unauthenticated");
    // A browser's cookie opens pages, and never the API.
    let cookie = admin.without_token();
    cookie
        .send(cookie.request("GET", "/api/v1/secrets").header("cookie", format!("tresor_session={text}")))
        .await
        .problem(401, "unauthenticated");
    assert_eq!(admin.state().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_scope_an_operation_is_denied_and_the_denial_is_on_record() {
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("KEY", "value").await;
    let mut lacking = Vec::new();
    for scope in SCOPES {
        let others: Vec<_> = SCOPES.into_iter().filter(|other| *other != scope).collect();
        let name = format!("no-{}", scope.replace(':', "-"));
        lacking.push((scope, token(&admin, json!({ "name": name, "scopes": others })).await, name));
    }
    let name = "no-secrets-inject".to_owned();
    lacking.push((INJECT, token(&admin, json!({ "name": name, "scopes": SCOPES })).await, name));
    let before = admin.state().await;
    for documented in everything(&admin).await {
        let operation = documented.operation;
        let Some(needed) = operation.scope else {
            // What any token of the account may know.
            for (_, caller, _) in &lacking {
                documented.ask(caller, &names()).await.expect(200);
            }
            continue;
        };
        let (_, caller, name) =
            lacking.iter().find(|(scope, ..)| *scope == needed).unwrap_or_else(|| panic!("{needed} is no scope"));
        let answer = documented.ask(caller, &names()).await;
        let problem = answer.problem(403, "forbidden");
        assert!(problem["detail"].as_str().unwrap().contains(needed), "{}: {problem}", operation.id);
        denied(&admin, operation.action, name, answer.header("x-request-id")).await;
    }
    let (_, caller, name) = lacking.iter().find(|(scope, ..)| *scope == "accounts:write").unwrap();
    let answer = caller.get("/metrics").await;
    answer.problem(403, "forbidden");
    denied(&admin, "account.list", name, answer.header("x-request-id")).await;
    assert_eq!(admin.state().await, before);
}

/// The newest event of `action` is this refusal.
async fn denied(admin: &Client, action: &str, actor: &str, request_id: &str) {
    let newest = admin.get(&format!("/api/v1/audit?action={action}&limit=1")).await.expect(200).json();
    let event = &newest["items"][0]["event"];
    assert_eq!(
        (&event["outcome"], &event["actor"]["name"], &event["request_id"]),
        (&json!("denied"), &json!(actor), &json!(request_id)),
        "{newest}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_one_environment_is_for_no_other() {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    for environment in ["production", "test"] {
        admin
            .put(
                "/api/v1/secrets/KEY",
                json!({ "value": format!("value-of-{environment}"), "environment": environment }),
            )
            .await
            .expect(201);
    }
    let scopes = [&SCOPES[..], &[INJECT]].concat();
    let limited = token(&admin, json!({ "name": "limited", "scopes": scopes, "environments": ["test"] })).await;
    let before = admin.state().await;
    let mut tried = 0;
    for documented in everything(&admin).await.iter().filter(|documented| documented.takes_environment) {
        let answer = documented.ask(&limited, &names()).await;
        let problem = answer.problem(403, "forbidden");
        assert!(problem["detail"].as_str().unwrap().contains("production"), "{}: {problem}", documented.operation.id);
        denied(&admin, documented.operation.action, "limited", answer.header("x-request-id")).await;
        tried += 1;
    }
    assert!(tried >= 9, "only {tried} operations take an environment");
    // Nor for all at once.
    limited.get("/api/v1/secrets").await.problem(403, "forbidden");
    assert_eq!(admin.state().await, before);

    assert_eq!(limited.items("/api/v1/secrets?environment=test").await.len(), 1);
    limited.put("/api/v1/secrets/KEY", json!({ "value": "new", "environment": "test" })).await.expect(200);
    assert_eq!(limited.items("/api/v1/environments").await.len(), 1);
    admin.deploy("fn", "Deno.serve(() => new Response('ok'))", json!({})).await;
    admin.deploy("fn", "Deno.serve(() => new Response('ok'))", json!({ "environment": "test" })).await;
    limited.get("/functions/v1/fn").await.problem(403, "forbidden");
    limited.get("/a/default/test/functions/v1/fn").await.expect(200);
}

/// No token gives more than it has.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_makes_none_that_can_more() {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    let small =
        token(&admin, json!({ "name": "small", "scopes": ["tokens:write", "tokens:read", "secrets:read"] })).await;
    for scopes in [json!(["secrets:write"]), json!(["admin"]), json!(["secrets:read", "accounts:write"])] {
        small
            .post("/api/v1/tokens", json!({ "name": "more", "scopes": scopes }))
            .await
            .problem(422, "scopes_beyond_own");
    }
    small.post("/api/v1/tokens", json!({ "name": "less", "scopes": ["secrets:read"] })).await.expect(201);
    let limited = token(&admin, json!({ "name": "limited", "scopes": SCOPES, "environments": ["test"] })).await;
    for environments in [json!(null), json!(["production"]), json!(["test"])] {
        let body = json!({ "name": "wider", "scopes": ["secrets:read"], "environments": environments });
        let answer = limited.post("/api/v1/tokens", body).await;
        assert!(answer.status == 403 || environments == json!(["test"]), "{environments}: {answer:?}");
    }
    let other = app.account("other").await;
    other
        .post("/api/v1/tokens", json!({ "name": "operator", "scopes": ["accounts:write"] }))
        .await
        .problem(422, "scopes_beyond_own");
    other.get("/api/v1/accounts").await.problem(403, "forbidden");
    other.post("/api/v1/accounts", json!({ "name": "third" })).await.problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_do_not_reach_the_control_plane() {
    let app = App::start();
    let admin = app.admin();
    let port = app.server.address().rsplit_once(':').unwrap().1.to_owned();
    let before = admin.state().await;
    let hosts = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        "127.0.0.1".to_owned(),
        "127.0.0.1:1".to_owned(),
        format!("127.0.0.1.nip.io:{port}"),
    ];
    let origins = [
        "http://evil.example".to_owned(),
        "null".to_owned(),
        "http://127.0.0.1:1".to_owned(),
        format!("http://127.0.0.1.nip.io:{port}"),
        "file://".to_owned(),
    ];
    for documented in everything(&admin).await {
        for host in &hosts {
            admin.send(documented.request(&admin, &names()).header("host", host)).await.problem(403, "host_unknown");
        }
        for origin in &origins {
            admin
                .send(documented.request(&admin, &names()).header("origin", origin))
                .await
                .problem(403, "origin_foreign");
        }
        let site = documented
            .request(&admin, &names())
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", "cors");
        admin.send(site).await.problem(403, "origin_foreign");
    }
    for path in ["/", "/login", "/metrics", "/openapi.json", "/nothing"] {
        admin.send(admin.request("GET", path).header("host", "evil.example")).await.problem(403, "host_unknown");
        admin.send(admin.request("GET", path).header("origin", "null")).await.problem(403, "origin_foreign");
    }
    assert_eq!(admin.state().await, before);
    let own = admin.request("GET", "/api/v1/secrets").header("origin", admin.url());
    let answer = admin.send(own).await.expect(200);
    for (header, holds) in [
        ("content-security-policy", "default-src 'none'"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
    ] {
        assert!(answer.header(header).contains(holds), "{header}: {:?}", answer.headers);
    }
    assert_eq!(answer.header("access-control-allow-origin"), "");
}
