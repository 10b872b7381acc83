//! Telling by webhooks, once for each version, that a value is to be replaced soon and that it should have been; and how many there
//! are, for pages.

use domain::health::SOON_DAYS;
use domain::webhook::WebhookEvent;
use domain::{AccountId, Action, EnvironmentName, Timestamp};
use serde_json::json;
use store::DueRow;

use super::{Caller, Error, Service, webhooks};
use crate::clock;

/// Most that are told of in one write; the rest comes with the next.
const AT_ONCE: u32 = 200;

/// How many values are to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DueCounts {
    /// Whose time is past.
    pub(crate) overdue: u64,
    /// Whose time comes within a week.
    pub(crate) soon: u64,
}

impl Service {
    /// How many values of an environment, or of all, are to be replaced.
    pub(crate) async fn due_counts(&self, caller: &Caller, environment: Option<&str>) -> Result<DueCounts, Error> {
        let environment = environment.map(EnvironmentName::parse).transpose()?;
        self.permit(caller, Action::SecretList, environment.as_ref(), "").await?;
        let (now, account) = (clock::now(), &caller.actor.account);
        let (overdue, soon) = self.store.count_due(account, environment.as_ref(), now, soon_after(now)).await?;
        Ok(DueCounts { overdue, soon })
    }

    /// After how many days the account wants values replaced of which nobody said it, as pages show it.
    pub(crate) async fn usual_rotation(&self, caller: &Caller) -> Result<Option<u32>, Error> {
        Ok(self.store.settings(&caller.actor.account).await?.rotate_after_days)
    }

    /// Tells an account's webhooks what they were not told yet. Where none is told of such things nothing is noted, so that one
    /// that is made later hears of what is due then.
    pub(crate) async fn remind(&self, account: &AccountId) -> Result<(), Error> {
        let told: Vec<_> =
            self.store.webhooks(account).await?.into_iter().filter(|row| row.disabled_at.is_none()).collect();
        let hears = |event| told.iter().any(|row| row.events.contains(&event));
        let hears = [hears(WebhookEvent::SecretDueSoon), hears(WebhookEvent::SecretOverdue)];
        let now = clock::now();
        if hears == [false, false] || self.store.untold_due(account, now, soon_after(now), 1).await?.is_empty() {
            return Ok(());
        }
        let account = account.clone();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    for row in tx.untold_due(&account, now, soon_after(now), AT_ONCE).await? {
                        let overdue = row.due_at <= now;
                        let [soon_is_heard, overdue_is_heard] = hears;
                        let is_heard = if overdue { overdue_is_heard } else { soon_is_heard };
                        if is_heard && tx.note_reminder(&account, &row, overdue, now).await? {
                            tell(tx, &account, &row, overdue, now).await?;
                        }
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.inner.told.notify_one();
        Ok(())
    }
}

async fn tell(
    tx: &mut store::Tx,
    account: &AccountId,
    row: &DueRow,
    overdue: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let event = if overdue { WebhookEvent::SecretOverdue } else { WebhookEvent::SecretDueSoon };
    let data =
        json!({ "name": row.name, "environment": row.environment, "version": row.version, "due_at": row.due_at });
    webhooks::tell(tx, account, event, now, &data).await.map(drop)
}

fn soon_after(now: Timestamp) -> Timestamp {
    now.plus_days(SOON_DAYS)
}
