//! Each thing that may be wrong, when it is, in which words, and what to do about it.

use super::{Ailment, Complaint, DAY_MILLIS, Known, Patience, Remedy, Urgency, days};
use crate::catalogue::{self, Mode};
use crate::rotation::RotationStep;
use crate::{Delivery, EnvironmentName, SecretName, Timestamp};

/// What should be done about a secret with a value, by itself.
pub fn examine(known: &Known<'_>, patience: &Patience) -> Vec<Complaint> {
    let codes: Vec<_> = known.findings.split_whitespace().collect();
    // A publishable key where a secret one is meant looks like another secret: that is the same thing twice.
    let is_told = |code: &str| code.ends_with("other_secret") && codes.contains(&"publishable_as_secret");
    let telling = codes.iter().filter(|code| !is_told(code));
    let mut complaints: Vec<_> = telling.filter_map(|code| of_code(known, code)).collect();
    complaints.extend(of_mode(known.mode, known.environment));
    complaints.extend(of_age(known, patience));
    complaints.extend(of_use(known, patience));
    complaints
}

fn of_code(known: &Known<'_>, code: &str) -> Option<Complaint> {
    use Ailment::{BadlyFormatted, BrowserExposed, Publishable, SeenByAssistant};
    use Urgency::{Low, Medium};
    const AGAIN: &str = "Put the value again, as its provider shows it.";
    let (code, is_note) = code.strip_prefix('~').map_or((code, false), |code| (code, true));
    let complaint = match code {
        "publishable" => Complaint::new(
            Low,
            Publishable,
            "holds a key that is made to be public: it need not be a secret",
            Remedy::Look,
            "Leave it if that is convenient; whoever calls your provider from a browser may have it too.",
        ),
        "publishable_as_secret" => Complaint::new(
            Medium,
            Publishable,
            "holds the publishable key of a pair, where the secret one is meant",
            Remedy::Replace,
            "Put the secret key of the pair; the publishable one does less than your function expects.",
        ),
        "browser_exposed_name" => {
            let prefix = catalogue::browser_prefix(known.name).unwrap_or_default();
            let detail =
                format!("begins with {prefix}: build tools put the values of such names into pages, for all to read");
            let advice = "Put it under a name without the prefix, change the code to that, then delete this one. If a page was ever built with it, get a new value first.";
            Complaint::new(Medium, BrowserExposed, detail, Remedy::Rename, advice)
        }
        catalogue::SEEN_BY_ASSISTANT => Complaint::new(
            Medium,
            SeenByAssistant,
            "was given in a conversation with an assistant, which keeps it",
            Remedy::Replace,
            "Make a new one where it comes from, put it here yourself, then revoke the old one.",
        ),
        _ => {
            let (urgency, detail) = form(code)?;
            let urgency = if is_note { Low } else { urgency };
            Complaint::new(urgency, BadlyFormatted, detail, Remedy::Replace, AGAIN)
        }
    };
    // The code as this program writes it, and not as a database has it.
    let code = CODES.iter().find(|known| **known == code).copied();
    Some(Complaint { code, ..complaint })
}

/// Codes of the catalogue that are told. The others say how something could be nicer.
const CODES: [&str; 19] = [
    catalogue::SEEN_BY_ASSISTANT,
    "publishable",
    "publishable_as_secret",
    "browser_exposed_name",
    "masked",
    "placeholder",
    "not_expanded",
    "whole_line",
    "surrounding_quotes",
    "surrounding_whitespace",
    "bearer_prefix",
    "escaped_newlines",
    "pem_incomplete",
    "contains_newline",
    "invisible_character",
    "wrong_format",
    "other_secret",
    "other_provider",
    "local_address",
];

