//! Accounts are real: another account's names and ids are worth exactly as much as names of nothing.

use serde_json::{Value, json};

use crate::api::{Answer, App, Client, str};
use crate::operations::{Names, documented};
use crate::rotations::failed_rotation;

/// An account with one of everything, in `production` and in an environment of its own.
async fn rich(app: &App) -> (Client, Names) {
    let owner = app.account("alpha").await;
    owner.put("/api/v1/environments/staging", json!({})).await.expect(201);
    for environment in ["production", "staging"] {
        for value in ["first-value-of-alpha-0123456789", "second-value-of-alpha-0123456789"] {
            owner.put("/api/v1/secrets/ALPHA_KEY", json!({ "value": value, "environment": environment })).await;
        }
        let source =
            "Deno.serve(() => { console.log('alpha speaks'); return new Response(Deno.env.get('ALPHA_KEY')); })";
        owner.deploy("alpha-fn", source, json!({ "environment": environment })).await;
    }
    let issuer = json!({ "issuer": "https://alpha.example", "audience": "alpha", "algorithms": ["HS256"], "secret": "ALPHA_KEY" });
    owner.put("/api/v1/issuers/alpha-people", issuer).await.expect(201);
    let member = json!({ "issuer": "alpha-people", "subject": "alpha-subject" });
    owner.put("/api/v1/members/alpha-people", member).await.expect(201);
    owner.put("/api/v1/groups/alpha-people", json!({ "members": ["alpha-people"] })).await.expect(201);
    let webhook = json!({ "url": "https://alpha.example/hooks", "events": ["secret_request.created"] });
    owner.put("/api/v1/webhooks/alpha-people", webhook).await.expect(201);
    let asked = json!({ "name": "ALPHA_WANTED", "reason": "alpha wants it", "environment": "staging" });
    let asked = owner.post("/api/v1/secret-requests", asked).await.expect(201).json();
    let made =
        owner.post("/api/v1/tokens", json!({ "name": "alpha-ci", "scopes": ["admin"] })).await.expect(201).json();
    owner.get("/a/alpha/production/functions/v1/alpha-fn").await.expect(200);
    // One that makes no values.
    owner.deploy("alpha-rotator", "Deno.serve(() => new Response('ok'))", json!({ "environment": "staging" })).await;
    let rotator = json!({ "kind": "function", "function": "alpha-rotator", "environment": "staging" });
    owner.put("/api/v1/secrets/ALPHA_KEY/rotator", rotator).await.expect(201);
    let rotation = failed_rotation(&owner, "ALPHA_KEY", "staging").await;
    let invocation = str(&owner.invocations("alpha-fn", 1).await[0]["id"]).to_owned();
    let names = Names {
        secret: "ALPHA_KEY".into(),
        environment: "staging".into(),
        function: "alpha-fn".into(),
        token: str(&made["id"]).to_owned(),
        request: str(&asked["id"]).to_owned(),
        people: "alpha-people".into(),
        invocation,
        rotation,
        new: "new-name".into(),
    };
    (owner, names)
}

fn stranger() -> Names {
    Names {
        secret: "NOBODYS_KEY".into(),
        environment: "nowhere".into(),
        function: "nobodys-fn".into(),
        token: "0123456789abcdef0123456789abcdef".into(),
        request: "0123456789abcdef0123456789abcdef".into(),
        people: "nobodys-people".into(),
        invocation: "0123456789abcdef0123456789abcdef".into(),
        rotation: "0123456789abcdef0123456789abcdef".into(),
        new: "new-name".into(),
    }
}

