//! `tresor serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use domain::Resolution;
use ipnet::IpNet;
use server::RequiredWalls;

use crate::config::LogFormat;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Folder of the database, the root-key file and the admin token [default: ~/.local/share/tresor]
    #[arg(long, env = "TRESOR_DATA", value_name = "DIR", hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:7200]
    #[arg(long, env = "TRESOR_LISTEN", value_name = "ADDRESS", hide_env_values = true)]
    pub(crate) listen: Option<SocketAddr>,
    /// postgres://… instead of SQLite in the data folder; better as the variable, since it holds a password
    #[arg(long, env = "TRESOR_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// How people reach the server, if not at the address it listens on
    #[arg(long, env = "TRESOR_PUBLIC_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) public_url: Option<String>,
    /// PEM file of the certificate, for TLS on the listener itself; read again when it changes
    #[arg(long, env = "TRESOR_TLS_CERT", value_name = "FILE", hide_env_values = true, requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// PEM file of its private key
    #[arg(long, env = "TRESOR_TLS_KEY", value_name = "FILE", hide_env_values = true, requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// A private network that may be reached for accounts, for example 10.1.0.0/16; repeat for more [default: none]
    #[arg(
        long = "allow-network",
        env = "TRESOR_ALLOW_NETWORKS",
        value_name = "CIDR",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub(crate) allow_networks: Vec<IpNet>,
    /// PEM file of a further certificate authority that functions' requests are checked against; repeat for more
    #[arg(long = "trust", env = "TRESOR_TRUST", value_name = "FILE", value_delimiter = ',', hide_env_values = true)]
    pub(crate) trust: Vec<PathBuf>,
    /// Where functions' requests to a host go instead of where DNS says, as HOST[:PORT]=ADDRESS[:PORT]; repeat for more
    #[arg(long, env = "TRESOR_RESOLVE", value_name = "WHERE", value_delimiter = ',', hide_env_values = true)]
    pub(crate) resolve: Vec<Resolution>,
    /// Walls of the system without which functions do not run, parted by commas, or by | where one will do; or all, or none
    /// [default: mount|landlock,net|seccomp]
    #[arg(long, env = "TRESOR_REQUIRE_WALLS", value_name = "WALLS", hide_env_values = true)]
    pub(crate) require_walls: Option<RequiredWalls>,
    /// The Deno to run functions with [default: of node_modules, or of PATH]
    #[arg(long, env = "TRESOR_DENO", value_name = "PATH", hide_env_values = true)]
    pub(crate) deno: Option<PathBuf>,
    /// How the log on stderr is written [default: text]
    #[arg(long, env = "TRESOR_LOG", value_name = "FORMAT", hide_env_values = true)]
    pub(crate) log: Option<LogFormat>,
}
