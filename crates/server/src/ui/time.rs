//! Times as people say them, with the exact one at hand.

use domain::Timestamp;
use maud::{Markup, html};

use super::text::count;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// An RFC 3339 time as "3 minutes ago"; hovering shows it in full. Text that is no time is shown as it is.
pub(super) fn ago(text: &str, now: Timestamp) -> Markup {
    match Timestamp::parse(text) {
        Some(time) => html! { time datetime=(time) title=(exact(time)) { (relative(time, now)) } },
        None => html! { (text) },
    }
}

/// An RFC 3339 time in full, to the millisecond, and how long ago it was.
pub(super) fn full(text: &str, now: Timestamp) -> Markup {
    match Timestamp::parse(text) {
        Some(time) => html! { time datetime=(time) { (exact(time)) } " " span.muted { "(" (relative(time, now)) ")" } },
        None => html! { (text) },
    }
}

/// Only the time of day, for log lines; hovering shows it in full.
pub(super) fn of_day(text: &str) -> Markup {
    match Timestamp::parse(text) {
        Some(time) => {
            html! { time datetime=(time) title=(exact(time)) { (time.to_string().get(11..23).unwrap_or_default()) } }
        }
        None => html! { (text) },
    }
}

/// A time in full.
pub(super) fn exact(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{} {} UTC", text.get(..10).unwrap_or_default(), text.get(11..23).unwrap_or_default())
}

fn relative(time: Timestamp, now: Timestamp) -> String {
    let passed = now.as_millis() - time.as_millis();
    // A browser's or node's clock may be a little ahead; "in 2 seconds" would only puzzle.
    if passed.abs() < MINUTE {
        return "just now".to_owned();
    }
    let words = distance(passed.abs());
    if passed < 0 { format!("in {words}") } else { format!("{words} ago") }
}

/// How far apart two times are, in words; hovering shows the first in full.
pub(super) fn span(time: Timestamp, now: Timestamp) -> Markup {
    let words = distance((now.as_millis() - time.as_millis()).abs());
    html! { time datetime=(time) title=(exact(time)) { (words) } }
}

fn distance(distance: i64) -> String {
    let amount =
        |unit: i64, one: &str, many: &str| count(usize::try_from(distance / unit).unwrap_or_default(), one, many);
    match distance {
        _ if distance < MINUTE => "less than a minute".to_owned(),
        ..HOUR => amount(MINUTE, "minute", "minutes"),
        HOUR..DAY => amount(HOUR, "hour", "hours"),
        _ if distance < 30 * DAY => amount(DAY, "day", "days"),
        _ if distance < 365 * DAY => amount(30 * DAY, "month", "months"),
        _ => amount(365 * DAY, "year", "years"),
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY, HOUR, MINUTE, ago, relative};
    use domain::Timestamp;

    #[test]
    fn words_change_at_their_borders() {
        let now = Timestamp::from_millis(1_795_512_600_042);
        for (passed, words) in [
            (0, "just now"),
            (MINUTE - 1, "just now"),
            (1 - MINUTE, "just now"),
            (MINUTE, "1 minute ago"),
            (HOUR - 1, "59 minutes ago"),
            (HOUR, "1 hour ago"),
            (DAY - 1, "23 hours ago"),
            (DAY, "1 day ago"),
            (30 * DAY, "1 month ago"),
            (365 * DAY, "1 year ago"),
            (-5 * MINUTE, "in 5 minutes"),
        ] {
            assert_eq!(relative(now.plus_millis(-passed), now), words, "{passed}");
        }
    }

    #[test]
    fn the_exact_time_is_on_hover() {
        let now = Timestamp::from_millis(1_795_512_600_042);
        let shown = ago("2026-11-24T09:00:00.042Z", now).into_string();
        let expected =
            "<time datetime=\"2026-11-24T09:00:00.042Z\" title=\"2026-11-24 09:00:00.042 UTC\">30 minutes ago</time>";
        assert_eq!(shown, expected);
        assert_eq!(ago("<b>", now).into_string(), "&lt;b&gt;");
    }
}
