//! Why a use case failed. Knows no HTTP: `http::problem` gives each its status.

use domain::import::Rejected;
use domain::{Denied, Invalid};
use thiserror::Error;

/// A failed use case.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The input broke rules; nothing changed.
    #[error("{} field(s) broke a rule", .0.len())]
    Invalid(Vec<Invalid>),
    /// Lines of an import are rejected; nothing changed.
    #[error("{} line(s) are rejected", .0.len())]
    Import(Vec<Rejected>),
    /// A function's source could not be bundled; nothing changed.
    #[error(transparent)]
    Bundle(#[from] runtime::BundleError),
    /// Policy refused; the refusal is in the audit log.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such thing in the actor's account.
    #[error("there is no {kind} of this name in this account")]
    NotFound {
        /// `secret`, `function`, …
        kind: &'static str,
    },
    /// It is there already.
    #[error("there is already {kind} of this name")]
    Exists {
        /// `an account`, …
        kind: &'static str,
    },
    /// `If-Match` or `If-None-Match` did not hold.
    #[error("the secret is not at the version you named: someone changed it; get it again and repeat")]
    Precondition,
    /// The same `Idempotency-Key` came with another request.
    #[error("this Idempotency-Key was used for another request: use a new key")]
    IdempotencyReuse,
    /// The value of a version is gone.
    #[error("version {version} was destroyed: its value is gone for good; put the value again")]
    Destroyed {
        /// Its number.
        version: u64,
    },
    /// A limit of the account is reached.
    #[error("{detail}")]
    Limit {
        /// Stable rule.
        code: &'static str,
        /// What the limit is.
        detail: String,
    },
    /// The account has done it too often for now.
    #[error("too many in a short time: try again in {seconds} s")]
    RateLimited {
        /// After how long it works again.
        seconds: u32,
    },
    /// A secret request that cannot be answered any more.
    #[error("this secret request is {}: it cannot be answered any more", .0.as_str())]
    RequestEnded(domain::SecretRequestStatus),
    /// A rotation that is over.
    #[error("this rotation is {}: it can neither be retried nor cancelled any more", .0.as_str())]
    RotationEnded(domain::rotation::RotationStatus),
    /// Something else needs it.
    #[error("{detail}")]
    InUse {
        /// What, and what to do.
        detail: String,
    },
    /// The keys that a JWT's issuer signs with are not to be had now.
    #[error("the keys of this JWT's issuer are not available: ask who manages the account to look at its issuer")]
    IssuerKeys,
    /// No credentials, or credentials that do not work.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Functions cannot run here; the text says why and what to do.
    #[error("{0}")]
    NoRuntime(String),
    /// The store failed.
    #[error("the database failed")]
    Store(#[from] store::StoreError),
    /// A stored ciphertext or key does not open with this root key: the wrong key file, or a changed database.
    #[error("stored data does not decrypt")]
    Decrypt(#[from] envelope::DecryptError),
    /// Something that this code promises did not hold.
    #[error("internal: {0}")]
    Broken(&'static str),
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(vec![invalid])
    }
}

impl Error {
    /// Nothing of this kind is there.
    pub(crate) fn not_found(kind: &'static str) -> Self {
        Self::NotFound { kind }
    }
}
