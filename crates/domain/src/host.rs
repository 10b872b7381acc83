//! Host patterns: where a brokered secret may go, and what a function may reach.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Invalid;

/// Port of a secret's host when the pattern names none: values leave over TLS only.
const TLS_PORT: u16 = 443;

/// `api.stripe.com`, `*.example.com`, `192.0.2.7` or `[2001:db8::7]`, each with a port or without.
///
/// `*.example.com` is every name below `example.com`, at any depth, and not `example.com` itself. Names are compared
/// without regard to case; a name of other letters than ASCII is written as DNS has it (`xn--…`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPattern {
    /// In lower case; of a wildcard, what stands after `*.`; an IPv6 address without brackets.
    host: String,
    below: bool,
    port: Option<u16>,
}

impl HostPattern {
    /// Reads a pattern. A scheme, a path or a `*` elsewhere breaks the rule, and so does `*.com`: it takes two labels at least.
    ///
    /// # Errors
    /// `host_invalid`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let broken = |rule: &str| Invalid::new("hosts", "host_invalid", rule.to_owned());
        let (host, port) = split_port(text).ok_or_else(|| broken("the port must be a number from 1 to 65535"))?;
        if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address: Ipv6Addr = inner.parse().map_err(|_| broken("between brackets stands an IPv6 address"))?;
            return Ok(Self { host: address.to_string(), below: false, port });
        }
        let lower = host.to_ascii_lowercase();
        let (name, below) = lower.strip_prefix("*.").map_or((lower.as_str(), false), |rest| (rest, true));
        let labels: Vec<&str> = name.split('.').collect();
        if name.len() > 253 || !labels.iter().all(|label| is_label(label)) {
            return Err(broken("must be a host name, without scheme or path: `api.example.com` or `*.example.com`"));
        }
        if below && labels.len() < 2 {
            return Err(broken("a wildcard needs two labels after it: `*.example.com`"));
        }
        // What ends in a number is read as an IPv4 address by URL parsers, in spellings such as `0x7f.1`.
        if labels.last().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()))
            && (below || name.parse::<Ipv4Addr>().is_err())
        {
            return Err(broken("an address must be written in full: `192.0.2.7`"));
        }
        Ok(Self { host: name.to_owned(), below, port })
    }

    /// Its port, if it names one.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The one host it covers; `None` of a wildcard.
    pub fn single(&self) -> Option<&str> {
        (!self.below).then_some(self.host.as_str())
    }

    /// Whether the pattern covers `host` at `port`; one without a port covers every port.
    pub fn matches(&self, host: &str, port: u16) -> bool {
        self.port.is_none_or(|own| own == port) && self.matches_host(host)
    }

    /// As [`HostPattern::matches`], but without a port it covers 443 only.
    pub fn matches_tls(&self, host: &str, port: u16) -> bool {
        self.port.unwrap_or(TLS_PORT) == port && self.matches_host(host)
    }

    fn matches_host(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if !self.below {
            return host == self.host;
        }
        // An address has no names below it.
        host.parse::<IpAddr>().is_err()
            && host
                .strip_suffix(&self.host)
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|rest| !rest.is_empty())
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.below {
            f.write_str("*.")?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.then(|| port.parse().ok()).flatten().filter(|&number| number != 0)?;
            Some((host, Some(number)))
        }
        _ => Some((text, None)),
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::HostPattern;

    fn pattern(text: &str) -> HostPattern {
        HostPattern::parse(text).unwrap()
    }

    #[test]
    fn exact_hosts() {
        assert!(pattern("API.Stripe.com").matches_tls("api.stripe.com", 443));
        assert!(!pattern("api.stripe.com").matches_tls("api.stripe.com", 8443));
        assert!(pattern("api.stripe.com:8443").matches_tls("api.stripe.com", 8443));
        assert!(!pattern("api.stripe.com:8443").matches_tls("api.stripe.com", 443));
        assert!(pattern("api.stripe.com").matches("api.stripe.com", 25));
        for other in
            ["stripe.com", "x.api.stripe.com", "api.stripe.com.evil.example", "api.stripe.com.", "apixstripe.com"]
        {
            assert!(!pattern("api.stripe.com").matches(other, 443), "{other}");
        }
        assert!(pattern("[2001:DB8::0:7]:443").matches("[2001:db8::7]", 443));
        assert!(pattern("192.0.2.7").matches("192.0.2.7", 1));
    }

    #[test]
    fn wildcards() {
        let below = pattern("*.example.com");
        assert!(below.matches("a.example.com", 443) && below.matches("a.b.example.com", 443));
        for other in ["example.com", ".example.com", "notexample.com", "a.example.com.evil.example", "1.2.3.4"] {
            assert!(!below.matches(other, 443), "{other}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for text in [
            "",
            "*",
            "*.com",
            "*.*.com",
            "a.*.com",
            "https://a.com",
            "a.com/x",
            "a..com",
            ".a.com",
            "a.com.",
            "a.com:",
            "a.com:0",
            "a.com:65536",
            "a.com:+1",
            "u@a.com",
            "bücher.example",
            "0x7f.1",
            "127.1",
            "2130706433",
            "*.0.0.1",
            "[::1",
            "::1",
            "[fe80::1%eth0]",
            "a b.com",
            "-a.com",
        ] {
            assert_eq!(HostPattern::parse(text).err().map(|e| e.code), Some("host_invalid"), "{text}");
        }
        for text in ["a.com", "*.a.com:8443", "[2001:db8::7]:443", "localhost"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }
}
