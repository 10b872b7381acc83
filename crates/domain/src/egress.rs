//! What a function may reach.

use crate::HostPattern;

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
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::EgressPolicy;
    use crate::HostPattern;

    #[test]
    fn an_empty_list_is_none() {
        assert!(EgressPolicy::default().allows("a.example", 1));
        assert!(!EgressPolicy::None.allows("a.example", 1));
        assert!(!EgressPolicy::Hosts(Vec::new()).allows("a.example", 1));
        let only = EgressPolicy::Hosts(vec![HostPattern::parse("a.example:443").unwrap()]);
        assert!(only.allows("a.example", 443) && !only.allows("a.example", 80) && !only.allows("b.example", 443));
    }
}
