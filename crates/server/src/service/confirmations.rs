//! Confirmations: where the account asks for it, what an assistant does that cannot be undone waits for a person's yes. A yes
//! is for one actor, one action, one version of one thing, and for once.

use std::time::Duration;

use domain::{Action, ConfirmationStatus, Confirmations, EnvironmentName, Invalid, SecretName, limits};
use store::ConfirmationRow;
use tokio::time::{Instant, sleep_until};

use super::caller::Permit;
use super::secret_requests::{LOOK_AGAIN, requester};
use super::secrets::{delete, environment_or_production};
use super::{Caller, Error, Service, new_id};
use crate::clock;

/// How long a confirmation can be answered, and a yes be used.
const OPEN_MILLIS: i64 = 60 * 60 * 1000;
const NOUN: &str = "confirmation";

/// What became of an assistant's wish.
pub(crate) enum Wished {
    /// It is done.
    Done,
    /// It waits for a person, or a person said no.
    Waits(Box<Confirming>),
}

/// A confirmation as whoever may answer it sees it.
#[derive(Debug, Clone)]
pub(crate) struct Confirming {
    pub(crate) id: String,
    /// The page where it is answered.
    pub(crate) url: String,
    pub(crate) status: ConfirmationStatus,
    pub(crate) environment: EnvironmentName,
    pub(crate) resource: String,
    pub(crate) requester_kind: String,
    pub(crate) requester: String,
    pub(crate) created_at: String,
    pub(crate) expires_at: String,
}

impl Service {
    /// Deletes a secret for an assistant, when a person has confirmed it, if the account asks for that.
    pub(crate) async fn delete_secret_confirmed(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&str>,
    ) -> Result<Wished, Error> {
        let account = &caller.actor.account;
        if self.store.settings(account).await?.confirmations == Confirmations::Never {
            return self.delete_secret(caller, name, environment).await.map(|()| Wished::Done);
        }
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        let permit = self.permit(caller, Action::SecretDelete, Some(&environment), name.as_str()).await?;
        let wish = ConfirmationRow {
            id: new_id(),
            account: account.clone(),
            action: Action::SecretDelete.as_str().to_owned(),
            environment: environment.clone(),
            resource: name.to_string(),
            version: 0,
            status: ConfirmationStatus::Pending,
            requester: requester(caller),
            created_at: permit.time(),
            expires_at: permit.time().plus_millis(OPEN_MILLIS),
            resolved_at: None,
            resolved_by: None,
        };
        let actor = caller.actor.clone();
        let waits = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let secret = tx.secret(&wish.account, &wish.environment, &name).await?;
                    let version = secret.ok_or(Error::not_found("secret"))?.version;
                    let wish = ConfirmationRow { version, ..wish };
                    if let Some(waits) = ask_or_use(tx, &permit, wish.clone()).await? {
                        return Ok(Some(waits));
                    }
                    match delete(tx, &actor, &wish.environment, &name, permit).await? {
                        true => Ok(None),
                        false => Err(Error::not_found("secret")),
                    }
                })
            })
            .await?;
        Ok(match waits {
            Some(row) => Wished::Waits(Box::new(self.confirming(&row))),
            None => {
                self.secrets_changed(account, &environment);
                Wished::Done
            }
        })
    }

    /// Waits until a person has answered, or `wait` is over. Who asked may wait; it learns nothing here.
    pub(crate) async fn await_confirmation(&self, caller: &Caller, id: &str, wait: Duration) -> Result<(), Error> {
        let end = Instant::now() + wait;
        loop {
            // Asked for before the row is read, so that nothing that happens in between is missed.
            let answered = self.inner.answered.notified();
            let row = self.confirmation_row(caller, id).await?;
            if standing(&row) != ConfirmationStatus::Pending || Instant::now() >= end {
                return Ok(());
            }
            tokio::select! {
                () = answered => {}
                () = sleep_until(end.min(Instant::now() + LOOK_AGAIN)) => {}
                () = self.stopping.cancelled() => return Ok(()),
            }
        }
    }

    /// One confirmation, for a person who may answer it.
    pub(crate) async fn get_confirmation(&self, caller: &Caller, id: &str) -> Result<Confirming, Error> {
        let row = self.confirmation_row(caller, id).await;
        let environment = row.as_ref().ok().map(|row| &row.environment);
        self.permit(caller, Action::ConfirmationGet, environment, "").await?;
        Ok(self.confirming(&row?))
    }

    /// Those that wait for an answer, newest first.
    pub(crate) async fn open_confirmations(
        &self,
        caller: &Caller,
        environment: Option<&str>,
    ) -> Result<Vec<Confirming>, Error> {
        let environment = environment.map(EnvironmentName::parse).transpose()?;
        self.permit(caller, Action::ConfirmationGet, environment.as_ref(), "").await?;
        let rows =
            self.store.open_confirmations(&caller.actor.account, environment.as_ref(), clock::now(), limits::PAGE_ROWS);
        Ok(rows.await?.iter().map(|row| self.confirming(row)).collect())
    }

    /// A person's answer. Only somebody who is logged in gives one, and who may do what is asked for.
    pub(crate) async fn answer_confirmation(&self, caller: &Caller, id: &str, yes: bool) -> Result<Confirming, Error> {
        let row = self.confirmation_row(caller, id).await;
        let environment = row.as_ref().ok().map(|row| &row.environment);
        let resource = row.as_ref().map_or("", |row| row.resource.as_str());
        let (action, status) = match yes {
            true => (Action::ConfirmationApprove, ConfirmationStatus::Approved),
            false => (Action::ConfirmationDecline, ConfirmationStatus::Declined),
        };
        let permit = self.permit(caller, action, environment, resource).await?;
        let row = row?;
        let (account, id) = (row.account.clone(), row.id.clone());
        let row = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let (by, at) = (permit.actor_name(), permit.time());
                    let step = (ConfirmationStatus::Pending, status);
                    if tx.move_confirmation(&account, &id, step, at, &by).await? {
                        let event = permit.done().detail("confirmation", &id).detail("action", &row.action);
                        tx.append_audit(&event.detail("asked_by", &row.requester.name)).await?;
                    }
                    tx.confirmation(&account, &id).await?.ok_or(Error::not_found(NOUN))
                })
            })
            .await?;
        self.inner.answered.notify_waiters();
        Ok(self.confirming(&row))
    }

    async fn confirmation_row(&self, caller: &Caller, id: &str) -> Result<ConfirmationRow, Error> {
        self.store.confirmation(&caller.actor.account, id).await?.ok_or(Error::not_found(NOUN))
    }

    fn confirming(&self, row: &ConfirmationRow) -> Confirming {
        Confirming {
            id: row.id.clone(),
            url: format!("{}/confirmations/{}", self.sites.url(), row.id),
            status: standing(row),
            environment: row.environment.clone(),
            resource: row.resource.clone(),
            requester_kind: row.requester.kind.clone(),
            requester: row.requester.name.clone(),
            created_at: row.created_at.to_string(),
            expires_at: row.expires_at.to_string(),
        }
    }
}

