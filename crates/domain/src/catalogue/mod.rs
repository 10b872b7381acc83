//! The providers people store credentials of: names, formats, hosts, where to get a key, how to rotate one, and a
//! harmless request that tells whether one works. Sending that request is not done here.
//!
//! The data is in `crates/domain/catalogue/*.toml`; `docs/providers.md` says how it is written.

mod data;
mod find;
mod paste;
mod review;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use data::Pattern;
pub use find::{
    Suggestion, agreed, browser_prefix, find, for_name, hosts_for, known_beginning, search, secrets_for_name, suggest,
};
pub(crate) use paste::is_stand_in;
pub use review::{Finding, SEEN_BY_ASSISTANT, Severity, mode, review, seen_by_assistant, wrong_mode};

use crate::SecretName;

/// Every provider, in the catalogue's order.
pub fn all() -> &'static [Provider] {
    data::all()
}

/// A company or a kind of service.
#[derive(Debug, Serialize)]
pub struct Provider {
    /// Stable, `[a-z0-9-]+`.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it is for: `payments`, `email`, `ai`, …
    pub categories: Vec<String>,
    /// Its home page, or the page of what it is.
    pub website: String,
    /// Page of documentation that the formats were compared with.
    pub checked: Option<String>,
    /// What there is of it to store.
    pub secrets: Vec<Secret>,
}

/// One credential of a provider.
#[derive(Debug, Serialize)]
pub struct Secret {
    /// The usual name first, then others in use. A few, like `DATABASE_URL`, belong to several secrets.
    pub names: Vec<SecretName>,
    /// What it is, for people.
    pub what: String,
    /// Whether it is made to be known.
    pub kind: Kind,
    /// The form of a whole value, if it has a known one.
    pub format: Option<Pattern>,
    /// How values begin, if that tells anything; those of test and live keys are not repeated here.
    pub prefixes: Vec<String>,
    /// How values of the provider's test mode begin.
    pub test: Vec<String>,
    /// How values of its live mode begin.
    pub live: Vec<String>,
    /// The format alone tells what it is, without a prefix.
    pub distinct: bool,
    /// What a mask of one looks like: an example to show, no value.
    pub mask: String,
    /// Hosts it is sent to: exact, or `*.` and a domain at which the provider itself answers everywhere, or
    /// `{project}.example.com`, of which the person must fill in the part in braces: customers' own code answers at its
    /// neighbours, so a wildcard would hand the value to strangers. Empty if it never leaves the function as it is
    /// (signing secrets, connection strings): then only `env` delivery works.
    pub hosts: Vec<String>,
    /// Where to get one.
    pub get: Obtain,
    /// How to exchange one without a gap.
    pub rotate: String,
    /// A harmless request that tells whether a value works.
    pub probe: Option<Probe>,
}

/// Whether a credential is made to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Whoever has it can act.
    #[default]
    Secret,
    /// Made for pages and apps, or an identifier: need not be hidden.
    Publishable,
}

/// Where to get a credential.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obtain {
    /// A page of the provider, if there is one for all.
    pub url: Option<String>,
    /// One line of help.
    pub help: String,
}

/// A harmless request. `{value}` stands for the value and `{OTHER_NAME}` for another secret of the same provider;
/// in `url` both must be percent-encoded.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// `GET`, or `POST` without a body.
    #[serde(default = "get")]
    pub method: String,
    /// Always `https`, to one of the secret's hosts.
    pub url: String,
    /// Header lines.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// User and password of basic authentication.
    pub basic: Option<[String; 2]>,
    /// Statuses that mean the value works.
    pub valid: Vec<u16>,
    /// Statuses that mean it does not. Every other status means nothing: a key may lack a permission.
    pub invalid: Vec<u16>,
    /// Where a valid status is not enough: a member of the JSON answer that must be `true`.
    pub ok_field: Option<String>,
}

fn get() -> String {
    "GET".to_owned()
}

/// What an answer to a probe says of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It works.
    Valid,
    /// The provider refuses it.
    Invalid,
    /// The answer does not tell.
    Unknown,
}

impl Verdict {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
        }
    }
}

/// The provider's mode that a value is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing real happens with it.
    Test,
    /// Money, mail and messages are real.
    Live,
}

impl Mode {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }

    /// Reads [`Mode::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Test, Self::Live].into_iter().find(|mode| mode.as_str() == text)
    }
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl Probe {
    /// What an answer means. `ok` is the answer's [`Probe::ok_field`], if there is one and it was read.
    pub fn verdict(&self, status: u16, ok: Option<bool>) -> Verdict {
        if self.invalid.contains(&status) {
            return Verdict::Invalid;
        }
        match (self.valid.contains(&status), self.ok_field.is_some(), ok) {
            (false, ..) | (true, true, None) => Verdict::Unknown,
            (true, true, Some(false)) => Verdict::Invalid,
            (true, ..) => Verdict::Valid,
        }
    }

    /// The other secrets that the request needs, by name.
    pub fn needs(&self) -> Vec<&str> {
        let basic = self.basic.iter().flatten();
        let templates = self.headers.values().chain(basic).chain([&self.url]);
        let mut names: Vec<&str> = templates
            .flat_map(|text| text.split('{').skip(1).filter_map(|part| part.split_once('}')))
            .map(|(name, _)| name)
            .filter(|name| *name != "value")
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Secret {
    /// The name to suggest.
    pub fn name(&self) -> Option<&SecretName> {
        self.names.first()
    }

    /// The hosts that can be taken over as they are.
    pub fn ready_hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(String::as_str).filter(|host| !host.contains('{'))
    }

    /// Whether a value has the form of one. True where no form is known.
    pub fn fits(&self, value: &str) -> bool {
        self.format.as_ref().is_none_or(|format| format.matches(value))
    }

    /// The provider's mode of a value, by how it begins.
    pub fn mode(&self, value: &str) -> Option<Mode> {
        let longest = |prefixes: &[String]| longest_prefix(prefixes, value);
        match (longest(&self.test), longest(&self.live)) {
            (0, 0) => None,
            (test, live) => Some(if test >= live { Mode::Test } else { Mode::Live }),
        }
    }

    /// Every known beginning of values.
    pub(crate) fn beginnings(&self) -> impl Iterator<Item = &str> {
        [&self.prefixes, &self.test, &self.live].into_iter().flatten().map(String::as_str)
    }

    /// Bytes of the longest known beginning that the value has.
    fn prefix_len(&self, value: &str) -> usize {
        [&self.prefixes, &self.test, &self.live].into_iter().map(|list| longest_prefix(list, value)).max().unwrap_or(0)
    }
}

fn longest_prefix(prefixes: &[String], value: &str) -> usize {
    prefixes.iter().filter(|prefix| value.starts_with(prefix.as_str())).map(String::len).max().unwrap_or(0)
}
