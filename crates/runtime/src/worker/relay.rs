//! TCP of a worker: listeners in its network namespace, served by the broker, and the names by which it finds them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use domain::Endpoint;
use tokio::net::TcpListener;

use crate::egress::Outlet;
use crate::folder::write_shared;

/// Where `node:http` finds the broker.
pub(super) const PROXY: &str = "http://127.0.0.1:3128";
const PROXY_PORT: u16 = 3128;
/// Names in the worker's folder of what it sees in `/etc`.
const FILES: [(&str, &str, &str); 2] =
    [("hosts", "/etc/hosts", "127.0.0.1 localhost\n"), ("nsswitch", "/etc/nsswitch.conf", "hosts: files\n")];

/// Modules that go past `fetch`, and so need the relay.
const MODULES: [&str; 8] = [
    "\"node:http\"",
    "\"node:https\"",
    "\"node:net\"",
    "\"node:tls\"",
    "'node:http'",
    "'node:https'",
    "'node:net'",
    "'node:tls'",
];

/// Whether a function sends otherwise than by `fetch`, as far as its code says.
pub(super) fn is_needed(code: &str, endpoints: &[Endpoint]) -> bool {
    !endpoints.is_empty() || MODULES.iter().any(|module| code.contains(module))
}

/// Makes the files that are shown to the worker, and says where.
pub(super) fn files(folder: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    FILES
        .into_iter()
        .map(|(name, target, text)| {
            let path = folder.join(name);
            write_shared(&path, text.as_bytes())?;
            Ok((path, PathBuf::from(target)))
        })
        .collect()
}

/// Listens for the worker: on the proxy's port, and for each endpoint at an address of its own.
pub(super) fn serve(outlet: &Outlet, sockets: Vec<OwnedFd>, endpoints: &[Endpoint], folder: &Path) -> io::Result<()> {
    let mut sockets = sockets.into_iter();
    let mut listen = |address: SocketAddr| {
        let socket = sockets.next().ok_or_else(|| io::Error::other("the worker has too few sockets"))?;
        rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &address)?;
        rustix::net::listen(&socket, 128)?;
        TcpListener::from_std(std::net::TcpListener::from(socket))
    };
    outlet.serve(listen(SocketAddr::from((Ipv4Addr::LOCALHOST, PROXY_PORT)))?);
    let mut hosts = String::from("127.0.0.1 localhost\n");
    for (number, endpoint) in (1_u8..).zip(endpoints) {
        let address = match endpoint.host().parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => address,
            Ok(IpAddr::V6(_)) => return Err(io::Error::other("TCP endpoints cannot be IPv6 addresses: name the host")),
            Err(_) if endpoint.host() == "localhost" => Ipv4Addr::LOCALHOST,
            Err(_) => {
                let address = Ipv4Addr::new(127, 77, 0, number);
                hosts.push_str(&format!("{address} {}\n", endpoint.host()));
                address
            }
        };
        outlet.serve_tcp(listen(SocketAddr::from((address, endpoint.port())))?, endpoint.host(), endpoint.port());
    }
    // The same file: the worker sees what it was given, not what lies at its path.
    std::fs::write(folder.join("hosts"), hosts)
}
