//! What a function returns, watched for the values that it was given.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use domain::ResponseGuard::{Block, Off, Report};
use http_body_util::{BodyExt as _, Full};
use runtime::{InvokeError, Outcome};

use crate::harness::{Failure, Function, Host, request};

const KEY: &str = "sk-canary-1234567890";

/// Whose value was found, as the end of the invocation tells it.
async fn returned(host: &Host, function: &Function, path: &str) -> Option<String> {
    let load = || async { Ok::<_, String>(function.assignment()) };
    let lease = host.runtime.worker(&function.key, load).await.unwrap();
    let told = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&told);
    let on_end = move |end: runtime::End<'_>| *tell.lock().unwrap() = end.returned.map(ToString::to_string);
    let sent = request(path).body(Full::new(Bytes::new())).unwrap();
    if let Ok(response) = lease.send(sent, "inv", on_end).await {
        let _ = response.into_body().collect().await;
    }
    told.lock().unwrap().take()
}

/// Reads a stream that waits after its first piece: what came, and why it ended early.
async fn streamed(host: &Host, function: &Function, path: &str) -> (String, Option<InvokeError>) {
    let load = || async { Ok::<_, String>(function.assignment()) };
    let lease = host.runtime.worker(&function.key, load).await.unwrap();
    let sent = request(path).body(Full::new(Bytes::new())).unwrap();
    let mut body = lease.send(sent, "inv", |_| ()).await.unwrap().into_body();
    let mut text = String::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap()),
            Err(error) => return (text, Some(error)),
        }
        if text == "first " {
            assert_eq!(host.get(function, "/go").await.unwrap().text, "gone");
        }
    }
    (text, None)
}

#[tokio::test(flavor = "multi_thread")]
async fn reported_responses_go_out_unchanged() {
    let host = Host::new().await;
    let function = Function::new("returns").await.guarded(Report);
    for (path, text, found) in [
        ("/body", format!("{{\"key\":\"{KEY}\"}}"), true),
        ("/header", "fine".to_owned(), true),
        ("/clean", "fine".to_owned(), false),
    ] {
        let (answer, outcome) = host.invoker().get(&function, path).await;
        assert!(answer.unwrap().text.starts_with(&text), "{path}");
        assert_eq!(outcome, Some(Outcome::Ok));
        assert_eq!(returned(&host, &function, path).await, found.then(|| "API_KEY".to_owned()), "{path}");
    }
    let (text, error) = streamed(&host, &function, "/stream").await;
    assert_eq!((text, error.is_none()), (format!("first second {KEY} after"), true));
    let late = host.get(&function, "/late").await.unwrap().text;
    assert_eq!((late.len(), late.ends_with(KEY)), (5_000_000 + KEY.len(), true));
    assert_eq!(returned(&host, &function, "/late").await.as_deref(), Some("API_KEY"));
}

#[tokio::test(flavor = "multi_thread")]
async fn blocked_responses_do_not_begin_or_end_before_the_value() {
    let host = Host::new().await;
    let function = Function::new("returns").await.guarded(Block);
    for path in ["/body", "/header", "/base64"] {
        let (answer, outcome) = host.invoker().get(&function, path).await;
        let Err(Failure::Invoke(InvokeError::ResponseBlocked { secret })) = answer else {
            panic!("{path}: {answer:?}")
        };
        assert_eq!((secret.as_str(), outcome), ("API_KEY", Some(Outcome::ResponseBlocked)));
        assert_eq!(returned(&host, &function, path).await.as_deref(), Some("API_KEY"));
    }
    let (answer, outcome) = host.invoker().get(&function, "/late").await;
    let Err(Failure::Body(sent, InvokeError::ResponseBlocked { .. })) = answer else { panic!("{answer:?}") };
    assert_eq!((sent.len(), outcome), (5_000_000, Some(Outcome::ResponseBlocked)));
    let (text, error) = streamed(&host, &function, "/stream").await;
    assert_eq!(text, "first second ");
    assert!(matches!(error, Some(InvokeError::ResponseBlocked { .. })), "{error:?}");
    // What only begins like the value goes out when the end tells that it is none.
    let (text, error) = streamed(&host, &function, "/beginning").await;
    assert_eq!((text.as_str(), error.is_none()), ("first sk-canary", true));
    let clean = host.get(&function, "/clean").await.unwrap();
    assert_eq!((clean.text.as_str(), &clean.headers["content-length"]), ("fine", &"4".parse().unwrap()));
    assert_eq!(returned(&host, &function, "/clean").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_looks_where_nobody_asked() {
    let host = Host::new().await;
    let function = Function::new("returns").await.guarded(Off);
    assert_eq!(returned(&host, &function, "/body").await, None);
    // A value that is no secret is none to guard.
    let function = function.guarded(Block).generation(2, "production");
    assert_eq!(host.get(&function, "/body").await.unwrap().text, "{\"key\":\"production\"}");
}
