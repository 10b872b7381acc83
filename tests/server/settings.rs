//! What an account decides once for all its functions.

use serde_json::json;

use crate::api::App;

const PATH: &str = "/api/v1/settings";

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_the_accounts_own_and_each_change_is_audited() {
    let app = App::start();
    let (admin, other) = (app.admin(), app.account("other").await);
    let default = json!({ "response_guard": "report", "conversation_values": "allow", "confirmations": "never", "rotate_after_days": "never" });
    assert_eq!(admin.get(PATH).await.expect(200).json(), default);
    assert_eq!(
        admin.put(PATH, json!({ "response_guard": "block" })).await.expect(200).json()["response_guard"],
        "block"
    );
    assert_eq!(other.get(PATH).await.expect(200).json(), default);
    let events = admin.items("/api/v1/audit?action=settings.put").await;
    let event = &events[0]["event"];
    assert_eq!(
        (events.len(), &event["outcome"], &event["details"]),
        (1, &json!("done"), &json!({ "response_guard": "block" }))
    );

    // What changes nothing leaves no event.
    for same in [json!({}), json!({ "response_guard": "block" })] {
        assert_eq!(admin.put(PATH, same).await.expect(200).json()["response_guard"], "block");
    }
    let before = admin.state().await;
    let problem = admin.put(PATH, json!({ "response_guard": "warn" })).await.problem(422, "response_guard_unknown");
    assert_eq!(problem["errors"][0]["field"], "response_guard");
    admin.put(PATH, json!({ "responseGuard": "off" })).await.problem(422, "json_invalid");
    assert_eq!(admin.state().await, before);
    assert_eq!(admin.items("/api/v1/audit?action=settings.put").await.len(), 1);

    let app = app.restart(|server| server.kill_hard(), &[]);
    assert_eq!(app.admin().get(PATH).await.expect(200).json()["response_guard"], "block");
}
