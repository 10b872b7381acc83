//! TCP of functions: `node:http` by the proxy, and declared endpoints by their names.

use domain::Endpoint;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::{Function, Host};

async fn hello() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello").await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_reached_by_name_and_nothing_else_is() {
    let (declared, other) = (hello().await, hello().await);
    let host = Host::new().await;
    let mut function = Function::new("relay").await;
    function.tcp = ["db.example.com", "localhost", "10.1.2.3"]
        .map(|name| Endpoint::parse(&format!("{name}:{declared}")).unwrap())
        .to_vec();
    let ask = async |by: &str, name: &str, port: u16| {
        let path = format!("/?by={by}&host={name}&port={port}");
        host.get(&function, &path).await.unwrap().text
    };
    for way in ["net", "deno"] {
        for name in ["db.example.com", "localhost"] {
            let answer = ask(way, name, declared).await;
            assert!(answer.ends_with("hello"), "{way} {name}: {answer}");
        }
        // What is not declared nobody listens for, nor for another name.
        for (name, port) in [("db.example.com", other), ("127.0.0.1", other), ("other.example.com", declared)] {
            let answer = ask(way, name, port).await;
            assert!(answer.starts_with("error "), "{way} {name}: {answer}");
        }
        // By its address it is listened for; the broker does not go there.
        let answer = ask(way, "10.1.2.3", declared).await;
        assert!(answer.is_empty() || answer.contains("ECONNRESET") || answer.contains("reset"), "{way}: {answer}");
    }
    // By the proxy it is the policy that counts, and the addresses.
    assert_eq!(ask("http", "db.example.com", other).await, "200 hello");
    assert_eq!(ask("fetch", "db.example.com", other).await, "hello");
    let refused = ask("http", "10.1.2.3", 80).await;
    assert!(refused.starts_with("403 ") && refused.contains("address_not_public"), "{refused}");
    let shown = ask("env", "", 0).await;
    assert!(shown.contains("API_KEY") && !shown.to_uppercase().contains("PROXY"), "{shown}");
}
