//! Where a request wants to go, read so that no two readers could differ.

use hyper::Uri;
use hyper::http::uri::Authority;
use url::Url;

use super::refusal::Refusal;

/// A host and port as every parser reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) tls: bool,
    /// In lower case, an IPv6 address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// As it stands in a URL and a `Host` header: the scheme's own port left out.
    pub(super) authority: String,
}

impl Target {
    /// The target of an absolute-form request.
    pub(super) fn of(uri: &Uri) -> Result<Self, Refusal> {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(Refusal::malformed("request_not_absolute", "a proxy is asked for a whole URL"));
        };
        match scheme {
            "http" => Self::new(false, authority),
            "https" => Self::new(true, authority),
            _ => Err(Refusal::malformed("scheme_unknown", "only http and https are forwarded")),
        }
    }

    /// The target of a `CONNECT`, which must name its port.
    pub(super) fn tunnel(uri: &Uri) -> Result<Self, Refusal> {
        match uri.authority() {
            Some(authority) if authority.port().is_some() => Self::new(true, authority),
            _ => Err(Refusal::malformed("connect_without_port", "CONNECT takes host:port")),
        }
    }

    /// A declared TCP endpoint.
    pub(super) fn endpoint(host: &str, port: u16) -> Result<Self, Refusal> {
        let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let authority = authority.parse().map_err(|_| odd())?;
        Self::new(true, &authority)
    }

    fn new(tls: bool, authority: &Authority) -> Result<Self, Refusal> {
        let scheme = if tls { "https" } else { "http" };
        // The URL standard reads `2130706433`, `0x7f.1` and `ex%41mple` as other hosts than they look. `fetch` has resolved
        // such spellings before; who sends them here bypasses it, and a policy must not depend on who reads.
        let url = Url::parse(&format!("{scheme}://{authority}/")).map_err(|_| odd())?;
        let host = url.host_str().unwrap_or_default();
        let same = host == authority.host().to_ascii_lowercase();
        let bare = url.username().is_empty() && url.password().is_none() && !authority.as_str().contains('@');
        if !same || !bare || host.is_empty() || host.ends_with('.') || host.len() > 255 {
            return Err(odd());
        }
        let port = url.port_or_known_default().filter(|&port| port != 0).ok_or_else(odd)?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self { tls, host: host.trim_matches(['[', ']']).to_owned(), port, authority })
    }
}

fn odd() -> Refusal {
    Refusal::forbidden(
        "host_not_canonical",
        "the host must be written plainly: a name without user, escapes or final dot, or an address in its usual form",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Target;

    #[test]
    fn plain_hosts() {
        for (uri, host, port, authority) in [
            ("https://API.stripe.com/x", "api.stripe.com", 443, "api.stripe.com"),
            ("http://a.example", "a.example", 80, "a.example"),
            ("https://a.example:443/", "a.example", 443, "a.example"),
            ("https://a.example:8443/", "a.example", 8443, "a.example:8443"),
            ("http://127.0.0.1:81/", "127.0.0.1", 81, "127.0.0.1:81"),
            ("https://[2606:4700::1111]/", "2606:4700::1111", 443, "[2606:4700::1111]"),
            ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "xn--bcher-kva.example"),
        ] {
            let target = Target::of(&uri.parse().unwrap()).unwrap();
            assert_eq!((target.host.as_str(), target.port, target.authority.as_str()), (host, port, authority));
        }
    }

    #[test]
    fn odd_hosts() {
        for uri in [
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0x7f000001/",
            "http://017700000001/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://127.0.0.1./",
            "http://localhost./",
            "http://a.example./",
            "http://ex%61mple.com/",
            "http://%31%32%37.0.0.1/",
            "http://user@a.example/",
            "http://user:pass@a.example/",
            "http://@a.example/",
            "http://[::ffff:127.0.0.1]/",
            "http://[0:0:0:0:0:0:0:1]/",
            "http://[fe80::1%25eth0]/",
            "http://a.example:0/",
            "http://a.example:99999/",
            "http://a_b%2f.example/",
            "http://1.2.3.4.5/",
            "http://256.0.0.1/",
            "http://xn--a/",
        ] {
            // What the request parser refuses never comes so far.
            if let Ok(uri) = uri.parse() {
                assert_eq!(Target::of(&uri).unwrap_err().code, "host_not_canonical", "{uri}");
            }
        }
        for (uri, code) in [("/x", "request_not_absolute"), ("ftp://a.example/", "scheme_unknown")] {
            assert_eq!(Target::of(&uri.parse().unwrap()).unwrap_err().code, code);
        }
        assert_eq!(Target::tunnel(&"a.example".parse().unwrap()).unwrap_err().code, "connect_without_port");
        assert_eq!(Target::tunnel(&"127.1:443".parse().unwrap()).unwrap_err().code, "host_not_canonical");
        assert_eq!(Target::endpoint("db.example", 5432).unwrap().authority, "db.example:5432");
        assert_eq!(Target::endpoint("a/b", 1).unwrap_err().code, "host_not_canonical");
    }
}