/// What a code says of a value, if it is one of a form. In words that hold nothing of the value.
fn form(code: &str) -> Option<(Urgency, &'static str)> {
    use Urgency::{High, Low, Medium};
    Some(match code {
        "masked" => (High, "holds a mask, as shown in place of a value, and no value"),
        "placeholder" => (High, "holds a placeholder or an example, and no value"),
        "not_expanded" => (High, "holds a reference to a variable, which nothing expands, and no value"),
        "whole_line" => (High, "holds a whole line NAME=value instead of the value"),
        "surrounding_quotes" => (Medium, "has a value in quotes, which are a part of it"),
        "surrounding_whitespace" => (Medium, "has a value that begins or ends with white space"),
        "bearer_prefix" => (Medium, "has a value that begins with an authorization scheme such as Bearer"),
        "escaped_newlines" => (Medium, "holds a PEM key with \\n in place of line ends, which most libraries refuse"),
        "pem_incomplete" => (High, "holds a PEM key that does not end"),
        "contains_newline" => (Medium, "has a value of several lines"),
        "invisible_character" => (Medium, "has invisible or typographic characters in its value"),
        "wrong_format" => (Medium, "has not the form that its provider gives such keys"),
        "other_secret" => (Medium, "looks like another secret of the same provider"),
        "other_provider" => (Medium, "looks like a secret of another provider"),
        "local_address" => (Low, "points to this machine, which functions cannot reach"),
        _ => return None,
    })
}

/// What is wrong with a value for this mode, as [`Known::mode`] has it, in this environment: its own or one that it shares.
pub fn of_mode(mode: &str, environment: &EnvironmentName) -> Option<Complaint> {
    let finding = catalogue::wrong_mode(Mode::parse(mode)?, environment)?;
    let advice = "Put the key of the other mode here.";
    let complaint = Complaint::new(Urgency::Medium, Ailment::WrongMode, finding.detail, Remedy::Replace, advice);
    Some(Complaint { code: Some(finding.code), ..complaint })
}

fn of_age(known: &Known<'_>, patience: &Patience) -> Option<Complaint> {
    const ADVICE: &str = "Make a new one where it comes from, put it here, then revoke the old one.";
    let due = known.due?;
    if due <= patience.now {
        let detail = format!("was to be replaced {} ago", patience.days_since(due));
        return Some(Complaint::new(Urgency::High, Ailment::Overdue, detail, Remedy::Replace, ADVICE));
    }
    (due < patience.soon_until()).then(|| {
        let detail =
            format!("is to be replaced in {}", days((due.as_millis() - patience.now.as_millis()) / DAY_MILLIS));
        Complaint::new(Urgency::Medium, Ailment::DueSoon, detail, Remedy::Replace, ADVICE)
    })
}

fn of_use(known: &Known<'_>, patience: &Patience) -> Option<Complaint> {
    const ADVICE: &str =
        "Delete it if nothing needs it, and revoke it where it comes from: what is not there cannot be stolen.";
    let (had, sent) = (known.last_used_at, known.last_sent_at);
    match had.max(sent) {
        None if known.created_at < patience.new_since() => {
            let detail = format!("was never used since it was stored {} ago", patience.days_since(known.created_at));
            Some(Complaint::new(Urgency::Low, Ailment::NeverUsed, detail, Remedy::Delete, ADVICE))
        }
        Some(last) if last < patience.unused_before() => {
            let ago = |time: Option<Timestamp>| {
                time.map_or("never".to_owned(), |time| format!("{} ago", patience.days_since(time)))
            };
            let detail = match known.delivery {
                Delivery::Env => format!("was last used {}", ago(Some(last))),
                Delivery::Brokered => {
                    format!("was last given to a function {}, and last sent to a host {}", ago(had), ago(sent))
                }
            };
            Some(Complaint::new(Urgency::Low, Ailment::Unused, detail, Remedy::Delete, ADVICE))
        }
        _ => None,
    }
}