/// What a caller learns from an answer: all but its own names, its ids and times.
fn learned(answer: &Answer) -> Value {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status >= 400 {
        return json!({ "status": answer.status, "code": body["code"], "detail": body["detail"], "errors": body["errors"] });
    }
    json!({ "status": answer.status, "items": body["items"].as_array().map(Vec::len) })
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_names_are_names_of_nothing() {
    let app = App::start();
    let (owner, theirs) = rich(&app).await;
    let before = owner.state().await;
    let logs = owner.get("/api/v1/functions/alpha-fn/logs").await.text();
    let second_mask = str(&owner.get("/api/v1/secrets/ALPHA_KEY").await.json()["mask"]).to_owned();
    let mut accounts = 0;
    for environment in [None, Some("production")] {
        for documented in &documented(&owner).await {
            let mut learnt = Vec::new();
            for names in [theirs.clone(), stranger()] {
                // A fresh account for each, so that nothing stays of what the one before made.
                accounts += 1;
                let other = app.account(&format!("beta-{accounts}")).await;
                let names = Names { environment: environment.map_or(names.environment, str::to_owned), ..names };
                let answer = documented.ask(&other, &names).await;
                let text = answer.text();
                // Its own requests bring names of the other's with them; these are in no request.
                let told = [
                    "of-alpha",
                    "alpha-ci",
                    "alpha wants",
                    "alpha.example",
                    "alpha-subject",
                    "/a/alpha/",
                    "speaks",
                    &second_mask,
                ]
                .into_iter()
                .find(|mark| text.contains(mark));
                assert_eq!(told, None, "{}: {text}", documented.operation.id);
                learnt.push(learned(&answer));
            }
            assert_eq!(
                learnt[0], learnt[1],
                "{}: another account's names are told from names of nothing",
                documented.operation.id
            );
        }
    }
    assert_eq!(owner.state().await, before, "another account changed this one");
    assert_eq!(owner.get("/api/v1/functions/alpha-fn/logs").await.text(), logs);
    assert_eq!(owner.items("/api/v1/functions/alpha-fn/invocations").await.len(), 1);
}

/// Ids of another account's things below names of one's own.
#[tokio::test(flavor = "multi_thread")]
async fn anothers_ids_below_ones_own_names() {
    let app = App::start();
    let (owner, theirs) = rich(&app).await;
    let other = app.account("beta").await;
    // The same names hold other things here.
    other.put_secret("ALPHA_KEY", "value-of-beta-0123456789-0123").await;
    other.deploy("alpha-fn", "Deno.serve(() => new Response(Deno.env.get('ALPHA_KEY')))", json!({})).await;
    for id in [theirs.invocation.as_str(), &stranger().invocation] {
        other.get(&format!("/api/v1/functions/alpha-fn/invocations/{id}/logs")).await.problem(404, "not_found");
    }
    assert_eq!(
        other
            .get(&format!("/api/v1/functions/alpha-fn/invocations?cursor=9999999999999:{}", theirs.invocation))
            .await
            .json()["items"],
        json!([])
    );
    // Version and deployment 2 exist only there.
    other.post("/api/v1/secrets/ALPHA_KEY/activate", json!({ "version": 2 })).await.problem(404, "not_found");
    other.post("/api/v1/functions/alpha-fn/rollback", json!({ "number": 2 })).await.problem(404, "not_found");
    // One's own ETag is no other's.
    let etag = owner.get("/api/v1/secrets/ALPHA_KEY").await.header("etag").to_owned();
    let put = other.request("PUT", "/api/v1/secrets/ALPHA_KEY").header("if-match", etag).json(&json!({ "value": "x" }));
    other.send(put).await.problem(412, "version_mismatch");

    assert_eq!(
        other.get("/a/beta/production/functions/v1/alpha-fn").await.expect(200).text(),
        "value-of-beta-0123456789-0123"
    );
    assert_eq!(
        owner.get("/a/alpha/production/functions/v1/alpha-fn").await.expect(200).text(),
        "second-value-of-alpha-0123456789"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_knows_no_stranger() {
    let app = App::start();
    let (owner, _) = rich(&app).await;
    let other = app.account("beta").await;
    let mut answers = Vec::new();
    for path in [
        "/a/alpha/production/functions/v1/alpha-fn",
        "/a/alpha/staging/functions/v1/alpha-fn/below",
        "/a/alpha/production/functions/v1/nobodys-fn",
        "/a/alpha/nowhere/functions/v1/alpha-fn",
        "/a/nobody/production/functions/v1/alpha-fn",
        "/a/beta/production/functions/v1/alpha-fn",
        "/functions/v1/alpha-fn",
    ] {
        let answer = other.get(path).await;
        answer.problem(404, "not_found");
        assert_eq!(answer.header("x-tresor-invocation"), "", "{path}");
        answers.push(learned(&answer));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    // The operator's token is of another account too.
    app.admin().get("/a/alpha/production/functions/v1/alpha-fn").await.problem(404, "not_found");
    assert_eq!(owner.items("/api/v1/functions/alpha-fn/invocations").await.len(), 1, "a stranger's call was run");
    app.account("gamma").await.get("/metrics").await.problem(403, "forbidden");
}
