//! The host names and origins under which this server is reached.

use std::net::{IpAddr, SocketAddr};

/// This server's own addresses.
#[derive(Debug, Clone)]
pub(crate) struct Sites {
    /// Without a slash at its end.
    url: String,
    hosts: Vec<String>,
    behind_proxy: bool,
    tls: bool,
}

impl Sites {
    /// Own are: the public URL's host, the listener's address, and `localhost` if that is a loopback address.
    pub(crate) fn new(listener: SocketAddr, tls: bool, public_url: Option<&str>) -> Self {
        let port = listener.port();
        let mut hosts = vec![listener.to_string()];
        if listener.ip().is_loopback() || listener.ip().is_unspecified() {
            hosts.extend([format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")]);
        }
        let shown =
            if listener.ip().is_unspecified() { SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port) } else { listener };
        let mut url = format!("{}://{shown}", if tls { "https" } else { "http" });
        if let Some(public) = public_url {
            url = public.trim_end_matches('/').to_owned();
            let authority = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            hosts.push(authority.split('/').next().unwrap_or_default().to_ascii_lowercase());
        }
        Self { url, hosts, behind_proxy: public_url.is_some() && !tls, tls }
    }

    /// How people reach the server.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether a reverse proxy stands before it: that is what a public URL is named for where the server does no TLS itself.
    pub(crate) fn is_behind_proxy(&self) -> bool {
        self.behind_proxy
    }

    /// Whether the server itself speaks TLS, on every connection.
    pub(crate) fn does_tls(&self) -> bool {
        self.tls
    }

    /// Whether browsers reach it over TLS, so that cookies can demand it.
    pub(crate) fn is_https(&self) -> bool {
        self.url.starts_with("https://")
    }

    /// Whether a `Host` header names this server.
    pub(crate) fn is_own_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
    }

    /// Whether an `Origin` header is of this server's own pages. `null` and other schemes are not.
    pub(crate) fn is_own_origin(&self, origin: &str) -> bool {
        let scheme = if self.is_https() { "https://" } else { "http://" };
        let local = origin.strip_prefix("http://").is_some_and(|host| self.is_own_host(host));
        origin == self.url || local || origin.strip_prefix(scheme).is_some_and(|host| self.is_own_host(host))
    }
}

#[cfg(test)]
mod tests {
    use super::Sites;

    #[test]
    fn own_and_foreign() {
        let sites = Sites::new("127.0.0.1:7200".parse().unwrap(), false, Some("https://tresor.example.com/"));
        assert_eq!(sites.url(), "https://tresor.example.com");
        for own in ["127.0.0.1:7200", "localhost:7200", "LOCALHOST:7200", "[::1]:7200", "tresor.example.com"] {
            assert!(sites.is_own_host(own), "{own}");
        }
        for foreign in [
            "evil.example",
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost",
            "tresor.example.com.evil.example",
            "tresor.example.com:81",
            "",
        ] {
            assert!(!sites.is_own_host(foreign), "{foreign}");
        }
        assert!(sites.is_own_origin("https://tresor.example.com") && sites.is_own_origin("http://localhost:7200"));
        for foreign in [
            "null",
            "http://evil.example",
            "https://tresor.example.com.evil.example",
            "http://127.0.0.1:7201",
            "http://",
            "",
        ] {
            assert!(!sites.is_own_origin(foreign), "{foreign}");
        }
    }
}
