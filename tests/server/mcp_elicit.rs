//! How a client shows the link of a secret request by itself, and what it cannot make of it.

use serde_json::{Value, json};

use crate::api::{App, Client, str};
use crate::mcp::{NEW, OLD, send, send_able};
use crate::secret_requests::token;

fn able() -> Value {
    json!({ "elicitation": { "url": {}, "form": {} } })
}

fn ask(name: &str) -> Value {
    json!({ "name": "request_secret", "arguments": { "name": name, "reason": "to send mail" } })
}

/// The call once more, with what the person did.
fn again(mut call: Value, state: &str, action: &str) -> Value {
    call["requestState"] = json!(state);
    call["inputResponses"] = json!({ "link": { "action": action } });
    call
}

async fn call(caller: &Client, params: Value) -> Value {
    send_able(caller, NEW, 3, "tools/call", params, able()).await.expect(200).json()
}

async fn asked(caller: &Client, name: &str) -> (String, String) {
    let asked = call(caller, ask(name)).await["result"].clone();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let question = &asked["inputRequests"]["link"];
    assert_eq!((&question["method"], &question["params"]["mode"]), (&json!("elicitation/create"), &json!("url")));
    assert!(str(&question["params"]["message"]).contains(name), "{question}");
    (str(&question["params"]["url"]).to_owned(), str(&asked["requestState"]).to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_shown_by_the_client_and_the_call_comes_back() {
    let app = App::start();
    let admin = app.admin();
    let assistant = token(&admin, "assistant", &["secrets:request"]).await;
    let (url, state) = asked(&assistant, "MAIL_KEY").await;
    let id = url.rsplit_once('/').unwrap().1.to_owned();
    assert_eq!(url, format!("{}/requests/{id}", admin.url()));
    // No answer at all, or one that is none, asks again: the same request.
    for nothing in [json!({}), json!({ "link": { "action": "perhaps" } }), json!({ "other": { "action": "accept" } })] {
        let mut retried = again(ask("MAIL_KEY"), &state, "accept");
        retried["inputResponses"] = nothing;
        let result = call(&assistant, retried).await["result"].clone();
        assert_eq!(result["inputRequests"]["link"]["params"]["url"], url, "{result}");
    }
    let later = call(&assistant, again(ask("MAIL_KEY"), &state, "cancel")).await["result"].clone();
    assert_eq!(
        (&later["structuredContent"]["status"], &later["structuredContent"]["url"]),
        (&json!("pending"), &json!(url))
    );
    let accepted = again(ask("MAIL_KEY"), &state, "accept");
    let (told, _) = tokio::join!(call(&assistant, accepted), admin.put_secret("MAIL_KEY", "value"));
    assert_eq!(told["result"]["structuredContent"]["status"], "fulfilled", "{told}");
    // Coming back again changes nothing.
    let told = call(&assistant, again(ask("MAIL_KEY"), &state, "decline")).await;
    assert_eq!(told["result"]["structuredContent"]["status"], "fulfilled", "{told}");

    let (_, state) = asked(&assistant, "OTHER_KEY").await;
    let told = call(&assistant, again(ask("OTHER_KEY"), &state, "decline")).await;
    assert_eq!(told["result"]["structuredContent"]["status"], "cancelled", "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_did_not_say_so_gets_a_plain_link() {
    let app = App::start();
    let admin = app.admin();
    for (version, able) in [
        (NEW, json!({})),
        (NEW, json!({ "elicitation": {} })),
        (NEW, json!({ "elicitation": { "form": {} } })),
        (OLD, able()),
    ] {
        let answer = send_able(&admin, version, 1, "tools/call", ask("KEY"), able).await.expect(200).json();
        let content = &answer["result"]["structuredContent"];
        assert_eq!(content["status"], "pending", "{answer}");
        assert!(str(&answer["result"]["content"][0]["text"]).contains(str(&content["url"])), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_good_for_its_own_call_and_actor_only() {
    let app = App::start();
    let admin = app.admin();
    let assistant = token(&admin, "assistant", &["secrets:request", "secrets:read"]).await;
    let other = token(&admin, "other", &["secrets:request", "secrets:read", "secrets:write"]).await;
    let foreign = app.account("foreign").await;
    let (_, state) = asked(&assistant, "KEY").await;
    let (_, later) = asked(&assistant, "KEY_2").await;
    let before = admin.state().await;
    let (body, tag) = state.split_once('.').unwrap();
    let (other_body, _) = later.split_once('.').unwrap();
    let flipped = format!("{body}.{}{}", if tag.starts_with('0') { '1' } else { '0' }, &tag[1..]);
    let swapped = format!("{other_body}.{tag}");
    for (who, what, state, why) in [
        (&other, "KEY", state.as_str(), "another actor's"),
        (&foreign, "KEY", &state, "another account's"),
        (&assistant, "KEY_2", &state, "of other arguments"),
        (&assistant, "KEY", &flipped, "changed"),
        (&assistant, "KEY", &swapped, "another's body"),
        (&assistant, "KEY", body, "without a tag"),
        (&assistant, "KEY", &format!("{body}."), "of an empty tag"),
        (&assistant, "KEY", "", "empty"),
    ] {
        let answer = call(who, again(ask(what), state, "decline")).await;
        assert_eq!(answer["error"]["code"], -32602, "{why}: {answer}");
    }
    assert_eq!(admin.state().await, before);
    // Another tool does not look at it.
    let mut listed = again(json!({ "name": "list_secrets", "arguments": {} }), &state, "accept");
    listed["arguments"] = json!({});
    let answer = send(&assistant, NEW, 1, "tools/call", listed).await.expect(200).json();
    assert_eq!(answer["result"]["structuredContent"]["items"], json!([]), "{answer}");
}
