//! How many invocations of one function run at once: the rest wait in line for a while, or are turned away.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// How many may wait for one function.
const QUEUE: usize = 1_000;
/// How long each waits at most.
pub(crate) const QUEUE_WAIT: Duration = Duration::from_secs(10);

/// One function's gate in one environment. It outlives deployments and changes of secrets.
#[derive(Default)]
pub(super) struct Gate {
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    running: usize,
    waiting: VecDeque<oneshot::Sender<Pass>>,
}

/// The right to run. Dropped, it goes to the first in line.
pub(super) struct Pass(Option<Arc<Gate>>);

impl Gate {
    /// Waits until fewer than `limit` run. None if too many wait already, or it took too long.
    pub(super) async fn enter(self: &Arc<Self>, limit: usize) -> Option<Pass> {
        let turn = {
            let mut line = self.line();
            if line.running < limit {
                line.running += 1;
                return Some(Pass(Some(Arc::clone(self))));
            }
            // Those who gave up leave their place empty.
            line.waiting.retain(|waiting| !waiting.is_closed());
            if line.waiting.len() >= QUEUE {
                return None;
            }
            let (sender, turn) = oneshot::channel();
            line.waiting.push_back(sender);
            turn
        };
        tokio::time::timeout(QUEUE_WAIT, turn).await.ok()?.ok()
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let Some(gate) = self.0.take() else { return };
        loop {
            let next = {
                let mut line = gate.line();
                let Some(next) = line.waiting.pop_front() else {
                    line.running = line.running.saturating_sub(1);
                    return;
                };
                next
            };
            // Whoever has gone is passed over; the pass that was meant for it is void.
            match next.send(Pass(Some(Arc::clone(&gate)))) {
                Ok(()) => return,
                Err(mut void) => void.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use futures_util::FutureExt as _;

    use super::{Gate, QUEUE};

    #[tokio::test]
    async fn the_first_in_line_is_next_and_who_gave_up_is_passed_over() {
        let gate = Arc::new(Gate::default());
        let running = gate.enter(1).await.unwrap();
        let mut waiting = [Box::pin(gate.enter(1)), Box::pin(gate.enter(1)), Box::pin(gate.enter(1))];
        assert!(waiting.iter_mut().all(|turn| turn.now_or_never().is_none()));
        let [gone, mut second, mut third] = waiting;
        drop(gone);
        drop(running);
        assert!(third.as_mut().now_or_never().is_none());
        let second = second.as_mut().now_or_never().flatten();
        assert!(second.is_some());
        drop(second);
        assert!(third.now_or_never().flatten().is_some());
        assert!(gate.enter(1).now_or_never().flatten().is_some(), "the last has gone, its place is free");
    }

    #[tokio::test]
    async fn the_line_has_an_end() {
        let gate = Arc::new(Gate::default());
        let _running = gate.enter(1).await.unwrap();
        let mut line: Vec<_> = (0..QUEUE).map(|_| Box::pin(gate.enter(1))).collect();
        assert!(line.iter_mut().all(|turn| turn.now_or_never().is_none()));
        assert!(gate.enter(1).await.is_none());
        line.pop();
        assert!(gate.enter(1).now_or_never().is_none(), "one gave up, so there is a place to wait at");
    }
}
