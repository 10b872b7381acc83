//! Where the operator says that a host is, whatever DNS says.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::Deserialize;

use crate::{HostPattern, Invalid};

/// `HOST[:PORT]=ADDRESS[:PORT]`: connections to the host (at that port, or at each) go to the address (at that port, or at
/// the same). TLS is still with the host, and the address is judged like one of DNS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Resolution {
    host: String,
    port: Option<u16>,
    address: IpAddr,
    to: Option<u16>,
}

impl Resolution {
    /// Where a connection to `host`, in lower case, at `port` goes; `None` if this says nothing of it.
    pub fn of(&self, host: &str, port: u16) -> Option<SocketAddr> {
        let meant = self.host == host && self.port.is_none_or(|own| own == port);
        meant.then(|| SocketAddr::new(self.address, self.to.unwrap_or(port)))
    }
}

impl FromStr for Resolution {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let broken = |rule: &str| Invalid::new("resolve", "resolution_invalid", rule.to_owned());
        let (from, to) = text.split_once('=').ok_or_else(|| broken("must be HOST[:PORT]=ADDRESS[:PORT]"))?;
        let pattern = HostPattern::parse(from).map_err(|invalid| broken(&invalid.detail))?;
        let host = pattern.single().filter(|host| host.parse::<IpAddr>().is_err());
        let host = host.ok_or_else(|| broken("before the `=` stands one host name"))?.to_owned();
        let (address, to) = match (to.parse::<SocketAddr>(), to.parse::<IpAddr>()) {
            (Ok(both), _) if both.port() != 0 => (both.ip(), Some(both.port())),
            (_, Ok(address)) => (address, None),
            _ => {
                return Err(broken("after the `=` stands an address: `10.0.0.7`, `10.0.0.7:8443` or `[fd00::7]:8443`"));
            }
        };
        Ok(Self { host, port: pattern.port(), address, to })
    }
}

impl TryFrom<String> for Resolution {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Resolution;

    fn of(text: &str, host: &str, port: u16) -> Option<String> {
        text.parse::<Resolution>().unwrap().of(host, port).map(|address| address.to_string())
    }

    #[test]
    fn of_one_host_and_one_port_or_all() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("API.stripe.com=10.0.0.7", "api.stripe.com", 443), some("10.0.0.7:443"));
        assert_eq!(of("api.stripe.com=10.0.0.7:8443", "api.stripe.com", 443), some("10.0.0.7:8443"));
        assert_eq!(of("api.stripe.com:443=[fd00::7]:8443", "api.stripe.com", 443), some("[fd00::7]:8443"));
        assert_eq!(of("api.stripe.com:443=fd00::7", "api.stripe.com", 443), some("[fd00::7]:443"));
        assert_eq!(of("api.stripe.com:443=10.0.0.7", "api.stripe.com", 80), None);
        assert_eq!(of("api.stripe.com=10.0.0.7", "stripe.com", 443), None);
    }

    #[test]
    fn what_is_none() {
        for text in [
            "",
            "a.com",
            "a.com=",
            "=10.0.0.7",
            "*.a.com=10.0.0.7",
            "10.0.0.1=10.0.0.7",
            "a.com=b.com",
            "a.com=10.0.0.7:0",
            "a.com:0=10.0.0.7",
        ] {
            assert_eq!(text.parse::<Resolution>().unwrap_err().code, "resolution_invalid", "{text}");
        }
    }
}
