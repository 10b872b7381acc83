//! Which addresses may be dialled: what [`domain::address`] says, and never the server itself.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use domain::address;
use ipnet::IpNet;

/// The operator's rules for addresses.
#[derive(Debug, Clone, Default)]
pub(super) struct Guard {
    pub(super) allow: Vec<IpNet>,
    pub(super) own: Vec<SocketAddr>,
}

impl Guard {
    /// The rule that forbids to dial `ip` at `port`. The server's own listeners take an entry for the single address.
    pub(super) fn forbids(&self, ip: IpAddr, port: u16) -> Option<&'static str> {
        let itself = || self.own.iter().any(|own| own.port() == port && is_at(own.ip(), address::embedded(ip)));
        match address::forbids(ip, &self.allow) {
            None if !address::is_named(ip, &self.allow) && itself() => Some("the server itself"),
            rule => rule,
        }
    }
}

/// Whether a listener at `own` is reached by `ip`: one at 0.0.0.0 is reached by every address of this machine.
fn is_at(own: IpAddr, ip: IpAddr) -> bool {
    own.to_canonical() == ip || (own.is_unspecified() && UdpSocket::bind((ip, 0)).is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Guard;

    fn forbids(guard: &Guard, ip: &str) -> Option<&'static str> {
        guard.forbids(ip.parse().unwrap(), 443)
    }

    #[test]
    fn the_operator_opens_ranges_but_the_server_only_by_its_address() {
        let guard = |allow: &[&str]| Guard {
            allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
            own: vec!["0.0.0.0:443".parse().unwrap(), "8.8.8.8:443".parse().unwrap()],
        };
        let wide = guard(&["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "8.0.0.0/8"]);
        assert_eq!(forbids(&wide, "10.1.2.3"), None);
        assert_eq!(forbids(&wide, "::ffff:10.1.2.3"), None);
        assert_eq!(forbids(&wide, "192.168.0.1"), Some("private"));
        assert_eq!(forbids(&wide, "169.254.169.254"), Some("cloud metadata"));
        assert_eq!(forbids(&wide, "127.0.0.1"), Some("the server itself"));
        assert_eq!(forbids(&wide, "8.8.8.8"), Some("the server itself"));
        assert_eq!(wide.forbids("127.0.0.1".parse().unwrap(), 5432), None);
        assert_eq!(forbids(&guard(&["127.0.0.1/32"]), "127.0.0.1"), None);
        assert_eq!(forbids(&guard(&["169.254.169.254/32"]), "169.254.169.254"), None);
    }
}
