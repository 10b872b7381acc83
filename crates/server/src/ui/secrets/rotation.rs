//! How old a value is, and when it should be replaced.

use domain::Timestamp;
use domain::health::SOON_DAYS;
use maud::{Markup, html};

use crate::service::{DueCounts, Line};
use crate::ui::session::Session;
use crate::ui::text::link;
use crate::ui::time;
use crate::wire::Secret;

/// When a value should be replaced, if somebody said so.
fn due(secret: &Secret, usual: Option<u32>) -> Option<Timestamp> {
    if let Some(time) = &secret.rotate_by {
        return Timestamp::parse(time);
    }
    let days = i64::from(secret.rotate_after_days.or(usual)?);
    Some(Timestamp::parse(&secret.value_at)?.plus_days(days))
}

/// What is most pressing of several environments. What is replaced by itself presses nobody.
pub(super) fn of(session: &Session, line: &Line, usual: Option<u32>) -> Markup {
    let by_itself = |secret: &&Secret| line.by_itself.iter().any(|(place, _)| *place == secret.environment);
    let first = line.secrets.iter().filter(|secret| !by_itself(secret)).filter_map(|secret| due(secret, usual)).min();
    let next = line.by_itself.iter().filter_map(|(_, next)| *next).min();
    let oldest = line.secrets.iter().map(|secret| secret.value_at.as_str()).min();
    html! {
        @match (first, next) {
            (Some(due), _) if due < session.now => span.badge.bad { "Overdue since " (time::span(due, session.now)) },
            (Some(due), _) => span { "Due in " (time::span(due, session.now)) },
            (None, Some(next)) => span { "By itself in " (time::span(next.max(session.now), session.now)) },
            (None, None) if !line.by_itself.is_empty() => span { "By itself, now" },
            (None, None) => @if let Some(oldest) = oldest.and_then(Timestamp::parse) {
                span.muted { @if oldest.plus_days(1) > session.now { "New" } @else { (time::span(oldest, session.now)) " old" } }
            },
        }
    }
}

/// That a secret is to be replaced, on its own page.
pub(super) fn notice(session: &Session, secret: &Secret, usual: Option<u32>) -> Markup {
    let due = due(secret, usual).filter(|_| secret.version > 0 && secret.shared_from.is_none());
    html! {
        @match due {
            Some(due) if due < session.now => p.notice.bad role="note" { "Its value was to be replaced " (time::span(due, session.now)) " ago." },
            Some(due) if due < session.now.plus_days(SOON_DAYS) => p.notice.warn role="note" { "Its value is to be replaced in " (time::span(due, session.now)) "." },
            _ => {}
        }
    }
}

/// How many are to be replaced, over the list.
pub(super) fn banner(counts: DueCounts, environment: &str) -> Markup {
    let many = |count: u64| if count == 1 { "1 value".to_owned() } else { format!("{count} values") };
    let class = if counts.overdue > 0 { "notice bad" } else { "notice warn" };
    html! {
        @if counts.overdue > 0 || counts.soon > 0 {
            p class=(class) role="note" {
                @if counts.overdue > 0 { (many(counts.overdue)) " should have been replaced" }
                @if counts.overdue > 0 && counts.soon > 0 { ", and " }
                @if counts.soon > 0 { (many(counts.soon)) @if counts.soon == 1 { " is" } @else { " are" } " to be replaced within a week" }
                ". " a href=(link("/health", &[("environment", environment)])) { "See which, and what else to do" }
            }
        }
    }
}
