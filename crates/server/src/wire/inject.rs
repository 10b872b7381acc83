//! Giving an environment's values to a process over HTTP: the one response that holds values.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RawValue;

/// The header that whoever asks for values sends, as `1`: one that no page can make a browser send.
pub const NO_BROWSERS: &str = "sec-tresor-no-browsers";

/// Asks for the values of an environment, for one process.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Inject {
    /// Only these secrets; left out: all of the environment that are not brokered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
    /// The program that gets them, for the audit log: its name, never its arguments. At most 128 printable characters.
    pub command: String,
}

/// An environment's values.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Injected {
    /// Whose values they are.
    pub environment: String,
    /// By name.
    pub secrets: Vec<InjectedSecret>,
    /// Secrets that are brokered: their values never leave the server but toward their hosts.
    pub brokered: Vec<String>,
}

/// One secret's value.
#[derive(Debug, Deserialize, ToSchema)]
pub struct InjectedSecret {
    /// The variable to put it in.
    pub name: String,
    /// The version it is of.
    pub version: u64,
    /// The value.
    pub value: RawValue,
}
