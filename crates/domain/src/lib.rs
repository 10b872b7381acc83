//! Pure rules: names, limits, masks, policy, redaction, audit hashing.
//!
//! What lives here decides; it does no IO, reads no clock, draws no randomness and knows neither SQL nor HTTP,
//! so every rule can be read and tested by itself. Times and random bytes come in as arguments.
#![forbid(unsafe_code)]

pub mod access;
pub mod actor;
pub mod audit;
pub mod catalogue;
mod cors;
pub mod id;
pub mod import;
pub mod invalid;
pub mod limits;
pub mod mask;
pub mod name;
pub mod policy;
pub mod redact;
pub mod scope;
pub mod timestamp;
pub mod token;
pub mod value;

pub use access::{Access, Delivery, SecretSelection};
pub use actor::{Actor, ActorKind};
pub use cors::CorsOrigins;
pub use id::{AccountId, RequestId, SecretId};
pub use invalid::Invalid;
pub use name::{AccountName, EnvironmentName, FunctionName, SecretName, TokenName};
pub use policy::{Action, Denied, authorize};
pub use scope::{Scope, ScopeSet};
pub use timestamp::Timestamp;
pub use value::Value;
