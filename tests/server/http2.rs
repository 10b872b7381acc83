//! HTTP/2 as an attacker speaks it, frame by frame: refused, never seen by a function, and no harm to others.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::api::App;
use crate::support::DEADLINE;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Types of frames and their flags (RFC 9113 §6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Literal fields without indexing (RFC 7541 §6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

fn request<'a>(method: &'a str, more: &[(&'a str, &'a str)]) -> Vec<u8> {
    let head =
        [(":method", method), (":scheme", "http"), (":path", "/functions/v1/count"), (":authority", "a.example")];
    block(&[&head, more].concat())
}

/// A connection whose first frames were exchanged.
fn connect(app: &App) -> TcpStream {
    let mut stream = TcpStream::connect(app.server.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).unwrap();
    stream
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// The connection was ended, with this error or without a word.
    Ended(Option<u32>),
    /// The stream was.
    Reset(u32),
    /// A response came; this is the first byte of its fields, an indexed `:status`.
    Response(u8),
}

/// Reads until the server decided.
fn answer(stream: &mut TcpStream) -> Answer {
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).is_err() {
            return Answer::Ended(None);
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        if stream.read_exact(&mut payload).is_err() {
            return Answer::Ended(None);
        }
        let word = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        match head[3] {
            GOAWAY => return Answer::Ended(Some(word(4))),
            RST_STREAM => return Answer::Reset(word(0)),
            HEADERS => return Answer::Response(payload[0]),
            _ => {}
        }
    }
}

const OK: u8 = 0x88;

fn app() -> (App, impl Fn(&App) -> Answer) {
    let app = App::start();
    let sound = |app: &App| {
        let mut stream = connect(app);
        stream.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &request("GET", &[]))).unwrap();
        answer(&mut stream)
    };
    (app, sound)
}

