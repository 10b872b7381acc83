//! Deno workers: supervisor, bundler and the gateway's side of a worker. The only place for unsafe and process spawn.
//!
//! What lives here starts, feeds, watches and ends processes and talks HTTP with them. It reaches neither the database
//! nor a key: the values of an assignment come in as arguments, go to one worker, and are zeroized.

mod bundle;
mod deno;
mod egress;
mod folder;
mod hop_by_hop;
mod launch;
mod memory;
mod sandbox;
mod source_map;
mod supervisor;
mod worker;

// Started with `-A`, which only a build of these tests can do.
#[cfg(all(test, target_os = "linux"))]
#[path = "../tests/escape/mod.rs"]
mod escape;

pub use bundle::{Bundle, BundleError, Bundler, Source};
pub use deno::{Deno, DenoError};
pub use egress::{
    Broker, BrokerConfig, Brokered, EgressOutcome, EgressRecord, EgressTimeouts, EgressWorker, Listener, NoConnection,
    NoRandomness, Outlet, Placeholders, ProbeAnswer, ProbeError, ProbeRequest, Resolve, SystemResolver, Trust,
    TrustError, Via,
};
pub use hop_by_hop::strip_hop_by_hop;
pub use memory::room;
pub use sandbox::{NoWall, RequiredWalls, Sandbox, Wall, Walls};
pub use supervisor::{Runtime, RuntimeConfig, RuntimeError, WorkerError, WorkerState, WorkerStatus};
pub use worker::{
    Assignment, Cleaner, Egress, End, Exit, INVOCATION_HEADER, InvokeError, Lease, Limits, LogLine, Outbound, Outcome,
    SecretSet, Sent, Stream, WorkerBody, WorkerKey,
};
