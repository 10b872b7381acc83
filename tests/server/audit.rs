//! Invariants 2 and 3: no change without its event, and no change of the log without its being found.

use serde_json::{Value, json};

use crate::api::{App, Client, str};
use crate::database::Database;
use crate::operations::{Documented, Names, VALUE, documented};
use crate::rotations::failed_rotation;

async fn ask(admin: &Client, name: &str) -> Value {
    admin.post("/api/v1/secret-requests", json!({ "name": name, "reason": "to test" })).await.expect(201).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_leaves_one_event() {
    let app = App::start();
    let admin = app.admin();
    let token = admin.post("/api/v1/tokens", json!({ "name": "ci", "scopes": ["admin"] })).await.expect(201).json();
    let mut names = Names {
        secret: "KEY".into(),
        environment: "production".into(),
        function: "fn".into(),
        token: str(&token["id"]).to_owned(),
        request: str(&ask(&admin, "DECLINED_KEY").await["id"]).to_owned(),
        people: "people".into(),
        invocation: "0".into(),
        rotation: String::new(),
        new: "new-name".into(),
    };
    let all = documented(&admin).await;
    // What the others act on comes first; what ends them, last.
    let order = [
        "put_environment",
        "clone_environment",
        "put_secret",
        "change_secret",
        "import_secrets",
        "import_secret_structure",
        "create_secret_request",
        "decline_secret_request",
        "cancel_secret_request",
        "put_settings",
        "rotate_account_key",
        "deploy_function",
        "put_issuer",
        "put_member",
        "put_group",
        "put_webhook",
        "test_webhook",
        "rotate_webhook",
        "create_token",
        "create_account",
        "create_login_link",
        "activate_secret",
        "put_rotator",
        "rotate_secret",
        "retry_rotation",
        "cancel_rotation",
        "delete_rotator",
        "share_secret",
        "check_secret",
        "check_value",
        "find_digests",
        "rollback_function",
        "destroy_secret_version",
        "delete_secret",
        "delete_environment",
        "delete_function",
        "delete_webhook",
        "delete_group",
        "delete_member",
        "delete_issuer",
        "revoke_token",
    ];
    for documented in all.iter().filter(|documented| documented.changes() && !for_no_admin(documented)) {
        assert!(
            order.contains(&documented.operation.id),
            "{} changes something: give it a place here",
            documented.operation.id
        );
    }
    for id in order {
        let documented = all.iter().find(|documented| documented.operation.id == id).unwrap();
        let operation = documented.operation;
        let environment = match id {
            "put_environment" | "clone_environment" => "test",
            "share_secret" => "staging",
            "delete_environment" => "new-name",
            _ => "production",
        };
        environment.clone_into(&mut names.environment);
        if id == "share_secret" {
            admin.put("/api/v1/environments/staging", json!({})).await.expect(201);
            let value = json!({ "value": "the value to share 0123456789", "environment": "test" });
            admin.put("/api/v1/secrets/KEY", value).await.expect(201);
        }
        if id == "retry_rotation" {
            // The function makes no values.
            names.rotation = failed_rotation(&admin, "KEY", "production").await;
        }
        if id == "cancel_secret_request" {
            names.request = str(&ask(&admin, "CANCELLED_KEY").await["id"]).to_owned();
        }
        if id == "destroy_secret_version" {
            // The current version cannot be destroyed.
            admin.put_secret("KEY", "another value 0123456789").await;
        }
        let before = admin.events().await.len();
        let answer = documented.ask(&admin, &names).await;
        assert!((200..300).contains(&answer.status), "{id}: {}", answer.text());
        let mut events = admin.events().await.split_off(before);
        // What a rotation comes to is told when it comes to it.
        events.retain(|event| event["actor"]["kind"] != "rotator");
        assert_eq!(events.len(), 1, "{id} left {events:?}");
        let event = &events[0];
        let id_of_key = str(&event["resource"]["name"]).to_owned();
        let name = match operation.action.split('.').next().unwrap() {
            _ if id == "find_digests" => "",
            "secret_request" if id == "decline_secret_request" => "DECLINED_KEY",
            "secret_request" if id == "cancel_secret_request" => "CANCELLED_KEY",
            "secret" if ["import_secrets", "import_secret_structure"].contains(&id) => "",
            "secret" | "secret_request" | "rotator" | "rotation" => "KEY",
            "function" => "fn",
            _ if id == "delete_environment" => "new-name",
            "environment" => "test",
            "member" | "group" | "issuer" | "webhook" => "people",
            "session" | "settings" => "",
            // Whatever it is called.
            "key" => &id_of_key,
            _ if id == "revoke_token" => "",
            _ => "new-name",
        };
        assert_eq!(
            (&event["action"], &event["outcome"], str(&event["resource"]["name"])),
            (&json!(operation.action), &json!("done"), name),
            "{id}"
        );
        assert_eq!((&event["actor"]["kind"], &event["actor"]["name"]), (&json!("token"), &json!("admin")), "{id}");
        assert_eq!(str(&event["request_id"]), answer.header("x-request-id"), "{id}");
        assert_eq!(
            event.get("environment").map(str),
            // One that is declined is in the environment that it was made for.
            (documented.takes_environment || event["resource"]["kind"] == "secret_request")
                .then_some(names.environment.as_str()),
            "{id}: {event}"
        );
        assert!(!event.to_string().contains(VALUE), "{id}: {event}");
        if id == "revoke_token" {
            assert_eq!(
                (str(&event["details"]["token_id"]), &event["details"]["name"]),
                (names.token.as_str(), &json!("ci"))
            );
        }
    }
    // Asking changes nothing, and repeating what is done leaves no second event.
    let before = admin.events().await.len();
    for documented in all.iter().filter(|documented| !documented.changes()) {
        documented.ask(&admin, &names).await;
    }
    admin.put("/api/v1/environments/test", json!({})).await.expect(200);
    admin.delete(&format!("/api/v1/tokens/{}", names.token)).await.expect(204);
    assert_eq!(admin.events().await.len(), before);
    // The new account's log is its own: here are the put, the change of settings, the one to share and the one before the
    // destruction.
    let listed = admin.get("/api/v1/audit?action=secret.put&resource=KEY").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 4);
}

