//! Rotations as people and programs ask for them: start one, look at them, retry or cancel one that failed.

use domain::rotation::{RotationStatus, RotationStep, RotatorKind};
use domain::{AccountId, Action, EnvironmentName, SecretName, Timestamp};
use envelope::AccountKey;
use store::{RotationRow, RotatorRow, SecretRow, StoreError};

use super::{Settings, own_value};
use crate::service::caller::Permit;
use crate::service::secrets::environment_or_production;
use crate::service::{Caller, Error, Service, new_id, paging};
use crate::wire::{self, Page};

impl Service {
    /// Starts a rotation, or finds the one that is under way; `true` if it is new.
    pub(crate) async fn rotate_secret(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&str>,
    ) -> Result<(wire::Rotation, bool), Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        let permit = self.permit(caller, Action::RotationStart, Some(&environment), name.as_str()).await?;
        let account = caller.actor.account.clone();
        let (place, wanted) = (environment.clone(), name.clone());
        let begun = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let secret = tx.secret(&account, &environment, &name).await?.ok_or(Error::not_found("secret"))?;
                    let rotator = tx.rotator(&account, &secret.id).await?.ok_or(Error::not_found("rotator"))?;
                    match tx.open_rotation(&account, &secret.id).await? {
                        Some(open) if open.status == RotationStatus::Running => Ok((open, false)),
                        Some(_) => {
                            let detail = "its last rotation failed: retry or cancel that".to_owned();
                            Err(Error::InUse { detail })
                        }
                        None => {
                            own_value(&secret)?;
                            let by = permit.actor_name();
                            Ok((begin(tx, &secret, &rotator, permit, by).await?, true))
                        }
                    }
                })
            })
            .await;
        let (row, is_new) = match begun {
            // Another node was quicker.
            Err(Error::Store(StoreError::Conflict)) => {
                let account = &caller.actor.account;
                let secret = self.store.secret(account, &place, &wanted).await?.ok_or(Error::not_found("secret"))?;
                let open = self.store.open_rotation(account, &secret.id).await?;
                (open.ok_or(Error::not_found("rotation"))?, false)
            }
            begun => begun?,
        };
        self.inner.rotations.notify_one();
        Ok((shown(&row), is_new))
    }

    /// A secret's rotations, newest first.
    pub(crate) async fn secret_rotations(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&str>,
        cursor: Option<&str>,
        rows: u32,
    ) -> Result<Page<wire::Rotation>, Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        self.permit(caller, Action::RotationList, Some(&environment), name.as_str()).await?;
        let account = &caller.actor.account;
        let secret = self.store.secret(account, &environment, &name).await?.ok_or(Error::not_found("secret"))?;
        let mut found = self.store.rotations(account, &secret.id, cursor, rows + 1).await?;
        let next_cursor = paging::cut(&mut found, rows, |last| last.id.clone());
        Ok(Page { items: found.iter().map(shown).collect(), next_cursor })
    }

    /// One rotation.
    pub(crate) async fn secret_rotation(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&str>,
        id: &str,
    ) -> Result<wire::Rotation, Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        self.permit(caller, Action::RotationList, Some(&environment), name.as_str()).await?;
        let found = self.store.rotation(&caller.actor.account, id).await?;
        let found = found.filter(|row| row.name == name && row.environment == environment);
        Ok(shown(&found.ok_or(Error::not_found("rotation"))?))
    }

    /// Takes the step of a rotation again that failed, or that waits to be tried again.
    pub(crate) async fn retry_rotation(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&str>,
        id: &str,
    ) -> Result<wire::Rotation, Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        let permit = self.permit(caller, Action::RotationRetry, Some(&environment), name.as_str()).await?;
        let (account, id) = (caller.actor.account.clone(), id.to_owned());
        let row = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let row = open(tx, &account, &environment, &name, &id).await?;
                    // Somebody is at it.
                    if row.claim.is_some() {
                        return Ok(row);
                    }
                    let status = RotationStatus::Running;
                    let again = RotationRow { status, tries: 0, next_at: Some(permit.time()), ..row.clone() };
                    if tx.move_rotation(&again, None, row.status).await? {
                        tx.time_rotator(&account, &row.secret, None, None).await?;
                        tx.append_audit(&permit.with("rotation", &row.id).with("step", row.step.as_str()).done())
                            .await?;
                    }
                    Ok::<_, Error>(again)
                })
            })
            .await?;
        self.inner.rotations.notify_one();
        Ok(shown(&row))
    }

    /// Gives a rotation up. The value that is current stays so; one that was made and is not current is forgotten.
    pub(crate) async fn cancel_rotation(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&str>,
        id: &str,
    ) -> Result<wire::Rotation, Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        let permit = self.permit(caller, Action::RotationCancel, Some(&environment), name.as_str()).await?;
        let (account, id) = (caller.actor.account.clone(), id.to_owned());
        let row = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let row = open(tx, &account, &environment, &name, &id).await?;
                    let rotator = tx.rotator(&account, &row.secret).await?;
                    if let Some(rotator) = &rotator {
                        may_end(&row, rotator)?;
                    }
                    let over = ended(&row, RotationStatus::Cancelled, permit.time());
                    // Also where somebody is at it: what they do leads to nothing any more.
                    if !tx.move_rotation(&over, row.claim.as_deref(), row.status).await? {
                        return Err(Error::Broken("an open rotation could not be cancelled"));
                    }
                    if let Some(rotator) = rotator {
                        tx.time_rotator(&account, &row.secret, next_time(&rotator, permit.time()), None).await?;
                    }
                    tx.append_audit(&permit.with("rotation", &row.id).with("step", row.step.as_str()).done()).await?;
                    Ok(over)
                })
            })
            .await?;
        Ok(shown(&row))
    }
}

