//! What an operator decides before the server starts. The binary fills it from flags, `TRESOR_*` variables and `tresor.toml`.

use std::net::SocketAddr;
use std::path::PathBuf;

use domain::Resolution;
use ipnet::IpNet;
use runtime::RequiredWalls;

/// Settings of one server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of the database, the root-key file, the admin token and the workers. Made with mode 0700.
    pub data: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `postgres://…`; `None` is SQLite in the data folder.
    pub database_url: Option<String>,
    /// How people reach the server, for example `https://tresor.example.com`; `None` is `http://` and the listener's address.
    /// Its host is answered beside the listener's own; a request for any other host is refused (DNS rebinding).
    pub public_url: Option<String>,
    /// TLS on the listener itself; `None` is for a reverse proxy that does it, and for this machine alone.
    pub tls: Option<TlsFiles>,
    /// Networks that are not of the internet and yet may be reached for an account: for its issuers' keys and by its functions.
    pub allow_networks: Vec<IpNet>,
    /// PEM files of certificate authorities that functions' requests are checked against, beside the machine's own.
    pub trust: Vec<PathBuf>,
    /// Where functions' requests to a host go, whatever DNS says.
    pub resolve: Vec<Resolution>,
    /// The walls without which functions do not run.
    pub require_walls: RequiredWalls,
    /// The Deno to use; `None` looks in `node_modules` and on `PATH`.
    pub deno: Option<PathBuf>,
}

/// Where a certificate and its key are. The files are read again when they change.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// PEM: the certificate, then those that vouch for it.
    pub certificate: PathBuf,
    /// PEM: the private key.
    pub key: PathBuf,
}

/// What a started server tells the person who started it.
#[derive(Debug, Clone)]
pub struct Ready {
    /// How to reach it.
    pub url: String,
    /// A one-time login link, on the first start only.
    pub login_link: Option<String>,
    /// Where the admin token is.
    pub admin_token_file: PathBuf,
    /// `sqlite` or `postgres`.
    pub database: &'static str,
    /// The version of Deno, or why functions cannot run.
    pub deno: Result<String, String>,
}
