//! Environments: values of their own, or shared on purpose; what is where; names without values; and what goes with one.

use serde_json::{Value, json};

use crate::api::{App, Client, str};
use crate::database::Database;

const SECRET: &str = "/api/v1/secrets/KEY";
const SHARE: &str = "/api/v1/secrets/KEY/share";
const A: &str = "value-a-0123456789-0123456789";
const B: &str = "value-b-0123456789-0123456789";
const SHOW: &str = "Deno.serve(() => new Response(Deno.env.get('KEY') ?? 'nothing'))";

async fn environment(admin: &Client, name: &str) {
    admin.put(&format!("/api/v1/environments/{name}"), json!({})).await.expect(201);
}

async fn put(client: &Client, environment: &str, value: &str) -> Value {
    let answer = client.put(SECRET, json!({ "value": value, "environment": environment })).await;
    assert!(answer.status == 200 || answer.status == 201, "{answer:?}");
    answer.json()
}

async fn get(client: &Client, environment: &str) -> Value {
    client.get(&format!("{SECRET}?environment={environment}")).await.expect(200).json()
}

/// A function that shows its `KEY`, in production and these environments.
async fn deploy(admin: &Client, environments: &[&str]) {
    for environment in environments.iter().chain(&["production"]) {
        admin.deploy("show", SHOW, json!({ "access": "public", "environment": environment })).await;
    }
}

async fn shown(app: &App, environment: &str) -> String {
    app.anonymous().get(&format!("/a/default/{environment}/functions/v1/show")).await.expect(200).text()
}

