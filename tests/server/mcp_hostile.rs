//! What a hostile assistant, or one that was talked into something, gets: no value, no wider scope, no other host, no public
//! function.

use serde_json::{Value, json};

use crate::api::{App, Client, str};
use crate::mcp::{NEW, OLD, send, tool};
use crate::scan::{Scanner, canary};
use crate::secret_requests::token;

fn refused(result: &Value, code: &str) {
    let text = str(&result["content"][0]["text"]);
    assert!(result["isError"] == true && text.contains(&format!("\"{code}\"")), "{code}: {result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_given_in_conversation_is_stored_marked_and_never_repeated() {
    let app = App::start_in(&[], &[("TRESOR_LOG_FILTER", "trace,rmcp=trace")]);
    let admin = app.admin();
    let assistant = token(&admin, "assistant", &["secrets:read", "secrets:write"]).await;
    let values: Vec<String> = (0..8).map(|_| canary("mk-x", true)).collect();
    for (version, (name, value)) in [(OLD, ("OLD_KEY", &values[0])), (NEW, ("NEW_KEY", &values[1]))] {
        let put = json!({ "name": name, "value": value, "note": "of the mail provider" });
        let stored = tool(&assistant, version, "put_secret", put).await;
        let stored = &stored["structuredContent"];
        assert_eq!((&stored["outcome"], &stored["name"]), (&json!("new"), &json!(name)), "{stored}");
        assert!(
            stored["warnings"].as_array().unwrap().iter().any(|one| one["code"] == "seen_by_assistant"),
            "{stored}"
        );
        let shown = tool(&assistant, version, "get_secret", json!({ "name": name })).await;
        assert_eq!(shown["structuredContent"]["findings"], json!(["seen_by_assistant"]), "{shown}");
    }
    // What is refused does not come back either, wherever the value stands.
    for (name, arguments) in [
        ("put_secret", json!({ "name": "key", "value": values[2] })),
        ("put_secret", json!({ "name": "KEY", "value": [values[2]] })),
        ("put_secret", json!({ "name": "KEY", "value": values[2], "environment": "nowhere" })),
        ("put_secret", json!({ "name": "KEY", "value": values[2], "delivery": "telepathy" })),
        ("put_secret", json!({ "name": "KEY", "value": values[2], values[3].clone(): 1 })),
        ("put_secret", json!({ "name": "KEY", "value": format!("{}\0", values[2]) })),
        ("put_secret", json!({ "name": "KEY", "Value": values[3] })),
        ("get_secret", json!({ "name": "KEY", "value": values[3] })),
        ("put_secret", json!({ "name": "KEY" })),
    ] {
        for version in [OLD, NEW] {
            assert_eq!(tool(&assistant, version, name, arguments.clone()).await["isError"], true, "{arguments}");
        }
    }
    let twice = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"put_secret","arguments":{{"name":"KEY","value":"{0}","value":"{0}"}}}}}}"#,
        values[4]
    );
    let request = assistant.request("POST", "/mcp").header("accept", "application/json, text/event-stream");
    assistant.send(request.header("content-type", "application/json").body(twice)).await.problem(422, "json_invalid");
    assert_eq!(admin.items("/api/v1/secrets").await.len(), 2);

    // Who stored it first may have kept it to himself; that is over. A new value is one that nobody has seen.
    admin.put_secret("OWN_KEY", &values[5]).await;
    let again = tool(&assistant, NEW, "put_secret", json!({ "name": "OWN_KEY", "value": values[5] })).await;
    assert_eq!(again["structuredContent"]["outcome"], "settings", "{again}");
    let marks = async || admin.get("/api/v1/secrets/OWN_KEY").await.expect(200).json()["findings"].clone();
    assert_eq!(marks().await, json!(["seen_by_assistant"]));
    admin.put_secret("OWN_KEY", &values[6]).await;
    assert_eq!(marks().await, Value::Null);

    let events = admin.events().await;
    let put = events.iter().find(|event| event["resource"]["name"] == "NEW_KEY").unwrap();
    assert_eq!(put["details"]["seen_by_assistant"], "true", "{put}");
    let all: Vec<&str> = values.iter().map(String::as_str).collect();
    Scanner::new(&all).assert_absent("answers to an assistant", &app.transcript());
    Scanner::new(&all).assert_absent("the server's log", app.server.stderr_text().as_bytes());
    Scanner::new(&all).assert_absent("the audit log", admin.export().await.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_can_say_that_people_enter_values() {
    let app = App::start();
    let admin = app.admin();
    let assistant = token(&admin, "assistant", &["secrets:read", "secrets:write"]).await;
    admin.put("/api/v1/settings", json!({ "conversation_values": "forbid" })).await.expect(200);
    let before = admin.state().await;
    let result = tool(&assistant, NEW, "put_secret", json!({ "name": "KEY", "value": "a value" })).await;
    refused(&result, "forbidden");
    assert!(result.to_string().contains("request_secret"), "it is told what to do: {result}");
    assert_eq!(admin.state().await, before);
    let newest = admin.events().await.pop().unwrap();
    assert_eq!(
        (&newest["action"], &newest["outcome"], &newest["actor"]["name"]),
        (&json!("secret.put"), &json!("denied"), &json!("assistant"))
    );
    let wrong = json!({ "conversation_values": "maybe" });
    admin.put("/api/v1/settings", wrong).await.problem(422, "conversation_values_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_asks_for_the_name_again() {
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("KEY", "value").await;
    let before = admin.state().await;
    for confirm in ["", "yes", "key"] {
        let result = tool(&admin, NEW, "delete_secret", json!({ "name": "KEY", "confirm": confirm })).await;
        refused(&result, "confirm_differs");
    }
    refused(&tool(&admin, NEW, "delete_secret", json!({ "name": "KEY" })).await, "json_invalid");
    assert_eq!(admin.state().await, before);
    let done = tool(&admin, NEW, "delete_secret", json!({ "name": "KEY", "confirm": "KEY" })).await;
    assert_eq!(done["structuredContent"]["environment"], "production", "{done}");
    admin.get("/api/v1/secrets/KEY").await.problem(404, "not_found");
}

const SOURCE: &str = "Deno.serve(() => new Response('ok'))";

async fn access(admin: &Client) -> Value {
    admin.get("/api/v1/functions/fn").await.expect(200).json()["active"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_made_public_by_who_may_do_that() {
    let app = App::start();
    let admin = app.admin();
    let assistant = token(&admin, "assistant", &["functions:read", "functions:write"]).await;
    admin.deploy("fn", SOURCE, json!({ "access": "public" })).await;
    // What is public stays so.
    let deploy = |access: &str| json!({ "name": "fn", "source": SOURCE, "access": access });
    let kept = tool(&assistant, NEW, "deploy_function", deploy("public")).await;
    assert_eq!(kept["structuredContent"]["number"], 2, "{kept}");
    let closed = tool(&assistant, NEW, "deploy_function", deploy("authenticated")).await;
    assert_eq!(closed["structuredContent"]["number"], 3, "{closed}");
    let before = (admin.state().await, access(&admin).await);
    // Nothing opens it again: no deployment, no way back, no other interface, and no new function either.
    let opened = tool(&assistant, NEW, "deploy_function", deploy("public")).await;
    refused(&opened, "forbidden");
    assert!(opened.to_string().contains("functions:publish"), "{opened}");
    refused(&tool(&assistant, NEW, "rollback_function", json!({ "name": "fn", "number": 1 })).await, "forbidden");
    assistant
        .put("/api/v1/functions/fn", json!({ "source": SOURCE, "access": "public" }))
        .await
        .problem(403, "forbidden");
    assistant.post("/api/v1/functions/fn/rollback", json!({ "number": 1 })).await.problem(403, "forbidden");
    let new = json!({ "name": "other", "source": SOURCE, "access": "public" });
    refused(&tool(&assistant, NEW, "deploy_function", new).await, "forbidden");
    // Public in one environment is not public in another.
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    admin.deploy("fn", SOURCE, json!({ "access": "public", "environment": "test" })).await;
    refused(&tool(&assistant, NEW, "rollback_function", json!({ "name": "fn", "number": 4 })).await, "forbidden");
    assert_eq!(access(&admin).await[0], before.1[0]);
    let denied = admin.events().await.into_iter().filter(|event| event["action"] == "function.publish");
    assert_eq!(denied.filter(|event| event["outcome"] == "denied").count(), 6);
    let publisher = token(&admin, "publisher", &["functions:write", "functions:publish"]).await;
    let opened = tool(&publisher, NEW, "rollback_function", json!({ "name": "fn", "number": 1 })).await;
    assert_eq!(opened["structuredContent"]["access"], "public", "{opened}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brokered_secret_goes_to_no_host_that_an_assistant_names() {
    let app = App::start();
    let admin = app.admin();
    let value = canary("mk-x", true);
    let body = json!({ "value": value, "delivery": "brokered", "hosts": ["api.mail.example"] });
    admin.put("/api/v1/secrets/MAIL_KEY", body).await.expect(201);
    let assistant =
        token(&admin, "assistant", &["secrets:read", "secrets:write", "functions:read", "functions:write"]).await;
    let before = admin.state().await;
    // No tool takes hosts, and what is brokered without hosts that are known is refused.
    let hosts = json!({ "name": "MAIL_KEY", "value": "x".repeat(20), "hosts": ["evil.example"] });
    refused(&tool(&assistant, NEW, "put_secret", hosts).await, "json_invalid");
    let unknown = json!({ "name": "OWN_KEY", "value": "x".repeat(20), "delivery": "brokered" });
    refused(&tool(&assistant, NEW, "put_secret", unknown).await, "hosts_missing");
    // There is no tool for the rest: tokens, settings, members, hosts.
    for name in ["create_token", "put_settings", "change_secret", "put_member", "inject", "PUT_SECRET", "constructor"] {
        let call = json!({ "name": name, "arguments": { "name": "MAIL_KEY", "hosts": ["evil.example"] } });
        let answer = send(&assistant, NEW, 1, "tools/call", call).await.json();
        assert_eq!(answer["error"]["code"], -32602, "{name}: {answer}");
    }
    assert_eq!(admin.state().await, before);
    // A value that it may put keeps the hosts.
    let own = json!({ "name": "MAIL_KEY", "value": "y".repeat(20) });
    let stored = tool(&assistant, NEW, "put_secret", own).await;
    assert_eq!(stored["structuredContent"]["hosts"], json!(["api.mail.example"]), "{stored}");
}
