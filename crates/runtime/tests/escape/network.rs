//! The network: the control plane, the database, the machine, everyone else.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, UdpSocket, UnixListener};

use super::{CANARY, Scene, try_all};

/// Something that tells the canary to whoever connects, or to whoever has asked.
async fn tell(listener: TcpListener, asked: bool) {
    while let Ok((mut stream, _)) = listener.accept().await {
        if asked {
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 512]).await;
        }
        let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{CANARY}").as_bytes()).await;
        // Until the other side has gone.
        let mut rest = [0; 512];
        tokio::spawn(
            async move { while matches!(tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await, Ok(1..)) {} },
        );
    }
}

async fn listener(address: &str, asked: bool) -> u16 {
    let listener = TcpListener::bind(address).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(tell(listener, asked));
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_leaves_but_through_the_broker() {
    let port = listener("0.0.0.0:0", false).await;
    let http = listener("127.0.0.1:0", true).await;
    let datagrams = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let udp = datagrams.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut bytes = [0; 512];
        while let Ok((count, from)) = datagrams.recv_from(&mut bytes).await {
            // To a name server's client: an answer that there is no such name would be an error too, so it is made one with an address.
            let mut answer = bytes[..count].to_vec();
            if count > 12 {
                answer[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1]);
                let question = 12 + bytes[12..count].iter().position(|byte| *byte == 0).unwrap() + 5;
                answer.truncate(question);
                answer[8..12].fill(0);
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
            }
            let _ = datagrams.send_to(&answer, from).await;
        }
    });
    // As it is named in `127.0.0.1`'s many names; the machine's own addresses are as far away.
    let hosts = ["127.0.0.1", "0.0.0.0", "127.0.0.2", "localhost", "2130706433", "0x7f.1", "::ffff:127.0.0.1"];
    let attacks = |_: &Scene| {
        let tcp = hosts.iter().map(|host| ("connect", json!({ "hostname": host, "port": port })));
        let others = [
            ("connect_node", json!({ "hostname": "127.0.0.1", "port": port })),
            ("fetch_past_the_broker", json!({ "hostname": "127.0.0.1", "port": http })),
            ("udp", json!({ "hostname": "127.0.0.1", "port": udp })),
            ("dns", json!({ "hostname": "127.0.0.1", "port": udp })),
            ("listen", json!({})),
        ];
        tcp.chain(others).collect()
    };
    let ways = [
        "os error 38",
        "os error 97",
        "not implemented",
        "ENOSYS",
        "error sending",
        "bind UNKNOWN",
        "fetch failed",
        "failed to lookup",
        "no record",
        "request timed out",
        "Network",
        "proto error",
        "connect",
        "lookup",
    ];
    try_all(attacks, &ways).await;
}

/// By its own door it comes no further: the broker looks at the addresses.
#[tokio::test(flavor = "multi_thread")]
async fn the_broker_leads_to_no_listener_of_this_machine() {
    let port = listener("127.0.0.1:0", true).await;
    let scene = Scene::walled().await;
    for host in [
        "127.0.0.1",
        "0",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "localhost",
        "169.254.169.254",
    ] {
        let seen = scene.attack("fetch", json!({ "url": format!("http://{host}:{port}/") })).await;
        assert!(seen.as_ref().is_err_and(|how| how.contains("\"code\":")), "{host}: {seen:?}");
    }
}

/// TCP of its own is a network of its own: the same attacks, all of which succeed without walls, come no further from there.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_leads_to_its_endpoint_only() {
    let (port, http) = (listener("0.0.0.0:0", false).await, listener("127.0.0.1:0", true).await);
    let abstract_name = format!("tresor-relay-{}", std::process::id());
    let address =
        <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(&abstract_name)
            .unwrap();
    let _hidden = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
    let scene = Scene::walled().await;
    let own = std::net::UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        Ok(socket.local_addr()?.ip().to_string())
    });
    let mut attacks: Vec<_> =
        ["127.0.0.1", "0.0.0.0", "127.0.0.2", "localhost", "::1", "::ffff:127.0.0.1", "169.254.169.254"]
            .into_iter()
            .map(str::to_owned)
            .chain(own)
            .map(|host| ("connect", json!({ "hostname": host, "port": port })))
            .collect();
    attacks.extend([
        ("connect_node", json!({ "hostname": "127.0.0.1", "port": port })),
        ("fetch_past_the_broker", json!({ "hostname": "127.0.0.1", "port": http })),
        ("udp", json!({ "hostname": "127.0.0.1", "port": port })),
        ("dns", json!({ "hostname": "127.0.0.1", "port": port })),
        ("abstract", json!({ "name": abstract_name })),
        ("read", json!({ "path": scene.path("root.key") })),
    ]);
    for (attack, args) in attacks {
        let seen = scene.attack_relayed("db.example.com:5432", attack, args.clone()).await;
        assert!(seen.is_err(), "{attack} {args}: {seen:?}");
    }
    // What it declared is listened for, and ends at the broker, which finds no such host.
    let endpoint = json!({ "hostname": "db.example.com", "port": 5432 });
    assert_eq!(scene.attack_relayed("db.example.com:5432", "connect", endpoint).await, Ok(json!("")));
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_in_the_file_tree_and_abstract_ones_are_out_of_sight() {
    // As a container engine's or a database's, which anyone may connect to who can name it.
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = dir.path().canonicalize().unwrap().join("docker.sock");
    let pathname = UnixListener::bind(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
    let name = format!("tresor-escape-{}", std::process::id());
    let address =
        <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(&name).unwrap();
    let hidden = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
    hidden.set_nonblocking(true).unwrap();
    for listener in [pathname, UnixListener::from_std(hidden).unwrap()] {
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(CANARY.as_bytes()).await;
            }
        });
    }
    let attacks = |_: &Scene| vec![("unix", json!({ "path": path })), ("abstract", json!({ "name": name }))];
    try_all(attacks, &["NotFound", "ConnectionRefused", "PermissionDenied"]).await;
}
