//! An overlap of `NAME` and a secret `NAME_PREVIOUS` exclude each other, by whatever way the second of them would come, and where a value
//! is shared too. What is refused changes nothing.

use serde_json::{Value, json};

use crate::api::{Answer, App, Client, random, str};

const A: &str = "/api/v1/secrets/A";
const PREVIOUS: &str = "/api/v1/secrets/A_PREVIOUS";

async fn put(client: &Client, path: &str, environment: &str, overlap: Option<&str>) -> Answer {
    client.put(path, json!({ "value": random(20), "environment": environment, "overlap": overlap })).await
}

async fn change(client: &Client, overlap: Value) -> Answer {
    client.call("PATCH", A, Some(&json!({ "overlap": overlap }))).await
}

async fn share(client: &Client, path: &str) -> Answer {
    client.post(&format!("{path}/share"), json!({ "environment": "test" })).await
}

async fn clone(client: &Client) -> Answer {
    client.post("/api/v1/environments/production/clone", json!({ "to": "test" })).await
}

async fn import(client: &Client, secrets: Value, dry_run: bool) -> Answer {
    let text = json!({ "structure": 1, "environments": ["test"], "secrets": secrets }).to_string();
    client.post("/api/v1/secrets/structure", json!({ "text": text, "dry_run": dry_run })).await
}

fn slot(name: &str, overlap: Option<&str>) -> Value {
    json!({ "name": name, "environment": "test", "overlap": overlap })
}

async fn start() -> (App, Client) {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    (app, admin)
}

