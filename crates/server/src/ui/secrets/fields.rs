//! The fields that the forms of secrets share, and the words for what was wrong with them.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use domain::{SecretName, catalogue};
use maud::{Markup, html};

use crate::http::problem::ApiError;
use crate::service::Error;
use crate::ui::text::{listed, sentence, visible};
use crate::wire::Environment;

/// What was wrong with a form.
#[derive(Default)]
pub(in crate::ui) struct Problems {
    pub(in crate::ui) status: StatusCode,
    /// Field and sentence.
    fields: Vec<(String, String)>,
    /// What belongs to no field.
    other: Option<Markup>,
}

impl Problems {
    /// A problem that belongs to no field.
    pub(in crate::ui) fn other(status: StatusCode, words: Markup) -> Self {
        Self { status, fields: Vec::new(), other: Some(words) }
    }

    /// The broken rules of a put; gives the error back if it is about something else.
    pub(in crate::ui) fn of(error: Error) -> Result<Self, Error> {
        match error {
            Error::Invalid(_) => {}
            Error::Limit { detail, .. } => {
                return Ok(Self::other(StatusCode::UNPROCESSABLE_ENTITY, html! { (sentence(&detail)) }));
            }
            other => return Err(other),
        }
        let error = ApiError::from(error);
        let fields =
            error.fields().iter().map(|field| (field.field.clone(), words(&field.field, &field.detail))).collect();
        Ok(Self { status: error.status(), fields, other: None })
    }

    /// What is wrong with `field` is wrong with the field of the form that is called `shown`.
    pub(in crate::ui) fn about(mut self, field: &str, shown: &str) -> Self {
        for (known, _) in &mut self.fields {
            if known == field {
                shown.clone_into(known);
            }
        }
        self
    }

    /// Whether something is wrong with a field.
    pub(in crate::ui) fn is_about(&self, field: &str) -> bool {
        self.get(field).is_some()
    }

    /// What is wrong with a field.
    pub(in crate::ui) fn get(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == field).map(|(_, words)| words.as_str())
    }

    /// The summary above a form of a secret.
    pub(in crate::ui) fn summary(&self) -> Markup {
        self.told("Nothing was stored.", true)
    }

    /// The summary above a form without a value.
    pub(in crate::ui) fn summary_of(&self, words: &str) -> Markup {
        self.told(words, false)
    }

    fn told(&self, words: &str, has_value: bool) -> Markup {
        html! {
            @if !self.fields.is_empty() || self.other.is_some() {
                div.notice.bad role="alert" {
                    p { b { (words) } @if let Some(other) = &self.other { " " (other) } }
                    @if !self.fields.is_empty() {
                        ul { @for (field, words) in &self.fields { li { a href=(format!("#{field}")) { (words) } } } }
                        @if has_value && self.get("value").is_none() && self.get("text").is_none() { p { "Enter the value again: it was not kept." } }
                    }
                }
            }
        }
    }
}

fn begins_with_verb(detail: &str) -> bool {
    ["is ", "has ", "need "].iter().any(|verb| detail.starts_with(verb))
}

fn words(field: &str, detail: &str) -> String {
    let label = match field {
        "name" => "The name",
        "value" => "The value",
        "note" => "The note",
        "version_note" => "The reason",
        "environment" => "The environment",
        "text" => "The text",
        "method" => "The method",
        "path" => "The path",
        "headers" => "The headers",
        "function" => "The function",
        "admin" => "The secret",
        "roles" => "The roles",
        "every_days" => "The number of days",
        other => other,
    };
    let rule = field == "text"
        || detail.starts_with("must ")
        || (matches!(field, "function" | "admin" | "roles") && begins_with_verb(detail));
    sentence(&visible(&if rule { format!("{label} {detail}") } else { detail.to_owned() }))
}

/// One labelled input with its hint and its problem.
pub(in crate::ui) struct Field<'a> {
    pub(in crate::ui) id: &'static str,
    pub(super) label: &'a str,
    pub(super) hint: Markup,
    pub(super) problem: Option<&'a str>,
}

impl<'a> Field<'a> {
    pub(in crate::ui) fn new(id: &'static str, label: &'a str, hint: Markup, problems: &'a Problems) -> Self {
        Self { id, label, hint, problem: problems.get(id) }
    }

    pub(in crate::ui) fn described_by(&self) -> String {
        let hint = format!("{}-hint", self.id);
        if self.problem.is_some() { format!("{}-problem {hint}", self.id) } else { hint }
    }

    pub(in crate::ui) fn around(&self, input: &Markup) -> Markup {
        html! {
            div.field {
                label for=(self.id) { (self.label) }
                (input)
                @if let Some(problem) = self.problem { p.problem id=(format!("{}-problem", self.id)) { (problem) } }
                p.hint id=(format!("{}-hint", self.id)) { (self.hint) }
            }
        }
    }

    pub(in crate::ui) fn invalid(&self) -> Option<&'static str> {
        self.problem.map(|_| "true")
    }
}

/// A secret's name.
pub(super) fn name(typed: &str, problems: &Problems, focus: bool) -> Markup {
    let hint = html! { "Capital letters, digits and underscores. Say what it is for: " code { "SENDGRID_API_KEY" } " rather than " code { "KEY1" } "." };
    let field = Field::new("name", "Name", hint, problems);
    field.around(&html! {
        input.mono #name name="name" value=(visible(typed)) required maxlength="128" autocomplete="off" autocapitalize="characters"
            spellcheck="false" autofocus[focus] data-secret-name data-help="/secrets/new" list="names" aria-describedby=(field.described_by()) aria-invalid=[field.invalid()];
        datalist #names { @for name in known_names() { option value=(name) {} } }
    })
}

