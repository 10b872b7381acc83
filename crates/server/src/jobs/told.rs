//! What of a function's doings was put before people lately: a function can repeat itself without end, and neither the audit
//! log nor its own log is its to fill.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::quota::Place;

/// The same is told once in so long,
const AGAIN: Duration = Duration::from_secs(60 * 60);
/// and of one function in one environment so much.
const MOST: usize = 20;
/// Functions that are remembered before those with nothing new are looked for and forgotten.
const PLACES: usize = 1_000;

/// Whether something should be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    Tell,
    /// The last for a while: say that more will not be told.
    TellLast,
    Old,
}

/// What was told, and when.
#[derive(Default)]
pub(crate) struct Told(HashMap<Place, HashMap<String, Instant>>);

impl Told {
    /// Looks whether `what` of the function is news at `now`, and remembers it.
    pub(crate) fn news(&mut self, place: &Place, what: &str, now: Instant) -> News {
        let fresh = |at: &Instant| now.saturating_duration_since(*at) < AGAIN;
        if self.0.len() >= PLACES && !self.0.contains_key(place) {
            self.0.retain(|_, told| told.values().any(fresh));
        }
        let told = self.0.entry(place.clone()).or_default();
        told.retain(|_, at| fresh(at));
        if told.contains_key(what) || told.len() >= MOST {
            return News::Old;
        }
        told.insert(what.to_owned(), now);
        if told.len() == MOST { News::TellLast } else { News::Tell }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::{Duration, Instant};

    use domain::{AccountId, EnvironmentName, FunctionName};

    use super::{AGAIN, MOST, News, PLACES, Place, Told};

    fn place(name: &str) -> Place {
        (AccountId::new("a"), EnvironmentName::production(), FunctionName::parse(name).unwrap())
    }

    #[test]
    fn the_same_is_told_once_an_hour() {
        let (mut told, began) = (Told::default(), Instant::now());
        let mut news = |name: &str, what: &str, after: Duration| told.news(&place(name), what, began + after);
        assert_eq!(news("f", "KEY a.example", Duration::ZERO), News::Tell);
        assert_eq!(news("f", "KEY a.example", AGAIN - Duration::from_secs(1)), News::Old);
        assert_eq!(news("f", "KEY b.example", Duration::ZERO), News::Tell);
        assert_eq!(news("g", "KEY a.example", Duration::ZERO), News::Tell);
        assert_eq!(news("f", "KEY a.example", AGAIN), News::Tell);
    }

    #[test]
    fn who_finds_ever_new_things_is_cut_off_and_nobody_else() {
        let (mut told, now) = (Told::default(), Instant::now());
        let flood: Vec<_> = (0..1_000).map(|n| told.news(&place("flood"), &format!("KEY {n}.example"), now)).collect();
        assert_eq!(flood.iter().filter(|news| **news != News::Old).count(), MOST);
        assert_eq!(flood.iter().position(|news| *news == News::TellLast), Some(MOST - 1));
        assert_eq!(told.news(&place("other"), "KEY 1.example", now), News::Tell);
        assert_eq!(told.news(&place("flood"), "KEY 9999.example", now + AGAIN), News::Tell);
    }

    #[test]
    fn functions_without_news_are_forgotten() {
        let (mut told, now) = (Told::default(), Instant::now());
        for n in 0..PLACES {
            told.news(&place(&format!("f{n}")), "x", now);
        }
        told.news(&place("late"), "x", now + AGAIN);
        assert_eq!(told.0.len(), 1);
    }
}
