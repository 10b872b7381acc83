//! The API's contract as a document: generated from code, committed, and the same at run time.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::App;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");

/// `UPDATE_GOLDEN=1 cargo test --test server openapi` rewrites the committed document.
#[test]
fn the_committed_document_is_this_builds() {
    let generated = server::openapi() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(COMMITTED, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        generated == committed,
        "the API changed: look at the difference after `UPDATE_GOLDEN=1 cargo test --test server openapi`"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_served_document_is_the_same() {
    let app = App::start();
    let answer = app.anonymous().get("/openapi.json").await.expect(200);
    assert_eq!(answer.json(), serde_json::from_str::<Value>(&server::openapi()).unwrap());
}

fn document() -> Value {
    serde_json::from_str(&server::openapi()).unwrap()
}

/// DESIGN §6, as far as it is built.
#[test]
fn the_contract_is_there() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, methods) in [
        ("/api/v1/secrets/{name}", "put get delete"),
        ("/api/v1/secrets", "get"),
        ("/api/v1/secrets/{name}/versions", "get"),
        ("/api/v1/secrets/{name}/activate", "post"),
        ("/api/v1/secret-requests", "get post"),
        ("/api/v1/secret-requests/{id}", "get"),
        ("/api/v1/secret-requests/{id}/decline", "post"),
        ("/api/v1/secret-requests/{id}/cancel", "post"),
        ("/api/v1/functions/{name}", "put get delete"),
        ("/api/v1/functions", "get"),
        ("/api/v1/functions/{name}/rollback", "post"),
        ("/api/v1/functions/{name}/invocations", "get"),
        ("/api/v1/functions/{name}/invocations/{id}/logs", "get"),
        ("/api/v1/functions/{name}/logs", "get"),
        ("/api/v1/functions/{name}/logs/tail", "get"),
        ("/api/v1/settings", "get put"),
        ("/api/v1/environments", "get"),
        ("/api/v1/environments/{name}", "put"),
        ("/api/v1/tokens", "get post"),
        ("/api/v1/tokens/{id}", "delete"),
        ("/api/v1/login-links", "post"),
        ("/api/v1/accounts", "get post"),
        ("/api/v1/audit", "get"),
        ("/api/v1/audit/export", "get"),
        ("/api/v1/audit/checkpoint", "get"),
        ("/api/v1/audit/proof", "get"),
    ] {
        for method in methods.split(' ') {
            assert!(document["paths"][path].get(method).is_some(), "{method} {path} is missing");
        }
    }
}

/// Schemas that are within reach of `part`, by their references.
fn reach<'d>(document: &'d Value, part: &'d Value, found: &mut BTreeSet<&'d str>) {
    match part {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str)
                && found.insert(name)
            {
                let schema =
                    document.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} is nowhere"));
                reach(document, schema, found);
            }
            fields.values().for_each(|field| reach(document, field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| reach(document, item, found)),
        _ => {}
    }
}

fn names_a_value(part: &Value) -> bool {
    match part {
        Value::Object(fields) => {
            let named = fields.get("properties").and_then(Value::as_object).is_some_and(|all| {
                all.keys().any(|name| ["value", "plaintext", "ciphertext", "hash"].contains(&name.as_str()))
            });
            named || fields.values().any(names_a_value)
        }
        Value::Array(items) => items.iter().any(names_a_value),
        _ => false,
    }
}

#[test]
fn no_response_has_room_for_a_value() {
    let document = document();
    let (mut answered, mut asked) = (BTreeSet::new(), BTreeSet::new());
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            assert!(!names_a_value(&operation["responses"]), "{operation}");
            // The one that is for values; what it answers with is within reach of no other.
            if operation["operationId"] != "inject_environment" {
                reach(&document, &operation["responses"], &mut answered);
            }
            reach(&document, &operation["requestBody"], &mut asked);
        }
    }
    let schema = |name: &&str| document.pointer(name.trim_start_matches('#')).unwrap();
    for name in &answered {
        assert!(!names_a_value(schema(name)), "{name} of a response holds a value");
    }
    assert!(
        answered.len() > 10 && asked.iter().any(|name| names_a_value(schema(name))),
        "this finds nothing, not even in requests"
    );
}

#[test]
fn every_operation_says_what_it_is_and_how_it_fails() {
    let document = document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(
                !operation["summary"].as_str().unwrap_or_default().is_empty() && operation["tags"][0].is_string(),
                "{method} {path}"
            );
            let failure = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(failure, "#/components/schemas/Problem", "{method} {path}");
        }
    }
    assert_eq!(document["security"][0].as_object().unwrap().len(), 1);
}
