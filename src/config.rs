//! Settings of this machine: `tresor.toml`, and the folder where data lies if nobody says otherwise.
//!
//! The file holds the server's settings only. It may lie in a folder that someone else made, so it can neither choose
//! which server a token is sent to nor hold a token.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use domain::Resolution;
use ipnet::IpNet;
use serde::Deserialize;
use server::RequiredWalls;

use crate::failure::{Done, Failure};

/// The file's name in the current folder.
const FILE: &str = "tresor.toml";

/// How the server's log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What `tresor.toml` may say. Paths in it are relative to its own folder.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) database_url: Option<String>,
    pub(crate) public_url: Option<String>,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) allow_networks: Option<Vec<IpNet>>,
    pub(crate) trust: Option<Vec<PathBuf>>,
    pub(crate) resolve: Option<Vec<Resolution>>,
    pub(crate) require_walls: Option<RequiredWalls>,
    pub(crate) deno: Option<PathBuf>,
    pub(crate) log: Option<LogFormat>,
}

impl File {
    /// Reads `named`, which must be there, or else `tresor.toml` of the current folder, which need not.
    pub(crate) fn read(named: Option<&Path>) -> Done<Self> {
        let path = named.unwrap_or(Path::new(FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Failure::file("read", path, &error)),
        };
        let mut file = Self::parse(&text)
            .map_err(|what| Failure::usage("config_invalid", format!("{}: {what}", path.display())))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        file.data = file.data.map(|data| folder.join(data));
        file.tls_cert = file.tls_cert.map(|path| folder.join(path));
        file.tls_key = file.tls_key.map(|path| folder.join(path));
        file.trust = file.trust.map(|files| files.into_iter().map(|path| folder.join(path)).collect());
        file.deno = file.deno.map(|deno| folder.join(deno));
        Ok(file)
    }

    /// The error names key and line but never quotes the file: it can hold the database's password.
    fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let line =
                error.span().map_or(1, |span| text.bytes().take(span.start).filter(|&byte| byte == b'\n').count() + 1);
            format!("line {line}: {}", error.message())
        })
    }
}

/// `flag`, which already holds the variable, else the file's, else the platform's data folder.
pub(crate) fn data_folder(flag: Option<PathBuf>, file: Option<PathBuf>) -> Done<PathBuf> {
    flag.or(file).or_else(|| home_folder("XDG_DATA_HOME", ".local/share")).ok_or_else(|| {
        Failure::usage("no_home", "there is neither HOME nor XDG_DATA_HOME to find the data folder")
            .hint("name it with --data or TRESOR_DATA")
    })
}

/// Where this program keeps what it remembers.
pub(crate) fn state_folder() -> Option<PathBuf> {
    home_folder("XDG_STATE_HOME", ".local/state")
}

fn home_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    Some(absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))?.join("tresor"))
}

#[cfg(test)]
mod tests {
    use super::{File, LogFormat};

    #[test]
    fn unknown_keys_are_named_and_nothing_is_quoted() {
        let file = File::parse("listen = \"127.0.0.1:7300\"\nlog = \"json\"\n").unwrap();
        assert_eq!((file.listen.map(|l| l.port()), file.log), (Some(7300), Some(LogFormat::Json)));
        let error = File::parse("data = \"x\"\nlisen = \"127.0.0.1:1\"\n").unwrap_err();
        assert!(error.starts_with("line 2: ") && error.contains("lisen") && error.contains("listen"), "{error}");
        let error = File::parse("database_url = \"postgres://u:hunter2@h\" x\n").unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        let error = File::parse("database_url = [\"postgres://u:hunter2@h\"]\n").unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
