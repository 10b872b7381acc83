//! Requests to addresses that an account chose. They may lead to the internet only, and to networks that the operator allowed;
//! every address that a host name stands for is checked, and the checked ones are dialled.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use thiserror::Error;

/// The way there.
pub(crate) struct Outside {
    allowed: Arc<Vec<IpNet>>,
    /// `None` if it could not be made as it must be: nothing is reached then.
    secure: Option<reqwest::Client>,
    plain: Option<reqwest::Client>,
}

/// An address that may not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not an address of the internet, or not https; the operator can allow a network with --allow-network")]
pub(crate) struct Forbidden;

impl Outside {
    /// Requests end after `timeout`.
    pub(crate) fn new(allowed: Vec<IpNet>, tls: Option<&ClientConfig>, timeout: Duration) -> Self {
        let allowed = Arc::new(allowed);
        // In clear, only what the operator allowed by name is reached.
        let client = |public| {
            let resolver = Checked { allowed: Arc::clone(&allowed), public };
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls?.clone())
                .dns_resolver(Arc::new(resolver))
                .redirect(Policy::none())
                .no_proxy()
                .timeout(timeout)
                .build()
                .inspect_err(|error| tracing::error!(%error, "addresses that accounts choose cannot be reached"))
                .ok()
        };
        Self { secure: client(true), plain: client(false), allowed }
    }

    /// The address, if it may be reached as far as it tells itself, and what to reach it with.
    pub(crate) fn reach(&self, url: &str) -> Result<(Option<&reqwest::Client>, Url), Forbidden> {
        let url = Url::parse(url).map_err(|_| Forbidden)?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(Forbidden),
        };
        // A resolver is not asked about a host that is an address already.
        let address = match url.host_str() {
            Some(host) => host.trim_matches(['[', ']']).parse().ok(),
            None => return Err(Forbidden),
        };
        if address.is_some_and(|address| !may_reach(address, &self.allowed, secure)) {
            return Err(Forbidden);
        }
        Ok((if secure { self.secure.as_ref() } else { self.plain.as_ref() }, url))
    }
}

/// Whether a request failed because its host's name stands for an address that may not be reached.
pub(crate) fn is_forbidden(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<Forbidden>() {
            return true;
        }
        source = cause.source();
    }
    false
}

fn may_reach(address: IpAddr, allowed: &[IpNet], public: bool) -> bool {
    let allows = || allowed.iter().any(|network| network.contains(&domain::address::embedded(address)));
    domain::address::forbids(address, allowed).is_none() && (public || allows())
}

/// Resolves names, and refuses one that stands for any address that may not be reached.
struct Checked {
    allowed: Arc<Vec<IpNet>>,
    public: bool,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (allowed, public) = (Arc::clone(&self.allowed), self.public);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().all(|address| may_reach(address.ip(), &allowed, public)) {
                Ok(Box::new(found.into_iter()) as Addrs)
            } else {
                Err(Forbidden.into())
            }
        })
    }
}
