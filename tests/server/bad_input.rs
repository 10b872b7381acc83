//! Invariant 9: bad input gets a precise error and changes nothing.

use serde_json::{Value, json};

use crate::api::{Answer, App, Client, random, str};

pub const SECRET: &str = "/api/v1/secrets/KEY";
pub const FUNCTION: &str = "/api/v1/functions/fn";

/// What one bad request must get.
pub struct Expected<'a> {
    status: u16,
    code: &'a str,
    /// The field that is blamed; empty if it is the whole request.
    field: &'a str,
}

pub const fn expected<'a>(status: u16, code: &'a str, field: &'a str) -> Expected<'a> {
    Expected { status, code, field }
}

/// A server, its state, and something that must not come back.
pub struct Case {
    pub app: App,
    pub admin: Client,
    pub before: Value,
    pub marker: String,
}

impl Case {
    pub async fn new() -> Self {
        let app = App::start();
        let admin = app.admin();
        admin.put_secret("KEY", "the value that stays 0123456789").await;
        let before = admin.state().await;
        // Lower case, so that it could be part of a name as well.
        let marker = format!("marker{}", random(24).to_lowercase().replace(['-', '_'], "x"));
        Self { app, admin, before, marker }
    }

    pub async fn refused(&self, what: &str, answer: Answer, expected: Expected<'_>) -> Value {
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (expected.status, "application/problem+json"),
            "{what}: {}",
            answer.text()
        );
        let problem = answer.problem(expected.status, expected.code);
        let fields: Vec<_> =
            problem["errors"].as_array().into_iter().flatten().map(|error| str(&error["field"])).collect();
        if expected.field.is_empty() {
            assert_eq!(fields, [] as [&str; 0], "{what}: {problem}");
        } else {
            assert_eq!(fields, [expected.field], "{what}: {problem}");
        }
        assert!(!answer.text().contains(&self.marker), "{what}: the answer echoes what was sent: {problem}");
        assert_eq!(self.admin.state().await, self.before, "{what}: something changed");
        problem
    }

    pub async fn put(&self, what: &str, path: &str, body: Value, expected: Expected<'_>) -> Value {
        let answer = self.admin.put(path, body).await;
        self.refused(what, answer, expected).await
    }

    /// A put of a body that may not be JSON.
    pub async fn put_raw(&self, what: &str, kind: Option<&str>, body: Vec<u8>, expected: Expected<'_>) -> Value {
        let mut request = self.admin.request("PUT", SECRET).body(body);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let answer = self.admin.send(request).await;
        self.refused(what, answer, expected).await
    }

    pub async fn get(&self, path: &str, expected: Expected<'_>) -> Value {
        let answer = self.admin.get(path).await;
        self.refused(path, answer, expected).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names() {
    let case = Case::new().await;
    let long = "A".repeat(129);
    for bad in ["key", "1KEY", "KEY-1", "KEY.NAME", "K%C3%84SE", "KEY%20", "KEY%00", "KEY%2FKEY", "$KEY", &case.marker]
    {
        case.put(
            bad,
            &format!("/api/v1/secrets/{bad}"),
            json!({ "value": case.marker }),
            expected(422, "name_invalid", "name"),
        )
        .await;
    }
    case.put(
        "a name of 129",
        &format!("/api/v1/secrets/{long}"),
        json!({ "value": case.marker }),
        expected(422, "name_too_long", "name"),
    )
    .await;
    for (reserved, reason) in [
        ("PATH", "which programs run"),
        ("LD_PRELOAD", "loader"),
        ("NODE_OPTIONS", "Node.js"),
        ("DENO_V8_FLAGS", "Deno"),
        ("HTTPS_PROXY", "redirects"),
        ("SSLKEYLOGFILE", "TLS"),
        ("OTEL_DENO", "telemetry"),
        ("TRESOR_TOKEN", "Tresor"),
    ] {
        let problem = case
            .put(
                reserved,
                &format!("/api/v1/secrets/{reserved}"),
                json!({ "value": case.marker }),
                expected(422, "name_reserved", "name"),
            )
            .await;
        let detail = str(&problem["detail"]);
        assert!(
            detail.contains(reserved) && detail.contains(reason) && detail.contains("choose another name"),
            "{detail}"
        );
    }
    for bad in ["Fn", "1fn", "fn_1", "fn-", "f%2Fn", &"f".repeat(65)] {
        let code = if bad.len() == 65 { "name_too_long" } else { "name_invalid" };
        case.put(
            bad,
            &format!("/api/v1/functions/{bad}"),
            json!({ "source": "Deno.serve(() => new Response())" }),
            expected(422, code, "name"),
        )
        .await;
        case.put(bad, &format!("/api/v1/environments/{bad}"), json!({}), expected(422, code, "environment")).await;
    }
    let answer = case.admin.post("/api/v1/tokens", json!({ "name": "Not A Slug", "scopes": ["admin"] })).await;
    case.refused("a token's name", answer, expected(422, "name_invalid", "name")).await;
    let answer = case.admin.post("/api/v1/accounts", json!({ "name": "Not A Slug" })).await;
    case.refused("an account's name", answer, expected(422, "name_invalid", "account")).await;
    let answer = case.admin.post("/api/v1/accounts", json!({ "name": "default" })).await;
    case.refused("an account that is there", answer, expected(409, "exists", "")).await;
    // A path that is not UTF-8 is no name at all.
    let answer = case.admin.put("/api/v1/secrets/KEY%FF", json!({ "value": case.marker })).await;
    case.refused("a name that is not UTF-8", answer, expected(400, "path_invalid", "")).await;
    for dots in ["/api/v1/secrets/", "/api/v1/secrets/KEY/", "/api/v1//secrets", "/api/v1/secrets/KEY/versions/"] {
        case.get(dots, expected(404, "no_route", "")).await;
    }
    // Sent as they are, which few clients do: dots are a name like any other, and lead nowhere.
    let authorization = format!("Bearer {}", case.admin.token());
    for (path, status) in [
        ("/api/v1/secrets/%2e%2e", 422),
        ("/api/v1/secrets/..", 422),
        ("/api/v1/functions/../secrets/KEY", 404),
        ("/api/v1/secrets/%2e%2e%2fsecrets%2fKEY", 422),
        ("/api/v1/secrets\\KEY", 404),
    ] {
        let answer = case.app.server.http(
            "PUT",
            path,
            &[("authorization", &authorization), ("content-type", "application/json")],
            b"{\"value\":\"x\"}",
        );
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
    let answer = case.admin.call("POST", SECRET, None).await;
    case.refused("a method", answer, expected(405, "method_not_allowed", "")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_and_settings() {
    let case = Case::new().await;
    let marker = &case.marker;
    for (what, body, code, field) in [
        ("an empty value", json!({ "value": "" }), "value_empty", "value"),
        ("a value of 65,537 bytes", json!({ "value": marker.repeat(3_000)[..65_537] }), "value_too_large", "value"),
        ("65,538 bytes in 32,769 characters", json!({ "value": "é".repeat(32_769) }), "value_too_large", "value"),
        ("a NUL", json!({ "value": format!("{marker}\0{marker}") }), "value_has_nul", "value"),
        (
            "an unknown environment",
            json!({ "value": marker, "environment": "nowhere" }),
            "environment_unknown",
            "environment",
        ),
        ("a bad environment", json!({ "value": marker, "environment": "No Where" }), "name_invalid", "environment"),
        ("an unknown delivery", json!({ "value": marker, "delivery": "pigeon" }), "delivery_unknown", "delivery"),
        (
            "hosts of a secret that is not brokered",
            json!({ "value": marker, "hosts": ["api.example.com"] }),
            "hosts_without_broker",
            "hosts",
        ),
        ("a long note", json!({ "value": marker, "note": "n".repeat(1_001) }), "note_too_long", "note"),
        ("no days", json!({ "value": marker, "rotate_after_days": 0 }), "out_of_range", "rotate_after_days"),
        ("too many days", json!({ "value": marker, "rotate_after_days": 3_651 }), "out_of_range", "rotate_after_days"),
        (
            "a long version note",
            json!({ "value": marker, "version_note": "n".repeat(1_001) }),
            "note_too_long",
            "version_note",
        ),
        ("no day", json!({ "value": marker, "rotate_by": marker }), "time_invalid", "rotate_by"),
        ("a day that is none", json!({ "value": marker, "rotate_by": "2027-02-30" }), "time_invalid", "rotate_by"),
    ] {
        case.put(what, SECRET, body, expected(422, code, field)).await;
    }
    // The largest that fits.
    let largest = "é".repeat(32_768);
    case.admin.put("/api/v1/secrets/LARGEST", json!({ "value": largest })).await.expect(201);
    case.admin.put("/api/v1/secrets/SMALLEST", json!({ "value": "x" })).await.expect(201);
    case.admin
        .deploy(
            "size",
            "Deno.serve(() => Response.json([Deno.env.get('LARGEST').length, Deno.env.get('SMALLEST')]))",
            json!({}),
        )
        .await;
    assert_eq!(case.admin.get("/functions/v1/size").await.expect(200).json(), json!([32_768, "x"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies() {
    let case = Case::new().await;
    let marker = &case.marker;
    let json = Some("application/json");
    let deep = |depth: usize| format!("{{\"value\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    for (what, body, says) in [
        ("nothing", String::new(), "must be JSON"),
        ("no JSON", marker.clone(), "must be JSON"),
        ("cut JSON", format!("{{\"value\":\"{marker}"), "must be JSON"),
        ("two bodies", format!("{{\"value\":\"{marker}\"}}{{}}"), "must be JSON"),
        ("a list", format!("[\"{marker}\"]"), ""),
        ("a text", format!("\"{marker}\""), "another type"),
        ("no value", format!("{{\"note\":\"{marker}\"}}"), "needs the field `value`"),
        ("a null value", "{\"value\":null}".to_owned(), "another type"),
        ("a number as value", "{\"value\":12345678}".to_owned(), "another type"),
        ("an unknown field", format!("{{\"value\":\"x\",\"{marker}\":1}}"), "not known"),
        ("another case", "{\"Value\":\"x\"}".to_owned(), "not known"),
        ("a field twice", format!("{{\"value\":\"{marker}\",\"value\":\"{marker}\"}}"), "twice"),
        ("a wrong type", format!("{{\"value\":\"x\",\"rotate_after_days\":\"{marker}\"}}"), "another type"),
        ("deep JSON", deep(40), "32 levels"),
        ("very deep JSON", deep(100_000), "32 levels"),
        ("deep and cut JSON", "[".repeat(1_000_000), "32 levels"),
    ] {
        let problem = case.put_raw(what, json, body.into_bytes(), expected(422, "json_invalid", "body")).await;
        assert!(str(&problem["detail"]).contains(says), "{what}: {problem}");
    }
    let not_utf8 = [b"{\"value\":\"".as_slice(), marker.as_bytes(), b"\xff\xfe\"}"].concat();
    let problem = case.put_raw("invalid UTF-8", json, not_utf8, expected(422, "json_invalid", "body")).await;
    assert!(str(&problem["detail"]).contains("UTF-8"));
    let surrogate = b"{\"value\":\"\\ud800\"}".to_vec();
    case.put_raw("half a character", json, surrogate, expected(422, "json_invalid", "body")).await;
    let body = format!("{{\"value\":\"{marker}\"}}").into_bytes();
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/jsonp"),
    ] {
        case.put_raw("a content type", kind, body.clone(), expected(415, "content_type", "")).await;
    }
    let huge = format!("{{\"value\":\"{}\"}}", marker.repeat(100_000)).into_bytes();
    assert!(huge.len() > 2 * 1024 * 1024);
    case.put_raw("a huge body", json, huge.clone(), expected(413, "body_too_large", "")).await;
    let answer = case
        .admin
        .send(case.admin.request("PUT", FUNCTION).header("content-type", "application/json").body(huge.repeat(8)))
        .await;
    case.refused("a huge deployment", answer, expected(413, "body_too_large", "")).await;
    // The charset is no other type.
    case.admin
        .send(
            case.admin
                .request("PUT", SECRET)
                .header("content-type", "application/json; charset=utf-8")
                .body("{\"value\":\"x\"}"),
        )
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries() {
    let case = Case::new().await;
    let marker = &case.marker;
    for limit in ["0", "501", "4294967295"] {
        for list in ["secrets", "functions", "tokens", "audit", "accounts"] {
            case.get(&format!("/api/v1/{list}?limit={limit}"), expected(422, "limit_out_of_range", "limit")).await;
        }
    }
    for query in
        [format!("limit={marker}"), "limit=-1".to_owned(), "limit=4294967296".to_owned(), "limit=1&limit=2".to_owned()]
    {
        case.get(&format!("/api/v1/secrets?{query}"), expected(400, "query_invalid", "")).await;
    }
    for cursor in [marker.clone(), format!("production:{marker}"), ":".to_owned(), "%FF".to_owned()] {
        case.get(&format!("/api/v1/secrets?cursor={cursor}"), expected(422, "cursor_invalid", "cursor")).await;
    }
    for cursor in [marker, "-1", "99999999999999999999"] {
        case.get(&format!("/api/v1/audit?cursor={cursor}"), expected(422, "cursor_invalid", "cursor")).await;
    }
    case.get("/api/v1/secrets?environment=nowhere", expected(422, "environment_unknown", "environment")).await;
    case.get("/api/v1/secrets?environment=No%20Where", expected(422, "name_invalid", "environment")).await;
    case.get("/api/v1/secrets/NOBODYS", expected(404, "not_found", "")).await;
    case.get("/api/v1/secrets/KEY?environment=nowhere", expected(404, "not_found", "")).await;
    case.get("/api/v1/functions/nobodys", expected(404, "not_found", "")).await;
    for (query, status, code, field) in [
        ("", 422, "proof_unclear", ""),
        ("?index=0", 422, "proof_unclear", ""),
        ("?index=0&size=1&old=1&new=2", 422, "proof_unclear", ""),
        ("?index=0&size=100000", 422, "out_of_range", "size"),
        ("?index=5&size=5", 422, "out_of_range", "size"),
        ("?old=3&new=2", 422, "out_of_range", "new"),
        ("?old=1&new=100000", 422, "out_of_range", "new"),
        ("?index=-1&size=1", 400, "query_invalid", ""),
    ] {
        case.get(&format!("/api/v1/audit/proof{query}"), expected(status, code, field)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_lists() {
    let app = App::start();
    let admin = app.admin();
    let names: Vec<_> = (0..25).map(|n| format!("KEY_{n:02}")).collect();
    for name in &names {
        admin.put_secret(name, "value").await;
    }
    let (mut found, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = admin.get(&format!("/api/v1/secrets?limit=10{cursor}")).await.expect(200).json();
        found.extend(page["items"].as_array().unwrap().iter().map(|secret| str(&secret["name"]).to_owned()));
        pages += 1;
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((found, pages), (names, 3));
    let page = admin.get("/api/v1/audit?limit=25&action=secret.put").await.expect(200).json();
    let older = admin
        .get(&format!(
            "/api/v1/audit?limit=25&action=secret.put&cursor={}",
            page["next_cursor"].as_str().unwrap_or("0")
        ))
        .await
        .expect(200)
        .json();
    assert_eq!((page["items"].as_array().unwrap().len(), older["items"].as_array().unwrap().len()), (25, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions() {
    let case = Case::new().await;
    let admin = &case.admin;
    let marker = &case.marker;
    let put = |header: &str, value: &str| {
        admin.request("PUT", SECRET).header(header, value).json(&json!({ "value": marker }))
    };
    let etag = admin.get(SECRET).await.expect(200).header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    for wrong in [
        "\"1\"",
        "1",
        "W/\"x\"",
        "\"\"",
        &etag.replace(".1.0\"", ".2.0\""),
        &etag.replace(".0\"", ".1\""),
        &format!("W/{etag}"),
    ] {
        let answer = admin.send(put("if-match", wrong)).await;
        case.refused(wrong, answer, expected(412, "version_mismatch", "")).await;
    }
    let answer = admin.send(put("if-none-match", "*")).await;
    case.refused("If-None-Match: *", answer, expected(412, "version_mismatch", "")).await;
    let answer = admin.send(put("if-none-match", &etag)).await;
    case.refused("If-None-Match with a tag", answer, expected(400, "header_invalid", "")).await;
    let answer = admin.send(put("if-match", &etag).header("if-match", "\"x\"")).await;
    case.refused("If-Match twice", answer, expected(400, "header_invalid", "")).await;
    let absent =
        admin.request("PUT", "/api/v1/secrets/ABSENT").header("if-match", "*").json(&json!({ "value": marker }));
    let answer = admin.send(absent).await;
    case.refused("If-Match of what is not there", answer, expected(412, "version_mismatch", "")).await;
    for bad in ["", "two words", &"k".repeat(129)] {
        let answer = admin.send(put("idempotency-key", bad)).await;
        case.refused("a bad Idempotency-Key", answer, expected(422, "idempotency_key_invalid", "Idempotency-Key"))
            .await;
    }

    // The right tag works, once.
    let second = admin.send(put("if-match", &etag)).await.expect(200);
    assert_eq!(second.json()["version"], 2);
    assert_ne!(second.header("etag"), etag);
    admin.send(put("if-match", &etag)).await.problem(412, "version_mismatch");
    // Of two puts with the same tag, one wins.
    let tag = second.header("etag").to_owned();
    let other = |value: &str| admin.request("PUT", SECRET).header("if-match", &tag).json(&json!({ "value": value }));
    let (one, two) = tokio::join!(admin.send(other("one of two")), admin.send(other("two of two")));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats() {
    let app = App::start();
    let admin = app.admin();
    let put = |value: &str, note: &str| {
        admin.request("PUT", SECRET).header("idempotency-key", "once").json(&json!({ "value": value, "note": note }))
    };
    let first = admin.send(put("value-of-the-first-put", "a")).await.expect(201);
    let state = admin.state().await;
    let again = admin.send(put("value-of-the-first-put", "a")).await.expect(201);
    assert_eq!(again.json(), first.json());
    for (value, note) in [("value-of-another-put!!", "a"), ("value-of-the-first-put", "b")] {
        let answer = admin.send(put(value, note)).await;
        answer.problem(422, "idempotency_key_reused");
        assert!(!answer.text().contains("value-of"));
    }
    let elsewhere = admin
        .request("PUT", "/api/v1/secrets/ELSEWHERE")
        .header("idempotency-key", "once")
        .json(&json!({ "value": "value-of-the-first-put", "note": "a" }));
    admin.send(elsewhere).await.problem(422, "idempotency_key_reused");
    assert_eq!(admin.state().await, state);
    // Many at once are one.
    let repeat = || {
        admin.send(
            admin
                .request("PUT", "/api/v1/secrets/MANY")
                .header("idempotency-key", "many")
                .json(&json!({ "value": "v" })),
        )
    };
    let answers = tokio::join!(repeat(), repeat(), repeat(), repeat());
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        assert_eq!(answer.expect(201).json()["version"], 1);
    }
    // Another account's key is its own.
    let other = app.account("other").await;
    let theirs = other.request("PUT", SECRET).header("idempotency-key", "once").json(&json!({ "value": "x" }));
    other.send(theirs).await.expect(201);
    // The key is remembered across restarts.
    let app = app.restart(|server| server.kill_hard(), &[]);
    let admin = app.admin();
    let again = admin
        .request("PUT", SECRET)
        .header("idempotency-key", "once")
        .json(&json!({ "value": "value-of-the-first-put", "note": "a" }));
    assert_eq!(admin.send(again).await.expect(201).json()["version"], 1);
}
