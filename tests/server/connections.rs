//! What connections to the server may be: WebSockets, streams of events, TLS with a certificate that changes, HTTP/2.

use std::path::Path;
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, http};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::api::{App, eventually, str};

const ECHO: &str = r#"
Deno.serve((request) => {
  if (request.headers.get("upgrade") !== "websocket") return new Response("no socket", { status: 426 });
  // A request that was upgraded has no headers any more.
  const actor = request.headers.get("x-tresor-actor");
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onopen = () => socket.send(`${Deno.env.get("KEY")} ${actor}`);
  socket.onmessage = ({ data }) => {
    if (data === "close") return socket.close(4001, "as asked");
    if (data === "die") Deno.exit(3);
    socket.send(data);
  };
  return response;
});"#;

type Socket = WebSocketStream<TcpStream>;

async fn connect(app: &App, path: &str, token: Option<&str>) -> Result<Socket, Error> {
    let stream = TcpStream::connect(app.server.address()).await.unwrap();
    let mut request = format!("ws://{}{path}", app.server.address()).into_client_request().unwrap();
    if let Some(token) = token {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    request.headers_mut().insert("x-tresor-actor", "token:forged".parse().unwrap());
    client_async(request, stream).await.map(|(socket, _)| socket)
}

async fn text(socket: &mut Socket) -> String {
    socket.next().await.unwrap().unwrap().into_text().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_pass_through() {
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("KEY", "value-1").await;
    admin.deploy("echo", ECHO, json!({})).await;

    let refused = connect(&app, "/functions/v1/echo", None).await.unwrap_err();
    assert!(matches!(&refused, Error::Http(answer) if answer.status() == 401), "{refused:?}");
    let mut first = connect(&app, "/functions/v1/echo", Some(admin.token())).await.unwrap();
    let mut second = connect(&app, "/functions/v1/echo/below?x=1", Some(admin.token())).await.unwrap();
    for socket in [&mut first, &mut second] {
        let greeting = text(socket).await;
        assert!(greeting.starts_with("value-1 token:") && !greeting.contains("forged"), "{greeting}");
    }
    first.send(Message::text("ünï")).await.unwrap();
    assert_eq!(text(&mut first).await, "ünï");
    let large = vec![7_u8; 3 << 20];
    second.send(Message::binary(large.clone())).await.unwrap();
    assert_eq!(second.next().await.unwrap().unwrap().into_data(), large);

    // A put leaves open sockets alone; a new one has the new value.
    admin.put_secret("KEY", "value-2").await;
    first.send(Message::text("still")).await.unwrap();
    assert_eq!(text(&mut first).await, "still");
    let mut third = connect(&app, "/functions/v1/echo", Some(admin.token())).await.unwrap();
    assert!(text(&mut third).await.starts_with("value-2 "));

    first.send(Message::text("close")).await.unwrap();
    let Message::Close(Some(frame)) = first.next().await.unwrap().unwrap() else { panic!() };
    assert_eq!((frame.code, frame.reason.as_str()), (CloseCode::from(4001), "as asked"));
    second.close(None).await.unwrap();
    third.send(Message::text("die")).await.unwrap();
    assert!(!matches!(third.next().await, Some(Ok(Message::Text(_)))), "its worker has gone");
    drop([first, second, third]);
    for invocation in admin.invocations("echo", 3).await {
        assert_eq!((&invocation["status"], str(&invocation["outcome"])), (&json!(101), "ok"), "{invocation}");
    }

    // A function that declines has answered, and one that is asked nothing is asked nothing.
    admin.deploy("declines", "Deno.serve(() => new Response('no', { status: 403 }))", json!({})).await;
    let declined = connect(&app, "/functions/v1/declines", Some(admin.token())).await.unwrap_err();
    let Error::Http(answer) = declined else { panic!("{declined:?}") };
    assert_eq!((answer.status().as_u16(), answer.body().as_deref()), (403, Some(&b"no"[..])));
    let other = admin.request("GET", "/functions/v1/echo").header("connection", "upgrade").header("upgrade", "h2c");
    admin.send(other).await.expect(426);
    // The control plane speaks no WebSocket.
    let control = connect(&app, "/api/v1/secrets", Some(admin.token())).await.unwrap_err();
    assert!(matches!(&control, Error::Http(answer) if answer.status() == 200), "{control:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_as_they_are_sent() {
    let app = App::start();
    let admin = app.admin();
    let source = r#"
let more;
Deno.serve((request) => {
  if (request.url.endsWith("/more")) { more("data: two\n\n"); return new Response("ok"); }
  const body = new ReadableStream({ start(controller) {
    const encoder = new TextEncoder();
    controller.enqueue(encoder.encode("data: one\n\n"));
    more = (text) => { controller.enqueue(encoder.encode(text)); controller.close(); };
  } });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
});"#;
    admin.deploy("events", source, json!({})).await;
    let response = admin.request("GET", "/functions/v1/events").send().await.unwrap();
    let mut events = response.bytes_stream();
    assert_eq!(events.next().await.unwrap().unwrap(), "data: one\n\n");
    // Only now is the second made.
    admin.get("/functions/v1/events/more").await.expect(200);
    assert_eq!(events.next().await.unwrap().unwrap(), "data: two\n\n");
    assert!(events.next().await.is_none());
}

fn certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    // In one step each, as careful programs do.
    for (name, text) in [("cert.pem", made.cert.pem()), ("key.pem", made.signing_key.serialize_pem())] {
        std::fs::write(folder.join("new"), text).unwrap();
        std::fs::rename(folder.join("new"), folder.join(name)).unwrap();
    }
    made.cert.der().clone()
}

async fn handshake(
    address: &str,
    trusted: &CertificateDer<'static>,
    alpn: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_by_files_that_change_and_http2() {
    let folder = tempfile::tempdir().unwrap();
    let first = certificate(folder.path());
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let args = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let server = crate::support::TestServer::start_tls(&args);
    let address = server.url().strip_prefix("https://").unwrap().to_owned();
    let token = server.admin_token();

    let stream = handshake(&address, &first, b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let ask = async |path: &str| {
        let request = http::Request::get(format!("https://{address}{path}"));
        let request = request.header("authorization", format!("Bearer {token}")).body(()).unwrap();
        let (response, _) = client.clone().ready().await.unwrap().send_request(request, true).unwrap();
        response.await.unwrap()
    };
    let page = ask("/api/v1/secrets").await;
    assert_eq!(page.status(), 200);
    assert!(page.headers().contains_key("strict-transport-security"), "{:?}", page.headers());
    assert_eq!(ask("/functions/v1/none").await.status(), 404);

    // A broken pair leaves the one in use; a new one is taken without a restart, and old connections live on.
    std::fs::write(&cert, "-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----\n").unwrap();
    eventually("it says that the new one cannot be used", async || {
        server.stderr_text().contains("the new certificate cannot be used").then_some(())
    })
    .await;
    handshake(&address, &first, b"http/1.1").await.unwrap();
    let second = certificate(folder.path());
    eventually("the new certificate is in use", async || {
        handshake(&address, &second, b"http/1.1").await.ok().map(drop)
    })
    .await;
    assert!(handshake(&address, &first, b"http/1.1").await.is_err());
    assert_eq!(ask("/api/v1/secrets").await.status(), 200);
    // Plain HTTP is not spoken there.
    assert!(!server.http("GET", "/healthz", &[], b"").starts_with("HTTP/1.1 200"));
}
