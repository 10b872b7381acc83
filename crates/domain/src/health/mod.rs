//! What should be done about stored secrets, told from what is known of them without their values.
//!
//! Each rule is in `rules.rs`, with its sentence and what to do. Where a fact comes from (the database, deployments) is not.

mod rules;

use crate::timestamp::DAY_MILLIS;
use crate::{Delivery, EnvironmentName, SecretName, Timestamp};
pub use rules::{duplicated, examine, missing, of_mode, pending, rotation_failed};

/// For how many days nothing may use a secret before that is told, if nobody says otherwise.
pub const UNUSED_DAYS: u32 = 90;
/// From how many days before it is due a value is said to be due soon.
pub const SOON_DAYS: i64 = 7;
/// A secret that is younger need not have been used.
const NEW_DAYS: i64 = 1;

/// How soon something should be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// When there is time.
    Low,
    /// Soon.
    Medium,
    /// It fails or is unsafe now.
    High,
}

impl Urgency {
    /// Each, the most pressing first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// Reads the API's word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|urgency| urgency.as_str() == text)
    }
}

/// What was found. Of those that are equally urgent, what stands first is to be done first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ailment {
    /// A function reads a name that has no value.
    Missing,
    /// It should have been replaced.
    Overdue,
    /// Its rotator could not replace it.
    RotationFailed,
    /// The value has not the form that it should have.
    BadlyFormatted,
    /// The value is for the other mode of its provider.
    WrongMode,
    /// A name that makes build tools publish its value.
    BrowserExposed,
    /// An assistant was told the value in a conversation, which keeps it.
    SeenByAssistant,
    /// The public half of a pair, stored as the secret one.
    Publishable,
    /// It is to be replaced within a week.
    DueSoon,
    /// A slot that waits for its value.
    Pending,
    /// The same value elsewhere.
    Duplicated,
    /// Nothing used it for a long time.
    Unused,
    /// Nothing ever used it.
    NeverUsed,
}

impl Ailment {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Overdue => "overdue",
            Self::RotationFailed => "rotation_failed",
            Self::BadlyFormatted => "badly_formatted",
            Self::WrongMode => "wrong_mode",
            Self::BrowserExposed => "browser_exposed",
            Self::SeenByAssistant => "seen_by_assistant",
            Self::Publishable => "publishable",
            Self::DueSoon => "due_soon",
            Self::Pending => "pending",
            Self::Duplicated => "duplicated",
            Self::Unused => "unused",
            Self::NeverUsed => "never_used",
        }
    }
}

/// What is to be done, as a word that programs can go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Put a value where there is none.
    Put,
    /// Put another value.
    Replace,
    /// Put it under another name, and delete this one.
    Rename,
    /// Delete it, if it is not needed.
    Delete,
    /// Look at it, and decide.
    Look,
}

impl Remedy {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Replace => "replace",
            Self::Rename => "rename",
            Self::Delete => "delete",
            Self::Look => "look",
        }
    }
}

/// Something that should be done about one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// How soon.
    pub urgency: Urgency,
    /// What.
    pub ailment: Ailment,
    /// The catalogue's code, where it is what the catalogue says of a value.
    pub code: Option<&'static str>,
    /// A sentence about the secret, without its name: `was to be replaced 3 days ago`.
    pub detail: String,
    /// The word for what to do.
    pub remedy: Remedy,
    /// What to do, as a sentence of its own.
    pub advice: String,
}

impl Complaint {
    fn new(urgency: Urgency, ailment: Ailment, detail: impl Into<String>, remedy: Remedy, advice: &str) -> Self {
        Self { urgency, ailment, code: None, detail: detail.into(), remedy, advice: advice.to_owned() }
    }
}

/// What is known of a secret.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    /// Its name.
    pub name: &'a SecretName,
    /// Where it is.
    pub environment: &'a EnvironmentName,
    /// How it reaches functions.
    pub delivery: Delivery,
    /// The catalogue's codes for its value, as they are kept: parted by spaces, those only worth knowing with `~` before.
    pub findings: &'a str,
    /// The provider's mode its value is for; empty if that is not known.
    pub mode: &'a str,
    /// When it should be replaced.
    pub due: Option<Timestamp>,
    /// Since when it is there.
    pub created_at: Timestamp,
    /// When something last had it.
    pub last_used_at: Option<Timestamp>,
    /// When the broker last sent its value.
    pub last_sent_at: Option<Timestamp>,
}

/// When things are looked at, and how patiently.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Now.
    pub now: Timestamp,
    /// For how many days nothing may use a secret.
    pub unused_days: u32,
}

impl Patience {
    /// What was not used since then is unused.
    pub fn unused_before(&self) -> Timestamp {
        self.now.plus_days(-i64::from(self.unused_days))
    }

    /// What came later need not have been used yet.
    pub fn new_since(&self) -> Timestamp {
        self.now.plus_days(-NEW_DAYS)
    }

    /// What is due before then is due soon.
    pub fn soon_until(&self) -> Timestamp {
        self.now.plus_days(SOON_DAYS)
    }

    fn days_since(&self, time: Timestamp) -> String {
        days((self.now.as_millis() - time.as_millis()) / DAY_MILLIS)
    }
}

fn days(count: i64) -> String {
    match count {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        _ => format!("{count} days"),
    }
}