/// The usual names of the catalogue.
fn known_names() -> impl Iterator<Item = &'static SecretName> {
    let secrets = catalogue::all().iter().flat_map(|provider| &provider.secrets);
    secrets.filter_map(|secret| secret.name()).collect::<BTreeSet<_>>().into_iter()
}

/// The value: veiled by the style sheet, and never filled in by the server. A text area, since keys can have lines.
pub(in crate::ui) fn value(label: &str, problems: &Problems) -> Markup {
    let hint =
        html! { "Paste it as the service gave it to you. It is encrypted, and nobody can see it in full again." };
    let field = Field::new("value", label, hint, problems);
    field.around(&html! {
        div.veil {
            textarea.veiled #value name="value" rows="3" required autocomplete="off" autocapitalize="off" autocorrect="off" spellcheck="false"
                data-1p-ignore data-lpignore="true" aria-describedby=(field.described_by()) aria-invalid=[field.invalid()] {}
            label.check { input.show type="checkbox" autocomplete="off"; "Show what I type" }
        }
    })
}

/// Where the value counts.
pub(super) fn environment(environments: &[Environment], chosen: &str, problems: &Problems) -> Markup {
    let hint = html! { "Each environment has its own value. Keep test keys out of production." };
    let field = Field::new("environment", "Environment", hint, problems);
    field.around(&html! {
        select #environment name="environment" aria-describedby=(field.described_by()) aria-invalid=[field.invalid()] {
            @for environment in environments {
                option value=(environment.name) selected[environment.name == chosen] { (environment.name) }
            }
        }
    })
}

/// What a person wants to remember of it.
pub(super) fn note(typed: &str, problems: &Problems) -> Markup {
    let hint = html! { "For people, and not encrypted: whose account it is, where to get a new one. Never part of the value." };
    let field = Field::new("note", "Note (optional)", hint, problems);
    // The first line break after the tag is not part of the text, so one is put there.
    field.around(&html! {
        textarea #note name="note" rows="2" maxlength="1000" aria-describedby=(field.described_by()) aria-invalid=[field.invalid()] { "\n" (typed) }
    })
}

/// How functions get it.
pub(super) fn delivery(chosen: &str, problems: &Problems) -> Markup {
    html! {
        fieldset.field #delivery {
            legend { "Functions" }
            @if let Some(problem) = problems.get("delivery") { p.problem { (problem) } }
            div.checks {
                label.check.fine { input type="radio" name="delivery" value="env" checked[chosen != "brokered"]; span { b { "hold it" } br; span.muted { "They read it as they read any variable." } } }
                label.check.fine { input type="radio" name="delivery" value="brokered" checked[chosen == "brokered"]; span { b { "never hold it" } br; span.muted { "They get a placeholder; requests to its hosts carry the value. For keys of services that are called with fetch." } } }
            }
        }
    }
}

/// Where a brokered value may be sent.
pub(super) fn hosts(typed: &str, problems: &Problems) -> Markup {
    let hint = html! { "Only if functions never hold it. Parted by spaces: " code { "api.stripe.com" } ", " code { "*.example.com" } ". Left empty: those of its provider, if it is known." };
    let field = Field::new("hosts", "Hosts it may be sent to", hint, problems);
    field.around(&html! {
        input.mono #hosts name="hosts" value=(visible(typed)) autocomplete="off" autocapitalize="off" spellcheck="false" aria-describedby=(field.described_by()) aria-invalid=[field.invalid()];
    })
}

/// The hosts that were typed; none if the field was left empty.
pub(super) fn hosts_of(typed: &str) -> Option<Vec<String>> {
    Some(listed(typed)).filter(|hosts| !hosts.is_empty())
}

/// After how many days it should be replaced.
pub(super) fn rotate_after_days(typed: &str, problems: &Problems) -> Markup {
    let hint = html! { "Days after which a new value is due. Health says so in time. Left empty: never." };
    let field = Field::new("rotate_after_days", "Replace it every", hint, problems);
    field.around(&html! {
        input #rotate_after_days name="rotate_after_days" type="number" min="1" max="3650" inputmode="numeric" value=(visible(typed)) aria-describedby=(field.described_by()) aria-invalid=[field.invalid()];
    })
}

/// The days that were typed. What is no number is more than any rule allows, and so refused by it.
pub(super) fn days(typed: &str) -> Option<u32> {
    let typed = typed.trim();
    (!typed.is_empty()).then(|| typed.parse().unwrap_or(u32::MAX))
}

/// Why this value is put.
pub(super) fn version_note(problems: &Problems) -> Markup {
    let hint = html! { "Kept with this version, for people: why the value changes." };
    let field = Field::new("version_note", "Reason (optional)", hint, problems);
    field.around(&html! {
        input #version_note name="version_note" maxlength="1000" autocomplete="off" aria-describedby=(field.described_by()) aria-invalid=[field.invalid()];
    })
}

#[cfg(test)]
mod tests {
    use domain::SecretName;

    use super::{Problems, name, words};
    use crate::service::Error;

    #[test]
    fn problems_are_tied_to_their_fields() {
        let error = Error::from(SecretName::parse("PATH").unwrap_err());
        let problems = Problems::of(error).unwrap();
        assert_eq!(problems.get("name"), Some("PATH is reserved: it decides which programs run; choose another name."));
        let input = name("PATH", &problems, false).into_string();
        assert!(input.contains("aria-describedby=\"name-problem name-hint\" aria-invalid=\"true\""), "{input}");
        assert!(input.contains("id=\"name-problem\""), "{input}");
        assert!(problems.summary().into_string().contains("href=\"#name\""));
    }

    #[test]
    fn rules_become_sentences() {
        assert_eq!(words("value", "must not be empty"), "The value must not be empty.");
    }
}
