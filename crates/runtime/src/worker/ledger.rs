//! The invocations under way in one worker: until when each may run, and how much processor time it may use.
//!
//! JavaScript cannot tell which of several invocations used the processor, so each is charged an equal share of what the
//! process used while it ran. The supervisor samples; nothing here sets a timer of its own for each invocation.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;

/// Which limit an invocation went over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overrun {
    /// The wall clock.
    Time,
    /// Processor time.
    Cpu,
}

const QUIET: u8 = 0;
const TIME: u8 = 1;
const CPU: u8 = 2;

/// Tells one invocation that it went over a limit.
#[derive(Default)]
pub(crate) struct Alarm {
    rung: AtomicU8,
    waker: AtomicWaker,
}

impl Alarm {
    fn ring(&self, why: u8) {
        if self.rung.compare_exchange(QUIET, why, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.waker.wake();
        }
    }

    /// Ready when the invocation must end.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Overrun> {
        if self.rung.load(Ordering::Acquire) == QUIET {
            self.waker.register(cx.waker());
        }
        // Asked again, because it may have rung before the waker was there.
        self.rung().map_or(Poll::Pending, Poll::Ready)
    }

    /// Why the invocation must end, if it must.
    pub(crate) fn rung(&self) -> Option<Overrun> {
        match self.rung.load(Ordering::Acquire) {
            QUIET => None,
            TIME => Some(Overrun::Time),
            _ => Some(Overrun::Cpu),
        }
    }
}

/// A place in the ledger. It is given back by [`Ledger::leave`].
pub(crate) struct Place {
    index: usize,
    pub(crate) alarm: Arc<Alarm>,
}

/// All invocations under way.
pub(crate) struct Ledger {
    wall_clock: Duration,
    cpu: Duration,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    lines: Vec<Line>,
    free: Vec<usize>,
    running: u32,
    /// What one invocation that ran since the worker's start would have been charged.
    charged: Duration,
    /// The process's time at the last sample, if invocations ran then.
    sampled: Option<Duration>,
}

struct Line {
    alarm: Arc<Alarm>,
    /// When it must end, and what `charged` was when it began; `None` if the place is free.
    running: Option<(Instant, Duration)>,
}

impl Ledger {
    pub(crate) fn new(wall_clock: Duration, cpu: Duration) -> Self {
        Self { wall_clock, cpu, book: Mutex::default() }
    }

    /// One more invocation.
    pub(crate) fn enter(&self) -> Place {
        let ends = Instant::now() + self.wall_clock;
        let mut book = self.lock();
        let running = Some((ends, book.charged));
        book.running += 1;
        if let Some(index) = book.free.pop()
            && let Some(line) = book.lines.get_mut(index)
        {
            line.running = running;
            line.alarm.rung.store(QUIET, Ordering::Release);
            return Place { index, alarm: Arc::clone(&line.alarm) };
        }
        let alarm = Arc::<Alarm>::default();
        book.lines.push(Line { alarm: Arc::clone(&alarm), running });
        Place { index: book.lines.len() - 1, alarm }
    }

    /// It has ended.
    pub(crate) fn leave(&self, place: &Place) {
        let mut book = self.lock();
        if let Some(line) = book.lines.get_mut(place.index)
            && line.running.take().is_some()
        {
            book.free.push(place.index);
            book.running -= 1;
            if book.running == 0 {
                // What it uses between invocations is nobody's.
                book.sampled = None;
            }
        }
    }

    /// Charges what the process used since the last sample (`used` is its total, if the system tells it), and rings for
    /// those that are over a limit.
    pub(crate) fn sample(&self, now: Instant, used: Option<Duration>) {
        let mut book = self.lock();
        if book.running == 0 {
            return;
        }
        if let (Some(used), Some(sampled)) = (used, book.sampled) {
            let share = used.saturating_sub(sampled) / book.running;
            book.charged += share;
        }
        book.sampled = used;
        let charged = book.charged;
        for line in &book.lines {
            match line.running {
                Some((ends, _)) if now >= ends => line.alarm.ring(TIME),
                Some((_, before)) if charged.saturating_sub(before) >= self.cpu => line.alarm.ring(CPU),
                _ => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The processor time that a process has used, all threads together. `None` where the system does not tell.
pub(crate) fn used(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which can hold spaces; utime and stime are 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_millis(ticks * 1000 / per_second.max(1)))
}

/// The memory that a process has for itself, or shares with nobody outside it, in bytes. `None` where the system does not tell.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<u64>().ok())
    };
    Some((kib("RssAnon:")? + kib("RssShmem:")?) << 10)
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};
    use std::time::{Duration, Instant};

    use super::{Ledger, Overrun};

    #[test]
    fn each_is_charged_its_share_of_what_was_used_while_it_ran() {
        let ledger = Ledger::new(Duration::from_secs(60), Duration::from_secs(2));
        let cx = &mut Context::from_waker(Waker::noop());
        let (now, seconds) = (Instant::now(), |n| Some(Duration::from_secs(n)));
        let first = ledger.enter();
        ledger.sample(now, seconds(100));
        ledger.sample(now, seconds(101));
        let second = ledger.enter();
        // Half of one second each: 1.5 and 0.5.
        ledger.sample(now, seconds(102));
        assert!(first.alarm.poll(cx).is_pending() && second.alarm.poll(cx).is_pending());
        ledger.sample(now, seconds(103));
        assert_eq!(first.alarm.poll(cx), Poll::Ready(Overrun::Cpu));
        assert!(second.alarm.poll(cx).is_pending());
        ledger.leave(&first);
        ledger.leave(&second);
        // Its place is used again, and what was used between is not charged.
        let third = ledger.enter();
        ledger.sample(now, seconds(200));
        assert!(third.alarm.poll(cx).is_pending());
        ledger.sample(now + Duration::from_secs(61), seconds(200));
        assert_eq!(third.alarm.poll(cx), Poll::Ready(Overrun::Time));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_tells_processor_time() {
        let before = super::used(std::process::id()).unwrap_or_default();
        let until = Instant::now() + Duration::from_millis(60);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        assert!(super::used(std::process::id()).unwrap_or_default() > before);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_tells_memory() {
        let before = super::resident(std::process::id()).unwrap_or_default();
        let held = vec![1_u8; 64 << 20];
        let after = super::resident(std::process::id()).unwrap_or_default();
        assert!(before > 0 && after >= before + (48 << 20), "{before} {after} {}", held.len());
    }
}