async fn deploy(app: &App) {
    let source = "Deno.serve(async (request) => new Response(`${request.method} ${await request.text()}`));";
    app.admin().deploy("count", source, json!({ "access": "public" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_out_of_place_end_the_connection() {
    let (app, sound) = app();
    deploy(&app).await;
    assert_eq!(sound(&app), Answer::Response(OK));
    let whole = END_STREAM | END_HEADERS;
    let large = vec![0; 16_385];
    for (what, bytes) in [
        ("settings of a stream", frame(SETTINGS, 0, 1, &[])),
        ("settings of an odd length", frame(SETTINGS, 0, 0, &[0; 5])),
        ("an acknowledgement with settings in it", frame(SETTINGS, 1, 0, &[0; 6])),
        ("a window that is too large", frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff])),
        ("headers of no stream", frame(HEADERS, whole, 0, &request("GET", &[]))),
        ("headers of a stream that is the server's", frame(HEADERS, whole, 2, &request("GET", &[]))),
        ("padding longer than the frame", frame(HEADERS, whole | 8, 1, &[200, 0])),
        ("a field beyond the table", frame(HEADERS, whole, 1, &[0xff, 0xff, 0x7f])),
        ("a text longer than the block", frame(HEADERS, whole, 1, &[0, 0x7f, b'a'])),
        ("data of an idle stream", frame(DATA, END_STREAM, 1, b"x")),
        ("data of no stream", frame(DATA, END_STREAM, 0, b"x")),
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, &[])),
        (
            "something between headers and their rest",
            [frame(HEADERS, 0, 1, &request("GET", &[])), frame(PING, 0, 0, &[0; 8])].concat(),
        ),
        ("a promise of the client's", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])),
        ("a short ping", frame(PING, 0, 0, &[0; 7])),
        ("a reset of an idle stream", frame(RST_STREAM, 0, 1, &[0; 4])),
        ("a window that grows by nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("a frame over the limit", frame(HEADERS, whole, 1, &large)),
        (
            "a stream that is closed",
            [frame(HEADERS, whole, 3, &request("GET", &[])), frame(HEADERS, whole, 1, &request("GET", &[]))].concat(),
        ),
    ] {
        let mut stream = connect(&app);
        // The server may have closed before all was sent.
        let _ = stream.write_all(&bytes);
        let verdict = loop {
            // What came before the fault may be answered.
            match answer(&mut stream) {
                Answer::Response(OK) => {}
                verdict => break verdict,
            }
        };
        assert!(matches!(verdict, Answer::Ended(_) | Answer::Reset(_)), "{what}: {verdict:?}");
    }
    let mut stream = TcpStream::connect(app.server.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").unwrap();
    assert!(matches!(answer(&mut stream), Answer::Ended(_)), "another preface");
    assert_eq!(sound(&app), Answer::Response(OK));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_http1_would_read_otherwise_reach_nobody() {
    let (app, sound) = app();
    deploy(&app).await;
    let pseudo = |fields: &[(&str, &str)]| block(fields);
    let usual = [(":method", "POST"), (":scheme", "http"), (":authority", "a.example")];
    for (what, head) in [
        ("an upper-case name", request("POST", &[("X-Upper", "y")])),
        ("a connection header", request("POST", &[("connection", "close")])),
        ("a transfer coding", request("POST", &[("transfer-encoding", "chunked")])),
        ("an upgrade", request("POST", &[("upgrade", "websocket")])),
        ("keep-alive", request("POST", &[("keep-alive", "1")])),
        ("te other than trailers", request("POST", &[("te", "gzip")])),
        ("a line break in a value", request("POST", &[("x", "a\r\nb: c")])),
        ("a line break in a name", request("POST", &[("x\r\ny", "z")])),
        ("NUL in a value", request("POST", &[("x", "a\0b")])),
        ("a colon in a name", request("POST", &[("a:b", "c")])),
        ("a longer length than the body", request("POST", &[("content-length", "9")])),
        ("a shorter length than the body", request("POST", &[("content-length", "2")])),
        ("no path", pseudo(&usual)),
        ("an empty path", pseudo(&[&usual[..], &[(":path", "")]].concat())),
        ("two paths", request("POST", &[(":path", "/functions/v1/count/hidden")])),
        ("a pseudo header of responses", request("POST", &[(":status", "200")])),
        ("an unknown pseudo header", request("POST", &[(":x", "y")])),
        (
            "a pseudo header after others",
            pseudo(&[("x", "y"), (":method", "POST"), (":scheme", "http"), (":path", "/functions/v1/count")]),
        ),
        (
            "a line break in the path",
            pseudo(&[&usual[..], &[(":path", "/functions/v1/count HTTP/1.1\r\nx: y")]].concat()),
        ),
    ] {
        let mut stream = connect(&app);
        let _ =
            stream.write_all(&[frame(HEADERS, END_HEADERS, 1, &head), frame(DATA, END_STREAM, 1, b"hello")].concat());
        let verdict = answer(&mut stream);
        assert_ne!(verdict, Answer::Response(OK), "{what}");
    }
    assert_eq!(sound(&app), Answer::Response(OK));
    let recorded = app.admin().get("/api/v1/functions/count/invocations?limit=100").await.expect(200).json();
    let good: Vec<_> = recorded["items"].as_array().unwrap().iter().filter(|one| one["status"] == 200).collect();
    assert_eq!((good.len(), &good[0]["method"]), (1, &json!("GET")), "{recorded}");
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_end_and_others_are_served() {
    let (app, sound) = app();
    deploy(&app).await;
    assert_eq!(sound(&app), Answer::Response(OK));
    // Requests that are taken back at once (CVE-2023-44487): each would begin an invocation.
    let mut stream = connect(&app);
    for number in (1..20_000_u32).step_by(2) {
        let both = [
            frame(HEADERS, END_HEADERS, number, &request("POST", &[])),
            frame(RST_STREAM, 0, number, &8_u32.to_be_bytes()),
        ];
        if stream.write_all(&both.concat()).is_err() {
            break;
        }
    }
    assert!(ends(&mut stream), "10,000 requests taken back");
    // Headers that never end (CVE-2024-27316).
    let mut stream = connect(&app);
    let mut sent = stream.write_all(&frame(HEADERS, 0, 1, &request("GET", &[])));
    for number in 0..10_000 {
        if sent.is_err() {
            break;
        }
        let name = format!("x-{number}");
        sent = stream.write_all(&frame(CONTINUATION, 0, 1, &block(&[(&name, &"y".repeat(100))])));
    }
    assert!(ends(&mut stream), "headers without end");
    assert_eq!(sound(&app), Answer::Response(OK));
}

/// Whether the server ends the connection or refuses what came on it.
fn ends(stream: &mut TcpStream) -> bool {
    loop {
        match answer(stream) {
            Answer::Ended(_) => return true,
            // 431: Request Header Fields Too Large is no indexed status.
            Answer::Response(status) if status != OK => return true,
            Answer::Response(_) | Answer::Reset(_) => {}
        }
    }
}
