//! What a function may reach.

use std::fmt;

use crate::{HostPattern, Invalid, limits};

/// Which hosts a function's requests may go to. Addresses that are not public stay refused under each of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EgressPolicy {
    /// Any public host, at any port.
    #[default]
    Public,
    /// These only; an empty list is none (invariant 7). A pattern without a port covers every port.
    Hosts(Vec<HostPattern>),
    /// No host.
    None,
}

impl EgressPolicy {
    /// Whether a request may go to `host` at `port`.
    pub fn allows(&self, host: &str, port: u16) -> bool {
        match self {
            Self::Public => true,
            Self::Hosts(patterns) => patterns.iter().any(|pattern| pattern.matches(host, port)),
            Self::None => false,
        }
    }

    /// Reads the API's words: `public`, `none`, or patterns of hosts.
    ///
    /// # Errors
    /// `egress_unknown`, `host_invalid` with the place in the list, or `too_many_hosts`.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let texts: Vec<_> = texts.into_iter().collect();
        match texts.as_slice() {
            ["public"] => return Ok(Self::Public),
            ["none"] | [] => return Ok(Self::None),
            all if all.len() > limits::HOSTS => {
                return Err(Invalid::new("egress", "too_many_hosts", format!("must be at most {}", limits::HOSTS)));
            }
            all if all.iter().any(|text| matches!(*text, "public" | "none")) => {
                let rule = "must be `public`, `none`, or a list of hosts alone";
                return Err(Invalid::new("egress", "egress_unknown", rule));
            }
            _ => {}
        }
        let pattern = |(index, text): (usize, &&str)| {
            HostPattern::parse(text).map_err(|invalid| Invalid { field: format!("egress[{index}]"), ..invalid })
        };
        texts.iter().enumerate().map(pattern).collect::<Result<_, _>>().map(Self::Hosts)
    }

    /// As the database keeps it: `*`, or patterns parted by commas (possibly none).
    pub fn to_text(&self) -> String {
        match self {
            Self::Public => "*".to_owned(),
            Self::None => String::new(),
            Self::Hosts(hosts) => hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        }
    }

    /// Reads [`EgressPolicy::to_text`].
    ///
    /// # Errors
    /// The rule that a pattern broke.
    pub fn from_text(text: &str) -> Result<Self, Invalid> {
        match text {
            "*" => Ok(Self::Public),
            hosts => Self::parse(hosts.split(',').filter(|host| !host.is_empty())),
        }
    }
}

/// A TCP endpoint that a function declares: `db.example.com:5432`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// Reads a host and a port.
    ///
    /// # Errors
    /// `endpoint_invalid`, for the field `tcp`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let broken = |rule: &str| Invalid::new("tcp", "endpoint_invalid", rule.to_owned());
        let pattern = HostPattern::parse(text).map_err(|invalid| broken(&invalid.detail))?;
        let host = pattern.single().ok_or_else(|| broken("must name one host"))?.to_owned();
        let port = pattern.port().ok_or_else(|| broken("must name a port: `db.example.com:5432`"))?;
        Ok(Self { host, port })
    }

    /// The host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{EgressPolicy, Endpoint};
    use crate::HostPattern;

    #[test]
    fn reads_back() {
        for words in [&["public"][..], &["none"], &["a.example", "*.b.example:8443", "192.0.2.7", "[2001:db8::7]:1"]] {
            let policy = EgressPolicy::parse(words.iter().copied()).unwrap();
            assert_eq!(EgressPolicy::from_text(&policy.to_text()).unwrap(), policy, "{words:?}");
        }
        assert_eq!(EgressPolicy::parse([]).unwrap(), EgressPolicy::None);
        assert_eq!(EgressPolicy::parse(["public", "a.example"]).unwrap_err().code, "egress_unknown");
        assert_eq!(EgressPolicy::parse(["a.example", "https://b"]).unwrap_err().field, "egress[1]");
    }

    #[test]
    fn endpoints_have_one_host_and_a_port() {
        for text in ["db.example.com:5432", "192.0.2.7:25", "[2001:db8::7]:5432"] {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), text);
        }
        for text in ["db.example.com", "*.example.com:1", "db.example.com:0", "smtp://a:25", ""] {
            assert_eq!(Endpoint::parse(text).unwrap_err().code, "endpoint_invalid", "{text}");
        }
    }

    #[test]
    fn an_empty_list_is_none() {
        assert!(EgressPolicy::default().allows("a.example", 1));
        assert!(!EgressPolicy::None.allows("a.example", 1));
        assert!(!EgressPolicy::Hosts(Vec::new()).allows("a.example", 1));
        let only = EgressPolicy::Hosts(vec![HostPattern::parse("a.example:443").unwrap()]);
        assert!(only.allows("a.example", 443) && !only.allows("a.example", 80) && !only.allows("b.example", 443));
    }
}
