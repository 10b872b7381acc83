//! Processes that boot ahead of need.

use std::path::Path;
use std::time::Duration;

use crate::harness::{Function, Host, alive, until};

/// The workers' folders: each is named as its worker.
fn folders(host: &Host) -> Vec<String> {
    let entries = std::fs::read_dir(host.dir.path().join("r")).unwrap().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).filter(|name| name.starts_with('w')).collect()
}

/// The process whose working folder is the worker's.
fn process_of(host: &Host, worker: &str) -> u32 {
    let folder = host.dir.path().join("r").join(worker).canonicalize().unwrap();
    let pids =
        std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_there = |pid: &u32| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == folder);
    pids.into_iter().find(is_there).unwrap()
}

async fn pooled_function() -> Function {
    let mut function = Function::new("waits").await;
    function.limits.memory_mib = 256;
    function
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_made_of_a_process_that_waited() {
    let host = Host::new().await;
    until("one waits", || host.runtime.unassigned() == 1).await;
    let waiting = folders(&host);
    assert!(host.runtime.workers().is_empty(), "what waits is nobody's worker");
    assert!(host.get(&pooled_function().await, "/").await.unwrap().cold);
    assert_eq!(waiting, [host.runtime.workers()[0].worker.to_string()]);
    until("another waits", || host.runtime.unassigned() == 1).await;
    let next = process_of(&host, folders(&host).iter().find(|name| !waiting.contains(name)).unwrap());
    host.runtime.shutdown(Duration::from_secs(5)).await;
    assert!(!Path::new(&format!("/proc/{next}")).exists(), "the one that waited is not reaped");
    assert_eq!(folders(&host), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_died_while_it_waited_is_passed_over() {
    let host = Host::new().await;
    until("one waits", || host.runtime.unassigned() == 1).await;
    let pid = process_of(&host, &folders(&host)[0]);
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid as i32).unwrap(), rustix::process::Signal::KILL)
        .unwrap();
    until("it is dead", || !alive(pid)).await;
    assert_eq!(host.get(&pooled_function().await, "/").await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_heap_limit_gets_a_process_of_its_own() {
    let host = Host::new().await;
    until("one waits", || host.runtime.unassigned() == 1).await;
    let mut function = pooled_function().await;
    function.limits.memory_mib = 128;
    host.get(&function, "/").await.unwrap();
    assert_eq!(host.runtime.unassigned(), 1);
    let pid = host.runtime.workers()[0].pid;
    assert!(std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap().contains("--max-old-space-size=128"));
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_runtime_ends_what_waited() {
    let host = Host::new().await;
    until("one waits", || host.runtime.unassigned() == 1).await;
    let pid = process_of(&host, &folders(&host)[0]);
    let Host { runtime, dir, .. } = host;
    drop(runtime);
    until("it is dead", || !alive(pid)).await;
    drop(dir);
}
