//! Unchanged code in a real Deno whose only way out is the broker.

use std::path::PathBuf;
use std::process::Stdio;

use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper_util::rt::TokioIo;
use runtime::{Deno, EgressOutcome, Via};
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::harness::{Host, Setup, Worker, body, secret, soon};

const KEY: &str = "sk_live_CanaryCanary0123456789ABCDEF";

async fn run(worker: &Worker, setup: &Setup, code: &str, port: u16) -> String {
    let explicit = std::env::var_os("TRESOR_DENO").map(PathBuf::from);
    let deno = Deno::find(explicit.as_deref()).await.unwrap();
    let file = setup.ca.folder.path().join("function.ts");
    std::fs::write(&file, code).unwrap();
    let proxy = format!("unix:{}", worker.socket.display());
    // `fetch` reads the one spelling first, `node:http` the other: each gets the proxy that it can use.
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let node = format!("http://{}", relay.local_addr().unwrap());
    worker.outlet.serve(relay);
    let output = tokio::process::Command::new(deno.path())
        .args(["run", "--no-config", "--no-remote", "--no-npm", "--no-prompt", "-A"])
        .arg(&file)
        .env_clear()
        .envs([("HTTP_PROXY", &proxy), ("HTTPS_PROXY", &proxy), ("KEY", &worker.placeholder("KEY"))])
        .envs([
            ("API", format!("api.example.com:{port}")),
            ("NO_COLOR", "1".to_owned()),
            ("DENO_NO_UPDATE_CHECK", "1".to_owned()),
        ])
        .envs([("http_proxy", &node), ("https_proxy", &node), ("NODE_USE_ENV_PROXY", &"1".to_owned())])
        .env("CA", setup.ca.file())
        .env("HOME", setup.ca.folder.path())
        .stdin(Stdio::null())
        .output();
    let output = soon(output).await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn fetch_streams_follows_redirects_and_holds_no_value() {
    let setup = Setup::new();
    let host = Host::start(&setup.ca, Some(&["h2", "http/1.1"]), |request| {
        Box::pin(async move {
            match request.uri().path() {
                "/echo" => {
                    let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
                    assert_eq!(authorization, format!("Bearer {KEY}"));
                    let mut response = Response::new(request.into_body().map_err(Into::into).boxed_unsync());
                    response.headers_mut().insert("x-echo", authorization.parse().unwrap());
                    response
                }
                "/inside" => Response::builder()
                    .status(302)
                    .header("location", "http://169.254.169.254/latest")
                    .body(body(""))
                    .unwrap(),
                "/other" => Response::builder()
                    .status(307)
                    .header("location", format!("http://other.example.com:8009/{}", request.uri().query().unwrap()))
                    .body(body(""))
                    .unwrap(),
                _ => Response::builder().status(302).header("location", "/echo").body(body("")).unwrap(),
            }
        })
    })
    .await;
    let worker = setup.public(vec![secret("KEY", KEY, &[format!("api.example.com:{}", host.port)])]);
    let code = r#"
        const api = `https://${Deno.env.get("API")}`, key = Deno.env.get("KEY")!;
        const headers = { authorization: `Bearer ${key}` };
        const lines = new TransformStream<string, string>();
        const writer = lines.writable.getWriter();
        const pending = fetch(`${api}/echo`, { method: "POST", headers, body: lines.readable.pipeThrough(new TextEncoderStream()) });
        await writer.write("one;");
        const response = await pending;
        console.log(response.status, response.url === `${api}/echo`, response.headers.get("x-echo") === `Bearer ${key}`);
        const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
        console.log((await reader.read()).value);
        for (const text of ["two;", `${key};`, "three;"]) {
            await writer.write(text);
            console.log((await reader.read()).value!.replace(key, "PLACEHOLDER"));
        }
        await writer.close();
        console.log((await reader.read()).done);
        const moved = await fetch(`${api}/moved`, { headers });
        console.log(moved.status, moved.redirected, moved.url === `${api}/echo`);
        await moved.body?.cancel();
        for (const url of [`${api}/inside`, `${api}/other?${key}`, "http://2852039166/", "http://[::ffff:169.254.169.254]/", "http://0/", "https://api.example.com./"]) {
            const refused = await fetch(url, { headers: { accept: "*/*" } });
            const problem = await refused.json();
            console.log(refused.status, problem.code);
        }
        const api0 = await new Promise((resolve) => {
            const socket = new WebSocket(`wss://${Deno.env.get("API")}/nothing`);
            socket.onopen = () => resolve("opened");
            socket.onerror = () => resolve("not opened");
        });
        console.log(api0);
    "#;
    let out = run(&worker, &setup, code, host.port).await;
    assert_eq!(
        out,
        "200 true true\none;\ntwo;\nPLACEHOLDER;\nthree;\ntrue\n200 true true\n403 address_not_public\n403 placeholder_refused\n\
         403 address_not_public\n403 address_not_public\n403 address_not_public\n403 host_not_canonical\nnot opened\n"
    );
}

#[tokio::test]
async fn websockets() {
    let setup = Setup::new();
    let host = Host::start(&setup.ca, Some(&["h2", "http/1.1"]), |mut request| {
        Box::pin(async move {
            let key = request.headers()["sec-websocket-key"].as_bytes().to_vec();
            assert_eq!(request.uri().query().unwrap(), format!("key={KEY}"));
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let stream = TokioIo::new(upgrade.await.unwrap());
                let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() {
                        socket.send(message).await.unwrap();
                    }
                }
            });
            let response =
                Response::builder().status(101).header("connection", "upgrade").header("upgrade", "websocket");
            response.header("sec-websocket-accept", derive_accept_key(&key)).body(body("")).unwrap()
        })
    })
    .await;
    let mut worker = setup.public(vec![secret("KEY", KEY, &[format!("api.example.com:{}", host.port)])]);
    let code = r#"
        const socket = new WebSocket(`wss://${Deno.env.get("API")}/?key=${Deno.env.get("KEY")}`);
        const heard = (name: string) => new Promise<any>((resolve) => socket.addEventListener(name, resolve, { once: true }));
        await heard("open");
        for (const text of ["one", "two"]) {
            socket.send(text);
            console.log((await heard("message")).data);
        }
        socket.close(1000);
        console.log((await heard("close")).code);
    "#;
    assert_eq!(run(&worker, &setup, code, host.port).await, "one\ntwo\n1000\n");
    let record = worker.record().await;
    assert_eq!((record.via, record.outcome, record.secrets.len()), (Via::WebSocket, EgressOutcome::Answered(101), 1));
}