/// What should be done about a name that functions read and that has no value.
pub fn missing(functions: &[String]) -> Complaint {
    let detail = format!("has no value, and is read by {}", list(functions));
    Complaint::new(
        Urgency::High,
        Ailment::Missing,
        detail,
        Remedy::Put,
        "Put a value; functions find it at their next invocation.",
    )
}

/// What should be done about a secret whose rotation failed at `step`.
pub fn rotation_failed(step: RotationStep, problem: &str) -> Complaint {
    let detail =
        format!("could not be replaced by its rotator, which stopped at the step {}: {problem}", step.as_str());
    let advice = match step {
        RotationStep::Retire => {
            "The new value is in use; the one before still works. Mend what keeps it, then retry the rotation."
        }
        _ => "The value before is still in use. Mend what keeps it, then retry the rotation, or cancel it.",
    };
    Complaint::new(Urgency::High, Ailment::RotationFailed, detail, Remedy::Look, advice)
}

/// What should be done about a slot that no function reads.
pub fn pending() -> Complaint {
    let advice = "Put a value, or delete the slot if nothing will need it.";
    Complaint::new(Urgency::Low, Ailment::Pending, "waits for a value", Remedy::Put, advice)
}

/// What should be done about a secret whose value is stored elsewhere too.
pub fn duplicated(environment: &EnvironmentName, others: &[(EnvironmentName, SecretName)]) -> Complaint {
    let places: Vec<_> = others.iter().map(|(environment, name)| format!("{name} in {environment}")).collect();
    let detail = format!("has the value of {}", list(&places));
    let production = EnvironmentName::production();
    let is_production = |environment: &EnvironmentName| *environment == production;
    // Whoever tries something out in another environment does it to what runs for real.
    let mixed = others.iter().any(|(other, _)| is_production(other) != is_production(environment));
    if mixed {
        let advice = "Give each environment a value of its own: one that leaks from a test then opens nothing real.";
        return Complaint::new(Urgency::Medium, Ailment::Duplicated, detail, Remedy::Look, advice);
    }
    let advice = "One of them would do: what is stored twice is changed once and forgotten once.";
    Complaint::new(Urgency::Low, Ailment::Duplicated, detail, Remedy::Look, advice)
}

