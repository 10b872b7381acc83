//! Many callers at once: more workers where that helps, a queue where there is no room, and limits on what one call costs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use runtime::{InvokeError, Outcome, WorkerError};

use crate::harness::{Failure, Function, Host, until};

/// Calls `path` from `callers` sides at once until `enough` is set. Gives the processes that answered.
async fn press(host: &Host, function: &Function, path: &str, callers: usize, enough: &AtomicBool) -> BTreeSet<String> {
    let calling = (0..callers).map(|_| {
        let invoker = host.invoker();
        async move {
            let mut workers = BTreeSet::new();
            while !enough.load(Ordering::SeqCst) {
                workers.insert(invoker.get(function, path).await.0.unwrap().text);
            }
            workers
        }
    });
    join_all(calling).await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_computes_gets_more_workers_and_loses_them_again() {
    let host = Host::with(|config| config.idle = Duration::from_secs(5)).await;
    let function = Function::new("busy").await;
    let enough = AtomicBool::new(false);
    let pressing = press(&host, &function, "/compute?40", 6, &enough);
    let watching = async {
        until("there are two workers", || host.runtime.workers().len() == 2).await;
        let counts = || host.runtime.workers().iter().map(|worker| worker.invocations).min().unwrap_or_default();
        until("both work", || counts() >= 3).await;
        enough.store(true, Ordering::SeqCst);
    };
    let (workers, ()) = tokio::join!(pressing, watching);
    assert_eq!(workers.len(), 2, "no more than configured, and no call failed");
    until("the second went before its time", || host.runtime.workers().len() == 1).await;
    // A change retires all of them.
    host.runtime.retire(|_| true);
    assert!(!workers.contains(&host.get(&function.generation(2, "new-value"), "/").await.unwrap().text));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_waits_serves_all_from_one_worker() {
    let host = Host::new().await;
    let function = Function::new("busy").await;
    host.get(&function, "/").await.unwrap();
    let calls = (0..50).map(|_| {
        let (invoker, function) = (host.invoker(), &function);
        async move { invoker.get(function, "/wait?500").await.0.unwrap().text }
    });
    let workers: BTreeSet<_> = join_all(calls).await.into_iter().collect();
    assert_eq!(workers.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_all_workers_in_use_waits_for_one() {
    let host = Host::with(|config| {
        config.max_workers = 1;
        config.queue = 2;
        config.queue_wait = Duration::from_secs(15);
    })
    .await;
    let first = Function::new("busy").await;
    let second = first.generation(2, "another-value");
    let held = host.runtime.worker(&first.key, || async { Ok::<_, ()>(first.assignment()) }).await.unwrap();
    let (full, sides) = (Arc::new(AtomicBool::new(false)), [host.invoker(), host.invoker()]);
    let waiting = join_all(sides.iter().map(|side| side.get(&second, "/")));
    let third = async {
        // Two are allowed to wait; which of these calls comes as the third does not matter, one will.
        loop {
            let soon = tokio::time::timeout(Duration::from_millis(50), host.get(&second, "/")).await;
            if let Ok(Err(Failure::Worker(WorkerError::TooManyWorkers { limit: 1 }))) = soon {
                break;
            }
        }
        full.store(true, Ordering::SeqCst);
        drop(held);
    };
    let (answers, ()) = tokio::join!(waiting, third);
    assert!(full.load(Ordering::SeqCst));
    for (answer, outcome) in answers {
        assert_eq!((answer.unwrap().status, outcome), (200, Some(Outcome::Ok)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processor_time_is_limited_for_a_loop_and_for_many_small_pieces() {
    let mut host = Host::new().await;
    let mut function = Function::new("busy").await;
    function.limits.cpu = Duration::from_millis(400);
    let neighbour = function.generation(9, "other-value");
    let other = host.get(&neighbour, "/").await.unwrap().text;
    // The process keeps the processor: it is ended.
    host.get(&function, "/").await.unwrap();
    let pid = host.runtime.workers().iter().find(|worker| worker.key.generation == 1).unwrap().pid;
    let (result, outcome) = host.invoker().get(&function, "/compute?30000").await;
    assert!(matches!(result, Err(Failure::Invoke(InvokeError::CpuExceeded { .. }))), "{result:?}");
    assert_eq!(outcome, Some(Outcome::CpuExceeded));
    host.line(|line| line.text.contains("used up its processor time")).await;
    until("the process is gone", || !crate::harness::alive(pid)).await;
    // It turns its event loop all the time: only the invocation is ended, and the worker takes no other.
    let (result, _) = host.invoker().get(&function, "/compute-on?30000").await;
    assert!(matches!(result, Err(Failure::Invoke(InvokeError::CpuExceeded { .. }))), "{result:?}");
    // Waiting costs nothing.
    let (result, outcome) = host.invoker().get(&function, "/wait?1500").await;
    assert_eq!((result.unwrap().status, outcome), (200, Some(Outcome::Ok)));
    assert_eq!(host.get(&neighbour, "/").await.unwrap().text, other);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_is_too_large_is_refused_or_broken_off() {
    let host = Host::new().await;
    let mut function = Function::new("busy").await;
    function.limits.response_bytes = 10_000;
    assert_eq!(host.get(&function, "/large?10000").await.unwrap().text.len(), 10_000);
    assert_eq!(host.get(&function, "/large-stream?10000").await.unwrap().text.len(), 10_000);
    let (declared, outcome) = host.invoker().get(&function, "/large?10001").await;
    assert!(matches!(declared, Err(Failure::Invoke(InvokeError::ResponseTooLarge { limit: 10_000 }))), "{declared:?}");
    assert_eq!(outcome, Some(Outcome::ResponseTooLarge));
    let (streamed, outcome) = host.invoker().get(&function, "/large-stream?1000000000").await;
    let Err(Failure::Body(text, InvokeError::ResponseTooLarge { .. })) = streamed else { panic!("{streamed:?}") };
    assert!(text.len() <= 10_000);
    assert_eq!(outcome, Some(Outcome::ResponseTooLarge));
    assert!(!host.get(&function, "/").await.unwrap().cold, "the worker is none the worse for it");
}
