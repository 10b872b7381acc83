//! How many log lines are kept: a function that prints without end must not fill the disk.

use std::collections::HashMap;

use domain::limits::LOG_LINES_PER_MINUTE;

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    /// The first that is not kept: say so in its place.
    Last,
    Drop,
}

/// Counts lines by whoever printed them, anew each minute.
#[derive(Default)]
pub(super) struct Quota {
    minute: i64,
    counts: HashMap<String, u32>,
}

impl Quota {
    /// Counts a line of `source` (an invocation, or a worker outside any) in the minute of `now`, in Unix milliseconds.
    pub(super) fn count(&mut self, source: &str, now: i64) -> Verdict {
        let minute = now.div_euclid(60_000);
        if minute != self.minute {
            self.minute = minute;
            self.counts.clear();
        }
        let count = match self.counts.get_mut(source) {
            Some(count) => count,
            None => self.counts.entry(source.to_owned()).or_default(),
        };
        *count = count.saturating_add(1);
        match (*count).checked_sub(LOG_LINES_PER_MINUTE) {
            None | Some(0) => Verdict::Keep,
            Some(1) => Verdict::Last,
            Some(_) => Verdict::Drop,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::limits::LOG_LINES_PER_MINUTE;

    use super::{Quota, Verdict};

    #[test]
    fn a_chatty_source_is_cut_and_told_so_once_and_others_are_not() {
        let mut quota = Quota::default();
        for _ in 0..LOG_LINES_PER_MINUTE {
            assert_eq!(quota.count("a", 60_000), Verdict::Keep);
        }
        assert_eq!(quota.count("a", 119_999), Verdict::Last);
        assert_eq!(quota.count("a", 119_999), Verdict::Drop);
        assert_eq!(quota.count("b", 119_999), Verdict::Keep);
        assert_eq!(quota.count("a", 120_000), Verdict::Keep, "a new minute");
    }
}