/// Uses up the yes to this very wish: `None`. Without one, the confirmation that waits for it, a new one if there is none.
async fn ask_or_use(
    tx: &mut store::Tx,
    permit: &Permit,
    wish: ConfirmationRow,
) -> Result<Option<ConfirmationRow>, Error> {
    let (by, now) = (permit.actor_name(), permit.time());
    let earlier = tx.newest_confirmation(&wish).await?;
    if let Some(earlier) = earlier {
        match earlier.status.at(now, earlier.expires_at) {
            ConfirmationStatus::Approved => {
                let step = (ConfirmationStatus::Approved, ConfirmationStatus::Used);
                if tx.move_confirmation(&wish.account, &earlier.id, step, now, &by).await? {
                    return Ok(None);
                }
            }
            ConfirmationStatus::Pending => return Ok(Some(earlier)),
            // A no holds as long as it could have been answered: an assistant that asks again and again gets its way otherwise.
            ConfirmationStatus::Declined if now < earlier.expires_at => return Ok(Some(earlier)),
            _ => {}
        }
    }
    let open = tx.open_confirmations(&wish.account, None, now, limits::CONFIRMATIONS_PENDING).await?;
    if open.len() >= limits::CONFIRMATIONS_PENDING as usize {
        let rule = format!("an account holds at most {} that nobody answered", limits::CONFIRMATIONS_PENDING);
        return Err(Invalid::new("confirmation", "too_many_confirmations", rule).into());
    }
    tx.insert_confirmation(&wish).await?;
    tx.append_audit(&permit.beside(Action::ConfirmationCreate).detail("confirmation", &wish.id)).await?;
    Ok(Some(wish))
}

fn standing(row: &ConfirmationRow) -> ConfirmationStatus {
    row.status.at(clock::now(), row.expires_at)
}
