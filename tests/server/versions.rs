//! Versions: every put is one, with who and why; none is confused with another; identical values make none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::api::{App, Client, str};
use crate::database::Database;

const SECRET: &str = "/api/v1/secrets/KEY";
const A: &str = "value-a-0123456789-0123456789";
const B: &str = "value-b-0123456789-0123456789";

async fn put(client: &Client, body: Value) -> Value {
    let answer = client.put(SECRET, body).await;
    assert!(answer.status == 200 || answer.status == 201, "{answer:?}");
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_put_is_a_version_with_who_and_why() {
    let app = App::start();
    let admin = app.admin();
    let ci =
        admin.post("/api/v1/tokens", json!({ "name": "ci", "scopes": ["secrets:write"] })).await.expect(201).json();
    let ci = admin.with_token(str(&ci["token"]));
    let first = put(&admin, json!({ "value": A, "version_note": "the first", "note": "of the secret" })).await;
    assert_eq!((&first["outcome"], &first["version"]), (&json!("new"), &json!(1)));
    let second = put(&ci, json!({ "value": B, "version_note": "a \"leak\" <b>", "rotate_by": "2031-02-03" })).await;
    assert_eq!(
        (&second["outcome"], &second["version"], &second["note"]),
        (&json!("changed"), &json!(2), &json!("of the secret"))
    );
    assert_eq!(second["rotate_by"], "2031-02-03T23:59:59.000Z");
    let versions = admin.items("/api/v1/secrets/KEY/versions").await;
    let told =
        |version: &Value| json!([version["version"], version["note"], version["created_by"], version["current"]]);
    assert_eq!(
        versions.iter().map(told).collect::<Vec<_>>(),
        [json!([2, "a \"leak\" <b>", "ci", true]), json!([1, "the first", "admin", false])]
    );
    // What was said of one value does not stick to the next.
    let third = put(&admin, json!({ "value": A })).await;
    assert_eq!((&third["outcome"], &third["version"], third.get("rotate_by")), (&json!("changed"), &json!(3), None));
    let back = admin.post("/api/v1/secrets/KEY/activate", json!({ "version": 2 })).await.expect(200).json();
    assert_eq!((&back["version"], &back["rotate_by"]), (&json!(2), &second["rotate_by"]));
    // Pages of them, for a secret that was put often.
    let page = admin.get("/api/v1/secrets/KEY/versions?limit=2").await.expect(200).json();
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next_cursor"]), (2, &json!("2")));
    let page = admin.get("/api/v1/secrets/KEY/versions?limit=2&cursor=2").await.expect(200).json();
    assert_eq!((&page["items"][0]["version"], page.get("next_cursor")), (&json!(1), None));
    admin.get("/api/v1/secrets/KEY/versions?cursor=x").await.problem(422, "cursor_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identical_value_makes_no_version_and_says_so() {
    let app = App::start();
    let admin = app.admin();
    put(&admin, json!({ "value": A, "delivery": "brokered", "hosts": ["api.example.com"] })).await;
    let events = admin.events().await.len();
    let tag = admin.get(SECRET).await.header("etag").to_owned();
    let same = put(&admin, json!({ "value": A })).await;
    assert_eq!((&same["outcome"], &same["version"]), (&json!("same"), &json!(1)));
    let answer = admin.get(SECRET).await.expect(200);
    assert_eq!((answer.header("etag"), &answer.json()["updated_at"]), (tag.as_str(), &same["updated_at"]));
    let all = admin.events().await;
    assert_eq!(
        (all.len(), &all[events]["details"]["outcome"]),
        (events + 1, &json!("same")),
        "that it was told is on record"
    );

    // Other settings with the same value: no version, but another state.
    let settings =
        put(&admin, json!({ "value": A, "hosts": ["api.example.org"], "note": "n", "rotate_after_days": 30 })).await;
    assert_eq!(
        (&settings["outcome"], &settings["version"], &settings["hosts"]),
        (&json!("settings"), &json!(1), &json!(["api.example.org"]))
    );
    let stale = admin.request("PUT", SECRET).header("if-match", &tag).json(&json!({ "value": B }));
    admin.send(stale).await.problem(412, "version_mismatch");
    // The version goes where it was said last, when it is activated again.
    put(&admin, json!({ "value": B, "delivery": "env" })).await;
    let back = admin.post("/api/v1/secrets/KEY/activate", json!({ "version": 1 })).await.expect(200).json();
    assert_eq!((&back["delivery"], &back["hosts"]), (&json!("brokered"), &json!(["api.example.org"])));
    // An older value is no identical one: it is put on purpose.
    let older = put(&admin, json!({ "value": B })).await;
    assert_eq!((&older["outcome"], &older["version"]), (&json!("changed"), &json!(3)));
    assert_eq!(admin.items("/api/v1/secrets/KEY/versions").await.len(), 3);

    // The same value elsewhere is another secret's.
    admin.put("/api/v1/secrets/OTHER", json!({ "value": B })).await.expect(201);
    let beta = app.account("beta").await;
    let made = beta.put(SECRET, json!({ "value": B })).await.expect(201).json();
    assert_eq!(made["outcome"], "new");
    let mut database = Database::open(&app.server).await;
    let prints =
        database.number("SELECT count(DISTINCT fingerprint) FROM secret_versions WHERE fingerprint IS NOT NULL").await;
    assert_eq!(prints, 3, "two values of one account, and one of them of another account, under its own key");
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_change_without_the_value_but_not_where_it_goes() {
    let app = App::start();
    let admin = app.admin();
    admin.call("PATCH", SECRET, Some(&json!({ "note": "x" }))).await.problem(404, "not_found");
    put(&admin, json!({ "value": A, "rotate_after_days": 30, "rotate_by": "2031-01-01T00:00:00Z", "note": "old" }))
        .await;
    let change = async |body: Value| admin.call("PATCH", SECRET, Some(&body)).await;
    let tag = admin.get(SECRET).await.header("etag").to_owned();
    let changed = change(json!({ "note": "new", "version_note": "why", "rotate_after_days": null })).await.expect(200);
    assert_ne!(changed.header("etag"), tag);
    let secret = changed.json();
    assert_eq!(
        (&secret["note"], secret.get("rotate_after_days"), &secret["version"]),
        (&json!("new"), None, &json!(1))
    );
    assert_eq!(secret["rotate_by"], "2031-01-01T00:00:00.000Z", "left out is left alone");
    assert_eq!(admin.items("/api/v1/secrets/KEY/versions").await[0]["note"], "why");
    let stale = admin.request("PATCH", SECRET).header("if-match", &tag).json(&json!({ "note": "z" }));
    admin.send(stale).await.problem(412, "version_mismatch");
    let before = admin.state().await;
    for body in [
        json!({ "delivery": "brokered" }),
        json!({ "hosts": ["evil.example"] }),
        json!({ "value": B }),
        json!({ "environment": "production", "version": 1 }),
    ] {
        change(body).await.problem(422, "json_invalid");
    }
    change(json!({ "note": "n".repeat(1_001) })).await.problem(422, "note_too_long");
    change(json!({ "rotate_by": "soon" })).await.problem(422, "time_invalid");
    change(json!({ "rotate_after_days": 3_651 })).await.problem(422, "out_of_range");
    change(json!({ "note": "new" })).await.expect(200);
    assert_eq!(admin.state().await, before, "and what is so already leaves no event");
    let cleared = change(json!({ "rotate_by": null, "note": "" })).await.expect(200).json();
    assert_eq!((cleared.get("rotate_by"), &cleared["note"]), (None, &json!("")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroyed_version_is_gone_for_good() {
    let app = App::start();
    let admin = app.admin();
    put(&admin, json!({ "value": A, "version_note": "leaked" })).await;
    put(&admin, json!({ "value": B })).await;
    let destroy = async |version: u64| admin.post("/api/v1/secrets/KEY/destroy", json!({ "version": version })).await;
    let refused = destroy(2).await.problem(409, "in_use");
    assert!(str(&refused["detail"]).contains("is the current one"), "{refused}");
    destroy(3).await.problem(404, "not_found");
    let gone = destroy(1).await.expect(200).json();
    assert!(gone["destroyed_at"].is_string(), "{gone}");
    assert_eq!((&gone["version"], &gone["note"], &gone["current"]), (&json!(1), &json!("leaked"), &json!(false)));
    let mut database = Database::open(&app.server).await;
    let left = "SELECT count(*) FROM secret_versions WHERE version = 1 AND ciphertext IS NULL AND fingerprint IS NULL";
    assert_eq!(database.number(left).await, 1);
    database.close().await;
    admin.post("/api/v1/secrets/KEY/activate", json!({ "version": 1 })).await.problem(409, "version_destroyed");
    let events = admin.events().await;
    assert_eq!(destroy(1).await.expect(200).json()["destroyed_at"], gone["destroyed_at"], "again is no change");
    assert_eq!(admin.events().await, events);
    assert_eq!(events.last().unwrap()["action"], "secret.destroy");
    assert_eq!(put(&admin, json!({ "value": A })).await["version"], 3, "the number stays taken");
}

/// A secret that was deleted leaves its tombstone in the audit log. What is put under its name later is another secret, whose
/// numbers go on: neither an old tag nor an old ciphertext passes for one of it, and `KEY version 2` means one value for ever.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_go_on_after_a_deletion_and_nothing_old_fits() {
    let app = App::start();
    let admin = app.admin();
    put(&admin, json!({ "value": A })).await;
    put(&admin, json!({ "value": B })).await;
    admin.post("/api/v1/secrets/KEY/activate", json!({ "version": 1 })).await.expect(200);
    let tag = admin.get(SECRET).await.header("etag").to_owned();
    let mut database = Database::open(&app.server).await;
    database.run("CREATE TABLE kept AS SELECT * FROM secret_versions").await;
    admin.delete(SECRET).await.expect(204);
    assert_eq!(
        database.number("SELECT (SELECT count(*) FROM secrets) + (SELECT count(*) FROM secret_versions)").await,
        0
    );
    let tombstone = admin.events().await.pop().unwrap();
    assert_eq!((&tombstone["action"], &tombstone["resource"]["name"]), (&json!("secret.delete"), &json!("KEY")));
    assert_eq!((&tombstone["details"]["version"], &tombstone["details"]["next_version"]), (&json!("1"), &json!("3")));

    // In no environment does the number come again.
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    let there = put(&admin, json!({ "value": A, "environment": "test" })).await;
    let again = put(&admin, json!({ "value": A })).await;
    assert_eq!((&there["version"], &again["version"], &again["outcome"]), (&json!(3), &json!(3), &json!("new")));
    let stale = admin.request("PUT", SECRET).header("if-match", &tag).json(&json!({ "value": B }));
    admin.send(stale).await.problem(412, "version_mismatch");
    admin.post("/api/v1/secrets/KEY/activate", json!({ "version": 1 })).await.problem(404, "not_found");
    // Who can write to the database puts the old ciphertext in the new one's place: it does not decrypt.
    admin.deploy("show", "Deno.serve(() => new Response(Deno.env.get('KEY')))", json!({})).await;
    assert_eq!(admin.get("/functions/v1/show").await.expect(200).text(), A);
    database
        .change(
            1,
            "UPDATE secret_versions SET ciphertext = (SELECT ciphertext FROM kept WHERE version = 2) WHERE version = 3 AND \
             secret_id = (SELECT id FROM secrets WHERE environment = 'production')",
        )
        .await;
    database.close().await;
    admin.put("/api/v1/secrets/UNRELATED", json!({ "value": "makes a new worker" })).await.expect(201);
    let broken = admin.get("/functions/v1/show").await;
    assert_eq!(broken.status, 500, "{broken:?}");
    admin.delete("/api/v1/secrets/KEY?environment=test").await.expect(204);
    admin.delete(SECRET).await.expect(204);
    assert_eq!(put(&admin, json!({ "value": B })).await["version"], 4);
}

/// Many people read, think and put: each put that went through was made on what its author had seen.
#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_puts_none_overwrites_what_its_author_did_not_see() {
    const CLIENTS: usize = 16;
    const PUTS: usize = 8;
    let app = App::start();
    let admin = app.admin();
    put(&admin, json!({ "value": "value-of-nobody-0" })).await;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let admin = admin.clone();
            tokio::spawn(async move {
                let (mut done, mut refused) = (Vec::new(), 0);
                while done.len() < PUTS {
                    let seen = admin.get(SECRET).await.expect(200);
                    let based_on = seen.json()["version"].as_u64().unwrap();
                    let value = format!("value-of-{client}-after-{based_on}-0123456789");
                    let request = admin.request("PUT", SECRET).header("if-match", seen.header("etag"));
                    let answer = admin.send(request.json(&json!({ "value": value }))).await;
                    match answer.status {
                        200 => done.push((based_on, answer.json()["version"].as_u64().unwrap())),
                        _ => {
                            answer.problem(412, "version_mismatch");
                            refused += 1;
                        }
                    }
                }
                (done, refused)
            })
        })
        .collect();
    let (mut numbers, mut refusals) = (BTreeSet::new(), 0);
    for client in clients {
        let (done, refused) = client.await.unwrap();
        refusals += refused;
        for (based_on, version) in done {
            assert_eq!(version, based_on + 1, "somebody else's version was overwritten unseen");
            assert!(numbers.insert(version), "version {version} was given twice");
        }
    }
    assert_eq!(numbers, (2..2 + (CLIENTS * PUTS) as u64).collect());
    assert!(refusals > 0, "the clients never met, so this shows nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_tells_what_may_be_wrong_and_never_the_value() {
    let app = App::start();
    let admin = app.admin();
    let codes = async |name: &str, body: Value| -> Vec<String> {
        let stored = admin.put(&format!("/api/v1/secrets/{name}"), body).await.json();
        stored["warnings"].as_array().into_iter().flatten().map(|warning| str(&warning["code"]).to_owned()).collect()
    };
    // Put together here, so that no scanner of secrets takes them for keys.
    let stripe = |mode: &str| format!("sk_{mode}_{}", "0aB1".repeat(6));
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    assert_eq!(codes("STRIPE_SECRET_KEY", json!({ "value": stripe("test") })).await, ["test_key_in_production"]);
    assert_eq!(codes("STRIPE_SECRET_KEY", json!({ "value": stripe("live") })).await, [] as [&str; 0]);
    assert_eq!(
        codes("STRIPE_SECRET_KEY", json!({ "value": stripe("live") + "x", "environment": "test" })).await,
        ["live_key_in_test"]
    );
    assert_eq!(
        codes("STRIPE_SECRET_KEY", json!({ "value": stripe("test"), "environment": "test" })).await,
        [] as [&str; 0]
    );
    assert_eq!(
        codes("STRIPE_SECRET_KEY", json!({ "value": format!(" {}", stripe("live")) })).await,
        ["surrounding_whitespace"]
    );
    assert_eq!(
        codes("NEXT_PUBLIC_API_SECRET", json!({ "value": "7Jc0-notes-of-nothing" })).await,
        ["browser_exposed_name"]
    );
    // An identical value is told the same, and a repeat too.
    assert_eq!(
        codes("NEXT_PUBLIC_API_SECRET", json!({ "value": "7Jc0-notes-of-nothing" })).await,
        ["browser_exposed_name"]
    );
    let secret = admin.get("/api/v1/secrets/NEXT_PUBLIC_API_SECRET").await.expect(200).json();
    assert_eq!(
        secret["findings"],
        json!(["browser_exposed_name"]),
        "kept, so that nothing must be decrypted to tell it"
    );
    let transcript = String::from_utf8(app.transcript()).unwrap();
    assert!(!transcript.contains(&stripe("live")) && !transcript.contains("notes-of-nothing"));
}