/// `node:https` makes its own TLS through a tunnel, so its placeholder stays one, and the record says which.
#[tokio::test]
async fn node_modules_use_tunnels() {
    let setup = Setup::new();
    let tls = Some(&["http/1.1"][..]);
    let (host, mut seen) = Host::seeing(&setup.ca, tls, |_| crate::harness::ok("hello")).await;
    let mut worker = setup.public(vec![secret("KEY", KEY, &[format!("api.example.com:{}", host.port)])]);
    let code = r#"
        import https from "node:https";
        import http from "node:http";
        const ca = Deno.readTextFileSync(Deno.env.get("CA")!);
        const ask = (module: any, url: string) => new Promise<void>((resolve) => {
            const request = module.get(url, { ca, headers: { "x-key": Deno.env.get("KEY") } }, (response: any) => {
                let text = "";
                response.on("data", (piece: any) => text += piece).on("end", () => resolve(console.log(response.statusCode, text)));
            });
            request.on("error", (error: any) => resolve(console.log(error.code)));
        });
        await ask(https, `https://${Deno.env.get("API")}/`);
        await ask(https, "https://10.0.0.1/");
        await ask(http, "http://10.0.0.1/");
    "#;
    let out = run(&worker, &setup, code, host.port).await;
    assert!(out.starts_with("200 hello\nERR_PROXY_TUNNEL\n403 {") && out.contains("placeholder_refused"), "{out}");
    assert_eq!(seen.recv().await.unwrap().headers["x-key"], worker.placeholder("KEY"));
    let mut records = Vec::new();
    for _ in 0..3 {
        records.push(worker.record().await);
    }
    records.sort_by_key(|record| record.host != "api.example.com");
    assert_eq!((records[0].via, records[0].outcome, records[0].secrets.len()), (Via::Tunnel, EgressOutcome::Opened, 0));
    assert_eq!(records[0].unfilled.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["KEY"]);
}
