//! How many log lines are kept: a function that prints without end must not fill the disk.

use std::collections::HashMap;

use domain::limits::{LOG_BYTES_PER_MINUTE, LOG_LINE_OVERHEAD_BYTES, LOG_LINES_PER_MINUTE};
use domain::{AccountId, EnvironmentName, FunctionName};

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    /// The first that is not kept because its source printed too many: say so in its place.
    LastLine,
    /// The first that is not kept because its function printed too much: say so in its place.
    LastByte,
    Drop,
}

pub(crate) type Place = (AccountId, EnvironmentName, FunctionName);

/// Counts lines by whoever printed them and bytes by function, anew each minute.
#[derive(Default)]
pub(super) struct Quota {
    minute: i64,
    counts: HashMap<String, u32>,
    bytes: HashMap<Place, u64>,
}

impl Quota {
    /// Counts a line of `source` (an invocation, or a worker outside any) in the minute of `now`, in Unix milliseconds.
    pub(super) fn count(&mut self, source: &str, place: &Place, bytes: usize, now: i64) -> Verdict {
        match self.count_line(source, now) {
            Verdict::Keep => self.count_bytes(place, bytes as u64 + LOG_LINE_OVERHEAD_BYTES),
            other => other,
        }
    }

    fn count_bytes(&mut self, place: &Place, bytes: u64) -> Verdict {
        let sum = match self.bytes.get_mut(place) {
            Some(sum) => sum,
            None => self.bytes.entry(place.clone()).or_default(),
        };
        let before = *sum;
        *sum = before.saturating_add(bytes);
        match (before > LOG_BYTES_PER_MINUTE, *sum > LOG_BYTES_PER_MINUTE) {
            (false, false) => Verdict::Keep,
            (false, true) => Verdict::LastByte,
            (true, _) => Verdict::Drop,
        }
    }

    fn count_line(&mut self, source: &str, now: i64) -> Verdict {
        let minute = now.div_euclid(60_000);
        if minute != self.minute {
            self.minute = minute;
            self.counts.clear();
            self.bytes.clear();
        }
        let count = match self.counts.get_mut(source) {
            Some(count) => count,
            None => self.counts.entry(source.to_owned()).or_default(),
        };
        *count = count.saturating_add(1);
        match (*count).checked_sub(LOG_LINES_PER_MINUTE) {
            None | Some(0) => Verdict::Keep,
            Some(1) => Verdict::LastLine,
            Some(_) => Verdict::Drop,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use domain::limits::{LOG_BYTES_PER_MINUTE, LOG_LINES_PER_MINUTE};
    use domain::{AccountId, EnvironmentName, FunctionName};

    use super::{Place, Quota, Verdict};

    fn place(name: &str) -> Place {
        (AccountId::new("a"), EnvironmentName::production(), FunctionName::parse(name).unwrap())
    }

    #[test]
    fn a_chatty_source_is_cut_and_told_so_once_and_others_are_not() {
        let mut quota = Quota::default();
        let mut count = |source: &str, now| quota.count(source, &place("f"), 10, now);
        for _ in 0..LOG_LINES_PER_MINUTE {
            assert_eq!(count("a", 60_000), Verdict::Keep);
        }
        assert_eq!(count("a", 119_999), Verdict::LastLine);
        assert_eq!(count("a", 119_999), Verdict::Drop);
        assert_eq!(count("b", 119_999), Verdict::Keep);
        assert_eq!(count("a", 120_000), Verdict::Keep, "a new minute");
    }

    /// Each invocation may print a thousand lines, and a function may be invoked without end.
    #[test]
    fn a_flood_of_short_invocations_is_cut_by_its_bytes() {
        let mut quota = Quota::default();
        let (mut kept, mut told) = (0, 0);
        for invocation in 0..10_000 {
            match quota.count(&format!("i{invocation}"), &place("flood"), 16_384, 60_000) {
                Verdict::Keep => kept += 16_384,
                Verdict::LastByte => told += 1,
                verdict => assert_eq!(verdict, Verdict::Drop),
            }
        }
        assert!(told == 1 && kept <= LOG_BYTES_PER_MINUTE && kept > LOG_BYTES_PER_MINUTE / 2, "{kept} {told}");
        assert_eq!(quota.count("x", &place("other"), 16_384, 60_000), Verdict::Keep);
        assert_eq!(quota.count("y", &place("flood"), 16_384, 120_000), Verdict::Keep, "a new minute");
    }
}
