//! When workers boot, are shared, are retired, and go.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runtime::{Outcome, WorkerError, WorkerState};

use crate::harness::{Failure, Function, Host, alive, until};

#[tokio::test(flavor = "multi_thread")]
async fn callers_share_one_boot() {
    let host = Host::new().await;
    let function = Function::new("waits").await;
    let loads = AtomicUsize::new(0);
    let lease = || {
        host.runtime.worker(&function.key, || async {
            loads.fetch_add(1, Ordering::Relaxed);
            Ok::<_, ()>(function.assignment())
        })
    };
    let (a, b, c) = tokio::join!(lease(), lease(), lease());
    let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
    assert!(a.cold && b.cold && c.cold && a.worker() == b.worker() && b.worker() == c.worker());
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    assert_eq!(host.runtime.workers()[0].in_flight, 3);
    drop((a, b, c));
    assert_eq!(host.runtime.workers()[0].in_flight, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_or_abandoned_load_leaves_the_boot_to_the_next() {
    let host = Host::new().await;
    let function = Function::new("waits").await;
    let failed = host.runtime.worker(&function.key, || async { Err("no key") }).await;
    assert!(matches!(failed, Err(WorkerError::Load("no key"))));
    let (begun, waiting) = tokio::sync::oneshot::channel();
    let (runtime, key) = (host.runtime.clone(), function.key.clone());
    let stuck = tokio::spawn(async move {
        let load = || async {
            begun.send(()).unwrap();
            std::future::pending::<Result<_, ()>>().await
        };
        drop(runtime.worker(&key, load).await);
    });
    waiting.await.unwrap();
    let (invoker, other) = (host.invoker(), function.generation(1, "sk-canary-1234567890"));
    let next = tokio::spawn(async move { invoker.get(&other, "/").await.0 });
    stuck.abort();
    assert!(next.await.unwrap().unwrap().text.starts_with("sk-canary-1234567890"));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_retire_nobody_gets_the_old_value_and_nobody_fails() {
    let mut host = Host::new().await;
    let old = Function::new("waits").await;
    let (invoker, held) = (host.invoker(), old.generation(1, "old-value"));
    let holding = tokio::spawn(async move { invoker.get(&held, "/hold").await });
    host.line(|line| line.text == "holding").await;
    let old_worker = host.runtime.workers()[0].clone();
    // Its own lease keeps the way to `/release` open.
    let key = old.key.clone();
    let release = host.runtime.worker(&key, || async { Err("boots no other") }).await.unwrap();

    host.runtime.retire(|key| key.generation < 2);
    let stale = host.runtime.worker(&key, || async { Err::<runtime::Assignment, _>("asked to boot") }).await;
    assert!(matches!(stale, Err(WorkerError::Load("asked to boot"))), "the retired worker was given out");
    let new = host.get(&old.generation(2, "new-value"), "/").await.unwrap();
    assert!(new.text.starts_with("new-value "));
    let status: Vec<_> = host.runtime.workers().iter().map(|status| (status.key.generation, status.state)).collect();
    assert!(status.contains(&(1, WorkerState::Draining)) && status.contains(&(2, WorkerState::Ready)), "{status:?}");

    let empty = crate::harness::request("/release").body(http_body_util::Empty::new()).unwrap();
    release.send(empty, "r", |_| {}).await.unwrap();
    let (answer, outcome) = holding.await.unwrap();
    assert!(answer.unwrap().text.starts_with("old-value "));
    assert_eq!(outcome, Some(Outcome::Ok));
    until("the old worker is gone", || !alive(old_worker.pid)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_whose_worker_is_retired_while_it_boots_are_served() {
    let host = Host::new().await;
    let function = Function::new("waits").await;
    for _ in 0..3 {
        let calls: Vec<_> = (0..4)
            .map(|_| {
                let (invoker, function) = (host.invoker(), function.generation(1, "value-one"));
                tokio::spawn(async move { invoker.get(&function, "/").await.0 })
            })
            .collect();
        until("it boots", || host.runtime.workers().iter().any(|worker| worker.state == WorkerState::Booting)).await;
        host.runtime.retire(|_| true);
        for call in calls {
            call.await.unwrap().unwrap();
        }
        until("all are gone", || host.runtime.workers().is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_promised_to_finish_finishes_before_the_end() {
    let mut host = Host::new().await;
    let function = Function::new("waits").await;
    host.get(&function, "/background").await.unwrap();
    host.runtime.retire(|_| true);
    host.line(|line| line.text == "background done").await;
    until("it is gone", || host.runtime.workers().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_is_retired() {
    let host = Host::with(|config| config.idle = Duration::from_millis(200)).await;
    let function = Function::new("waits").await;
    assert!(host.get(&function, "/").await.unwrap().cold);
    let pid = host.runtime.workers()[0].pid;
    until("it is gone", || host.runtime.workers().is_empty()).await;
    assert!(!alive(pid));
    assert!(host.get(&function, "/").await.unwrap().cold);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_unused_for_longest_makes_room() {
    let host = Host::with(|config| config.max_workers = 2).await;
    let function = Function::new("waits").await;
    let [a, b, c] = [1, 2, 3].map(|generation| function.generation(generation, "value-of-it"));
    for function in [&a, &b, &a] {
        host.get(function, "/").await.unwrap();
    }
    host.get(&c, "/").await.unwrap();
    assert!(!host.get(&a, "/").await.unwrap().cold, "the one used last was evicted");
    let held = [&a, &c].map(|function| host.runtime.worker(&function.key, || async { Err(()) }));
    let held = futures_util::future::join_all(held).await;
    assert!(held.iter().all(Result::is_ok));
    let failure = host.get(&b, "/").await.unwrap_err();
    assert!(matches!(failure, Failure::Worker(WorkerError::TooManyWorkers { limit: 2 })), "{failure:?}");
    drop(held);
    host.get(&b, "/").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_leaves_nothing() {
    let mut host = Host::new().await;
    let function = Function::new("waits").await;
    let (invoker, held) = (host.invoker(), function.generation(1, "old-value"));
    let holding = tokio::spawn(async move { invoker.get(&held, "/hold").await });
    host.line(|line| line.text == "holding").await;
    host.get(&function.generation(2, "idle-value"), "/").await.unwrap();
    let pids: Vec<_> = host.runtime.workers().iter().map(|worker| worker.pid).collect();
    assert_eq!(pids.len(), 2);
    host.runtime.shutdown(Duration::from_millis(300)).await;
    assert!(pids.iter().all(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists()), "a process is not reaped");
    let left: Vec<_> = std::fs::read_dir(host.dir.path().join("r")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["bootstrap.mjs"]);
    assert_eq!(holding.await.unwrap().1, Some(Outcome::Crashed));
    let late = host.get(&function, "/").await.unwrap_err();
    assert!(matches!(late, Failure::Worker(WorkerError::ShuttingDown)), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_waits_for_what_runs() {
    let mut host = Host::new().await;
    let function = Function::new("waits").await;
    let (invoker, held) = (host.invoker(), function.generation(1, "old-value"));
    let holding = tokio::spawn(async move { invoker.get(&held, "/hold").await });
    host.line(|line| line.text == "holding").await;
    let release = host.runtime.worker(&function.key, || async { Err(()) }).await.unwrap();
    let runtime = host.runtime.clone();
    let ending = tokio::spawn(async move { runtime.shutdown(crate::harness::DEADLINE).await });
    until("it drains", || host.runtime.workers()[0].state == WorkerState::Draining).await;
    let empty = crate::harness::request("/release").body(http_body_util::Empty::new()).unwrap();
    release.send(empty, "r", |_| {}).await.unwrap();
    assert_eq!(holding.await.unwrap().1, Some(Outcome::Ok));
    ending.await.unwrap();
    assert!(host.runtime.workers().is_empty());
}

const CHILD: &str = "TRESOR_TEST_CHILD_HOST";

/// Not a test by itself: the process that [`no_worker_outlives_a_killed_server`] kills.
#[tokio::test(flavor = "multi_thread")]
async fn child_host() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let host = Host::new().await;
    let function = Function::new("endless_loop").await;
    host.get(&function, "/").await.unwrap();
    eprintln!("{CHILD}={}", host.runtime.workers()[0].pid);
    let _ = host.get(&function, path.to_str().unwrap()).await;
    std::future::pending().await
}

#[test]
fn no_worker_outlives_a_killed_server() {
    // Idle, and in a loop in which it could not read anything.
    for path in ["/", "/loop"] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lifecycle::child_host", "--nocapture"])
            .env(CHILD, path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let pid =
            lines.map_while(Result::ok).find_map(|line| line.strip_prefix(CHILD)?.strip_prefix('=')?.parse().ok());
        let pid: u32 = pid.expect("the child told no worker");
        assert!(alive(pid));
        child.kill().unwrap();
        child.wait().unwrap();
        let begun = std::time::Instant::now();
        while alive(pid) {
            assert!(begun.elapsed() < crate::harness::DEADLINE, "the worker outlived its server");
            std::thread::yield_now();
        }
    }
}
