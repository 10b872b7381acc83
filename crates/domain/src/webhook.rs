//! What an account is told by webhooks, and when an attempt to tell it is repeated.

use crate::Invalid;

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Something that a webhook can tell.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum WebhookEvent {
            $($(#[$doc])* $variant,)*
        }

        impl WebhookEvent {
            /// Each of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// `noun.what_happened`, as payloads and the API have it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

events! {
    /// A rotator could not replace a value.
    RotationFailed = "rotation.failed",
    /// A value is to be replaced within a week.
    SecretDueSoon = "secret.due_soon",
    /// A value should have been replaced.
    SecretOverdue = "secret.overdue",
    /// Somebody asked for a secret that a person is to enter.
    SecretRequestCreated = "secret_request.created",
    /// The response guard found a value in what a function returned.
    SecretValueReturned = "secret.value_returned",
}

impl WebhookEvent {
    /// Reads several, each once, in their own order.
    ///
    /// # Errors
    /// `events_empty`, or `event_unknown` with the place in the list.
    pub fn parse_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<Self>, Invalid> {
        let mut events = Vec::new();
        for (index, text) in texts.into_iter().enumerate() {
            let known = Self::ALL.iter().copied().find(|event| event.as_str() == text);
            let Some(event) = known else {
                let all: Vec<_> = Self::ALL.iter().map(|event| event.as_str()).collect();
                let rule = format!("must be one of {}", all.join(", "));
                return Err(Invalid::new(format!("events[{index}]"), "event_unknown", rule));
            };
            events.push(event);
        }
        events.sort_unstable();
        events.dedup();
        if events.is_empty() {
            return Err(Invalid::new("events", "events_empty", "must name at least one: an empty list tells nothing"));
        }
        Ok(events)
    }
}

const SECOND: i64 = 1000;
const HOUR: i64 = 3600 * SECOND;

/// How long after the attempt of that number, from 1, the next one follows, as the Standard Webhooks specification advises.
/// `None` after the last.
pub fn again_after_millis(attempt: u32) -> Option<i64> {
    const PAUSES: [i64; 9] =
        [5 * SECOND, 300 * SECOND, HOUR / 2, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
    PAUSES.get(usize::try_from(attempt).ok()?.checked_sub(1)?).copied()
}

/// For how long every attempt may fail before a webhook is disabled.
pub const FAILING_MILLIS: i64 = 5 * 24 * HOUR;

#[cfg(test)]
mod tests {
    use super::{HOUR, WebhookEvent, again_after_millis};

    #[test]
    fn events_are_known_and_each_counts_once() {
        let all: Vec<_> = WebhookEvent::ALL.iter().map(|event| event.as_str()).collect();
        assert_eq!(WebhookEvent::parse_all(all.iter().chain(&all).copied()).unwrap(), WebhookEvent::ALL);
        let error = WebhookEvent::parse_all([all[0], "secret.value"]).unwrap_err();
        assert_eq!((error.field.as_str(), error.code), ("events[1]", "event_unknown"));
        assert_eq!(WebhookEvent::parse_all([]).unwrap_err().code, "events_empty");
    }

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<_> = (1..=9).map(|attempt| again_after_millis(attempt).unwrap()).collect();
        assert!(pauses.is_sorted());
        assert_eq!((again_after_millis(0), again_after_millis(10)), (None, None));
        assert!(pauses.iter().sum::<i64>() > 72 * HOUR);
    }
}
