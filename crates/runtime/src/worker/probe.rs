//! Whether a worker's event loop turns as fast as it should, found by asking it now and then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An answer that took longer says that something else had the event loop.
const LATE: Duration = Duration::from_millis(25);
/// So many late answers in a row are no accident.
const TWICE: u8 = 2;

#[derive(Default)]
pub(crate) struct Probe {
    state: Mutex<State>,
    late: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The ping that is out, and since when.
    asked: Option<(u64, Instant)>,
    late: u8,
}

impl Probe {
    /// Whether invocations wait for each other rather than for something outside.
    pub(crate) fn is_late(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }

    /// Reads the answer to the last question and asks the next. A single invocation has nothing to gain from another
    /// worker, so nothing is asked then.
    pub(crate) fn sample(&self, now: Instant, leases: u64, pong: (u64, Instant), ping: impl FnOnce() -> u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if leases < 2 {
            *state = State::default();
        } else {
            let took = state.asked.map(|(number, asked)| match pong {
                (answered, at) if answered >= number => (true, at.saturating_duration_since(asked)),
                _ => (false, now.saturating_duration_since(asked)),
            });
            match took {
                Some((_, took)) if took >= LATE => state.late = state.late.saturating_add(1),
                Some((true, _)) => state.late = 0,
                _ => {}
            }
            if took.is_none_or(|(answered, _)| answered) {
                state.asked = Some((ping(), now));
            }
        }
        self.late.store(state.late >= TWICE, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Probe;

    #[test]
    fn late_answers_twice_running_make_it_busy_and_one_in_time_makes_it_calm() {
        let (probe, start) = (Probe::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        probe.sample(at(0), 5, (0, start), || 1);
        probe.sample(at(50), 5, (1, at(40)), || 2);
        assert!(!probe.is_late(), "one is an accident");
        probe.sample(at(100), 5, (1, at(40)), || panic!("one question at a time"));
        assert!(probe.is_late(), "the second has not been answered for 50 ms");
        probe.sample(at(150), 5, (2, at(60)), || 3);
        assert!(!probe.is_late());
        probe.sample(at(200), 1, (2, at(60)), || panic!("nobody else waits"));
        assert!(!probe.is_late());
    }
}
