//! Persistence in SQLite or PostgreSQL. It cannot decrypt: it does not link envelope.
//!
//! Rows go in and come out as they are: ids, hashes, ciphertexts and times are arguments, and nothing here draws
//! randomness or reads a clock. Each noun has a file with its rows and its queries. Reads are methods of both [`Store`]
//! (from a pool) and [`Tx`] (inside a write); writes are methods of [`Tx`] only, which [`Store::write`] hands out.
#![forbid(unsafe_code)]

#[macro_use]
mod reads;

mod accounts;
mod audit;
mod clients;
mod columns;
mod confirmations;
mod deployments;
mod drafts;
mod egress;
mod environments;
mod error;
mod functions;
mod health;
mod hours;
mod idempotency;
mod invocations;
mod issuers;
mod location;
mod logs;
mod members;
mod migrate;
mod overlaps;
mod proofs;
mod reminders;
mod rotations;
mod rotators;
mod secret_lists;
mod secret_requests;
mod secrets;
mod server_state;
mod sessions;
mod settings;
mod shares;
mod store;
mod tokens;
mod tx;
mod values;
mod versions;
mod webhooks;
mod writer;

pub use accounts::{AccountKeyRow, AccountRow};
pub use audit::{AuditFilter, AuditRow};
pub use clients::{ClientCodeRow, ClientGrantRow, ClientTokenKind, ClientTokenRow};
pub use confirmations::ConfirmationRow;
pub use deployments::{ActiveDeployment, ActiveRow, DeploymentRow};
pub use drafts::DraftRow;
pub use egress::EgressRow;
pub use environments::EnvironmentRow;
pub use error::StoreError;
pub use functions::FunctionRow;
pub use health::{AilingRow, EqualRow, ReadingRow};
pub use hours::{Tally, TallyStep};
pub use idempotency::IdempotencyRow;
pub use invocations::InvocationRow;
pub use issuers::IssuerRow;
pub use location::Location;
pub use logs::LogRow;
pub use members::{GroupRow, MemberRow};
pub use overlaps::Previous;
pub use reminders::DueRow;
pub use rotations::RotationRow;
pub use rotators::RotatorRow;
pub use secret_lists::{SecretFilter, SecretLine, SecretLook, SecretOrder};
pub use secret_requests::{RequesterRow, SecretRequestRow};
pub use secrets::{PutView, SecretRow, Shared};
pub use sessions::{LoginCodeRow, SessionRow};
pub use shares::ShareRow;
pub use store::Store;
pub use tokens::TokenRow;
pub use tx::Tx;
pub use values::{NewCiphertext, VersionValue};
pub use versions::{SharingUser, StoredValue, ValueFacts, VersionRow};
pub use webhooks::{MessageRow, SigningKey, WebhookRow};

type Result<T, E = StoreError> = std::result::Result<T, E>;
