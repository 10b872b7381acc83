//! The value before the current one, which functions get too for a while: under whose name, from when, until when.
//!
//! A worker that has it is of a route that knows when it ends: see `invoke.rs`. Whatever is written here is in a write with its event.

use domain::audit::AuditEvent;
use domain::overlap::{may_overlap, previous_name, previous_of};
use domain::{AccountId, Actor, Delivery, EnvironmentName, Invalid, SecretName, Timestamp};
use store::{Previous, SecretRow};

use super::share::list;
use super::{Error, Service};

/// What a row has of it after its value was replaced at `now`. What was brokered never gets into functions' environment.
pub(super) fn begin(before: &SecretRow, row: &mut SecretRow, now: Timestamp) {
    let had = before.has_own_value() && before.delivery == Delivery::Env && row.delivery == Delivery::Env;
    row.previous = row
        .overlap
        .filter(|_| had)
        .map(|overlap| Previous { version: before.version, until: now.plus_millis(overlap.millis()) });
}

/// The event of a put with what the row has of it.
pub(super) fn told(event: AuditEvent, row: &SecretRow) -> AuditEvent {
    match &row.previous {
        Some(previous) => event.detail("previous_version", previous.version).detail("previous_until", previous.until),
        None => event,
    }
}

/// Keeps what a row that was just written has of it. `before` is the row as it was; none of it stands if the rules are broken.
pub(super) async fn keep(
    tx: &mut store::Tx,
    actor: &Actor,
    before: Option<&SecretRow>,
    row: &SecretRow,
) -> Result<(), Error> {
    if row.overlap.is_some() {
        may_overlap(&row.name, row.delivery)?;
    }
    let had = before.map(|before| (before.overlap, &before.previous));
    if had.unwrap_or((None, &None)) != (row.overlap, &row.previous) {
        tx.put_overlap(row).await?;
    }
    names(tx, actor, row).await
}

/// As [`keep`] of a new row, one of several: what it breaks is told with what others break, in the words of `told`.
pub(super) async fn keep_one_of(
    tx: &mut store::Tx,
    actor: &Actor,
    row: &SecretRow,
    broken: &mut Vec<Invalid>,
    told: impl FnMut(Invalid) -> Invalid,
) -> Result<(), Error> {
    match keep(tx, actor, None, row).await {
        Err(Error::Invalid(rules)) => broken.extend(rules.into_iter().map(told)),
        kept => kept?,
    }
    Ok(())
}

/// The rule between names, of a row that was just written: where functions get a value before, no secret has the name that it is
/// given under. That is in each environment that uses the value.
pub(super) async fn names(tx: &mut store::Tx, actor: &Actor, row: &SecretRow) -> Result<(), Error> {
    name(tx, &row.account, &row.environment, &row.name).await?;
    // Without one of its own it may use a value that has one.
    if (row.overlap.is_some() || row.shared.is_some())
        && let Some(name) = previous_name(&row.name)
    {
        let taken = tx.overlaps_beside(&row.account, &row.id, &name).await?;
        if !taken.is_empty() {
            let place = match taken.as_slice() {
                [one] if *one == row.environment => String::new(),
                several => format!(" in {}", list(actor, several)),
            };
            let rule = format!(
                "would give the value before the name {name}, which is that of another secret{place}: rename or delete that"
            );
            return Err(Invalid::new("overlap", "overlap_name_taken", rule).into());
        }
    }
    Ok(())
}

/// The rule of [`names`] for a secret that would be there.
pub(super) async fn name(
    tx: &mut store::Tx,
    account: &AccountId,
    environment: &EnvironmentName,
    name: &SecretName,
) -> Result<(), Error> {
    let Some(base) = previous_of(name) else { return Ok(()) };
    if !tx.overlaps(account, environment, &base).await? {
        return Ok(());
    }
    let rule = format!(
        "is the name under which functions get the value before of {base}, which overlaps: choose another name, or end the overlap of {base}"
    );
    Err(Invalid::new("name", "name_of_overlap", rule).into())
}

impl Service {
    /// Takes values whose time is over from workers that nobody calls. Those that are called lose them by themselves.
    pub(crate) async fn end_overlaps(&self, now: Timestamp) -> Result<(), Error> {
        let ended: Vec<(AccountId, EnvironmentName)> =
            self.store.write(move |tx| Box::pin(async move { Ok::<_, Error>(tx.end_overlaps(now).await?) })).await?;
        for (account, environment) in ended {
            self.secrets_changed(&account, &environment);
        }
        Ok(())
    }
}
