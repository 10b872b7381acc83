//! What may be wrong with a value, told when it is put. Findings advise: nothing is refused for one, since formats
//! change and people know more. They never hold the value or a part of it.

use serde::Serialize;

use super::find::browser_prefix;
use super::paste::{self, Look};
use super::{Kind, Mode, Provider, Secret, Suggestion, secrets_for_name, suggest};
use crate::{EnvironmentName, SecretName};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It will most likely not work, or harms.
    Warning,
    /// Worth knowing.
    Note,
}

/// Something that may be wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable machine-readable code.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// For people. Names providers and names, and holds nothing of the value.
    pub detail: String,
    /// A name that fits better.
    pub suggestion: Option<SecretName>,
}

/// Looks at a value that is to be stored under `name`. Without an environment, nothing is said of test and live keys.
pub fn review(name: &SecretName, value: &str, environment: Option<&EnvironmentName>) -> Vec<Finding> {
    let mut findings = of_value(name, value);
    if let (Some(mode), Some(environment)) = (mode(name, value), environment) {
        findings.extend(wrong_mode(mode, environment));
    }
    findings
}

/// The provider's mode that a value under `name` is for, if it tells.
pub fn mode(name: &SecretName, value: &str) -> Option<Mode> {
    let core = paste::look(value).core;
    What { named: &secrets_for_name(name), suggestions: &suggest(core), core }.mode()
}

fn of_value(name: &SecretName, value: &str) -> Vec<Finding> {
    let look = paste::look(value);
    let core = look.core;
    let mut findings = pasted(&look, value);
    let stand_in = stand_in(core);
    if let Some((code, detail)) = stand_in {
        findings.push(warning(code, detail));
    }
    let named = secrets_for_name(name);
    let suggestions = suggest(core);
    let what = What { named: &named, suggestions: &suggestions, core };
    if stand_in.is_none() {
        findings.extend(what.mismatch());
    }
    findings.extend(what.publishable());
    findings.extend(browser_name(name, &named));
    findings
}

/// The code of [`seen_by_assistant`].
pub const SEEN_BY_ASSISTANT: &str = "seen_by_assistant";

/// What is said of a value that was given in a conversation.
pub fn seen_by_assistant() -> Finding {
    warning(
        SEEN_BY_ASSISTANT,
        "was given in a conversation, which keeps it: have a new one made by its provider, and enter that in Tresor",
    )
}

fn finding(severity: Severity, code: &'static str, detail: impl Into<String>) -> Finding {
    Finding { code, severity, detail: detail.into(), suggestion: None }
}

fn warning(code: &'static str, detail: impl Into<String>) -> Finding {
    finding(Severity::Warning, code, detail)
}

fn note(code: &'static str, detail: impl Into<String>) -> Finding {
    finding(Severity::Note, code, detail)
}

fn pasted(look: &Look<'_>, value: &str) -> Vec<Finding> {
    let core = look.core;
    let mut findings = Vec::new();
    let mut when = |found: bool, code, detail: &str| {
        if found {
            findings.push(warning(code, detail));
        }
    };
    when(look.whitespace, "surrounding_whitespace", "begins or ends with white space");
    when(look.quotes, "surrounding_quotes", "stands in quotes; they would be part of the value");
    when(look.scheme, "bearer_prefix", "begins with an authorization scheme such as Bearer; store the token alone");
    when(look.assignment, "whole_line", "looks like a whole line NAME=value; store what stands after the =");
    let pem = core.starts_with("-----BEGIN ");
    let escaped = pem && core.contains("\\n");
    when(escaped, "escaped_newlines", "is a PEM key with \\n in place of line ends; most libraries refuse that");
    when(pem && !core.contains("-----END "), "pem_incomplete", "begins a PEM key without ending it");
    let many_lines = core.contains(['\n', '\r']) && !pem && !core.starts_with(['{', '[']);
    when(many_lines, "contains_newline", "has several lines");
    when(
        paste::has_invisible(core),
        "invisible_character",
        "holds invisible or typographic characters, as documents and chats put in",
    );
    if paste::is_local_address(core) {
        findings.push(note("local_address", "points to this machine; functions cannot reach that"));
    }
    if value.len() > 32 * 1024 {
        findings.push(note("very_large", "is larger than what some programs accept in their environment"));
    }
    findings
}

/// Why a text is no value at all, if so.
fn stand_in(core: &str) -> Option<(&'static str, &'static str)> {
    if paste::is_masked(core) {
        return Some(("masked", "is a mask, as shown in place of a value; copy the value itself"));
    }
    if paste::is_reference(core) {
        return Some(("not_expanded", "refers to a variable; nothing is expanded, so store the value itself"));
    }
    paste::is_placeholder(core).then_some(("placeholder", "is a placeholder or an example, no value"))
}

