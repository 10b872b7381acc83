//! Bombs: what a worker can take of the machine before it is ended.

use serde_json::json;

use super::Scene;
use super::kernel::raw;
use crate::{Exit, InvokeError};

async fn survives(scene: &Scene) {
    let other = "Deno.serve(() => Response.json({ reached: 1 }));";
    assert_eq!(scene.send("neighbour", other, json!({})).await.unwrap().unwrap(), 1);
}

/// The system's limit on data counts private memory only; the supervisor looks at all of it.
#[tokio::test(flavor = "multi_thread")]
async fn memory_that_no_limit_counts_ends_the_worker() {
    let scene = Scene::walled().await;
    let args = json!({ "number": libc::SYS_mmap, "mebibytes": 128 });
    assert_eq!(scene.attack("shared_memory", args).await.unwrap(), 128);
    survives(&scene).await;
    let args = json!({ "attack": "shared_memory", "args": { "number": libc::SYS_mmap, "mebibytes": 4096 } });
    let ended = scene.send("thief", super::ATTACKS, args).await;
    assert!(matches!(ended, Err(InvokeError::Crashed { exit: Exit::OutOfMemory })), "{ended:?}");
    survives(&scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_are_counted() {
    let scene = Scene::walled().await;
    survives(&scene).await;
    let args = json!({ "attack": "threads", "args": { "count": 3000 } });
    let bomb = scene.send("thief", super::ATTACKS, args);
    let most = std::cell::Cell::new(0_usize);
    let watch = async {
        loop {
            let workers = scene.runtime.workers();
            let count = |pid: u32| std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
            let threads: usize = workers.iter().map(|worker| count(worker.pid)).sum();
            most.set(most.get().max(threads));
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let ended = tokio::select! { ended = bomb => ended, () = watch => unreachable!() };
    assert!(!matches!(ended, Ok(Ok(_))), "{ended:?}");
    assert!(most.get() < 1000, "{} threads", most.get());
    survives(&scene).await;
}

/// A worker that wants to outlive its server, and has native code to do it with.
#[tokio::test(flavor = "multi_thread")]
async fn files_cannot_grow_and_descriptors_run_out() {
    let scene = Scene::walled().await;
    scene.attack("raw", json!({ "number": libc::SYS_getpid })).await.unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", scene.pid("thief"))).unwrap();
    let limit = |name: &str| {
        limits.lines().find_map(|line| line.strip_prefix(name)).unwrap().split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(limit("Max file size"), "0");
    assert_eq!(limit("Max open files"), "4096");
    assert_eq!(limit("Max processes"), "512");
    assert_eq!(limit("Max msgqueue size"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_gives_way_to_the_server_and_cannot_change_that() {
    let scene = Scene::walled().await;
    let policy = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", scene.pid("thief"))).unwrap();
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(38).unwrap().to_owned()
    };
    for number in [libc::SYS_sched_setscheduler, libc::SYS_sched_setattr, libc::SYS_sched_setparam] {
        assert_eq!(raw(&scene, number, json!([])).await, (-1, libc::ENOSYS.into()), "{number}");
        assert_eq!(policy(), libc::SCHED_BATCH.to_string());
    }
}
