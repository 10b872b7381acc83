//! Other programs and other processes.

use serde_json::json;

use super::{Scene, try_all};

#[tokio::test(flavor = "multi_thread")]
async fn no_program_is_started() {
    let attacks = |_: &Scene| {
        vec![
            ("command", json!({ "program": "/bin/sh", "args": ["-c", "echo hello"] })),
            ("command", json!({ "program": "/lib64/ld-linux-x86-64.so.2", "args": ["--help"] })),
            ("command_node", json!({ "program": "/bin/sh", "args": ["-c", "echo hello"] })),
            ("shell", json!({})),
            ("command_self", json!({})),
        ]
    };
    try_all(
        attacks,
        &["NotFound", "ENOENT", "os error 38", "ENOSYS", "not implemented", "PermissionDenied", "os error"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_signal_reaches_the_server() {
    let attacks = |_: &Scene| {
        let server = std::process::id();
        vec![("kill", json!({ "pid": server })), ("kill_node", json!({ "pid": server }))]
    };
    try_all(attacks, &["os error 38", "ENOSYS", "ESRCH", "NotFound", "not implemented", "Unknown error"]).await;
}
