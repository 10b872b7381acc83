//! Requests that two programs could read as different ones (request smuggling): refused, and never seen by a function.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::api::App;
use crate::support::DEADLINE;

/// Sends bytes and reads all that comes back until the server closes.
fn exchange(app: &App, request: &str) -> String {
    let mut stream = TcpStream::connect(app.server.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn statuses(answer: &str) -> Vec<&str> {
    answer.split("HTTP/1.1 ").skip(1).map(|rest| &rest[..3]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_in_two_ways_reaches_nobody() {
    let app = App::start();
    let admin = app.admin();
    let source = "let calls = 0;\nDeno.serve(async (request) => new Response(`${++calls} ${request.method} ${await request.text()}`));";
    admin.deploy("count", source, json!({ "access": "public" })).await;
    let target = "POST /functions/v1/count HTTP/1.1\r\nhost: a.example\r\n";
    let hidden = "GET /functions/v1/count/hidden HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n";

    // A connection that is closed with bytes unread can take its last answer with it.
    let refused = |what: &str, request: String| {
        let answer = exchange(&app, &request);
        assert!(matches!(statuses(&answer)[..], [] | ["400" | "431"]), "{what:?}: {answer}");
    };
    for head in [
        "content-length: 0\r\ncontent-length: 67",
        "content-length: 5\r\ncontent-length: 5",
        "content-length: 5, 5",
        "content-length: +5",
        "content-length: -1",
        "content-length: 0x5",
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: identity",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding : chunked",
        "x: 1\r\n content-length: 5",
        "x: a\0b",
        "content-length: 5\nx: y",
        "no colon here",
        ": empty name",
    ] {
        refused(head, format!("{target}{head}\r\n\r\n0\r\n\r\n{hidden}"));
    }
    for chunk in [
        "0x5\r\nhello\r\n",
        "-5\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5\nhello\r\n",
        "5\r\nhelloXX",
        "fffffffffffffffff\r\nhello\r\n",
        "\r\n",
    ] {
        let answer = exchange(&app, &format!("{target}transfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n{hidden}"));
        assert!(!answer.contains("hidden") && !statuses(&answer).contains(&"200"), "{chunk:?}: {answer}");
    }
    for line in [
        "GET /functions/v1/count\r\n",
        "GET  /functions/v1/count HTTP/1.1\r\n",
        "G@T{ /functions/v1/count HTTP/1.1\r\n",
        "GET /functions/v1/count HTTP/3.7\r\n",
    ] {
        refused(line, format!("{line}host: a.example\r\n\r\n{hidden}"));
    }
    refused("a head without end", format!("{target}x: {}\r\n\r\n", "y".repeat(100_000)));

    // The function has run only where a body broke off after it had begun, and never for what was hidden.
    let recorded = admin.get("/api/v1/functions/count/invocations?limit=100").await.expect(200).json();
    for invocation in recorded["items"].as_array().unwrap() {
        assert_ne!(invocation["path"], "/hidden", "{invocation}");
        assert_ne!(invocation["status"], 200, "{invocation}");
    }

    // Two sound requests on one connection are two.
    let sound = format!(
        "{target}content-length: 5\r\n\r\nhello{target}transfer-encoding: chunked\r\nconnection: close\r\n\r\n5;x=y\r\nagain\r\n0\r\ntrailer: dropped\r\n\r\n"
    );
    let answer = exchange(&app, &sound);
    assert_eq!(statuses(&answer), ["200", "200"], "{answer}");
    assert!(answer.contains("POST hello") && answer.contains("POST again") && !answer.contains("dropped"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_before_sending_is_told() {
    let app = App::start();
    let admin = app.admin();
    admin
        .deploy(
            "size",
            "Deno.serve(async (request) => new Response(`${(await request.text()).length}`))",
            json!({ "access": "public" }),
        )
        .await;
    let head = |length: usize| {
        format!(
            "POST /functions/v1/size HTTP/1.1\r\nhost: a.example\r\nexpect: 100-continue\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        )
    };
    let mut stream = TcpStream::connect(app.server.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(head(5).as_bytes()).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(std::str::from_utf8(&interim), Ok("HTTP/1.1 100 Continue\r\n\r\n"));
    stream.write_all(b"hello").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with('5'), "{answer}");
    // What is too large is refused before it is sent.
    let answer = exchange(&app, &head(100 << 20));
    assert_eq!(statuses(&answer), ["413"], "{answer}");
}