/// What name and value say of each other.
struct What<'a> {
    named: &'a [(&'static Provider, &'static Secret)],
    suggestions: &'a [Suggestion],
    core: &'a str,
}

impl What<'_> {
    /// The secret that the name means and the value fits.
    fn fitting(&self) -> Option<(&'static Provider, &'static Secret)> {
        self.named.iter().copied().find(|(_, secret)| secret.fits(self.core))
    }

    /// What the value looks like, if it tells.
    fn telling(&self) -> Option<&Suggestion> {
        self.suggestions.first().filter(|suggestion| suggestion.is_telling())
    }

    fn mismatch(&self) -> Option<Finding> {
        let Some((provider, secret)) = self.named.first() else {
            let better = self.telling()?;
            let detail = format!(
                "looks like {} of {}; its usual name tells more",
                lower(&better.secret.what),
                better.provider.name
            );
            return Some(Finding { suggestion: Some(better.name.clone()), ..note("better_name", detail) });
        };
        // A form that says much, or a beginning, settles it; a name without a known form does not.
        if self.fitting().is_some_and(|(_, secret)| secret.format.is_some() || secret.prefix_len(self.core) > 0) {
            return None;
        }
        let known = |other: &&Suggestion| !self.named.iter().any(|(_, secret)| std::ptr::eq(*secret, other.secret));
        if let Some(other) = self.telling().filter(known) {
            let (code, whose) = match self.named.iter().any(|(provider, _)| provider.id == other.provider.id) {
                true => ("other_secret", "of the same provider".to_owned()),
                false => ("other_provider", format!("of {}", other.provider.name)),
            };
            // Names without a form are often one's own: a webhook secret of any sender may stand there.
            let generic = provider.categories.iter().any(|category| category == "generic");
            let severity = if generic { Severity::Note } else { Severity::Warning };
            let detail = format!("looks like another secret {whose}: {}", lower(&other.secret.what));
            return Some(Finding { suggestion: Some(other.name.clone()), ..finding(severity, code, detail) });
        }
        let detail = format!("has not the form of {} of {}", lower(&secret.what), provider.name);
        self.fitting().is_none().then(|| warning("wrong_format", detail))
    }

    fn publishable(&self) -> Option<Finding> {
        let publishable = |secret: &Secret| secret.kind == Kind::Publishable;
        match self.fitting() {
            Some((_, secret)) if publishable(secret) => {
                Some(note("publishable", "is made to be public; it may be stored here but need not be secret"))
            }
            Some((_, secret)) if secret.format.is_some() => None,
            _ => self.telling().filter(|found| publishable(found.secret)).map(|found| {
                let detail = "is made to be public: the secret one of the pair is another";
                Finding { suggestion: Some(found.name.clone()), ..warning("publishable_as_secret", detail) }
            }),
        }
    }

    fn mode(&self) -> Option<Mode> {
        match self.fitting() {
            Some((_, secret)) => secret.mode(self.core),
            None => self.telling().and_then(|found| found.mode),
        }
    }
}

fn browser_name(name: &SecretName, named: &[(&'static Provider, &'static Secret)]) -> Option<Finding> {
    let prefix = browser_prefix(name)?;
    if named.iter().any(|(_, secret)| secret.kind == Kind::Publishable) {
        return None;
    }
    let suggestion = name.as_str().strip_prefix(prefix).and_then(|rest| SecretName::parse(rest).ok());
    let detail =
        format!("a name that begins with {prefix} makes build tools put its value into pages, for all to read");
    Some(Finding { suggestion, ..warning("browser_exposed_name", detail) })
}

/// What is wrong with having a value of `mode` in `environment`, by the environment's name.
pub fn wrong_mode(mode: Mode, environment: &EnvironmentName) -> Option<Finding> {
    let name = environment.as_str();
    let first = name.split('-').next().unwrap_or_default();
    let production = ["production", "prod", "live"].contains(&first);
    let test =
        ["test", "testing", "dev", "development", "staging", "stage", "preview", "local", "ci", "qa", "sandbox", "pr"]
            .contains(&first);
    match mode {
        Mode::Test if production => Some(warning(
            "test_key_in_production",
            format!("is a test key; nothing real will happen with it in {name}"),
        )),
        Mode::Live if test => {
            Some(warning("live_key_in_test", format!("is a live key; what is tried in {name} will be real")))
        }
        _ => None,
    }
}

/// A description inside a sentence: `Secret key` becomes `secret key`, `API key` and `OAuth` stay.
fn lower(what: &str) -> String {
    let mut chars = what.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(what.chars().skip(1)).collect()
        }
        _ => what.to_owned(),
    }
}
