//! `CONNECT`, declared TCP endpoints, WebSockets.

use domain::{EgressPolicy, HostPattern};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use runtime::{EgressOutcome, Via};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::harness::{Host, Setup, body, secret, soon};

/// Says hello as an SMTP server does, and then repeats what it hears.
async fn smtp() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                stream.write_all(b"220 hello\r\n").await.unwrap();
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
                let _ = writer.shutdown().await;
            });
        }
    });
    port
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut hello = [0; 11];
    soon(stream.read_exact(&mut hello)).await.unwrap();
    assert_eq!(&hello, b"220 hello\r\n");
    stream.write_all(b"EHLO x\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    soon(stream.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"EHLO x\r\n");
}

#[tokio::test]
async fn connect() {
    let setup = Setup::new();
    let port = smtp().await;
    let mut worker = setup.public(Vec::new());
    let mut stream = UnixStream::connect(&worker.socket).await.unwrap();
    stream.write_all(format!("CONNECT api.example.com:{port} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(stream.read_u8()).await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 200"));
    talk(stream).await;
    let record = worker.record().await;
    assert_eq!((record.via, record.method, record.outcome), (Via::Tunnel, "CONNECT", EgressOutcome::Opened));
    assert_eq!((record.host.as_str(), record.request_bytes, record.response_bytes), ("api.example.com", 8, 19));
    let answer = worker.raw(b"CONNECT api.example.com HTTP/1.1\r\nconnection: close\r\nhost: x\r\n\r\n").await;
    assert!(answer.contains("connect_without_port"), "{answer}");
}

#[tokio::test]
async fn declared_endpoints() {
    let setup = Setup::new();
    let port = smtp().await;
    let pattern = HostPattern::parse(&format!("api.example.com:{port}")).unwrap();
    let mut worker = setup.worker(&setup.broker(), EgressPolicy::Hosts(vec![pattern]), Vec::new());
    let mut served = Vec::new();
    for host in ["api.example.com", "other.example.com"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        served.push(listener.local_addr().unwrap());
        worker.outlet.serve_tcp(listener, host, port);
    }
    talk(TcpStream::connect(served[0]).await.unwrap()).await;
    let record = worker.record().await;
    assert_eq!((record.via, record.outcome, record.request_bytes), (Via::Tcp, EgressOutcome::Opened, 8));
    let mut refused = TcpStream::connect(served[1]).await.unwrap();
    assert_eq!(soon(refused.read(&mut [0; 1])).await.unwrap(), 0);
    assert_eq!(worker.record().await.outcome, EgressOutcome::Refused("host_not_allowed"));
}

#[tokio::test]
async fn websockets() {
    const KEY: &str = "sk_live_CanaryCanary0123456789ABCDEF";
    let setup = Setup::new();
    // It would rather speak HTTP/2, over which there are no such upgrades.
    let host = Host::start(&setup.ca, Some(&["h2", "http/1.1"]), |mut request| {
        Box::pin(async move {
            if request.headers().get("authorization").is_none_or(|value| value != &format!("Bearer {KEY}")) {
                return Response::builder().status(401).body(body(KEY)).unwrap();
            }
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgrade.await.unwrap()));
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
                let _ = writer.shutdown().await;
            });
            let response =
                Response::builder().status(101).header("connection", "upgrade").header("upgrade", "websocket");
            response.header("x-echo", KEY).body(body("")).unwrap()
        })
    })
    .await;
    let mut worker = setup.public(vec![secret("KEY", KEY, &[format!("api.example.com:{}", host.port)])]);
    let ask = |key: &str| {
        Request::get(format!("https://api.example.com:{}/", host.port))
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-extensions", "permessage-deflate")
            .header("authorization", format!("Bearer {key}"))
            .body(body(""))
            .unwrap()
    };
    let mut response = worker.send(ask(&worker.placeholder("KEY"))).await;
    assert_eq!((response.status().as_u16(), &response.headers()["upgrade"]), (101, &"websocket".parse().unwrap()));
    assert_eq!(response.headers()["x-echo"], worker.placeholder("KEY"));
    let mut stream = TokioIo::new(soon(hyper::upgrade::on(&mut response)).await.unwrap());
    stream.write_all(b"frames").await.unwrap();
    let mut echo = [0; 6];
    soon(stream.read_exact(&mut echo)).await.unwrap();
    assert_eq!(&echo, b"frames");
    drop(stream);
    let record = worker.record().await;
    assert_eq!((record.via, record.outcome, record.request_bytes), (Via::WebSocket, EgressOutcome::Answered(101), 6));
    assert_eq!(record.secrets.len(), 1);
    let declined = worker.ask(ask("wrong")).await;
    assert_eq!((declined.status.as_u16(), declined.text()), (401, worker.placeholder("KEY").as_str()));
}
