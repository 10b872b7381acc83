//! What cannot be undone waits for a person's yes, where the account asks for that: one that the assistant cannot give.

use serde_json::{Value, json};

use crate::api::{App, Client, str};
use crate::mcp::{NEW, OLD, send_able, tool};
use crate::secret_requests::{Browser, token};

const SCOPES: [&str; 4] = ["secrets:read", "secrets:write", "functions:read", "functions:write"];

async fn delete(caller: &Client, name: &str) -> Value {
    let arguments = json!({ "name": name, "confirm": name });
    tool(caller, OLD, "delete_secret", arguments).await["structuredContent"].clone()
}

fn path(waits: &Value) -> String {
    format!("/confirmations/{}", str(&waits["confirmation"]["id"]))
}

async fn there(admin: &Client, name: &str) -> bool {
    admin.get(&format!("/api/v1/secrets/{name}")).await.status == 200
}

async fn strict() -> (App, Client, Client, Browser) {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/settings", json!({ "confirmations": "destructive" })).await.expect(200);
    for name in ["KEY", "OTHER_KEY"] {
        admin.put_secret(name, "value").await;
    }
    let assistant = token(&admin, "assistant", &SCOPES).await;
    let mut person = Browser::new(&app);
    person.login(&admin).await;
    (app, admin, assistant, person)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_is_for_one_actor_one_thing_and_once() {
    let (_app, admin, assistant, person) = strict().await;
    let waits = delete(&assistant, "KEY").await;
    assert_eq!((&waits["deleted"], &waits["confirmation"]["status"]), (&json!(false), &json!("pending")), "{waits}");
    assert_eq!(str(&waits["confirmation"]["url"]), format!("{}{}", admin.url(), path(&waits)));
    assert_eq!(delete(&assistant, "KEY").await, waits, "to ask twice is to ask once");
    assert!(person.get("/requests").await.expect(200).text().contains(&path(&waits)));
    let page = person.get(&path(&waits)).await.expect(200).text();
    assert!(page.contains("assistant") && page.contains("Yes, delete KEY") && there(&admin, "KEY").await, "{page}");
    person.post(&format!("{}/approve", path(&waits)), &[]).await.expect(303);
    assert!(there(&admin, "KEY").await, "a yes does nothing by itself");
    // It is of no use to another actor, or for another secret.
    let other = token(&admin, "other", &SCOPES).await;
    assert_eq!(delete(&other, "KEY").await["confirmation"]["status"], "pending");
    assert_eq!(delete(&assistant, "OTHER_KEY").await["confirmation"]["status"], "pending");
    assert!(there(&admin, "KEY").await && there(&admin, "OTHER_KEY").await);
    let done = delete(&assistant, "KEY").await;
    assert_eq!((&done["deleted"], done.get("confirmation")), (&json!(true), None), "{done}");
    assert!(!there(&admin, "KEY").await);
    // A secret of the same name is another one.
    admin.put_secret("KEY", "value").await;
    let again = delete(&assistant, "KEY").await;
    assert_eq!(again["confirmation"]["status"], "pending", "{again}");
    assert!(path(&again) != path(&waits) && there(&admin, "KEY").await);
    // A yes is not for a value that came later either.
    person.post(&format!("{}/approve", path(&again)), &[]).await.expect(303);
    admin.put_secret("KEY", "another value").await;
    assert_eq!(delete(&assistant, "KEY").await["confirmation"]["status"], "pending");
    assert!(there(&admin, "KEY").await);

    let events = admin.events().await;
    let of = |action: &str| events.iter().filter(|event| event["action"] == action).collect::<Vec<_>>();
    assert_eq!((of("confirmation.create").len(), of("confirmation.approve").len()), (5, 2));
    let yes = of("confirmation.approve")[0];
    assert_eq!(
        (&yes["actor"]["kind"], &yes["resource"]["name"], &yes["details"]["asked_by"]),
        (&json!("session"), &json!("KEY"), &json!("assistant"))
    );
    assert_eq!(of("secret.delete").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_use_a_yes_once() {
    let (_app, admin, assistant, person) = strict().await;
    let waits = delete(&assistant, "KEY").await;
    person.post(&format!("{}/approve", path(&waits)), &[]).await.expect(303);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let assistant = assistant.clone();
        running.spawn(async move { delete(&assistant, "KEY").await["deleted"] == true });
    }
    let done = running.join_all().await;
    assert_eq!(done.into_iter().filter(|done| *done).count(), 1);
    assert!(!there(&admin, "KEY").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_a_person_who_may_says_yes() {
    let (app, admin, assistant, person) = strict().await;
    let waits = delete(&assistant, "KEY").await;
    let (page, yes) = (path(&waits), format!("{}/approve", path(&waits)));
    // Not the assistant: pages take no tokens.
    for caller in [&assistant, &admin] {
        let answer = caller.send(caller.request("POST", &yes).header("origin", admin.url())).await;
        assert!(answer.status == 303 && answer.header("location").starts_with("/login"), "{answer:?}");
    }
    // Not who may only look, nor another account, nor a page of another site, nor the opening of the page.
    let mut looks = Browser::new(&app);
    looks.login(&token(&admin, "looks", &["secrets:read", "sessions:write"]).await).await;
    assert!(!looks.get(&page).await.expect(200).text().contains("Yes, delete"));
    looks.post(&yes, &[]).await.expect(403);
    let mut foreign = Browser::new(&app);
    foreign.login(&app.account("other").await).await;
    foreign.get(&page).await.expect(404);
    foreign.post(&yes, &[]).await.expect(404);
    let forged = app.anonymous();
    let forged =
        forged.request("POST", &yes).header("cookie", &person.cookies).header("origin", "https://evil.example");
    app.anonymous().send(forged).await.problem(403, "origin_foreign");
    let framed = person.get(&page).await.expect(200);
    assert_eq!(framed.header("x-frame-options"), "DENY");
    assert_eq!(delete(&assistant, "KEY").await["confirmation"]["status"], "pending");

    // A no holds, however often it is asked, and no yes comes after it.
    person.post(&format!("{page}/decline"), &[]).await.expect(303);
    assert_eq!(delete(&assistant, "KEY").await["confirmation"]["status"], "declined");
    person.post(&yes, &[]).await.expect(303);
    assert_eq!(delete(&assistant, "KEY").await["confirmation"]["status"], "declined");
    assert!(there(&admin, "KEY").await);
    // The link is no login: it leads to the login, and the login back to it.
    let mut stranger = Browser::new(&app);
    let sent = stranger.get(&page).await.expect(303);
    stranger.keep(&sent);
    assert_eq!(stranger.login(&admin).await.header("location"), page);
    admin.put("/api/v1/settings", json!({ "confirmations": "always" })).await.problem(422, "confirmations_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_shows_links_shows_this_one() {
    let (_app, admin, assistant, person) = strict().await;
    let call = async |extra: Value| {
        let mut params = json!({ "name": "delete_secret", "arguments": { "name": "KEY", "confirm": "KEY" } });
        params.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let able = json!({ "elicitation": { "url": {} } });
        send_able(&assistant, NEW, 1, "tools/call", params, able).await.expect(200).json()["result"].clone()
    };
    let asked = call(json!({})).await;
    let url = str(&asked["inputRequests"]["link"]["params"]["url"]).to_owned();
    let page = url.strip_prefix(admin.url()).unwrap();
    let again = |action: &str| json!({ "requestState": asked["requestState"], "inputResponses": { "link": { "action": action } } });
    let cancelled = call(again("cancel")).await;
    assert_eq!(cancelled["structuredContent"]["confirmation"]["status"], "pending", "{cancelled}");
    // That the client says the link was followed is no yes.
    let yes = format!("{page}/approve");
    let (done, _) = tokio::join!(call(again("accept")), person.post(&yes, &[]));
    assert_eq!(done["structuredContent"]["deleted"], true, "{done}");
    assert!(!there(&admin, "KEY").await);
}
