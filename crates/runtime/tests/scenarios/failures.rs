//! Functions that fail: at load, in a request, by looping, by dying.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use runtime::{Exit, InvokeError, Outcome, Stream, WorkerError};

use crate::harness::{Failure, Function, Host, request, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_thrown_at_load_is_told_with_its_place() {
    let mut host = Host::new().await;
    let function = Function::new("throws_at_load").await;
    let Err(Failure::Worker(WorkerError::BootFailed { message })) = host.get(&function, "/").await else { panic!() };
    assert_eq!(message, "TypeError: no config: [redacted API_KEY]\n    at file:///index.ts:7:7");
    assert_eq!(host.line(|_| true).await.text, "loading");
    until("the worker is gone", || host.runtime.workers().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_without_a_handler() {
    let host = Host::new().await;
    let failure = host.get(&Function::new("no_handler").await, "/").await.unwrap_err();
    assert!(matches!(failure, Failure::Worker(WorkerError::NoHandler)), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_never_gets_ready() {
    let host = Host::new().await;
    let mut function = Function::new("never_ready").await;
    function.limits.boot = Duration::from_millis(500);
    let failure = host.get(&function, "/").await.unwrap_err();
    assert!(matches!(failure, Failure::Worker(WorkerError::BootTimeout { .. })), "{failure:?}");
    until("the worker is gone", || host.runtime.workers().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_throws_is_an_error_and_not_a_response() {
    let mut host = Host::new().await;
    let function = Function::new("throws").await;
    let (result, outcome) = host.invoker().get(&function, "/").await;
    let Err(Failure::Invoke(InvokeError::Threw { message })) = result else { panic!("{result:?}") };
    assert_eq!(outcome, Some(Outcome::Error));
    assert!(
        message.starts_with("Error: cannot dance with [redacted API_KEY]\n    at fail (file:///index.ts:6:9)"),
        "{message}"
    );
    assert!(message.contains("Caused by: Error: deeper") && !message.contains("bootstrap"), "{message}");
    let line = host.line(|line| line.stream == Stream::Stderr).await;
    assert_eq!((line.text, line.invocation.as_deref()), (message, Some("inv-0")));

    for path in ["/async", "/not-a-response"] {
        let failure = host.get(&function, path).await.unwrap_err();
        assert!(matches!(failure, Failure::Invoke(InvokeError::Threw { .. })), "{failure:?}");
    }
    // A function that answers 500 has answered; it cannot pretend to have thrown either.
    let (answer, outcome) = host.invoker().get(&function, "/own-500").await;
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.text.as_str(), outcome), (500, "mine", Some(Outcome::Ok)));
    assert!(!answer.headers.contains_key("x-tresor-threw"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_functions_own_error_handler_answers() {
    let host = Host::new().await;
    let answer = host.get(&Function::new("own_on_error").await, "/").await.unwrap();
    assert_eq!((answer.status, answer.text.as_str()), (503, "handled it"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_catches_is_logged_and_the_worker_lives_on() {
    let mut host = Host::new().await;
    let function = Function::new("throws").await;
    assert_eq!(host.get(&function, "/unhandled").await.unwrap().text, "fine");
    let mut lines = [host.line(|_| true).await, host.line(|_| true).await];
    lines.sort_by_key(|line| line.text.contains("timer"));
    assert!(
        lines[0].text.starts_with("Uncaught (in promise) Error: nobody waits\n    at file:///index.ts:"),
        "{lines:?}"
    );
    assert_eq!((lines[0].stream, lines[0].invocation.as_deref()), (Stream::Stderr, Some("inv-0")));
    assert!(lines[1].text.starts_with("Uncaught Error: from a timer"), "{lines:?}");
    assert!(!host.get(&function, "/own-500").await.unwrap().cold);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_ends_its_worker_and_no_other() {
    let mut host = Host::new().await;
    let function = Function::new("endless_loop").await.wall_clock(1_000);
    let neighbour = function.generation(9, "other");
    let first = host.get(&function, "/").await.unwrap().text;
    let pid = host.runtime.workers()[0].pid;
    let other = host.get(&neighbour, "/").await.unwrap().text;
    let (result, outcome) = host.invoker().get(&function, "/loop").await;
    assert!(matches!(result, Err(Failure::Invoke(InvokeError::Timeout { .. }))), "{result:?}");
    assert_eq!(outcome, Some(Outcome::Timeout));
    let again = host.get(&function, "/").await.unwrap();
    assert!(again.cold && again.text != first);
    host.line(|line| line.text.contains("did not answer any more")).await;
    until("the looping process is gone", || !crate::harness::alive(pid)).await;
    assert_eq!(host.get(&neighbour, "/").await.unwrap().text, other);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_loops_fails_those_beside_it_in_the_same_worker() {
    let host = Host::new().await;
    let function = Function::new("endless_loop").await.wall_clock(1_000);
    host.get(&function, "/").await.unwrap();
    let (waiting, looping) = (host.invoker(), host.invoker());
    let (waited, looped) = tokio::join!(waiting.get(&function, "/slow"), looping.get(&function, "/loop"));
    assert_eq!(looped.1, Some(Outcome::Timeout));
    assert!(matches!(waited.1, Some(Outcome::Timeout | Outcome::Crashed)), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_that_never_settles_fails_alone() {
    let host = Host::new().await;
    let function = Function::new("endless_loop").await.wall_clock(1_000);
    let first = host.get(&function, "/").await.unwrap().text;
    let (invoker, beside) = (host.invoker(), host.invoker());
    let begun = Instant::now();
    let never = async {
        let result = invoker.get(&function, "/wait").await;
        assert!(begun.elapsed() >= Duration::from_millis(1_000));
        result
    };
    // Begins well after the other, and ends after the other's time is up.
    let slow = async {
        until("its time is half over", || begun.elapsed() > Duration::from_millis(600)).await;
        beside.get(&function, "/slow").await
    };
    let (never, slow) = tokio::join!(never, slow);
    assert_eq!(never.1, Some(Outcome::Timeout));
    assert_eq!(slow.0.unwrap().text, first);
    // What hangs in it is left behind with it.
    assert_ne!(host.get(&function, "/").await.unwrap().text, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wall_clock_ends_with_the_stream_and_not_with_its_head() {
    let host = Host::new().await;
    let function = Function::new("endless_loop").await.wall_clock(500);
    let (result, outcome) = host.invoker().get(&function, "/drip").await;
    assert!(matches!(&result, Err(Failure::Body(text, InvokeError::Timeout { .. })) if text == "one"), "{result:?}");
    assert_eq!(outcome, Some(Outcome::Timeout));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_told_and_the_next_invocation_boots_another() {
    let mut host = Host::new().await;
    let function = Function::new("dies").await;
    for (path, expected) in [("/exit", Exit::Code(7)), ("/heap", Exit::OutOfMemory)] {
        assert_eq!(host.get(&function, "/").await.unwrap().text, "alive");
        let (result, outcome) = host.invoker().get(&function, path).await;
        assert!(
            matches!(&result, Err(Failure::Invoke(InvokeError::Crashed { exit })) if *exit == expected),
            "{result:?}"
        );
        assert_eq!(outcome, Some(Outcome::Crashed));
        host.line(|line| line.text == format!("worker ended: {expected}")).await;
    }
    let (result, outcome) = host.invoker().get(&function, "/stream").await;
    assert!(matches!(&result, Err(Failure::Body(_, InvokeError::Crashed { exit: Exit::Code(9) }))), "{result:?}");
    assert_eq!(outcome, Some(Outcome::Crashed));
    assert!(host.get(&function, "/").await.unwrap().cold);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_throws_breaks_the_response_and_not_the_worker() {
    let host = Host::new().await;
    let function = Function::new("stream_breaks").await;
    let (result, outcome) = host.invoker().get(&function, "/").await;
    assert!(matches!(&result, Err(Failure::Body(_, InvokeError::BrokenOff))), "{result:?}");
    assert_eq!(outcome, Some(Outcome::Error));
    assert_eq!(host.runtime.workers().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_aborts_the_request() {
    let mut host = Host::new().await;
    let function = Function::new("hangs_up").await;
    let lease = async |host: &Host| {
        host.runtime.worker(&function.key, || async { Ok::<_, ()>(function.assignment()) }).await.unwrap()
    };
    let empty = |path| request(path).body(Full::new(Bytes::new())).unwrap();

    // After the head of the response.
    let (ended, outcome) = tokio::sync::oneshot::channel();
    let response =
        lease(&host).await.send(empty("/stream"), "i1", |end| ended.send(end.outcome).unwrap()).await.unwrap();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(outcome.await.unwrap(), Outcome::ClientClosed);
    assert_eq!(host.line(|line| line.text == "aborted").await.invocation.as_deref(), Some("i1"));

    // Before it.
    let (ended, outcome) = tokio::sync::oneshot::channel();
    let sending = lease(&host).await.send(empty("/wait"), "i2", |end| ended.send(end.outcome).unwrap());
    let task = tokio::spawn(sending);
    host.line(|line| line.text == "waiting").await;
    task.abort();
    assert_eq!(outcome.await.unwrap(), Outcome::ClientClosed);
    assert_eq!(host.line(|line| line.text == "aborted").await.invocation.as_deref(), Some("i2"));
    assert_eq!(host.get(&function, "/ping").await.unwrap().text, "pong");
    assert_eq!(host.runtime.workers()[0].in_flight, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_reads_slowly_gets_no_more_time_than_others() {
    let host = Host::new().await;
    let function = Function::new("slow_reader").await.wall_clock(500);
    let lease = host.runtime.worker(&function.key, || async { Ok::<_, ()>(function.assignment()) }).await.unwrap();
    let (ended, outcome) = tokio::sync::oneshot::channel();
    let endless = request("/endless").body(Full::new(Bytes::new())).unwrap();
    let response = lease.send(endless, "i1", |end| ended.send(end.outcome).unwrap()).await.unwrap();
    let (begun, mut body) = (Instant::now(), response.into_body());
    // There is always more to read, and whoever comes meanwhile is served.
    let error = loop {
        match body.frame().await.unwrap() {
            Ok(_) => assert_eq!(host.get(&function, "/").await.unwrap().text, "alive"),
            Err(error) => break error,
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it was not ended");
    };
    assert!(matches!(error, InvokeError::Timeout { .. }), "{error:?}");
    assert_eq!(outcome.await.unwrap(), Outcome::Timeout);
    assert_eq!(host.get(&function, "/").await.unwrap().text, "alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_outside_the_heap_is_bounded_and_neighbours_live() {
    let host = Host::new().await;
    let neighbour = Function::new("waits").await;
    host.get(&neighbour, "/").await.unwrap();
    let function = Function::new("memory_bombs").await;
    for path in ["/buffers", "/wasm", "/threads"] {
        let failure = host.get(&function, path).await.unwrap_err();
        let ended = matches!(
            failure,
            Failure::Invoke(InvokeError::Threw { .. } | InvokeError::Crashed { .. } | InvokeError::Timeout { .. })
        );
        assert!(ended, "{path}: {failure:?}");
        // Whatever it did to itself, a new generation of it works, and so do the others.
        assert_eq!(host.get(&function.generation(2, "a-new-value"), "/").await.unwrap().status, 200);
        assert!(!host.get(&neighbour, "/").await.unwrap().cold);
        host.runtime.retire(|key| key.function == function.key.function);
    }
}
