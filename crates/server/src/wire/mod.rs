//! The API's shapes: what goes over HTTP, and nothing else. The CLI reads and writes the same types.
//!
//! No response but `Injected` has a field that could hold a value. What carries one is `Deserialize` only and keeps it
//! zeroized.

mod access;
mod audit;
mod check;
mod function;
mod health;
mod import;
mod inject;
mod member;
mod problem;
mod provider;
mod rotator;
mod scan;
mod secret;
mod secret_request;
mod settings;
mod structure;
mod token;
mod wall;
mod webhook;

pub use access::{
    Account, AccountKey, CloneEnvironment, ClonedEnvironment, CreateAccount, CreatedAccount, Environment, LoginLink,
};
pub use audit::{AuditEntry, AuditProof, SignedCheckpoint};
pub use check::{Check, CheckSecret, CheckValue};
pub use function::{
    ActiveDeployment, Deployment, Egress, Function, FunctionDetail, Invocation, InvocationActor, LogLine, PutFunction,
    ReturnedValue, Rollback, Secrets,
};
pub use health::{HealthCounts, HealthFinding, SecretHealth, SecretPlace};
pub use import::{Import, ImportLine, ImportSecrets, ImportWarning};
pub use inject::{Inject, Injected, InjectedSecret, NO_BROWSERS};
pub use member::{Group, Issuer, Member, PutGroup, PutIssuer, PutMember};
pub use problem::{FieldProblem, Problem};
pub use provider::{Provider, ProviderSecret, ProviderSuggestion, ProviderSummary, SuggestProvider};
pub use rotator::{PutRotator, RotateSecret, Rotation, Rotator};
pub use scan::{FindDigests, FoundDigests, FoundSecret, ScanSettings};
pub use secret::{
    ActivateSecret, ChangeSecret, DestroyVersion, MatrixCell, MatrixRow, PreviousVersion, PutSecret, RawValue, Secret,
    SecretMatrix, SecretVersion, ShareSecret, StoredSecret, Warning,
};
pub use secret_request::{CreateSecretRequest, SecretRequest};
pub use settings::{PutSettings, Settings};
pub use structure::{ImportStructure, ImportedStructure, SecretOutline, SecretStructure};
pub use token::{CreateToken, CreatedToken, Token};
pub use wall::{Wall, Walls};
pub use webhook::{PutWebhook, PutWebhookAnswer, RotateWebhook, Webhook, WebhookTest};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Give this as `cursor` to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_cursor: Option<String>,
}
