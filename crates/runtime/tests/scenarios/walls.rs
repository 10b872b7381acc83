//! What a worker may not reach, and where its values may not be found.

use bytes::Bytes;
use http_body_util::Full;
use serde_json::json;

use crate::harness::{Function, Host, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_function_reaches_neither_files_nor_processes_nor_other_workers() {
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let forbidden = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let host = Host::with(|config| config.deny_net = vec![forbidden.clone()]).await;
    let function = Function::new("walls").await;
    let other = Function::new("shape_serve").await;
    host.get(&other, "/").await.unwrap();
    let worker = host.runtime.workers()[0].worker.clone();
    let socket = host.dir.path().canonicalize().unwrap().join("r").join(&*worker).join("s");
    assert!(socket.exists());
    let body = json!({ "other": socket, "forbidden": forbidden }).to_string();
    let sent = request("/").method("POST").body(Full::new(Bytes::from(body))).unwrap();
    let seen = host.invoker().send(&function, sent).await.0.unwrap().json();
    let denied = "NotCapable";
    let environment: Vec<_> = std::iter::once("API_KEY".to_owned()).chain(passed_on()).collect();
    assert_eq!(
        seen,
        json!({
            "hosts": denied, "environ": denied, "write": denied, "spawn": denied, "node_spawn": "Error", "ffi": denied,
            "system": denied, "socket": denied, "list": denied, "import": "TypeError", "listener": denied,
            "listener_zero": denied, "listener_other": denied, "metadata": denied, "stdin": null,
            "environment": environment,
        })
    );
}

/// Settings of this machine that a worker needs for TLS.
fn passed_on() -> impl Iterator<Item = String> {
    ["DENO_CERT", "DENO_TLS_CA_STORE", "SSL_CERT_DIR", "SSL_CERT_FILE"]
        .into_iter()
        .filter(|name| std::env::var_os(name).is_some())
        .map(str::to_owned)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn values_are_in_no_environment_argument_or_file() {
    use std::os::unix::fs::PermissionsExt as _;

    let inherited = std::fs::File::open("/etc/hosts").unwrap();
    rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty()).unwrap();
    let host = Host::new().await;
    let function = Function::new("shape_serve").await;
    host.get(&function, "/").await.unwrap();
    let pid = host.runtime.workers()[0].pid;
    let read =
        |name: &str| String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/{name}")).unwrap()).into_owned();
    assert!(read("environ").contains("DENO_DIR="));
    for name in ["environ", "cmdline"] {
        assert!(!read(name).contains("canary") && !read(name).contains("API_KEY"), "{name}");
    }
    let status = read("status");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(read("limits").lines().any(|line| line.starts_with("Max core file size") && line.contains(" 0 ")));

    let dir = host.dir.path().join("r");
    assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    let mut files = 0;
    let folder = dir.join(&*host.runtime.workers()[0].worker);
    for entry in [&dir, &folder].into_iter().flat_map(|dir| std::fs::read_dir(dir).unwrap().flatten()) {
        let kind = entry.file_type().unwrap();
        if kind.is_file() {
            files += 1;
            // The bootstrap holds nothing, and is for all workers.
            let mode = if entry.path().ends_with("bootstrap.mjs") { 0o644 } else { 0o600 };
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, mode, "{:?}", entry.path());
            assert!(!std::fs::read_to_string(entry.path()).unwrap().contains("canary"));
        }
    }
    assert_eq!(files, 2, "the bootstrap and the bundle");

    let open: Vec<_> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .collect();
    assert!(!open.iter().any(|file| file.ends_with("hosts")), "{open:?}");
}