/// Adds a rotation at its first step, with its event.
pub(super) async fn begin(
    tx: &mut store::Tx,
    secret: &SecretRow,
    rotator: &RotatorRow,
    permit: Permit,
    by: String,
) -> Result<RotationRow, Error> {
    let now = permit.time();
    let row = RotationRow {
        account: secret.account.clone(),
        id: new_id(),
        secret: secret.id.clone(),
        environment: secret.environment.clone(),
        name: secret.name.clone(),
        of_version: secret.version,
        step: RotationStep::Create,
        status: RotationStatus::Running,
        tries: 0,
        next_at: Some(now),
        claim: None,
        problem: None,
        pending: None,
        new_version: None,
        started_at: now,
        started_by: by,
        step_at: now,
        ended_at: None,
    };
    tx.insert_rotation(&row).await?;
    tx.time_rotator(&row.account, &row.secret, None, None).await?;
    let permit = permit.with("rotation", &row.id).with("kind", rotator.kind.as_str()).with("version", secret.version);
    tx.append_audit(&permit.done()).await?;
    Ok(row)
}

/// When a rotator next begins by itself, if the value is of `time`.
pub(super) fn next_time(rotator: &RotatorRow, time: Timestamp) -> Option<Timestamp> {
    rotator.every_days.map(|days| time.plus_days(days.into()))
}

/// The rule that a password is not forgotten which may be the only one that works: a user who changes its own has no other from
/// then on.
pub(super) fn may_end(row: &RotationRow, rotator: &RotatorRow) -> Result<(), Error> {
    let in_place = rotator.kind == RotatorKind::Postgres && Settings::of(rotator)?.roles.is_none();
    if !in_place || row.pending.is_none() {
        return Ok(());
    }
    let detail =
        "the database may have the new password already: retry the rotation, or put a value that works, which ends it";
    Err(Error::InUse { detail: detail.to_owned() })
}

/// A rotation that is over.
pub(super) fn ended(row: &RotationRow, status: RotationStatus, at: Timestamp) -> RotationRow {
    RotationRow { status, next_at: None, claim: None, pending: None, ended_at: Some(at), ..row.clone() }
}

/// Gives up all rotations by a function that is about to be deleted, with their rotators. Returns the names of their secrets.
pub(in crate::service) async fn end_those_of(
    tx: &mut store::Tx,
    account: &AccountId,
    function: &str,
    at: Timestamp,
) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for rotator in tx.rotated_by(account, function, None).await? {
        if let Some(open) = tx.open_rotation(account, &rotator.secret).await? {
            let over = RotationRow {
                problem: Some("its function was deleted".to_owned()),
                ..ended(&open, RotationStatus::Cancelled, at)
            };
            tx.move_rotation(&over, open.claim.as_deref(), open.status).await?;
        }
        names.push(format!("{} in {}", rotator.name, rotator.environment));
    }
    Ok(names)
}

/// The value that a rotation holds, as another account key encrypts it.
pub(in crate::service) fn renewed(row: &RotationRow, old: &AccountKey, new: &AccountKey) -> Result<Vec<u8>, Error> {
    let pending = row.pending.as_deref().ok_or(Error::Broken("a rotation holds no value"))?;
    Ok(new.encrypt_pending(&row.secret, &row.id, &old.decrypt_pending(&row.secret, &row.id, pending)?))
}

async fn open(
    tx: &mut store::Tx,
    account: &AccountId,
    environment: &EnvironmentName,
    name: &SecretName,
    id: &str,
) -> Result<RotationRow, Error> {
    let found = tx.rotation(account, id).await?;
    let found = found.filter(|row| row.name == *name && row.environment == *environment);
    let row = found.ok_or(Error::not_found("rotation"))?;
    if row.ended_at.is_some() { Err(Error::RotationEnded(row.status)) } else { Ok(row) }
}

pub(super) fn shown(row: &RotationRow) -> wire::Rotation {
    wire::Rotation {
        id: row.id.clone(),
        secret: row.name.to_string(),
        environment: row.environment.to_string(),
        status: row.status.as_str().to_owned(),
        step: row.step.as_str().to_owned(),
        step_at: row.step_at.to_string(),
        tries: row.tries,
        problem: row.problem.clone(),
        // Who is at it now is not waited for.
        next_at: row.next_at.filter(|_| row.claim.is_none()).map(|time| time.to_string()),
        of_version: row.of_version,
        version: row.new_version,
        started_at: row.started_at.to_string(),
        started_by: row.started_by.clone(),
        ended_at: row.ended_at.map(|time| time.to_string()),
    }
}
