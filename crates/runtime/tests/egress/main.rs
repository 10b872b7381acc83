//! The egress broker against real sockets, real TLS and a real Deno.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod brokered;
mod deno;
mod forwarding;
mod harness;
mod hostile;
mod policy;
mod probe;
mod reflection;
mod tunnels;
