//! Rotations as they are begun and watched.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api::{Client, eventually, str};
use crate::database::Database;
use crate::support::DEADLINE;

/// A rotation that failed: of a secret whose rotator is a function that makes no values.
pub async fn failed_rotation(admin: &Client, name: &str, environment: &str) -> String {
    let place = format!("/api/v1/secrets/{name}");
    let body = json!({ "environment": environment });
    admin.post(&format!("{place}/rotate"), body).await;
    let rotator = eventually("the rotation fails", async || {
        let rotator = admin.get(&format!("{place}/rotator?environment={environment}")).await.expect(200).json();
        (rotator["rotation"]["status"] == "failed").then_some(rotator)
    })
    .await;
    str(&rotator["rotation"]["id"]).to_owned()
}

/// Begins a rotation of a secret, and tells its id.
pub async fn rotate(client: &Client, name: &str) -> String {
    let started = client.post(&format!("/api/v1/secrets/{name}/rotate"), json!({})).await.expect(202).json();
    str(&started["id"]).to_owned()
}

pub async fn stands(client: &Client, name: &str, id: &str) -> Value {
    client.get(&format!("/api/v1/secrets/{name}/rotations/{id}")).await.expect(200).json()
}

pub async fn becomes(client: &Client, name: &str, id: &str, status: &str) -> Value {
    ends_as(client, &format!("/api/v1/secrets/{name}/rotations/{id}"), status).await
}

/// Waits until a rotation stands so. A step that a busy machine was too slow for is tried again, which takes its time.
pub async fn ends_as(client: &Client, path: &str, status: &str) -> Value {
    let end = Instant::now() + 3 * DEADLINE;
    let mut beat = tokio::time::interval(Duration::from_millis(10));
    loop {
        let found = client.get(path).await.expect(200).json();
        if found["status"] == status {
            return found;
        }
        let over = ["done", "failed", "cancelled"].contains(&str(&found["status"]));
        assert!(!over && Instant::now() < end, "not {status}: {found}");
        beat.tick().await;
    }
}

/// Waits out pauses by ending them.
pub async fn hurry(database: &mut Database) {
    database.run("UPDATE rotations SET next_at = 1 WHERE next_at IS NOT NULL AND claim IS NULL").await;
}
