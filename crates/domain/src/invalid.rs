//! The one shape of "this input breaks a rule". It names the field and the rule and never holds the input.

use thiserror::Error;

/// A rule that an input broke.
///
/// `detail` is written for the person who sent the input. It must never contain a value: names are allowed
/// only after they were found to be short and printable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {detail}")]
pub struct Invalid {
    /// The field as the API spells it, for example `name` or `hosts[0]`.
    pub field: String,
    /// Stable machine-readable rule, for example `name_reserved`.
    pub code: &'static str,
    /// What the rule is, and what to do.
    pub detail: String,
}

impl Invalid {
    /// A broken rule of `field`.
    pub fn new(field: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { field: field.into(), code, detail: detail.into() }
    }
}
