//! The egress broker: all traffic of all workers goes through it.
//!
//! A worker has no network. Its `fetch` sends absolute-form requests in clear over a unix socket (`HTTPS_PROXY=unix:…`);
//! [`Broker`] applies the function's policy, resolves the host, checks every address, dials the one it checked, makes the TLS
//! connection, and puts brokered values in where placeholders stand. It follows no redirect: each hop comes back from the worker and is
//! checked again. `CONNECT` and declared TCP endpoints are tunnels: TLS is the worker's own and the broker sees no content, so
//! a placeholder in there is not found, and not replaced either.
//!
//! What the worker gets and what a record says never holds a value, a path or a query.

mod address;
mod body;
mod broker;
mod brokered;
mod dial;
mod exchange;
mod forward;
mod head;
mod probe;
mod reflection;
mod refusal;
mod rewrite;
mod target;
mod trust;
mod tunnel;

pub use broker::{Broker, BrokerConfig, EgressTimeouts, EgressWorker, Listener, NoConnection, Outlet};
pub use brokered::{Brokered, NoRandomness, Placeholders};
pub use dial::{Resolve, SystemResolver};
pub use exchange::{EgressOutcome, EgressRecord, Via};
pub use probe::{ProbeAnswer, ProbeError, ProbeRequest};
pub use trust::{Trust, TrustError};

/// Why a body ended early.
type BoxError = Box<dyn std::error::Error + Send + Sync>;
type BoxBody = http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, BoxError>;
