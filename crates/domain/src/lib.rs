//! Pure rules: names, limits, masks, policy, redaction, audit hashing.
//!
//! What lives here decides; it does no IO, reads no clock, draws no randomness and knows neither SQL nor HTTP,
//! so every rule can be read and tested by itself. Times and random bytes come in as arguments.
#![forbid(unsafe_code)]

pub mod access;
pub mod actor;
pub mod address;
pub mod audit;
pub mod catalogue;
mod confirmation;
mod cors;
mod egress;
pub mod find;
pub mod health;
mod host;
pub mod id;
pub mod import;
pub mod invalid;
pub mod issuer;
pub mod latency;
pub mod limits;
pub mod mask;
pub mod name;
pub mod overlap;
mod placeholder;
pub mod policy;
pub mod redact;
mod resolution;
pub mod rotation;
pub mod scan;
pub mod scope;
mod secret_request;
mod settings;
pub mod supabase;
pub mod timestamp;
pub mod token;
pub mod tree;
pub mod value;
mod version_set;
pub mod webhook;

pub use access::{Access, Delivery, SecretSelection};
pub use actor::{Actor, ActorKind, Role};
pub use confirmation::ConfirmationStatus;
pub use cors::CorsOrigins;
pub use egress::{EgressPolicy, Endpoint};
pub use host::HostPattern;
pub use id::{AccountId, RequestId, SecretId};
pub use invalid::Invalid;
pub use issuer::{Algorithm, Issuer, IssuerKeys};
pub use name::{
    AccountName, EnvironmentName, FunctionName, GroupName, IssuerName, MemberName, SecretName, TokenName, WebhookName,
};
pub use overlap::Overlap;
pub use placeholder::Placeholder;
pub use policy::{Action, Denied, authorize, authorize_invoke};
pub use resolution::Resolution;
pub use scope::{Scope, ScopeSet};
pub use secret_request::{SecretRequestStatus, acts_or_hides, check_reason};
pub use settings::{Confirmations, ConversationValues, ResponseGuard, Settings};
pub use timestamp::Timestamp;
pub use value::Value;
pub use version_set::VersionSet;
