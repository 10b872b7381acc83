//! Log lines: whose they are, and what they may not show.

use domain::limits;
use runtime::Stream;

use crate::harness::{Function, Host};

#[tokio::test(flavor = "multi_thread")]
async fn lines_belong_to_their_invocation_also_side_by_side() {
    let mut host = Host::new().await;
    let function = Function::new("logs").await;
    host.get(&function, "/warm").await.unwrap();
    assert_eq!(host.line(|line| line.text == "loading").await.invocation, None);
    let calls: Vec<_> = (0..20)
        .map(|i| {
            let (invoker, assignment) = (host.invoker(), function.generation(1, "sk-canary-1234567890"));
            tokio::spawn(async move { (i, invoker.get(&assignment, &format!("/tag{i}")).await.0.unwrap().text) })
        })
        .collect();
    let mut invocations = std::collections::HashMap::new();
    for call in calls {
        let (i, invocation) = call.await.unwrap();
        invocations.insert(format!("tag{i}"), invocation);
    }
    let (mut seen, mut errors) = (0, 0);
    while seen < 20 * 7 {
        let line = host.line(|line| line.text.starts_with("tag")).await;
        let tag = line.text.split(' ').next().unwrap();
        assert_eq!(line.invocation.as_ref(), invocations.get(tag), "{}", line.text);
        errors += usize::from(line.stream == Stream::Stderr);
        seen += 1;
    }
    assert_eq!(errors, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_output_belongs_to_the_worker() {
    let mut host = Host::new().await;
    host.get(&Function::new("logs").await, "/raw").await.unwrap();
    let worker = host.runtime.workers()[0].worker.clone();
    // The two streams are read side by side.
    let mut lines =
        [host.line(|line| line.text.starts_with("raw")).await, host.line(|line| line.text.starts_with("raw")).await];
    lines.sort_by_key(|line| line.stream == Stream::Stderr);
    for (line, (text, stream)) in lines.iter().zip([("raw out", Stream::Stdout), ("raw err", Stream::Stderr)]) {
        assert_eq!((line.text.as_str(), line.stream, &line.invocation, &line.worker), (text, stream, &None, &worker));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_redacted_in_every_line() {
    let mut host = Host::new().await;
    let mut function = Function::new("logs").await;
    let pem =
        "-----BEGIN PRIVATE KEY-----\nMIIcanaryMIIcanary\nMIIcanaryMIIcanary\n-----END PRIVATE KEY-----".to_owned();
    function.env.push(("PEM", pem));
    host.get(&function, "/secret").await.unwrap();
    let mut lines = Vec::new();
    while lines.len() < 3 {
        lines.push(host.line(|line| line.text != "loading").await.text);
    }
    let all = lines.join("\n");
    assert!(!all.contains("canary") && !all.contains("MII"), "{all}");
    assert!(all.contains("key [redacted API_KEY] and { authorization: \"Bearer [redacted API_KEY]\" }"), "{all}");
    assert!(all.contains("it is [redacted PEM] so"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_harmless_in_a_terminal_and_bounded() {
    let mut host = Host::new().await;
    host.get(&Function::new("logs").await, "/terminal").await.unwrap();
    let line = host.line(|line| line.text.starts_with("red")).await;
    assert_eq!(line.text, "red \\u{1b}[31malert\\u{1b}[0m\\u{7} and\ttab\nnext line");
    let long = host.line(|line| line.text.starts_with("xxx")).await.text;
    assert_eq!(long.find(' '), Some(limits::LOG_LINE_BYTES));
    assert!(long.ends_with(" … [cut: 83617 bytes]"), "{}", &long[limits::LOG_LINE_BYTES..]);
}
