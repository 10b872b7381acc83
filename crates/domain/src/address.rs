//! Which addresses are of the public internet, and which of someone's own network. A request that another party chose the
//! host of (a key set's address, a function's `fetch`) must not reach the latter unless the operator allowed it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(high: [u16; 3], bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(high[0], high[1], high[2], 0, 0, 0, 0, 0), bits)
}

/// IANA's special-purpose registry for IPv4, and Azure's host, which has a public address.
const V4: [(Ipv4Net, &str); 17] = [
    (v4(0, 0, 0, 0, 8), "this host"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "carrier-grade NAT"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(168, 63, 129, 16, 32), "cloud metadata"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "protocol assignments"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 88, 99, 0, 24), "6to4 relay"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(255, 255, 255, 255, 32), "broadcast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// Of IPv6 only 2000::/3 is given out; these parts of it are special.
const V6: [(Ipv6Net, &str); 4] = [
    (v6([0x2001, 0, 0], 23), "protocol assignments (Teredo)"),
    (v6([0x2001, 0xdb8, 0], 32), "documentation"),
    (v6([0x2002, 0, 0], 16), "6to4"),
    (v6([0x3fff, 0, 0], 20), "documentation"),
];
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0], 3);
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0], 96);

/// Where clouds answer with credentials. A wide range of the operator's does not open these.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// The rule that forbids to send anything to `ip`, where the operator allows the networks `allow` beside the public internet.
///
/// An IPv6 address that stands for an IPv4 one is as that. Cloud metadata services take an entry for the single address
/// (`/32`, `/128`). The ranges are those of the IANA registries of special-purpose addresses.
pub fn forbids(ip: IpAddr, allow: &[IpNet]) -> Option<&'static str> {
    if is_named(ip, allow) {
        return None;
    }
    let ip = embedded(ip);
    if METADATA.contains(&ip) {
        return Some("cloud metadata");
    }
    if allow.iter().any(|net| net.contains(&ip)) { None } else { special(ip) }
}

/// Whether the operator allows this very address, and not only a network that it is in.
pub fn is_named(ip: IpAddr, allow: &[IpNet]) -> bool {
    allow.contains(&IpNet::from(embedded(ip)))
}

/// The IPv4 address that an IPv6 address leads to.
pub fn embedded(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) if NAT64.contains(&v6) => {
            let [.., a, b, c, d] = v6.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        other => other.to_canonical(),
    }
}

fn special(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => V4.iter().find(|(net, _)| net.contains(&ip)).map(|(_, rule)| *rule),
        IpAddr::V6(ip) => {
            if let Some((_, rule)) = V6.iter().find(|(net, _)| net.contains(&ip)) {
                return Some(rule);
            }
            match ip {
                _ if GLOBAL_V6.contains(&ip) => None,
                Ipv6Addr::LOCALHOST => Some("loopback"),
                _ if ip.is_multicast() => Some("multicast"),
                _ if ip.is_unique_local() => Some("private"),
                _ if ip.is_unicast_link_local() => Some("link-local"),
                _ => Some("reserved"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::forbids;

    fn rule_of(ip: &str) -> Option<&'static str> {
        forbids(ip.parse().unwrap(), &[])
    }

    #[test]
    fn special_addresses() {
        for (ip, rule) in [
            ("0.0.0.0", "this host"),
            ("0.1.2.3", "this host"),
            ("10.0.0.1", "private"),
            ("100.64.0.1", "carrier-grade NAT"),
            ("100.100.100.200", "cloud metadata"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("168.63.129.16", "cloud metadata"),
            ("169.254.169.254", "cloud metadata"),
            ("169.254.0.1", "link-local"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.192", "cloud metadata"),
            ("192.0.0.1", "protocol assignments"),
            ("192.0.2.1", "documentation"),
            ("192.88.99.1", "6to4 relay"),
            ("192.168.1.1", "private"),
            ("198.18.0.1", "benchmarking"),
            ("198.51.100.1", "documentation"),
            ("203.0.113.1", "documentation"),
            ("224.0.0.1", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "broadcast"),
            ("::", "reserved"),
            ("::1", "loopback"),
            ("::127.0.0.1", "reserved"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:169.254.169.254", "cloud metadata"),
            ("64:ff9b::7f00:1", "loopback"),
            ("64:ff9b::a9fe:a9fe", "cloud metadata"),
            ("64:ff9b:1::808:808", "reserved"),
            ("100::1", "reserved"),
            ("2001::1", "protocol assignments (Teredo)"),
            ("2001:10::1", "protocol assignments (Teredo)"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::", "6to4"),
            ("3fff::1", "documentation"),
            ("5f00::1", "reserved"),
            ("fc00::1", "private"),
            ("fd00:ec2::254", "cloud metadata"),
            ("fe80::1", "link-local"),
            ("fec0::1", "reserved"),
            ("ff02::1", "multicast"),
        ] {
            assert_eq!(rule_of(ip), Some(rule), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "172.15.0.1",
            "172.32.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2a00:1450::1",
            "100.128.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert_eq!(rule_of(ip), None, "{ip}");
        }
    }

    #[test]
    fn the_operator_opens_ranges_but_metadata_only_one_by_one() {
        let rule = |allow: &[&str], ip: &str| {
            let allow: Vec<_> = allow.iter().map(|net| net.parse().unwrap()).collect();
            forbids(ip.parse().unwrap(), &allow)
        };
        let wide = ["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16"];
        assert_eq!(rule(&wide, "10.1.2.3"), None);
        assert_eq!(rule(&wide, "::ffff:10.1.2.3"), None);
        assert_eq!(rule(&wide, "192.168.0.1"), Some("private"));
        assert_eq!(rule(&wide, "169.254.0.1"), None);
        assert_eq!(rule(&wide, "169.254.169.254"), Some("cloud metadata"));
        assert_eq!(rule(&["169.254.169.254/32"], "169.254.169.254"), None);
    }
}
