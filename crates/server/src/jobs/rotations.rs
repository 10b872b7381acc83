//! Starts rotations whose time has come, and takes their steps.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::service::{Error, Service};

/// How long it waits at most: another node may have started one, or died in one.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long it waits at least, so that a database that fails is not asked without end.
const PAUSE: Duration = Duration::from_millis(20);
/// Most that it takes steps of at once; the others wait.
const AT_ONCE: usize = 16;

/// Runs until `stop`. What is under way then is left as it stands, for the next start.
pub(crate) async fn rotations(service: Service, stop: CancellationToken) {
    if let Err(error) = service.release_rotations().await {
        tracing::error!(%error, "rotations that were under way wait until their claims are over");
    }
    let mut running = JoinSet::new();
    loop {
        // Asked for before the database is read, so that nothing that comes in between is missed.
        let told = service.rotations_told();
        let next = tokio::select! {
            () = stop.cancelled() => return,
            next = begin(&service, &mut running) => next,
        };
        let next = next.unwrap_or_else(|error| {
            tracing::error!(%error, "rotations could not be looked at");
            None
        });
        let wait = next.map_or(LOOK_AGAIN, clock::until).clamp(PAUSE, LOOK_AGAIN);
        tokio::select! {
            () = stop.cancelled() => return,
            Some(_) = running.join_next() => {}
            () = told => {}
            () = sleep(wait) => {}
        }
    }
}

/// Goes on with what is to go on now. Returns when there will be more, as far as that is known.
async fn begin(service: &Service, running: &mut JoinSet<()>) -> Result<Option<domain::Timestamp>, Error> {
    service.start_due_rotations().await?;
    if running.len() >= AT_ONCE {
        // The next one that ends makes room.
        return Ok(None);
    }
    for row in service.claim_due_rotations().await? {
        let service = service.clone();
        running.spawn(async move { service.go_on_with(row).await });
    }
    service.next_rotation().await
}
