//! How old a value is, and when it should be replaced.

use domain::Timestamp;
use maud::{Markup, html};

use crate::ui::session::Session;
use crate::ui::time;
use crate::wire::Secret;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// When a value should be replaced, if somebody said so.
pub(super) fn due(secret: &Secret) -> Option<Timestamp> {
    if let Some(time) = &secret.rotate_by {
        return Timestamp::parse(time);
    }
    let days = i64::from(secret.rotate_after_days?);
    Some(Timestamp::parse(&secret.value_at)?.plus_millis(days * DAY_MILLIS))
}

/// What is most pressing of several environments.
pub(super) fn of(session: &Session, secrets: &[Secret]) -> Markup {
    let first = secrets.iter().filter_map(due).min();
    let oldest = secrets.iter().map(|secret| secret.value_at.as_str()).min();
    html! {
        @match first {
            Some(due) if due < session.now => span.badge.bad { "Overdue since " (time::span(due, session.now)) },
            Some(due) => span { "Due in " (time::span(due, session.now)) },
            None => @if let Some(oldest) = oldest.and_then(Timestamp::parse) {
                span.muted { @if oldest.plus_millis(DAY_MILLIS) > session.now { "New" } @else { (time::span(oldest, session.now)) " old" } }
            },
        }
    }
}