/// The first few of them in a sentence.
fn list(names: &[String]) -> String {
    const NAMED: usize = 3;
    let first = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Ailment, Complaint, DAY_MILLIS, Known, Patience, Urgency};
    use super::{CODES, duplicated, examine, form, list};
    use crate::catalogue::review;
    use crate::{Delivery, EnvironmentName, SecretName, Timestamp};

    fn name(text: &str) -> SecretName {
        SecretName::parse(text).unwrap()
    }

    fn day(number: i64) -> Timestamp {
        Timestamp::from_millis(number * DAY_MILLIS)
    }

    const TODAY: i64 = 1_000;

    fn told(change: impl FnOnce(&mut Known<'_>)) -> Vec<(Ailment, Urgency, String)> {
        let (name, environment) = (name("STRIPE_SECRET_KEY"), EnvironmentName::production());
        let mut known = Known {
            name: &name,
            environment: &environment,
            delivery: Delivery::Env,
            findings: "",
            mode: "",
            due: None,
            created_at: day(1),
            last_used_at: Some(day(TODAY)),
            last_sent_at: None,
        };
        change(&mut known);
        let patience = Patience { now: day(TODAY), unused_days: 90 };
        examine(&known, &patience).into_iter().map(|found| (found.ailment, found.urgency, found.detail)).collect()
    }

    #[test]
    fn what_is_well_is_not_told() {
        assert_eq!(told(|_| ()), []);
        assert_eq!(told(|known| known.due = Some(day(TODAY + 8))), []);
        assert_eq!(
            told(|known| (known.created_at, known.last_used_at) = (day(TODAY), None)),
            [],
            "too young to be used"
        );
        assert_eq!(told(|known| known.findings = "~better_name ~very_large"), [], "no reason to do anything");
        assert_eq!(told(|known| known.mode = "live"), []);
    }

    #[test]
    fn ages_turn_at_their_borders() {
        let due =
            |day: Timestamp| told(|known| known.due = Some(day)).into_iter().map(|found| found.2).collect::<Vec<_>>();
        assert_eq!(due(day(TODAY + 7)), [""; 0]);
        assert_eq!(due(day(TODAY + 7).plus_millis(-1)), ["is to be replaced in 6 days"]);
        assert_eq!(due(day(TODAY)), ["was to be replaced less than a day ago"]);
        assert_eq!(due(day(TODAY - 1)), ["was to be replaced 1 day ago"]);
    }

    #[test]
    fn use_counts_from_whichever_was_last() {
        let used = |had: Option<i64>, sent: Option<i64>| {
            told(|known| {
                known.delivery = Delivery::Brokered;
                (known.last_used_at, known.last_sent_at) = (had.map(day), sent.map(day));
            })
        };
        assert_eq!(used(Some(TODAY - 91), Some(TODAY - 90)), []);
        assert_eq!(used(Some(TODAY - 90), None), []);
        let old = "was last given to a function 91 days ago, and last sent to a host 95 days ago";
        assert_eq!(used(Some(TODAY - 91), Some(TODAY - 95)), [(Ailment::Unused, Urgency::Low, old.to_owned())]);
        let never = "was never used since it was stored 999 days ago";
        assert_eq!(used(None, None), [(Ailment::NeverUsed, Urgency::Low, never.to_owned())]);
    }

    #[test]
    fn every_code_that_is_told_has_words_and_is_one_of_the_catalogue() {
        for code in CODES {
            let found = told(|known| known.findings = code);
            assert_eq!(found.len(), 1, "{code}");
            assert!(!found[0].2.is_empty(), "{code}");
        }
        // What the catalogue finds is either told or only worth knowing.
        let values = [
            ("STRIPE_SECRET_KEY", " x "),
            ("STRIPE_SECRET_KEY", "\"x\""),
            ("STRIPE_SECRET_KEY", "Bearer sk_live_x"),
            ("STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY=sk_live_x"),
            ("STRIPE_SECRET_KEY", "your-key-here"),
            ("STRIPE_SECRET_KEY", "${STRIPE}"),
            ("STRIPE_SECRET_KEY", "sk_l****x123"),
            ("STRIPE_SECRET_KEY", "hunter2"),
            ("NEXT_PUBLIC_STRIPE", "a-value"),
            ("TLS_KEY", "-----BEGIN PRIVATE KEY-----\\nx"),
            ("DATABASE_URL", "postgres://localhost/db"),
        ];
        for (secret, value) in values {
            for finding in review(&name(secret), value, None) {
                let known = CODES.contains(&finding.code) || finding.code == "better_name";
                assert!(known, "{} is not told", finding.code);
            }
        }
        assert_eq!(form("better_name"), None);
    }

    #[test]
    fn a_value_of_production_elsewhere_matters_more() {
        let environment = |text: &str| EnvironmentName::parse(text).unwrap();
        let places = |texts: &[&str]| texts.iter().map(|text| (environment(text), name("KEY"))).collect::<Vec<_>>();
        let urgency = |own, others: &[&str]| duplicated(&environment(own), &places(others)).urgency;
        assert_eq!(urgency("production", &["production"]), Urgency::Low);
        assert_eq!(urgency("test", &["staging"]), Urgency::Low);
        assert_eq!(urgency("test", &["staging", "production"]), Urgency::Medium);
        assert_eq!(urgency("production", &["test"]), Urgency::Medium);
        let Complaint { detail, .. } = duplicated(&environment("production"), &places(&["test"]));
        assert_eq!(detail, "has the value of KEY in test");
        assert_eq!(list(&["a", "b", "c", "d", "e"].map(str::to_owned)), "a, b, c and 2 more");
    }
}
