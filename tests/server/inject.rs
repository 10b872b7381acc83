//! `POST /api/v1/environments/{name}/inject`: the one operation that answers with values, and everybody whom it refuses.

use serde_json::{Value, json};

use crate::api::{Answer, App, Client, str};

async fn runner(admin: &Client, environments: Value) -> Client {
    let body = json!({ "name": "runner", "scopes": ["secrets:inject"], "environments": environments });
    admin.with_token(str(&admin.post("/api/v1/tokens", body).await.expect(201).json()["token"]))
}

async fn inject(client: &Client, environment: &str, body: Value) -> Answer {
    let request = client.request("POST", &format!("/api/v1/environments/{environment}/inject"));
    client.send(request.header("sec-tresor-no-browsers", "1").json(&body)).await
}

fn npm() -> Value {
    json!({ "command": "npm" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_gets_its_environment_and_that_is_on_record() {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    for (name, value, environment) in [
        ("B_KEY", "old", "test"),
        ("B_KEY", "b \"quoted\"\n2", "test"),
        ("A_KEY", "a", "test"),
        ("P_KEY", "p", "production"),
    ] {
        admin.put(&format!("/api/v1/secrets/{name}"), json!({ "value": value, "environment": environment })).await;
    }
    let brokered = json!({ "value": "never-leaves-0123456789", "environment": "test", "delivery": "brokered", "hosts": ["api.example.com"] });
    admin.put("/api/v1/secrets/C_KEY", brokered).await.expect(201);
    let runner = runner(&admin, json!(["test"])).await;

    let got = inject(&runner, "test", npm()).await.expect(200);
    assert_eq!(got.header("cache-control"), "no-store");
    let expected = json!({ "environment": "test", "brokered": ["C_KEY"], "secrets": [
        { "name": "A_KEY", "version": 1, "value": "a" }, { "name": "B_KEY", "version": 2, "value": "b \"quoted\"\n2" }] });
    assert_eq!(got.json(), expected);
    let event = admin.items("/api/v1/audit?action=secret.inject").await[0]["event"].clone();
    assert_eq!(event["details"], json!({ "command": "npm", "count": "2", "secrets": "A_KEY:1 B_KEY:2" }));
    assert_eq!(
        (&event["outcome"], &event["environment"], &event["actor"]["name"]),
        (&json!("done"), &json!("test"), &json!("runner"))
    );
    assert_eq!(str(&event["request_id"]), got.header("x-request-id"));
    let used = async |name: &str| {
        admin.get(&format!("/api/v1/secrets/{name}?environment=test")).await.json()["last_used_at"].clone()
    };
    assert_eq!((&used("A_KEY").await, &used("C_KEY").await), (&event["time"], &json!(null)));

    let only = inject(&runner, "test", json!({ "command": "npm", "only": ["B_KEY"] })).await.expect(200).json();
    assert_eq!((only["secrets"].as_array().unwrap().len(), &only["brokered"]), (1, &json!([])));
    assert_eq!(
        inject(&runner, "test", json!({ "command": "npm", "only": [] })).await.expect(200).json()["secrets"],
        json!([]),
        "none is none"
    );
    let events = admin.items("/api/v1/audit?action=secret.inject").await.len();
    for (body, code, field) in [
        (json!({ "command": "npm", "only": ["B_KEY", "P_KEY"] }), "secret_unknown", "only[1]"),
        (json!({ "command": "npm", "only": ["C_KEY"] }), "secret_brokered", "only[0]"),
        (json!({ "command": "npm", "only": ["A_KEY", "x"] }), "name_invalid", "only[1]"),
        (json!({ "command": "" }), "command_invalid", "command"),
        (json!({ "command": "a\nb" }), "command_invalid", "command"),
        (json!({ "command": "x".repeat(129) }), "command_invalid", "command"),
        (json!({ "command": ["npm", "start"] }), "json_invalid", "body"),
        (json!({}), "json_invalid", "body"),
    ] {
        let answer = inject(&runner, "test", body.clone()).await;
        assert_eq!(answer.problem(422, code)["errors"][0]["field"], field, "{body}");
    }
    assert_eq!(
        admin.items("/api/v1/audit?action=secret.inject").await.len(),
        events,
        "a refused request has no event of a run"
    );
    inject(&runner, "production", npm()).await.problem(403, "forbidden");
    inject(&runner, "nowhere", npm()).await.problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_the_scope_who_was_not_given_it() {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    admin.put_secret("KEY", "value").await;
    let make = async |client: &Client, scopes: Value, more: Value| {
        let mut body = json!({ "name": "t", "scopes": scopes });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client.post("/api/v1/tokens", body).await
    };
    // Not the first token, not `admin`, not another account's first.
    let full = make(&admin, json!(["admin", "accounts:write"]), json!({ "environments": ["production"] }))
        .await
        .expect(201)
        .json();
    assert!(!full["scopes"].as_array().unwrap().contains(&json!("secrets:inject")), "{full}");
    for client in [&admin, &admin.with_token(str(&full["token"])), &app.account("other").await] {
        let problem = inject(client, "production", npm()).await.problem(403, "forbidden");
        assert!(str(&problem["detail"]).contains("secrets:inject"), "{problem}");
    }
    // Given by name, by an admin, for named environments.
    make(&admin, json!(["secrets:inject"]), json!({})).await.problem(422, "environments_missing");
    make(&admin, json!(["admin", "secrets:inject"]), json!({})).await.problem(422, "environments_missing");
    let maker =
        make(&admin, json!(["tokens:write", "secrets:read", "secrets:write"]), json!({})).await.expect(201).json();
    let maker = admin.with_token(str(&maker["token"]));
    make(&maker, json!(["secrets:inject"]), json!({ "environments": ["test"] }))
        .await
        .problem(422, "scopes_beyond_own");
    let runner = runner(&admin, json!(["test"])).await;
    make(&runner, json!(["secrets:inject"]), json!({ "environments": ["test"] })).await.problem(403, "forbidden");
    // A member who is a user has it by no token; an admin can.
    for (role, status) in [("user", 422), ("admin", 201)] {
        admin.put(&format!("/api/v1/members/{role}"), json!({ "role": role })).await.expect(201);
        let made =
            make(&admin, json!(["secrets:inject"]), json!({ "member": role, "environments": ["production"] })).await;
        assert_eq!(made.status, status, "{}", made.text());
        if status == 201 {
            let member = admin.with_token(str(&made.json()["token"]));
            assert_eq!(inject(&member, "production", npm()).await.expect(200).json()["secrets"][0]["value"], "value");
            admin.put("/api/v1/members/admin", json!({ "role": "user" })).await.expect(200);
            inject(&member, "production", npm()).await.problem(403, "forbidden");
        }
    }
    let denied: Vec<_> = admin
        .items("/api/v1/audit?action=secret.inject")
        .await
        .into_iter()
        .filter(|item| item["event"]["outcome"] == "denied")
        .collect();
    assert_eq!(denied.len(), 3, "two of admins and one of a member; the other account has its own log: {denied:?}");
}

/// Accounts are real: the same environment's name in another account is another environment.
#[tokio::test(flavor = "multi_thread")]
async fn another_accounts_environment_is_another() {
    let app = App::start();
    let (alpha, beta) = (app.account("alpha").await, app.account("beta").await);
    alpha.put_secret("KEY", "value-of-alpha").await;
    beta.put_secret("KEY", "value-of-beta").await;
    let runner = runner(&beta, json!(["production"])).await;
    assert_eq!(inject(&runner, "production", npm()).await.expect(200).json()["secrets"][0]["value"], "value-of-beta");
    assert_eq!(alpha.items("/api/v1/audit?action=secret.inject").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_and_open_connections_get_nothing() {
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("KEY", "value-that-stays-0123").await;
    let runner = runner(&admin, json!(["production"])).await;
    let request = || runner.request("POST", "/api/v1/environments/production/inject").json(&npm());
    let own = app.server.url();
    for answer in [
        runner.send(request()).await,
        runner.send(request().header("sec-tresor-no-browsers", "yes")).await,
        runner.send(request().header("sec-tresor-no-browsers", "1").header("origin", &own)).await,
        runner.send(request().header("sec-tresor-no-browsers", "1").header("cookie", "a=b")).await,
        runner.send(request().header("sec-tresor-no-browsers", "1").header("sec-fetch-site", "same-origin")).await,
        runner.send(request().header("sec-tresor-no-browsers", "1").header("referer", &own)).await,
    ] {
        answer.problem(403, "browser_refused");
    }
    for protocol in ["http", "https"] {
        let forwarded = request().header("sec-tresor-no-browsers", "1").header("x-forwarded-proto", protocol);
        runner.send(forwarded).await.problem(403, "transport_insecure");
    }
    assert_eq!(admin.items("/api/v1/audit?action=secret.inject").await.len(), 0);
    assert!(!String::from_utf8_lossy(&app.transcript()).contains("value-that-stays"), "a value was answered");
    inject(&runner, "production", npm()).await.expect(200);
}