async fn limited(admin: &Client, name: &str, environments: Value) -> Client {
    let body = json!({ "name": name, "scopes": ["admin"], "environments": environments });
    admin.with_token(str(&admin.post("/api/v1/tokens", body).await.expect(201).json()["token"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_value_is_one_value_in_several_environments() {
    let app = App::start();
    let admin = app.admin();
    environment(&admin, "staging").await;
    environment(&admin, "test").await;
    // Of the values that the function returns, nothing is told: the events are counted.
    admin.put("/api/v1/settings", json!({ "response_guard": "off" })).await.expect(200);
    put(&admin, "production", A).await;
    put(&admin, "staging", "the own value of staging").await;
    deploy(&admin, &["staging", "test"]).await;
    assert_eq!(shown(&app, "test").await, "nothing");
    for place in ["staging", "test"] {
        let shared = admin.post(SHARE, json!({ "environment": place })).await.expect(200).json();
        assert_eq!((&shared["state"], &shared["shared_from"]), (&json!("shared"), &json!("production")));
        assert_eq!((&shared["mask"], &shared["version"]), (&json!("valu****6789"), &json!(1)));
        assert_eq!(shown(&app, place).await, A, "from the next invocation on");
    }
    let event = admin.events().await.pop().unwrap();
    assert_eq!(
        (&event["action"], &event["environment"], &event["details"]["from"]),
        (&json!("secret.share"), &json!("test"), &json!("production"))
    );
    let events = admin.events().await;
    admin.post(SHARE, json!({ "environment": "test" })).await.expect(200);
    assert_eq!(admin.events().await, events, "again is no change");

    // Invariant 5, in each of them.
    put(&admin, "production", B).await;
    for place in ["production", "staging", "test"] {
        assert_eq!(shown(&app, place).await, B);
    }
    admin.post("/api/v1/secrets/KEY/activate", json!({ "version": 1 })).await.expect(200);
    assert_eq!((shown(&app, "staging").await, shown(&app, "test").await), (A.to_owned(), A.to_owned()));
    let invocation = &admin.invocations("show", 8).await[0];
    assert_eq!(invocation["versions"]["KEY"], 1, "the record tells whose version it was: {invocation}");
    assert!(get(&admin, "test").await["last_used_at"].is_string());

    // What others use cannot be taken from under them, and is said by name.
    let refused = admin.delete(SECRET).await.problem(409, "in_use");
    assert!(str(&refused["detail"]).contains("staging, test would lose the value of KEY"), "{refused}");
    // A put, and an older version of its own, end the sharing.
    let own = put(&admin, "test", B).await;
    assert_eq!((&own["state"], &own["outcome"], own.get("shared_from")), (&json!("set"), &json!("changed"), None));
    let old = json!({ "version": 1, "environment": "staging" });
    let old = admin.post("/api/v1/secrets/KEY/activate", old).await.expect(200).json();
    assert_eq!((&old["state"], old.get("shared_from")), (&json!("set"), None));
    assert_eq!(shown(&app, "staging").await, "the own value of staging");
    put(&admin, "production", "value-c-0123456789-0123456789").await;
    assert_eq!(
        (shown(&app, "staging").await, shown(&app, "test").await),
        ("the own value of staging".into(), B.into())
    );
    admin.delete(SECRET).await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shared_from_where_has_its_rules() {
    let app = App::start();
    let admin = app.admin();
    environment(&admin, "staging").await;
    environment(&admin, "test").await;
    admin.post(SHARE, json!({ "environment": "test" })).await.problem(404, "not_found");
    put(&admin, "staging", A).await;
    let before = admin.state().await;
    let share = async |body: Value| admin.post(SHARE, body).await;
    share(json!({ "environment": "production", "from": "staging" })).await.problem(422, "share_into_production");
    share(json!({ "environment": "test", "from": "test" })).await.problem(422, "share_with_itself");
    share(json!({ "environment": "nowhere", "from": "staging" })).await.problem(422, "environment_unknown");
    share(json!({ "environment": "test", "from": "nowhere" })).await.problem(404, "not_found");
    share(json!({ "from": "staging" })).await.problem(422, "json_invalid");
    assert_eq!(admin.state().await, before);
    // Whoever shares gives one environment's value to the other's functions: it takes leave in both.
    for (name, own, other) in [("only-test", "test", "staging"), ("only-staging", "staging", "test")] {
        let caller = limited(&admin, name, json!([own])).await;
        let refused = caller.post(SHARE, json!({ "environment": "test", "from": "staging" })).await;
        let problem = refused.problem(403, "forbidden");
        assert!(str(&problem["detail"]).contains(other), "{problem}");
        let event = admin.events().await.pop().unwrap();
        assert_eq!(
            (&event["action"], &event["outcome"], &event["environment"]),
            (&json!("secret.share"), &json!("denied"), &json!(other))
        );
    }
    share(json!({ "environment": "test", "from": "staging" })).await.expect(200);
    // No chains: one value, one place.
    environment(&admin, "qa").await;
    share(json!({ "environment": "qa", "from": "test" })).await.problem(422, "share_without_value");
    put(&admin, "production", B).await;
    share(json!({ "environment": "staging" })).await.problem(409, "in_use");
    // Its rotation is the other's matter; a note is its own.
    let change = async |body: Value| admin.call("PATCH", SECRET, Some(&body)).await;
    for field in
        [json!({ "rotate_after_days": 9 }), json!({ "rotate_by": "2031-01-01" }), json!({ "version_note": "x" })]
    {
        let mut body = field;
        body["environment"] = json!("test");
        change(body).await.problem(422, "no_own_value");
    }
    assert_eq!(change(json!({ "note": "x", "environment": "test" })).await.expect(200).json()["note"], "x");
}

/// Who can write to the database but has no key cannot give an environment another's value (invariant 4).
#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_the_server_did_not_make_opens_nothing() {
    let app = App::start();
    let admin = app.admin();
    environment(&admin, "test").await;
    put(&admin, "production", A).await;
    put(&admin, "test", B).await;
    admin.put("/api/v1/secrets/OTHER", json!({ "value": "other-in-production-0123456789" })).await.expect(201);
    admin.put("/api/v1/secrets/OTHER", json!({ "value": "other-in-test", "environment": "test" })).await.expect(201);
    admin.post("/api/v1/secrets/OTHER/share", json!({ "environment": "test" })).await.expect(200);
    deploy(&admin, &["test"]).await;
    assert_eq!(shown(&app, "test").await, B);
    let id =
        |name: &str, place: &str| format!("(SELECT id FROM secrets WHERE name = '{name}' AND environment = '{place}')");
    let (source, user, lender) = (id("KEY", "production"), id("KEY", "test"), id("OTHER", "test"));
    let mut database = Database::open(&app.server).await;
    for forged in [
        format!("UPDATE secrets SET source = {source} WHERE id = {user}"),
        format!("UPDATE secrets SET source_tag = x'00' WHERE id = {user}"),
        format!(
            "UPDATE secrets SET source_tag = (SELECT source_tag FROM secrets WHERE id = {lender}) WHERE id = {user}"
        ),
    ] {
        database.change(1, &forged).await;
        // Makes new workers.
        put(&admin, "production", A).await;
        let answer = app.anonymous().get("/a/default/test/functions/v1/show").await;
        assert_eq!(answer.status, 500, "{forged}: {answer:?}");
        assert!(!answer.text().contains("value-"), "{answer:?}");
    }
    database.close().await;
    put(&admin, "test", B).await;
    assert_eq!(shown(&app, "test").await, B);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_matrix_says_what_is_missing_where() {
    let app = App::start();
    let admin = app.admin();
    environment(&admin, "staging").await;
    environment(&admin, "test").await;
    put(&admin, "production", A).await;
    put(&admin, "test", B).await;
    admin.put("/api/v1/secrets/ONLY_STAGING", json!({ "value": "x", "environment": "staging" })).await.expect(201);
    admin.post(SHARE, json!({ "environment": "staging" })).await.expect(200);
    admin.post("/api/v1/environments/staging/clone", json!({ "to": "test" })).await.expect(200);
    deploy(&admin, &["test"]).await;
    let source = "Deno.serve(() => new Response(Deno.env.get('ONLY_STAGING')))";
    let made = admin.deploy("wants", source, json!({ "environment": "test" })).await;
    assert_eq!(made["missing_secrets"], json!(["ONLY_STAGING"]), "a slot is no value");
    let matrix = admin.get("/api/v1/secrets/matrix").await.expect(200).json();
    assert_eq!(matrix["environments"], json!(["production", "staging", "test"]));
    let cells = |row: &Value| row["cells"].as_array().unwrap().clone();
    let key = cells(&matrix["items"][0]);
    let seen: Vec<_> =
        key.iter().map(|cell| json!([cell["state"], cell["version"], cell["mask"], cell["shared_from"]])).collect();
    assert_eq!(
        seen,
        [
            json!(["set", 1, "valu****6789", null]),
            json!(["shared", 1, "valu****6789", "production"]),
            json!(["set", 1, "valu****6789", null])
        ]
    );
    let other = cells(&matrix["items"][1]);
    let seen: Vec<_> =
        other.iter().map(|cell| json!([cell["environment"], cell["state"], cell["functions"]])).collect();
    assert_eq!(
        seen,
        [
            json!(["production", "missing", null]),
            json!(["staging", "set", null]),
            json!(["test", "pending", ["wants"]])
        ]
    );
    let page = admin.get("/api/v1/secrets/matrix?limit=1").await.expect(200).json();
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next_cursor"]), (1, &json!("KEY")));
    let page = admin.get("/api/v1/secrets/matrix?limit=1&cursor=KEY").await.expect(200).json();
    assert_eq!((&page["items"][0]["name"], page.get("next_cursor")), (&json!("ONLY_STAGING"), None));
    admin.get("/api/v1/secrets/matrix?cursor=no+name").await.problem(422, "cursor_invalid");

    // Who is limited sees no other environment, and no name from one.
    let caller = limited(&admin, "only-production", json!(["production"])).await;
    let own = caller.get("/api/v1/secrets/matrix").await.expect(200).json();
    assert_eq!(own["environments"], json!(["production"]));
    assert_eq!((own["items"].as_array().unwrap().len(), &own["items"][0]["name"]), (1, &json!("KEY")));
    let beta = app.account("beta").await;
    assert_eq!(beta.get("/api/v1/secrets/matrix").await.expect(200).json()["items"], json!([]));
}

/// Preview environments get the names of another one, and no value of it.
#[tokio::test(flavor = "multi_thread")]
async fn cloning_copies_names_and_never_values() {
    let app = App::start();
    let admin = app.admin();
    let body = json!({ "value": A, "note": "whose it is", "delivery": "brokered", "hosts": ["api.example.com"], "rotate_after_days": 30 });
    admin.put(SECRET, body).await.expect(201);
    admin.put("/api/v1/secrets/OTHER", json!({ "value": B, "overlap": "10m" })).await.expect(201);
    environment(&admin, "test").await;
    admin.put("/api/v1/secrets/OTHER", json!({ "value": "of test itself", "environment": "test" })).await.expect(201);
    for to in ["test", "preview-12"] {
        let cloned = admin.post("/api/v1/environments/production/clone", json!({ "to": to })).await.expect(200).json();
        assert_eq!((&cloned["environment"]["name"], &cloned["created"]), (&json!(to), &json!(to == "preview-12")));
        let slots = if to == "test" { json!(["KEY"]) } else { json!(["KEY", "OTHER"]) };
        assert_eq!(cloned["slots"], slots, "what {to} has stays as it is");
    }
    let slot = get(&admin, "preview-12").await;
    assert_eq!(
        (&slot["state"], &slot["version"], &slot["mask"], &slot["note"]),
        (&json!("pending"), &json!(0), &json!(""), &json!("whose it is"))
    );
    let other = admin.get("/api/v1/secrets/OTHER?environment=preview-12").await.expect(200).json();
    assert_eq!((&other["state"], &other["overlap"]), (&json!("pending"), &json!("10m")));
    assert_eq!((&slot["hosts"], &slot["rotate_after_days"]), (&json!(["api.example.com"]), &json!(30)));
    let mut database = Database::open(&app.server).await;
    let copies = "SELECT count(*) FROM secrets s JOIN secret_versions v ON v.secret_id = s.id WHERE s.environment = 'preview-12'";
    assert_eq!(database.number(copies).await, 0);
    database.close().await;
    let source = "Deno.serve(() => Response.json([Deno.env.has('KEY'), Deno.env.has('OTHER')]))";
    let made = admin.deploy("has", source, json!({ "access": "public", "environment": "preview-12" })).await;
    assert_eq!(made["missing_secrets"], json!(["KEY", "OTHER"]));
    let has = async || app.anonymous().get("/a/default/preview-12/functions/v1/has").await.expect(200).text();
    assert_eq!(has().await, "[false,false]");
    // Filling a slot is putting a new secret: nobody had one before.
    let body = json!({ "value": B, "environment": "preview-12" });
    let filled = admin
        .send(admin.request("PUT", "/api/v1/secrets/OTHER").header("if-none-match", "*").json(&body))
        .await
        .expect(201)
        .json();
    assert_eq!((&filled["outcome"], &filled["version"], &filled["state"]), (&json!("new"), &json!(1), &json!("set")));
    assert_eq!(has().await, "[false,true]");
    admin.put(SECRET, json!({ "value": A, "environment": "preview-12", "version_note": "x" })).await.expect(201);
    assert_eq!(get(&admin, "preview-12").await["delivery"], "brokered", "as it was to be");
    // An import fills slots too.
    environment(&admin, "empty").await;
    admin.post("/api/v1/environments/production/clone", json!({ "to": "empty" })).await.expect(200);
    let import = json!({ "text": "OTHER=from-a-file-0123456789\n", "environment": "empty" });
    let imported = admin.post("/api/v1/secrets/import", import).await.expect(200).json();
    assert_eq!((&imported["new"], &imported["changed"]), (&json!(1), &json!(0)));

    admin.post("/api/v1/environments/nowhere/clone", json!({ "to": "x" })).await.problem(404, "not_found");
    admin.post("/api/v1/environments/test/clone", json!({ "to": "test" })).await.problem(422, "clone_to_itself");
    admin.post("/api/v1/environments/test/clone", json!({ "to": "No Name" })).await.problem(422, "name_invalid");
    // Names are told to who may list them, and slots made by who may write there.
    let caller = limited(&admin, "only-test", json!(["test"])).await;
    caller.post("/api/v1/environments/production/clone", json!({ "to": "test" })).await.problem(403, "forbidden");
    caller.post("/api/v1/environments/test/clone", json!({ "to": "production" })).await.problem(403, "forbidden");
    let blind = admin
        .post("/api/v1/tokens", json!({ "name": "blind", "scopes": ["environments:write"] }))
        .await
        .expect(201)
        .json();
    let blind = admin.with_token(str(&blind["token"]));
    blind.post("/api/v1/environments/production/clone", json!({ "to": "x" })).await.problem(403, "forbidden");
}

/// The same value in two environments is told to who may read both, and to nobody else: it says something of both.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_value_elsewhere_is_found() {
    let app = App::start();
    let admin = app.admin();
    environment(&admin, "test").await;
    let codes = |stored: &Value| -> Vec<String> {
        stored["warnings"].as_array().into_iter().flatten().map(|warning| str(&warning["code"]).to_owned()).collect()
    };
    assert_eq!(codes(&put(&admin, "production", A).await), [] as [&str; 0]);
    let twice = put(&admin, "test", A).await;
    assert_eq!(codes(&twice), ["same_value_elsewhere"]);
    let detail = str(&twice["warnings"][0]["detail"]);
    assert!(detail.contains("KEY in production") && !detail.contains(A), "{detail}");
    let named = admin.put("/api/v1/secrets/KEY_OF_MINE", json!({ "value": A })).await.expect(201).json();
    assert_eq!(codes(&named), ["same_value_elsewhere", "same_value_twice"]);
    // By a file too, once it is stored: a preview would be a way to try thousands.
    let file = |dry_run: bool| json!({ "text": format!("FROM_FILE={A}\n"), "environment": "test", "dry_run": dry_run });
    let line = async |dry_run: bool| {
        admin.post("/api/v1/secrets/import", file(dry_run)).await.expect(200).json()["lines"][0].clone()
    };
    assert_eq!(codes(&line(true).await), [] as [&str; 0]);
    assert_eq!(codes(&line(false).await), ["same_value_elsewhere", "same_value_twice"]);
    admin.delete("/api/v1/secrets/FROM_FILE?environment=test").await.expect(204);
    // A shared value is one value.
    put(&admin, "test", B).await;
    admin.post(SHARE, json!({ "environment": "test" })).await.expect(200);
    assert_eq!(codes(&put(&admin, "production", "value-d-0123456789-0123456789").await), [] as [&str; 0]);

    // A guess is no question that a token of another environment, or one that may only write, gets an answer to.
    put(&admin, "production", A).await;
    admin.delete("/api/v1/secrets/KEY_OF_MINE").await.expect(204);
    let elsewhere = limited(&admin, "only-test", json!(["test"])).await;
    assert_eq!(codes(&put(&elsewhere, "test", A).await), [] as [&str; 0]);
    let writer =
        admin.post("/api/v1/tokens", json!({ "name": "writer", "scopes": ["secrets:write"] })).await.expect(201).json();
    let writer = admin.with_token(str(&writer["token"]));
    let guess = writer.put("/api/v1/secrets/GUESS", json!({ "value": A })).await.expect(201).json();
    assert_eq!(codes(&guess), [] as [&str; 0]);
    let other = app.account("other").await;
    assert_eq!(codes(&put(&other, "production", A).await), [] as [&str; 0]);
    // Short ones are equal by chance.
    for name in ["PORT_A", "PORT_B"] {
        let stored = admin.put(&format!("/api/v1/secrets/{name}"), json!({ "value": "5432" })).await.expect(201).json();
        assert_eq!(codes(&stored), [] as [&str; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_an_environment_leaves_nothing_of_it_to_who_comes_later() {
    let app = App::start();
    let admin = app.admin();
    environment(&admin, "preview").await;
    put(&admin, "production", A).await;
    put(&admin, "preview", B).await;
    put(&admin, "preview", A).await;
    deploy(&admin, &["preview"]).await;
    assert_eq!(shown(&app, "preview").await, A);
    let caller = limited(&admin, "only-preview", json!(["preview"])).await;
    let blind = admin
        .post("/api/v1/tokens", json!({ "name": "no-secrets", "scopes": ["environments:write"] }))
        .await
        .expect(201)
        .json();
    let blind = admin.with_token(str(&blind["token"]));
    blind.delete("/api/v1/environments/preview").await.problem(403, "forbidden");
    admin.delete("/api/v1/environments/production").await.problem(422, "environment_production");
    admin.delete("/api/v1/environments/nowhere").await.problem(404, "not_found");
    // Not while others use a value of it.
    environment(&admin, "qa").await;
    admin.post(SHARE, json!({ "environment": "qa", "from": "preview" })).await.expect(200);
    let before = admin.state().await;
    let refused = admin.delete("/api/v1/environments/preview").await.problem(409, "in_use");
    let detail = str(&refused["detail"]);
    assert!(detail.contains("show is active in it, qa uses its value of KEY") && detail.contains("anyway"), "{detail}");
    assert_eq!(admin.state().await, before);
    deploy(&admin, &["qa"]).await;
    assert_eq!(shown(&app, "qa").await, A);
    let asked = json!({ "name": "WANTED", "reason": "for the preview", "environment": "preview" });
    admin.post("/api/v1/secret-requests", asked).await.expect(201);
    let recorded = admin.invocations("show", 2).await;
    // To stop functions takes leave to delete them.
    let scopes = json!({ "name": "no-functions", "scopes": ["environments:write", "secrets:write"] });
    let half = admin.with_token(str(&admin.post("/api/v1/tokens", scopes).await.expect(201).json()["token"]));
    half.delete("/api/v1/environments/preview?anyway=true").await.problem(403, "forbidden");
    admin.delete("/api/v1/environments/preview?anyway=perhaps").await.problem(400, "query_invalid");

    let events = admin.events().await.len();
    admin.delete("/api/v1/environments/preview?anyway=true").await.expect(204);
    let told: Vec<_> = admin.events().await[events..]
        .iter()
        .map(|event| (str(&event["action"]).to_owned(), str(&event["resource"]["name"]).to_owned()))
        .collect();
    assert_eq!(told, [("secret.delete".into(), "KEY".into()), ("environment.delete".into(), "preview".into())]);
    app.anonymous().get("/a/default/preview/functions/v1/show").await.problem(404, "not_found");
    assert_eq!(shown(&app, "production").await, A);
    let event = admin.events().await[events + 1].clone();
    assert_eq!(event["details"], json!({ "secrets": "1", "functions": "1", "left_pending": "KEY in qa" }));
    // Who used a value of it has none from the next invocation on, and that is to be seen.
    assert_eq!(shown(&app, "qa").await, "nothing");
    assert_eq!(get(&admin, "qa").await["state"], "pending");
    assert_eq!(admin.items("/api/v1/secret-requests").await, [] as [Value; 0]);
    let of_preview = |rows: &[Value]| rows.iter().filter(|row| row["environment"] == "preview").count();
    assert_eq!(of_preview(&recorded), 1);
    assert_eq!(of_preview(&admin.items("/api/v1/functions/show/invocations").await), 0);
    let mut database = Database::open(&app.server).await;
    assert_eq!(database.number("SELECT count(*) FROM secret_versions").await, 1);
    database.close().await;
    // One of the name that is made later is another one: the token of the first is for nothing.
    environment(&admin, "preview").await;
    caller.get(&format!("{SECRET}?environment=preview")).await.problem(403, "forbidden");
    caller.get("/api/v1/secrets/matrix").await.problem(403, "forbidden");
    assert_eq!(put(&admin, "preview", B).await["version"], 3, "and numbers go on");
}
