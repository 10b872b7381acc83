//! A client that lacks a scope is told which, so that it can ask a person for more; and nobody gets more by that than a person gave.

use serde_json::{Value, json};

use crate::api::{Answer, Client, str};
use crate::mcp::{NEW, OLD, send};
use crate::oauth::{World, asking, code, first, pkce, trade, with};
use crate::scan::{Scanner, canary};
use crate::secret_requests::token;

async fn call(caller: &Client, version: &str, tool: &str, arguments: Value) -> Answer {
    send(caller, version, 7, "tools/call", json!({ "name": tool, "arguments": arguments })).await
}

/// The scopes that a client is told to ask for.
fn told(answer: &Answer) -> String {
    answer.problem(403, "forbidden");
    let said = answer.header("www-authenticate");
    let part = |name: &str| {
        let found = said.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("{name}: {said}")).1;
        found.split('"').next().unwrap().to_owned()
    };
    assert!(said.starts_with("Bearer ") && part("error") == "insufficient_scope", "{said}");
    assert!(part("resource_metadata").ends_with("/.well-known/oauth-protected-resource/mcp"), "{said}");
    assert!(part("error_description").contains("this needs the scope"), "{said}");
    part("scope")
}

/// That the answer is a tool's, which says what is lacking.
fn by_the_tool(answer: &Answer, scope: &str) {
    let result = &answer.json()["result"];
    assert_eq!((answer.status, answer.header("www-authenticate"), &result["isError"]), (200, "", &json!(true)));
    assert!(result.to_string().contains(scope), "{result}");
}

const FIRST: &str = "secrets:read secrets:request functions:read functions:write functions:invoke";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_asks_for_more_and_goes_on() {
    let world = World::new().await;
    let value = canary("sk-C", false);
    let put = json!({ "name": "MAIL_KEY", "value": value });
    let issued = world.connected().await;
    let client = world.anyone.with_token(str(&issued["access_token"]));
    let before = world.admin.state().await;
    // In the later revision what is needed, in the earlier one that and what it has.
    assert_eq!(told(&call(&client, NEW, "put_secret", put.clone()).await), "secrets:write");
    let old = told(&call(&client, OLD, "list_audit", json!({})).await);
    assert_eq!(old, format!("{FIRST} audit:read"));
    // What only the arguments tell, too; and also where the client can show a link.
    let public = json!({ "name": "open", "source": crate::operations::SOURCE, "access": "public" });
    assert_eq!(told(&call(&client, NEW, "deploy_function", public).await), "functions:publish");
    // Who comes back without it is told so that a model can read it.
    by_the_tool(&call(&client, NEW, "put_secret", put.clone()).await, "secrets:write");
    by_the_tool(&call(&client, OLD, "put_secret", put.clone()).await, "secrets:write");
    assert_eq!(world.admin.state().await, before, "nothing was stored");
    let denied = world.admin.events().await.iter().filter(|event| event["outcome"] == "denied").count();
    assert_eq!(denied, 5, "each try is on record");

    // A person gives it.
    let (verifier, challenge) = pkce();
    let scopes = format!("{FIRST} secrets:write");
    let asked = with(asking(&world.client, &challenge), "scope", &scopes);
    let code = code(&world.person, &asked).await;
    let issued = trade(&world.anyone, &first(&world.client, &code, &verifier)).await.expect(200).json();
    let more = world.anyone.with_token(str(&issued["access_token"]));
    let stored = call(&more, NEW, "put_secret", put.clone()).await.expect(200).json();
    assert_eq!(stored["result"]["structuredContent"]["name"], "MAIL_KEY", "{stored}");
    assert_eq!(told(&call(&more, NEW, "list_audit", json!({})).await), "audit:read");
    // What it had before gave it no more.
    by_the_tool(&call(&client, NEW, "put_secret", put).await, "secrets:write");
    Scanner::new(&[&value]).assert_absent("an answer", &world.app.transcript());
}

/// There is nobody to ask for a token that a person made, and nothing to ask for where it is not a scope that lacks.
#[tokio::test(flavor = "multi_thread")]
async fn only_clients_are_told_and_only_of_scopes() {
    let world = World::new().await;
    let narrow = token(&world.admin, "narrow", &["secrets:read"]).await;
    for version in [OLD, NEW] {
        by_the_tool(&call(&narrow, version, "list_audit", json!({})).await, "audit:read");
    }
    let issued = world.connected().await;
    let client = world.anyone.with_token(str(&issued["access_token"]));
    for (tool, arguments, code) in [
        ("get_secret", json!({ "name": "NO_SUCH" }), "not_found"),
        ("get_secret", json!({ "name": "no name" }), "name_invalid"),
        ("rollback_function", json!({ "name": "no-such", "number": 1 }), "not_found"),
    ] {
        by_the_tool(&call(&client, NEW, tool, arguments).await, code);
    }
    // Another grant is told by itself, whatever the first was told.
    told(&call(&client, NEW, "list_audit", json!({})).await);
    let issued = world.connected().await;
    let other = world.anyone.with_token(str(&issued["access_token"]));
    assert_eq!(told(&call(&other, NEW, "list_audit", json!({})).await), "audit:read");
}
