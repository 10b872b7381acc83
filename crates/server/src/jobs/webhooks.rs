//! Sends what webhooks are to be told, when its time has come.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::service::Service;

/// How long it waits at most: another node may have put something into the queue.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// How long it waits at least, so that a database that fails is not asked without end.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs until `stop`.
pub(crate) async fn webhooks(service: Service, stop: CancellationToken) {
    loop {
        // Asked for before the queue is read, so that nothing that comes in between is missed.
        let told = service.webhooks_told();
        let next = tokio::select! {
            () = stop.cancelled() => return,
            next = service.send_due_messages() => next,
        };
        let next = next.unwrap_or_else(|error| {
            tracing::error!(%error, "the queue of webhooks could not be worked on");
            None
        });
        let wait = next.map_or(LOOK_AGAIN, clock::until).clamp(PAUSE, LOOK_AGAIN);
        tokio::select! {
            () = stop.cancelled() => return,
            () = told => {}
            () = sleep(wait) => {}
        }
    }
}
