//! `/v1/projects…`, the surface for the `supabase` command line: who is refused, and that each call is all or nothing. That
//! the real one works with it is in `tests/clients/supabase-cli.test.mjs`.

use serde_json::{Value, json};

use crate::api::{Answer, App, Client, str};

/// Every call there is: method, path below the project, body, and the scope and action of it.
const CALLS: [(&str, &str, &str, &str, &str); 8] = [
    ("GET", "/secrets", "", "secrets:read", "secret.list"),
    ("POST", "/secrets", r#"[{"name":"KEY","value":"hunter2"}]"#, "secrets:write", "secret.put"),
    ("DELETE", "/secrets", r#"["KEY"]"#, "secrets:write", "secret.delete"),
    ("GET", "/functions", "", "functions:read", "function.list"),
    ("GET", "/functions/fn", "", "functions:read", "function.list"),
    ("POST", "/functions/deploy?slug=fn", MULTIPART, "functions:write", "function.deploy"),
    ("PUT", "/functions", r#"[{"slug":"fn","version":1}]"#, "functions:write", "function.deploy"),
    ("DELETE", "/functions/fn", "", "functions:write", "function.delete"),
];

const MULTIPART: &str = "--b\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{\"entrypoint_path\":\"f/fn/index.ts\"}\r\n\
    --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f/fn/index.ts\"\r\n\r\nDeno.serve(() => new Response('ok'))\r\n--b--\r\n";

const SCOPES: [&str; 5] = ["secrets:read", "secrets:write", "functions:read", "functions:write", "tokens:read"];

async fn call(client: &Client, reference: &str, (method, path, body): (&str, &str, &str)) -> Answer {
    let kind = if body == MULTIPART { "multipart/form-data; boundary=b" } else { "application/json" };
    let request = client.request(method, &format!("/v1/projects/{reference}{path}"));
    client.send(request.header("content-type", kind).body(body.to_owned())).await
}

/// What that API calls an error.
#[track_caller]
fn message(answer: &Answer, status: u16) -> String {
    assert_eq!((answer.status, answer.header("content-type")), (status, "application/json"), "{}", answer.text());
    str(&answer.json()["message"]).to_owned()
}

async fn reference(client: &Client, environment: &str) -> String {
    let environments = client.items("/api/v1/environments").await;
    let named = environments.iter().find(|row| row["name"] == environment).unwrap();
    str(&named["supabase_ref"]).to_owned()
}

async fn token(admin: &Client, name: &str, scopes: &[&str], environments: Value) -> Client {
    let body = json!({ "name": name, "format": "supabase", "scopes": scopes, "environments": environments });
    admin.with_token(str(&admin.post("/api/v1/tokens", body).await.expect(201).json()["token"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_needs_its_scope_and_environment() {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    admin.put_secret("KEY", "value").await;
    admin.deploy("fn", "Deno.serve(() => new Response('ok'))", json!({})).await;
    let production = reference(&admin, "production").await;
    let limited = token(&admin, "limited", &SCOPES, json!(["test"])).await;
    let mut lacking = Vec::new();
    for scope in SCOPES {
        let others: Vec<_> = SCOPES.into_iter().filter(|other| *other != scope).collect();
        let name = format!("no-{}", scope.replace(':', "-"));
        lacking.push((scope, token(&admin, &name, &others, json!(null)).await, name));
    }
    let other = app.account("other").await;
    let before = admin.state().await;
    let text = limited.token().to_owned();
    let nobody =
        [admin.without_token(), admin.with_token(&text[..43]), admin.with_token(&format!("sbp_{}", "0".repeat(40)))];
    for (method, path, body, scope, action) in CALLS {
        let asked = (method, path, body);
        for nobody in &nobody {
            let answer = call(nobody, &production, asked).await;
            message(&answer, 401);
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{asked:?}");
        }
        let (_, client, name) = lacking.iter().find(|(lacks, ..)| *lacks == scope).unwrap();
        let answer = call(client, &production, asked).await;
        assert!(message(&answer, 403).contains(scope), "{asked:?}");
        denied(&admin, action, name, answer.header("x-request-id")).await;
        let answer = call(&limited, &production, asked).await;
        assert!(message(&answer, 403).contains("production"), "{asked:?}");
        denied(&admin, action, "limited", answer.header("x-request-id")).await;
        // Another account's reference is one of nothing, and so is what is none.
        for (client, reference) in [(&other, production.as_str()), (&admin, "abcdefghijklmnopqrst"), (&admin, "x%2F..")]
        {
            assert!(message(&call(client, reference, asked).await, 404).contains("no project"), "{asked:?}");
        }
        let foreign = limited.request(method, &format!("/v1/projects/{production}{path}"));
        assert_eq!(limited.send(foreign.header("origin", "http://evil.example")).await.status, 403);
    }
    assert_eq!(admin.state().await, before);
    let names = |client: Client| async move {
        let projects = client.get("/v1/projects").await.expect(200).json();
        projects.as_array().unwrap().iter().map(|project| str(&project["name"]).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(admin.clone()).await, ["default/production", "default/test"]);
    assert_eq!(names(limited.clone()).await, ["default/test"]);
    message(&limited.get(&format!("/v1/projects/{production}")).await, 404);
    message(&admin.without_token().get("/v1/projects").await, 401);
    // A token of that form is one of the whole API, and revoked like any.
    assert_eq!(limited.items("/api/v1/secrets?environment=test").await.len(), 0);
    admin
        .post("/api/v1/tokens", json!({ "name": "x", "scopes": ["secrets:read"], "format": "aws" }))
        .await
        .problem(422, "format_unknown");
}

async fn denied(admin: &Client, action: &str, actor: &str, request_id: &str) {
    let newest = admin.get(&format!("/api/v1/audit?action={action}&limit=1")).await.expect(200).json();
    let event = &newest["items"][0]["event"];
    let told = (&event["outcome"], &event["actor"]["name"], &event["request_id"]);
    assert_eq!(told, (&json!("denied"), &json!(actor), &json!(request_id)), "{newest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_does_all_or_nothing_and_tells_no_value() {
    let app = App::start();
    let admin = app.admin();
    let place = reference(&admin, "production").await;
    let set = async |body: Value| call(&admin, &place, ("POST", "/secrets", &body.to_string())).await;
    let canary = "sk-canary-0123456789-canary-9876543210";
    for (body, says) in [
        (json!([{ "name": "A", "value": canary }, { "name": "b", "value": canary }]), "capital letters"),
        (json!([{ "name": "A", "value": canary }, { "name": canary, "value": canary }]), "capital letters"),
        (json!([{ "name": "A", "value": canary }, { "name": "A", "value": canary }]), "twice"),
        (json!([{ "name": "A", "value": canary }, { "name": "B", "value": "" }]), "must not be empty"),
        (json!([{ "name": "A", "value": canary }, { "name": "B", "value": format!("{canary}\0") }]), "NUL"),
        (json!([{ "name": "A", "value": [canary] }]), "another type"),
        (json!({ "name": "A", "value": canary }), "another type"),
        (json!([{ "name": "A", "value": canary }, { "name": "x", "value": "" }]), "[1].name"),
    ] {
        let said = message(&set(body.clone()).await, 422);
        assert!(said.contains(says) && !said.contains("canary"), "{body}: {said}");
    }
    assert_eq!(admin.items("/api/v1/secrets").await.len(), 0);
    set(json!([{ "name": "A", "value": canary }, { "name": "B", "value": canary }])).await.expect(201);
    set(json!([])).await.expect(201);
    let unset = async |body: Value| call(&admin, &place, ("DELETE", "/secrets", &body.to_string())).await;
    assert!(message(&unset(json!(["A", "C"])).await, 422).contains("[1]"));
    assert_eq!(admin.items("/api/v1/secrets").await.len(), 2);
    unset(json!(["A", "A"])).await.expect(200);
    assert_eq!(admin.items("/api/v1/secrets").await.len(), 1);
    set(json!([{ "name": "A", "value": "again" }])).await.expect(201);
    assert_eq!(admin.get("/api/v1/secrets/A").await.json()["version"], 2, "numbers are never reused");
    assert!(!String::from_utf8_lossy(&app.transcript()).contains(canary));
}

/// A deployment by such a tool widens nothing: who may call, where it may send and what it gets stay as they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_keeps_the_settings_of_the_active_one() {
    let app = App::start();
    let admin = app.admin();
    let place = reference(&admin, "production").await;
    admin.put("/api/v1/groups/staff", json!({ "members": [] })).await.expect(201);
    let source = "Deno.serve(() => new Response('ok'))";
    let settings = json!({ "access": "group:staff", "secrets": ["A_KEY"], "egress": ["api.example.com"], "tcp": ["api.example.com:5432"],
        "cors_origins": ["https://app.example.com"], "timeout_seconds": 9, "concurrency": 3 });
    admin.deploy("fn", source, settings).await;
    let deploy = async |verify: &str, query: &str| {
        let body = MULTIPART.replace("index.ts\"}", &format!("index.ts\"{verify}}}"));
        let request = admin.request("POST", &format!("/v1/projects/{place}/functions/deploy?slug=fn{query}"));
        admin
            .send(request.header("content-type", "multipart/form-data; boundary=b").body(body))
            .await
            .expect(201)
            .json()
    };
    let kept = |deployment: &Value| {
        ["access", "secrets", "egress", "tcp", "cors_origins"].map(|field| deployment[field].clone())
    };
    let newest = async || admin.get("/api/v1/functions/fn").await.expect(200).json()["deployments"][0].clone();
    let first = newest().await;
    for verify in ["", ",\"verify_jwt\":true"] {
        assert_eq!(deploy(verify, "").await["verify_jwt"], true);
        assert_eq!(kept(&newest().await), kept(&first), "{verify}");
    }
    assert_eq!(deploy(",\"verify_jwt\":false", "").await["verify_jwt"], false);
    assert_eq!((&newest().await["access"], &newest().await["egress"]), (&json!("public"), &first["egress"]));

    // What waits is not active, and becomes so with all the others or not at all.
    let waiting = deploy(",\"verify_jwt\":true", "&bundleOnly=true").await;
    assert_eq!((&waiting["version"], &newest().await["active_in"]), (&json!(5), &json!([])));
    admin.get("/functions/v1/fn").await.expect(200);
    let activate = async |body: Value| call(&admin, &place, ("PUT", "/functions", &body.to_string())).await;
    message(&activate(json!([{ "slug": "fn", "version": 5 }, { "slug": "none", "version": 1 }])).await, 404);
    message(&activate(json!([{ "slug": "fn", "version": 9 }])).await, 404);
    assert_eq!(newest().await["active_in"], json!([]));
    activate(json!([{ "slug": "fn", "version": 5, "name": "fn", "verify_jwt": false }])).await.expect(200);
    assert_eq!(
        (&newest().await["active_in"], &newest().await["access"]),
        (&json!(["production"]), &json!("authenticated"))
    );
    assert_eq!(admin.without_token().get("/functions/v1/fn").await.status, 401);
    let active: Vec<_> = admin
        .items("/api/v1/audit?action=function.deploy")
        .await
        .iter()
        .map(|item| item["event"]["details"]["active"].clone())
        .collect();
    assert_eq!(active[..2], [json!(null), json!("false")]);

    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    admin.deploy("fn", source, json!({ "environment": "test" })).await;
    call(&admin, &place, ("DELETE", "/functions/fn", "")).await.expect(200);
    message(&call(&admin, &place, ("DELETE", "/functions/fn", "")).await, 404);
    assert_eq!(newest().await["active_in"], json!(["test"]));
    let testing = reference(&admin, "test").await;
    call(&admin, &testing, ("DELETE", "/functions/fn", "")).await.expect(200);
    admin.get("/api/v1/functions/fn").await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_deployment() {
    let app = App::start();
    let admin = app.admin();
    let place = reference(&admin, "production").await;
    let part = |name: &str, file: Option<&str>, text: &[u8]| {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        [head.as_bytes(), text, b"\r\n"].concat()
    };
    let metadata = |path: &str| part("metadata", None, format!("{{\"entrypoint_path\":\"{path}\"}}").as_bytes());
    let file = |path: &str| part("file", Some(path), b"Deno.serve(() => new Response('ok'))");
    let mapped = part("metadata", None, b"{\"entrypoint_path\":\"a.ts\",\"import_map_path\":\"f/deno.json\"}");
    let map = |text: &[u8]| part("file", Some("f/deno.json"), text);
    let end = b"--b--\r\n".to_vec();
    let large = part("file", Some("big.ts"), &vec![b'/'; domain::limits::BUNDLE_BYTES + 1]);
    for (parts, status, says) in [
        (vec![], 422, "metadata"),
        (vec![file("a.ts")], 422, "metadata"),
        (vec![metadata("a.ts")], 422, "entry"),
        (vec![metadata("a.ts"), file("../a.ts")], 422, "entry"),
        (vec![metadata("../a.ts"), file("../a.ts")], 422, "../a.ts"),
        (vec![metadata("/etc/a.ts"), file("/etc/a.ts")], 422, "/etc/a.ts"),
        (vec![metadata("a.ts"), part("file", Some("a.ts"), b"\xff\xfe")], 422, "UTF-8"),
        (vec![metadata("a.ts"), part("file", Some("a.ts"), b"import '../../../etc/passwd'")], 422, "own files"),
        (vec![mapped.clone(), file("a.ts")], 422, "not among the files"),
        (vec![mapped.clone(), file("a.ts"), map(b"{ // no\n}")], 422, "JSON without comments"),
        (
            vec![mapped.clone(), file("a.ts"), map(br#"{"imports":{"x":"../../../etc/passwd"}}"#)],
            422,
            "must lead to a file of the function",
        ),
        (vec![metadata("a.ts"), large], 422, "bytes together"),
    ] {
        let body = [parts.concat(), end.clone()].concat();
        let request = admin.request("POST", &format!("/v1/projects/{place}/functions/deploy?slug=fn"));
        let answer = admin.send(request.header("content-type", "multipart/form-data; boundary=b").body(body)).await;
        assert!(message(&answer, status).contains(says), "{says}: {}", answer.text());
    }
    for kind in ["application/json", "multipart/form-data", "text/plain"] {
        let request = admin.request("POST", &format!("/v1/projects/{place}/functions/deploy?slug=fn"));
        message(&admin.send(request.header("content-type", kind).body("--b--\r\n")).await, 415);
    }
    assert_eq!(admin.items("/api/v1/functions").await.len(), 0);
}
