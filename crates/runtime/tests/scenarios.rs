//! Functions on the real Deno: one folder per scenario beside this file, its test in the module of its subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod harness;

#[path = "scenarios/bundling.rs"]
mod bundling;
#[path = "scenarios/failures.rs"]
mod failures;
#[path = "scenarios/guard.rs"]
mod guard;
#[path = "scenarios/handlers.rs"]
mod handlers;
#[path = "scenarios/lifecycle.rs"]
mod lifecycle;
#[path = "scenarios/load.rs"]
mod load;
#[path = "scenarios/logs.rs"]
mod logs;
#[path = "scenarios/pool.rs"]
mod pool;
#[path = "scenarios/relay.rs"]
mod relay;
#[path = "scenarios/walls.rs"]
mod walls;
