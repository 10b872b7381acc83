//! What was read from the database a moment ago, for what nearly every request asks.
//!
//! A change made by this node ends what it knew before the change returns; one made by another node is seen here after
//! at most [`FRESH`]. So only what may be that old on another node belongs here, and no value ever does.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long an answer is believed.
const FRESH: Duration = Duration::from_secs(1);
/// Most answers that are kept.
const MOST: usize = 10_000;

/// Answers by question.
pub(crate) struct Recent<K, V>(RwLock<State<K, V>>);

struct State<K, V> {
    /// How often all was forgotten.
    epoch: u64,
    known: HashMap<K, (Instant, V)>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self(RwLock::new(State { epoch: 0, known: HashMap::new() }))
    }
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// What is known of `key`, or else what `read` finds. That there is nothing is not remembered.
    pub(crate) async fn get<E>(
        &self,
        key: K,
        read: impl Future<Output = Result<Option<V>, E>>,
    ) -> Result<Option<V>, E> {
        let now = Instant::now();
        let epoch = {
            let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
            match state.known.get(&key) {
                Some((read_at, value)) if now.duration_since(*read_at) < FRESH => return Ok(Some(value.clone())),
                _ => state.epoch,
            }
        };
        let found = read.await?;
        if let Some(value) = &found {
            let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
            // What was read before a change must not be remembered after it.
            if state.epoch == epoch {
                if state.known.len() >= MOST {
                    state.known.clear();
                }
                state.known.insert(key, (now, value.clone()));
            }
        }
        Ok(found)
    }

    /// To be called when a change was committed and before it is told.
    pub(crate) fn forget(&self) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.epoch += 1;
        state.known.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::convert::Infallible;

    use super::Recent;

    async fn found(value: u8) -> Result<Option<u8>, Infallible> {
        Ok(Some(value))
    }

    #[tokio::test]
    async fn a_change_ends_what_was_known() {
        let recent = Recent::default();
        assert_eq!(recent.get("a", found(1)).await, Ok(Some(1)));
        assert_eq!(recent.get("a", found(2)).await, Ok(Some(1)), "as it was a moment ago");
        assert_eq!(recent.get("b", async { Ok::<_, Infallible>(None) }).await, Ok(None));
        assert_eq!(recent.get("b", found(3)).await, Ok(Some(3)), "nothing is not remembered");
        recent.forget();
        assert_eq!(recent.get("a", found(4)).await, Ok(Some(4)));
    }

    #[tokio::test]
    async fn what_was_read_before_a_change_is_not_kept_after_it() {
        let recent = Recent::default();
        let slow = async {
            recent.forget();
            found(1).await
        };
        assert_eq!(recent.get("a", slow).await, Ok(Some(1)));
        assert_eq!(recent.get("a", found(2)).await, Ok(Some(2)));
    }
}
