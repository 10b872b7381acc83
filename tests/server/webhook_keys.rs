//! Another signing key in the place of a webhook's: for a while messages verify with either, and then with the new one only.

use serde_json::{Value, json};

use crate::api::{App, Client, str};
use crate::database::Database;
use crate::webhooks::{ALLOWED, Message, PATH, Receiver, put};

async fn rotate(client: &Client, body: Value) -> Value {
    client.post(&format!("{PATH}/rotate"), body).await.expect(200).json()
}

fn key(answer: &Value) -> String {
    let key = str(&answer["signing_key"]);
    assert!(key.starts_with("whsec_") && key.len() == 50, "{answer}");
    key.to_owned()
}

/// A message that is sent now.
async fn message(client: &Client, receiver: &Receiver) -> Message {
    let tried = client.call("POST", &format!("{PATH}/test"), None).await.expect(200).json();
    assert_eq!(tried["taken"], true, "{tried}");
    receiver.seen.lock().unwrap().last().unwrap().clone()
}

/// Which of the keys verify a message that is sent now.
async fn verifying(client: &Client, receiver: &Receiver, keys: &[&String]) -> Vec<bool> {
    let message = message(client, receiver).await;
    keys.iter().map(|key| message.verifies(key)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_verify_with_either_key_until_the_window_closes() {
    let receiver = Receiver::start().await;
    let app = App::start_with(&ALLOWED);
    let (admin, other) = (app.admin(), app.account("other").await);
    let first = key(&put(&admin, &receiver.url).await);
    let before = admin.state().await;
    for bad in ["", "0s", "31d", "soon"] {
        let answer = admin.post(&format!("{PATH}/rotate"), json!({ "overlap": bad })).await;
        assert_eq!(answer.problem(422, "overlap_invalid")["errors"][0]["field"], "overlap");
    }
    other.post(&format!("{PATH}/rotate"), json!({})).await.problem(404, "not_found");
    assert_eq!(admin.state().await, before);
    assert_eq!(verifying(&admin, &receiver, &[&first]).await, [true]);

    let rotated = rotate(&admin, json!({})).await;
    let second = key(&rotated);
    assert!(second != first && rotated["previous_until"].is_string(), "{rotated}");
    assert_eq!(verifying(&admin, &receiver, &[&first, &second]).await, [true, true]);
    assert!(message(&admin, &receiver).await.header("webhook-signature").split(' ').count() == 2);
    // Neither a change of the webhook nor another key of the account changes any of it.
    assert_eq!(put(&admin, &receiver.url).await.get("signing_key"), None);
    admin.call("POST", "/api/v1/key/rotate", None).await.expect(200);
    let app = app.restart(|server| server.kill_hard(), &ALLOWED);
    let admin = app.admin();
    assert_eq!(verifying(&admin, &receiver, &[&first, &second]).await, [true, true]);

    // A third one: of those before it only the last is in use.
    let third = key(&rotate(&admin, json!({ "overlap": "7d" })).await);
    assert_eq!(verifying(&admin, &receiver, &[&first, &second, &third]).await, [false, true, true]);
    let mut database = Database::open(&app.server).await;
    database.change(1, "UPDATE webhooks SET previous_until = 1").await;
    assert_eq!(verifying(&admin, &receiver, &[&second, &third]).await, [false, true]);
    assert_eq!(admin.items("/api/v1/webhooks").await[0].get("previous_until"), None);
    // What is past its time does not stay.
    let app = app.restart(|server| assert_eq!(server.stop(), 0), &ALLOWED);
    let admin = app.admin();
    crate::api::eventually("the key before is forgotten", async || {
        let left = database.number("SELECT count(*) FROM webhooks WHERE previous_key IS NOT NULL").await;
        (left == 0).then_some(())
    })
    .await;
    database.close().await;
    // Whoever's key is known to others has it out of use at once.
    let fourth = rotate(&admin, json!({ "overlap": null })).await;
    assert_eq!(fourth.get("previous_until"), None);
    assert_eq!(verifying(&admin, &receiver, &[&third, &key(&fourth)]).await, [false, true]);

    let events = admin.items("/api/v1/audit?action=webhook.rotate").await;
    let told: Vec<_> = events.iter().map(|event| event["event"]["details"].get("previous_until").is_some()).collect();
    assert_eq!(told, [false, true, true]);
    let everything = format!("{}{}", admin.export().await, admin.get("/api/v1/webhooks").await.text());
    assert!(!everything.contains("whsec_"));
}

/// Whoever can write to the database cannot make the old key the one that counts.
#[tokio::test(flavor = "multi_thread")]
async fn ciphertexts_that_change_places_sign_nothing() {
    let receiver = Receiver::start().await;
    let app = App::start_with(&ALLOWED);
    let admin = app.admin();
    put(&admin, &receiver.url).await;
    rotate(&admin, json!({})).await;
    let mut database = Database::open(&app.server).await;
    for forged in [
        "UPDATE webhooks SET signing_key = previous_key, previous_key = signing_key",
        "UPDATE webhooks SET signing_key = previous_key",
        "UPDATE webhooks SET key_version = 1",
    ] {
        database.change(1, forged).await;
        admin.call("POST", &format!("{PATH}/test"), None).await.problem(500, "internal");
    }
    database.close().await;
    assert_eq!(receiver.seen.lock().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_who_rotate_at_once_each_gets_a_key_and_two_are_in_use() {
    let receiver = Receiver::start().await;
    let app = App::start_with(&ALLOWED);
    let admin = app.admin();
    put(&admin, &receiver.url).await;
    let all = (0..8).map(|place| {
        let admin = admin.clone();
        tokio::spawn(async move {
            if place % 4 == 3 {
                admin.call("POST", "/api/v1/key/rotate", None).await.expect(200);
            }
            key(&rotate(&admin, json!({})).await)
        })
    });
    let keys = futures_util::future::join_all(all).await;
    let keys: Vec<_> = keys.into_iter().map(Result::unwrap).collect();
    let message = message(&admin, &receiver).await;
    assert_eq!(keys.iter().filter(|key| message.verifies(key)).count(), 2);
}
