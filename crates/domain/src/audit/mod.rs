//! The audit log's rules: what an event says, how events become a Merkle tree, and how a tree head is signed and checked.
//!
//! Storing leaves and nodes is `store`'s work, signing is `envelope`'s; both call the functions here.

pub mod checkpoint;
pub mod event;
pub mod export;
pub mod merkle;

pub use checkpoint::{Checkpoint, CheckpointError, VerifierKey};
pub use event::{AuditEvent, EventActor, Outcome, Resource};
pub use merkle::{Frontier, Hash};
