//! The rules of how a value is delivered: which hosts it may go to, and when it has any.

use std::collections::BTreeSet;

use domain::{Delivery, HostPattern, Invalid, limits};

/// Hosts as they are kept: each once, in the pattern's own spelling.
pub(super) fn hosts(texts: &[String]) -> Result<Vec<String>, Invalid> {
    if texts.len() > limits::HOSTS {
        return Err(Invalid::new("hosts", "too_many_hosts", format!("must be at most {}", limits::HOSTS)));
    }
    let parse = |(index, text): (usize, &String)| {
        HostPattern::parse(text).map_err(|invalid| Invalid { field: format!("hosts[{index}]"), ..invalid })
    };
    let patterns = texts.iter().enumerate().map(parse).collect::<Result<BTreeSet<_>, _>>()?;
    Ok(patterns.iter().map(ToString::to_string).collect())
}

/// The rule that a brokered secret has hosts, and no other has.
pub(super) fn delivered(delivery: Delivery, hosts: &[String]) -> Result<(), Invalid> {
    match (delivery, hosts.is_empty()) {
        (Delivery::Brokered, true) => Err(Invalid::new(
            "hosts",
            "hosts_missing",
            "a brokered secret must name the hosts that its value may be sent to",
        )),
        (Delivery::Env, false) => {
            Err(Invalid::new("hosts", "hosts_without_broker", "only brokered secrets have hosts; leave it out"))
        }
        _ => Ok(()),
    }
}
