//! Which server a command speaks to and with which token. A token goes only where its owner meant it to go.

use std::path::{Path, PathBuf};

use domain::token;
use reqwest::Url;
use zeroize::Zeroizing;

use crate::cli::Global;
use crate::config;
use crate::failure::{Done, Exit, Failure};

/// A token and where it came from.
pub(crate) struct Credential {
    pub(crate) text: Zeroizing<String>,
    /// For people: which variable or file.
    pub(crate) source: String,
}

/// Checks `--url`. A server is reached over https, or over http where no network lies between.
pub(crate) fn server_url(global: &Global) -> Done<Url> {
    let usage = |what: &str| {
        Failure::usage("url_invalid", format!("--url {what}")).hint("it looks like https://tresor.example.com")
    };
    let url = Url::parse(&global.url).map_err(|error| usage(&format!("is not a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(usage("must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(usage("must have no user, password, query or fragment"));
    }
    if url.scheme() == "http" && !is_loopback(&url) && !global.insecure_http {
        return Err(Failure::usage("http_insecure", format!("{url} is plain http: everyone on the way could read the token and every value sent"))
            .hint("use https://, an ssh tunnel to the server's loopback address, or --insecure-http if the network itself is trusted"));
    }
    Ok(url)
}

/// Whether requests to `url` stay on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The token: of `--token-file`, else of `TRESOR_TOKEN`, else, for a server on this machine, the admin token of its data
/// folder where this user may read it. `None` if there is none of them.
pub(crate) fn find(global: &Global, url: &Url) -> Done<Option<Credential>> {
    if let Some(path) = &global.token_file {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
        return checked(text, path.display().to_string()).map(Some);
    }
    if let Some(text) = std::env::var_os("TRESOR_TOKEN").filter(|text| !text.is_empty()) {
        return checked(text.into_string().unwrap_or_default(), "TRESOR_TOKEN".to_owned()).map(Some);
    }
    if !is_loopback(url) {
        return Ok(None);
    }
    let path = admin_token_file(global)?;
    match std::fs::read_to_string(&path) {
        Ok(text) => checked(text, path.display().to_string()).map(Some),
        Err(_) => Ok(None),
    }
}

fn admin_token_file(global: &Global) -> Done<PathBuf> {
    let file = config::File::read(global.config.as_deref())?;
    let flag = std::env::var_os("TRESOR_DATA").map(PathBuf::from);
    Ok(config::data_folder(flag, file.data)?.join(Path::new("admin-token")))
}

/// A mistyped token is refused here: it is not sent, and the error says where it stands.
fn checked(text: String, source: String) -> Done<Credential> {
    let text = Zeroizing::new(text);
    let trimmed = Zeroizing::new(text.trim().to_owned());
    if token::well_formed(token::Kind::Token, &trimmed) {
        return Ok(Credential { text: trimmed, source });
    }
    Err(Failure::new(
        Exit::Denied,
        "token_malformed",
        format!("{source} does not hold a token: it is mistyped or cut off"),
    )
    .hint("a token is trs_ and 48 hexadecimal characters"))
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn loopback_is_this_machine_only() {
        for (url, expected) in [
            ("http://127.0.0.1:7200", true),
            ("http://127.1.2.3", true),
            ("http://localhost:1", true),
            ("http://[::1]:7200", true),
            ("http://0.0.0.0", false),
            ("http://127.0.0.1.evil.example", false),
            ("http://localhost.evil.example", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