/// That the answer refuses it for these fields, with these words, and that nothing changed.
async fn refused(admin: &Client, before: &Value, answer: &Answer, rules: &[(&str, &str, &str)]) {
    let code = if let [(_, code, _)] = rules { code } else { "invalid" };
    let problem = answer.problem(422, code);
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!(errors.len(), rules.len(), "{problem}");
    for (error, (field, code, words)) in errors.iter().zip(rules) {
        assert_eq!((str(&error["field"]), str(&error["code"])), (*field, *code), "{problem}");
        assert!(str(&error["detail"]).contains(words), "{problem}");
    }
    assert_eq!(&admin.state().await, before, "what is refused changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_that_would_have_both_makes_none_of_its_slots() {
    let (_app, admin) = start().await;
    put(&admin, A, "production", Some("1h")).await.expect(201);
    put(&admin, "/api/v1/secrets/FINE", "production", None).await.expect(201);
    put(&admin, PREVIOUS, "test", None).await.expect(201);
    let before = admin.state().await;
    let words =
        "must not get A, which would give the value before the name A_PREVIOUS, which is that of another secret";
    refused(&admin, &before, &clone(&admin).await, &[("to", "overlap_name_taken", words)]).await;

    admin.delete(&format!("{PREVIOUS}?environment=test")).await.expect(204);
    admin.delete(A).await.expect(204);
    put(&admin, A, "test", Some("1h")).await.expect(201);
    put(&admin, PREVIOUS, "production", None).await.expect(201);
    put(&admin, "/api/v1/secrets/B", "production", Some("1h")).await.expect(201);
    put(&admin, "/api/v1/secrets/B_PREVIOUS", "test", None).await.expect(201);
    let before = admin.state().await;
    let words = "must not get A_PREVIOUS, which is the name under which functions get the value before of A";
    let both = [("to", "name_of_overlap", words), ("to", "overlap_name_taken", "must not get B,")];
    refused(&admin, &before, &clone(&admin).await, &both).await;

    // What is told to be done is enough.
    admin.delete("/api/v1/secrets/B_PREVIOUS?environment=test").await.expect(204);
    admin.call("PATCH", A, Some(&json!({ "overlap": null, "environment": "test" }))).await.expect(200);
    assert_eq!(clone(&admin).await.expect(200).json()["slots"], json!(["A_PREVIOUS", "B", "FINE"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_structure_that_would_have_both_is_refused_and_tells_so_before() {
    let (_app, admin) = start().await;
    put(&admin, "/api/v1/secrets/THERE", "test", Some("1h")).await.expect(201);
    put(&admin, PREVIOUS, "test", None).await.expect(201);
    let before = admin.state().await;
    let cases = [
        // Both in the file, in both orders.
        (
            json!([slot("X", Some("1h")), slot("X_PREVIOUS", None)]),
            vec![("secrets[1].name", "name_of_overlap", "of X,")],
        ),
        (
            json!([slot("X_PREVIOUS", None), slot("X", Some("1h"))]),
            vec![("secrets[1].overlap", "overlap_name_taken", "name X_PREVIOUS,")],
        ),
        // One is there; the others of the file count as they stand there.
        (
            json!([slot("FINE", None), slot("A", Some("1h"))]),
            vec![("secrets[1].overlap", "overlap_name_taken", "A_PREVIOUS")],
        ),
        (
            json!([slot("THERE", None), slot("THERE_PREVIOUS", None), slot("A", Some("1d"))]),
            vec![
                ("secrets[1].name", "name_of_overlap", "THERE"),
                ("secrets[2].overlap", "overlap_name_taken", "A_PREVIOUS"),
            ],
        ),
    ];
    for (secrets, rules) in cases {
        for dry_run in [true, false] {
            refused(&admin, &before, &import(&admin, secrets.clone(), dry_run).await, &rules).await;
        }
    }
    let fine = json!([slot("A", None), slot("Y", Some("1h"))]);
    let tried = import(&admin, fine.clone(), true).await.expect(200).json();
    assert_eq!(tried["pending"].as_array().unwrap().len(), 2);
    assert_eq!(admin.state().await, before);
    import(&admin, fine, false).await.expect(200);
}

/// Where a value is shared, functions get the one before it too.
#[tokio::test(flavor = "multi_thread")]
async fn a_share_obeys_in_the_environment_that_it_is_given_to() {
    let (_app, admin) = start().await;
    let taken = "would give the value before the name A_PREVIOUS, which is that of another secret";
    let base = "is the name under which functions get the value before of A,";
    put(&admin, A, "production", Some("1h")).await.expect(201);
    put(&admin, PREVIOUS, "test", None).await.expect(201);
    let before = admin.state().await;
    refused(&admin, &before, &share(&admin, A).await, &[("overlap", "overlap_name_taken", taken)]).await;
    // Also where it has a value there that it would give up.
    put(&admin, A, "test", None).await.expect(201);
    let before = admin.state().await;
    refused(&admin, &before, &share(&admin, A).await, &[("overlap", "overlap_name_taken", taken)]).await;

    // The overlap comes after the share, in the environment whose value it is.
    change(&admin, Value::Null).await.expect(200);
    share(&admin, A).await.expect(200);
    let before = admin.state().await;
    let there = format!("{taken} in test");
    let rule = [("overlap", "overlap_name_taken", there.as_str())];
    refused(&admin, &before, &change(&admin, json!("1h")).await, &rule).await;
    refused(&admin, &before, &put(&admin, A, "production", Some("1h")).await, &rule).await;
    // Who may not look there does not learn where it is.
    let body = json!({ "name": "narrow", "scopes": ["secrets:write"], "environments": ["production"] });
    let narrow = admin.with_token(str(&admin.post("/api/v1/tokens", body).await.expect(201).json()["token"]));
    let before = admin.state().await;
    let elsewhere = format!("{taken} in another environment");
    let rule = [("overlap", "overlap_name_taken", elsewhere.as_str())];
    refused(&admin, &before, &change(&narrow, json!("1h")).await, &rule).await;

    // The other name comes after: put, asked for, shared itself.
    admin.delete(&format!("{PREVIOUS}?environment=test")).await.expect(204);
    change(&admin, json!("1h")).await.expect(200);
    let before = admin.state().await;
    let rule = [("name", "name_of_overlap", base)];
    refused(&admin, &before, &put(&admin, PREVIOUS, "test", None).await, &rule).await;
    let ask = json!({ "name": "A_PREVIOUS", "reason": "to sign", "environment": "test" });
    refused(&admin, &before, &admin.post("/api/v1/secret-requests", ask).await, &rule).await;
    admin.delete(&format!("{A}?environment=test")).await.expect(204);
    change(&admin, Value::Null).await.expect(200);
    put(&admin, PREVIOUS, "production", None).await.expect(201);
    put(&admin, A, "test", Some("1h")).await.expect(201);
    let before = admin.state().await;
    refused(&admin, &before, &share(&admin, PREVIOUS).await, &rule).await;

    admin.delete(&format!("{A}?environment=test")).await.expect(204);
    share(&admin, PREVIOUS).await.expect(200);
    share(&admin, A).await.expect(200);
}

/// Whoever is quick gets no further: of two that exclude each other one is refused, whichever comes first.
#[tokio::test(flavor = "multi_thread")]
async fn races_end_with_one_of_both() {
    let (_app, admin) = start().await;
    let mut second_won = 0;
    for round in 0..8 {
        for pair in 0..4 {
            put(&admin, A, "production", (pair != 2).then_some("1h")).await.expect(201);
            if pair == 2 {
                share(&admin, A).await.expect(200);
            }
            let first = async {
                match pair {
                    0 => clone(&admin).await,
                    1 => share(&admin, A).await,
                    2 => change(&admin, json!("1h")).await,
                    _ => import(&admin, json!([slot("FINE", None), slot("A", Some("1h"))]), false).await,
                }
            };
            let second = async {
                match round % 2 {
                    0 => put(&admin, PREVIOUS, "test", None).await,
                    _ => import(&admin, json!([slot("A_PREVIOUS", None)]), false).await,
                }
            };
            let (first, second) =
                if round % 4 < 2 { tokio::join!(first, second) } else { swapped(tokio::join!(second, first)) };
            match (first.status, second.status) {
                (200, 422) => drop(second.problem(422, "name_of_overlap")),
                (422, 200 | 201) => {
                    first.problem(422, "overlap_name_taken");
                    second_won += 1;
                }
                both => panic!("pair {pair}, round {round}: {both:?}: {} {}", first.text(), second.text()),
            }
            let mut secrets = admin.items("/api/v1/secrets").await;
            secrets.reverse(); // `test` first: values that are used stay.
            for secret in secrets {
                let (name, place) = (str(&secret["name"]), str(&secret["environment"]));
                admin.delete(&format!("/api/v1/secrets/{name}?environment={place}")).await.expect(204);
            }
        }
    }
    assert!((1..32).contains(&second_won), "no race: {second_won}");
}

fn swapped<F, S>((first, second): (F, S)) -> (S, F) {
    (second, first)
}