/// No admin token holds its scope; `inject.rs` tries it with one that does.
fn for_no_admin(documented: &Documented) -> bool {
    documented.operation.id == "inject_environment"
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_does_not_happen() {
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("KEY", "the value before it 0123456789").await;
    admin.put_secret("KEY", "the value that stays 0123456789").await;
    admin.deploy("show", "Deno.serve(() => new Response(Deno.env.get('KEY')))", json!({})).await;
    for name in ["staging", "test"] {
        admin.put(&format!("/api/v1/environments/{name}"), json!({})).await.expect(201);
    }
    let value = json!({ "value": "the value of test 0123456789", "environment": "test" });
    admin.put("/api/v1/secrets/KEY", value).await.expect(201);
    let issuer =
        json!({ "issuer": "https://other.example", "audience": "a", "algorithms": ["HS256"], "secret": "KEY" });
    admin.put("/api/v1/issuers/people", issuer).await.expect(201);
    let webhook = json!({ "url": "https://other.invalid/", "events": ["secret_request.created"] });
    admin.put("/api/v1/webhooks/people", webhook).await.expect(201);
    admin.put("/api/v1/members/people", json!({ "role": "admin" })).await.expect(201);
    admin.put("/api/v1/groups/people", json!({ "members": ["people"] })).await.expect(201);
    let asked = ask(&admin, "OTHER_KEY").await;
    for name in ["FAILED_KEY", "IDLE_KEY"] {
        admin.put_secret(name, "the value that stays as well 0123456789").await;
        let rotator = json!({ "kind": "function", "function": "show" });
        admin.put(&format!("/api/v1/secrets/{name}/rotator"), rotator).await.expect(201);
    }
    let rotation = failed_rotation(&admin, "FAILED_KEY", "production").await;
    let before = admin.state().await;
    let mut database = Database::open(&app.server).await;
    database.run("CREATE TRIGGER no_events BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'the disk of the audit log is full'); END").await;
    let names = Names {
        secret: "KEY".into(),
        environment: "production".into(),
        function: "show".into(),
        token: "0".into(),
        request: str(&asked["id"]).to_owned(),
        people: "people".into(),
        invocation: "0".into(),
        rotation,
        new: "new-name".into(),
    };
    let mut tried = 0;
    for documented in documented(&admin).await.iter().filter(|it| it.changes() && !for_no_admin(it)) {
        let mut names = names.clone();
        match documented.operation.id {
            "put_environment" => names.environment = "another".to_owned(),
            "rotate_secret" => names.secret = "IDLE_KEY".to_owned(),
            "retry_rotation" | "cancel_rotation" | "delete_rotator" => names.secret = "FAILED_KEY".to_owned(),
            "share_secret" | "delete_environment" => names.environment = "staging".to_owned(),
            _ => {}
        }
        if documented.operation.id == "revoke_token" {
            names.token = str(&admin.items("/api/v1/tokens").await[0]["id"]).to_owned();
        }
        let problem = documented.ask(&admin, &names).await.problem(500, "internal");
        assert!(!problem.to_string().contains("disk of the audit log"), "{problem}");
        tried += 1;
    }
    assert!(tried >= 17, "{tried}");
    // A refusal that cannot be recorded is still a refusal.
    assert_eq!(admin.state().await, before);
    assert_eq!(admin.get("/functions/v1/show").await.expect(200).text(), "the value that stays 0123456789");
    database.run("DROP TRIGGER no_events").await;
    database.close().await;
    admin.put_secret("KEY", "the value that is new 0123456789").await;
    assert_eq!(admin.get("/functions/v1/show").await.expect(200).text(), "the value that is new 0123456789");
    app.server.run(&["audit", "verify"]).ok();
    let log = app.server.stderr_text();
    assert!(log.contains("the disk of the audit log is full"), "the operator learns nothing: {log}");
}

/// A server with some history, which verifies.
async fn with_history() -> App {
    let app = App::start();
    for n in 0..12 {
        app.admin().put_secret("KEY", &format!("value number {n:04}")).await;
    }
    app.server.run(&["audit", "verify"]).ok();
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_with_stored_events_is_found() {
    for (what, rows, tamper) in [
        (
            "a changed event",
            1,
            "UPDATE audit_events SET body = replace(body, '\"name\":\"admin\"', '\"name\":\"nobod\"') WHERE idx = 6",
        ),
        ("a removed event", 1, "DELETE FROM audit_events WHERE idx = 6"),
        ("a removed newest event", 1, "DELETE FROM audit_events WHERE idx = (SELECT max(idx) FROM audit_events)"),
        (
            "two events in the other order",
            2,
            "UPDATE audit_events SET body = (SELECT other.body FROM audit_events AS other WHERE other.idx = 13 - audit_events.idx) WHERE idx IN (6, 7)",
        ),
        (
            "a changed leaf and event",
            1,
            "UPDATE audit_events SET body = replace(body, 'secret.put', 'secret.get'), leaf = zeroblob(32) WHERE idx = 6",
        ),
        ("a log that was cut", 1, "UPDATE audit_logs SET size = size - 1"),
        ("a log that was begun anew", 1, "UPDATE audit_logs SET size = 0, frontier = x''"),
    ] {
        let app = with_history().await;
        let mut database = Database::open(&app.server).await;
        database.change(rows, tamper).await;
        database.close().await;
        // First as it stands, then with more history on top.
        for more in [false, true] {
            if more {
                // A server that sees for itself that its log is broken may refuse to go on.
                let put = app.admin().put("/api/v1/secrets/KEY", json!({ "value": "on top of it" })).await;
                assert!(put.status == 200 || put.status == 500, "{what}: {}", put.text());
            }
            let verified = app.server.run(&["audit", "verify"]);
            assert_eq!(verified.code, 1, "{what}, more: {more}: {verified:?}");
        }
    }
}

/// What the server signs next must continue what it signed last: it never signs two histories.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_cut_well_is_not_signed_again() {
    let app = with_history().await;
    let admin = app.admin();
    let mut database = Database::open(&app.server).await;
    database.run("CREATE TABLE before AS SELECT * FROM audit_logs").await;
    admin.put_secret("KEY", "the value that nobody shall know of").await;
    let signed = admin.get("/api/v1/audit/checkpoint").await.expect(200).json();
    // Everything as it was before, but for the checkpoint.
    database.change(1, "DELETE FROM audit_events WHERE idx = (SELECT max(idx) FROM audit_events)").await;
    database
        .change(1, "UPDATE audit_logs SET size = (SELECT size FROM before), frontier = (SELECT frontier FROM before)")
        .await;
    for rewritten in [false, true] {
        if rewritten {
            admin.put_secret("KEY", "another value in its place").await;
            let size = database.number("SELECT size FROM audit_logs").await;
            assert_eq!(u64::try_from(size).unwrap(), signed["size"].as_u64().unwrap());
        }
        admin.get("/api/v1/audit/checkpoint").await.problem(500, "internal");
        admin.get("/api/v1/audit/export").await.problem(500, "internal");
    }
    database.close().await;
    assert!(
        app.server.stderr_text().contains("does not continue its last signed checkpoint"),
        "{}",
        app.server.stderr_text()
    );
}

/// Restoring an older copy of the whole database is not prevented, but found by whoever kept a checkpoint.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_database_is_found_by_a_kept_checkpoint() {
    let mut app = with_history().await;
    assert_eq!(app.server.stop(), 0);
    let database = app.server.data_dir().join("tresor.db");
    let older = std::fs::read(&database).unwrap();
    // At one address, since clients remember what they saw by it.
    let address = app.server.address();
    let listen = ["--listen", address.as_str()];
    let app = app.restart(|_| {}, &listen);
    app.admin().put_secret("KEY", "the value that will be lost").await;
    let kept = app.server.home().join("kept.json");
    std::fs::write(&kept, &app.admin().get("/api/v1/audit/checkpoint").await.expect(200).body).unwrap();
    let check = |app: &App| {
        let export = app.server.home().join("export.jsonl");
        app.server.run(&["audit", "export", export.to_str().unwrap()]).ok();
        let offline = |more: &[&str]| app.server.run(&[&["audit", "verify", export.to_str().unwrap()], more].concat());
        (
            app.server.run(&["audit", "verify"]).code,
            offline(&["--checkpoint", kept.to_str().unwrap()]).code,
            offline(&[]).code,
        )
    };
    assert_eq!(check(&app), (0, 0, 0));

    let app = app.restart(
        |server| {
            assert_eq!(server.stop(), 0);
            std::fs::write(&database, &older).unwrap();
        },
        &listen,
    );
    // Alone it is whole: it is only not the log that went on.
    assert_eq!(check(&app), (1, 1, 0), "as it was restored");
    app.admin().put_secret("KEY", "another value in its place").await;
    assert_eq!(check(&app), (1, 1, 0), "with another history of the same length");
    app.admin().put_secret("KEY", "and more").await;
    assert_eq!(check(&app), (1, 1, 0), "with a longer history");
}
