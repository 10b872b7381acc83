//! Finding secrets in text: what may be a stored value, what looks like a provider's key, and how the two are told from
//! words. Nothing here reads files or asks a server; `docs/scan.md` says who learns what.

mod assigned;
mod candidate;
mod forms;
mod rules;
mod strength;

pub use assigned::is_settings;
pub use candidate::{Digest, candidates, digest, is_candidate, is_findable};
pub use rules::{Hit, Level, Rule, find, rules};
pub use strength::strength;
