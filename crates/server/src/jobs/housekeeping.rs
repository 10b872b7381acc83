//! What has to happen now and then: sign each account's audit log, delete what is past its time.

use std::time::Duration;

use domain::{AccountId, Timestamp, limits};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::service::{Error, Service};

const EVERY: Duration = Duration::from_secs(60);
/// Puts come first: deleting what is old takes a tenth of the writer's time at most.
const BETWEEN_SLICES: Duration = Duration::from_millis(150);
/// How many of its requests are kept.
const KEEP_EGRESS: u32 = 100_000;
/// How long an `Idempotency-Key` is remembered.
const KEEP_IDEMPOTENCY_DAYS: i64 = 1;

/// How long secret requests are kept after they expired.
const KEEP_REQUESTS_DAYS: i64 = 90;

/// How long rotations are kept after they ended.
const KEEP_ROTATIONS_DAYS: i64 = 365;

/// Runs until `stop`.
pub(crate) async fn housekeeping(service: Service, stop: CancellationToken) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        // Each step is a write of its own, so it can end between any two.
        let done = tokio::select! {
            () = stop.cancelled() => return,
            done = once(&service) => done,
        };
        if let Err(error) = done {
            tracing::error!(error = %error, "housekeeping failed");
        }
    }
}

async fn once(service: &Service) -> Result<(), Error> {
    let now = clock::now();
    service
        .store
        .write(move |tx| {
            Box::pin(async move {
                tx.prune_sessions(now).await?;
                tx.prune_drafts(now).await?;
                tx.prune_clients(now.plus_days(-KEEP_REQUESTS_DAYS)).await?;
                tx.prune_confirmations(now.plus_days(-KEEP_REQUESTS_DAYS)).await?;
                tx.prune_rotations(now.plus_days(-KEEP_ROTATIONS_DAYS)).await?;
                tx.prune_secret_requests(now.plus_days(-KEEP_REQUESTS_DAYS)).await?;
                tx.end_signing_keys(now).await?;
                tx.prune_idempotency(now.plus_days(-KEEP_IDEMPOTENCY_DAYS)).await?;
                Ok::<_, Error>(())
            })
        })
        .await?;
    service.end_overlaps(now).await?;
    service.secret_sets.tidy();
    let mut after = None;
    loop {
        let accounts = service.store.accounts(after.as_ref(), 500).await?;
        let Some(last) = accounts.last() else { return Ok(()) };
        after = Some(last.name.clone());
        for account in &accounts {
            service.remind(&account.id).await?;
            service.sign_head(&account.id).await?;
            prune(service, account.id.clone()).await?;
        }
    }
}

async fn prune(service: &Service, account: AccountId) -> Result<(), Error> {
    let oldest = clock::now().plus_days(-limits::INVOCATIONS_KEPT_DAYS);
    for function in service.store.functions(&account, None, limits::FUNCTIONS_PER_ACCOUNT as u32).await? {
        let mut more = true;
        while more {
            let (account, function) = (account.clone(), function.id.clone());
            more = service
                .store
                .write(move |tx| {
                    Box::pin(async move {
                        let (_, more) =
                            tx.prune_invocations(&account, &function, oldest, limits::INVOCATIONS_KEPT).await?;
                        Ok::<_, Error>(more)
                    })
                })
                .await?;
            if more {
                sleep(BETWEEN_SLICES).await;
            }
        }
        prune_logs(service, &account, &function.id).await?;
        prune_egress(service, &account, &function.id, oldest).await?;
    }
    service
        .store
        .write(move |tx| {
            Box::pin(async move {
                tx.prune_version_sets(&account, oldest).await?;
                tx.prune_hours(&account, clock::now().plus_days(-limits::HOURS_KEPT_DAYS)).await?;
                Ok::<_, Error>(())
            })
        })
        .await?;
    Ok(())
}

/// Keeps a function's logs within their bytes, whatever their age.
async fn prune_logs(service: &Service, account: &AccountId, function_id: &str) -> Result<(), Error> {
    let (most, overhead) = (limits::LOG_BYTES_PER_FUNCTION, limits::LOG_LINE_OVERHEAD_BYTES);
    let Some(beyond) = service.store.logs_beyond(account, function_id, most, overhead).await? else { return Ok(()) };
    loop {
        let (account, function) = (account.clone(), function_id.to_owned());
        let more = service
            .store
            .write(move |tx| {
                Box::pin(
                    async move { Ok::<_, Error>(tx.prune_logs(&account, &function, beyond.plus_millis(1)).await?) },
                )
            })
            .await?;
        if !more {
            return Ok(());
        }
        sleep(BETWEEN_SLICES).await;
    }
}

async fn prune_egress(
    service: &Service,
    account: &AccountId,
    function_id: &str,
    oldest: Timestamp,
) -> Result<(), Error> {
    loop {
        let (account, function) = (account.clone(), function_id.to_owned());
        let more = service
            .store
            .write(move |tx| {
                Box::pin(
                    async move { Ok::<_, Error>(tx.prune_egress(&account, &function, oldest, KEEP_EGRESS).await?) },
                )
            })
            .await?;
        if !more {
            return Ok(());
        }
        sleep(BETWEEN_SLICES).await;
    }
}
