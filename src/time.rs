//! Times for people, and the one clock the command line reads.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::Timestamp;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The time now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// "3 minutes ago" for an RFC 3339 time; what is not one is shown as it is.
pub(crate) fn ago(text: &str) -> String {
    Timestamp::parse(text).map_or_else(|| text.to_owned(), |time| relative(time, now()))
}

/// As [`ago`], or nothing.
pub(crate) fn ago_or(text: Option<&str>, absent: &str) -> String {
    text.map_or_else(|| absent.to_owned(), ago)
}

fn relative(time: Timestamp, now: Timestamp) -> String {
    let millis = now.as_millis().saturating_sub(time.as_millis());
    // What was just made to last 30 days still lasts "30 days" when it is shown a moment later.
    let span = if millis < 0 { SECOND - millis } else { millis };
    let (count, unit) = match span {
        span if span < 5 * SECOND => return "just now".to_owned(),
        span if span < MINUTE => (span / SECOND, "second"),
        span if span < HOUR => (span / MINUTE, "minute"),
        span if span < DAY => (span / HOUR, "hour"),
        span if span < 60 * DAY => (span / DAY, "day"),
        span if span < 730 * DAY => (span / (30 * DAY), "month"),
        span => (span / (365 * DAY), "year"),
    };
    let plural = if count == 1 { "" } else { "s" };
    if millis < 0 { format!("in {count} {unit}{plural}") } else { format!("{count} {unit}{plural} ago") }
}

/// Reads a span such as `90s`, `30m`, `12h`, `30d` or `8w`, for clap. Milliseconds.
pub(crate) fn parse_span(text: &str) -> Result<i64, String> {
    let rule = || "must be a whole number with s, m, h, d or w, like 30d".to_owned();
    let unit = match text.chars().last() {
        Some('s') => SECOND,
        Some('m') => MINUTE,
        Some('h') => HOUR,
        Some('d') => DAY,
        Some('w') => 7 * DAY,
        _ => return Err(rule()),
    };
    let count: i64 = text
        .get(..text.len() - 1)
        .and_then(|count| count.parse::<u32>().ok())
        .filter(|&count| count > 0)
        .ok_or_else(rule)?
        .into();
    count
        .checked_mul(unit)
        .filter(|&span| span <= 36_500 * DAY)
        .ok_or_else(|| "must be at most a hundred years".to_owned())
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::{DAY, HOUR, MINUTE, parse_span, relative};

    #[test]
    fn relative_times() {
        let now = Timestamp::from_millis(1_000 * DAY);
        let at = |millis: i64| relative(now.plus_millis(-millis), now);
        assert_eq!(at(0), "just now");
        assert_eq!(at(42_000), "42 seconds ago");
        assert_eq!(at(MINUTE), "1 minute ago");
        assert_eq!(at(3 * HOUR + MINUTE), "3 hours ago");
        assert_eq!(at(59 * DAY), "59 days ago");
        assert_eq!(at(61 * DAY), "2 months ago");
        assert_eq!(at(800 * DAY), "2 years ago");
        assert_eq!(at(10 - 30 * DAY), "in 30 days");
    }

    #[test]
    fn spans() {
        assert_eq!(parse_span("30d"), Ok(30 * DAY));
        assert_eq!(parse_span("8w"), Ok(56 * DAY));
        for bad in ["", "d", "30", "-1d", "0d", "1.5h", "ä", "4294967295w"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }
}
