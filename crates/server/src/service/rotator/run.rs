//! Taking the steps of rotations. Whoever takes one has claimed the rotation for ten seconds and holds the claim while it lasts;
//! what came of the step is written for that claim only.

use std::time::Duration;

use domain::audit::AuditEvent;
use domain::rotation::{RotationStatus, RotationStep, RotatorKind, again_after_millis};
use domain::webhook::WebhookEvent;
use domain::{Action, Actor, ActorKind, RequestId, Timestamp, Value};
use serde_json::json;
use store::{RotationRow, RotatorRow, SecretRow};

use super::rotations::{begin, ended, next_time};
use super::{Settings, own_value};
use crate::clock;
use crate::service::caller::Permit;
use crate::service::{Caller, Error, Service, new_id, webhooks};

/// How long a claim holds, and how often it is renewed.
const CLAIM_MILLIS: i64 = 10_000;
const RENEW: Duration = Duration::from_secs(3);
/// What is to be done so soon is waited for with the claim held.
const SOON: Duration = Duration::from_secs(5);
/// Most that are looked at at once.
const BATCH: u32 = 16;
/// Longest description of a problem.
const PROBLEM_CHARS: usize = 500;

/// Why a step is not done.
pub(super) enum Halt {
    /// It may work later.
    Again(String),
    /// It will not work unless somebody does something.
    Never(String),
    /// There is nothing to replace any more.
    Over(String),
    /// Somebody else has the rotation, or it is gone.
    Lost,
    /// This server failed.
    Error(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<store::StoreError> for Halt {
    fn from(error: store::StoreError) -> Self {
        Self::Error(error.into())
    }
}

/// What a step led to.
enum Went {
    /// To the next one, with the new value if this one made it.
    On(Option<Value>),
    /// It is at the next one already.
    There,
}

/// A claimed rotation with what it is about, as of the beginning of a step.
pub(super) struct Turn {
    pub(super) row: RotationRow,
    pub(super) secret: SecretRow,
    pub(super) rotator: RotatorRow,
    pub(super) settings: Settings,
}

impl Turn {
    /// Who acts: the server, for this rotator.
    pub(super) fn caller(&self) -> Caller {
        caller(&self.rotator, &self.row.id)
    }
}

/// The server acting for a rotator.
fn caller(rotator: &RotatorRow, request: &str) -> Caller {
    let actor =
        Actor { kind: ActorKind::Rotator, name: rotator.name.to_string(), ..Actor::anonymous(rotator.account.clone()) };
    Caller { actor, request_id: RequestId::new(request) }
}

impl Service {
    /// Lets go of what a server before this one was at, which is no more.
    pub(crate) async fn release_rotations(&self) -> Result<(), Error> {
        let now = clock::now();
        self.store.write(move |tx| Box::pin(async move { Ok::<_, Error>(tx.release_rotations(now).await?) })).await?;
        Ok(())
    }

    /// Ends when there may be something to do about rotations.
    pub(crate) fn rotations_told(&self) -> impl Future<Output = ()> + '_ {
        self.inner.rotations.notified()
    }

    /// When there is next something to do about rotations, as far as that is known.
    pub(crate) async fn next_rotation(&self) -> Result<Option<Timestamp>, Error> {
        Ok(self.store.next_rotation_at().await?)
    }

    /// Starts what is to begin by itself now.
    pub(crate) async fn start_due_rotations(&self) -> Result<(), Error> {
        for rotator in self.store.due_rotators(clock::now(), BATCH).await? {
            self.start_due(rotator).await?;
        }
        Ok(())
    }

    async fn start_due(&self, rotator: RotatorRow) -> Result<(), Error> {
        let permit = Permit::own(
            &caller(&rotator, &new_id()),
            Action::RotationStart,
            Some(&rotator.environment),
            rotator.name.as_str(),
        );
        let fact = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let (account, now) = (&rotator.account, permit.time());
                    let Some(secret) = tx.secret(account, &rotator.environment, &rotator.name).await? else {
                        return Ok(false);
                    };
                    // As it is now: another node may have started it.
                    let known = tx.rotator(account, &secret.id).await?;
                    let is_due = known.is_some_and(|known| known.next_at.is_some_and(|next_at| next_at <= now));
                    if !is_due || tx.open_rotation(account, &secret.id).await?.is_some() {
                        return Ok(false);
                    }
                    // Somebody replaced the value since, or there is none to be replaced.
                    let next = next_time(&rotator, if own_value(&secret).is_ok() { secret.value_at } else { now });
                    if next.is_none_or(|next| next > now) {
                        tx.time_rotator(account, &secret.id, next, None).await?;
                        return Ok(false);
                    }
                    begin(tx, &secret, &rotator, permit, "schedule".to_owned()).await?;
                    Ok::<_, Error>(true)
                })
            })
            .await?;
        if fact {
            self.inner.rotations.notify_one();
        }
        Ok(())
    }

    /// Claims what is to go on now.
    pub(crate) async fn claim_due_rotations(&self) -> Result<Vec<RotationRow>, Error> {
        let mut claimed = Vec::new();
        for row in self.store.due_rotations(clock::now(), BATCH).await? {
            let (claim, until) = (new_id(), clock::now().plus_millis(CLAIM_MILLIS));
            let mine = RotationRow { claim: Some(claim.clone()), next_at: Some(until), ..row.clone() };
            let is_ours = self
                .store
                .write(move |tx| Box::pin(async move { Ok::<_, Error>(tx.claim_rotation(&row, &claim, until).await?) }))
                .await?;
            claimed.extend(is_ours.then_some(mine));
        }
        Ok(claimed)
    }

    /// Takes the steps of a claimed rotation until it waits, ends, or is somebody else's.
    pub(crate) async fn go_on_with(&self, row: RotationRow) {
        let (account, id, claim) = (row.account.clone(), row.id.clone(), row.claim.clone().unwrap_or_default());
        let renewing = async {
            loop {
                tokio::time::sleep(RENEW).await;
                let (account, id, claim) = (account.clone(), id.clone(), claim.clone());
                let until = clock::now().plus_millis(CLAIM_MILLIS);
                let held = self
                    .store
                    .write(move |tx| {
                        Box::pin(async move { Ok::<_, Error>(tx.hold_rotation(&account, &id, &claim, until).await?) })
                    })
                    .await;
                if let Ok(false) = held {
                    return;
                }
            }
        };
        let stepping = async {
            if let Err(error) = self.take_steps(row).await {
                tracing::error!(%error, rotation = id, "a rotation could not go on, and is tried again");
            }
        };
        // What came of a step whose claim is lost is written by nobody: it need not be waited for.
        tokio::select! {
            () = stepping => {}
            () = renewing => {}
        }
    }

    async fn take_steps(&self, mut row: RotationRow) -> Result<(), Error> {
        loop {
            if row.step == RotationStep::Retire {
                let waits = match self.turn(row.clone()).await {
                    Ok(turn) => self.wait_to_retire(&turn).await,
                    Err(halt) => Err(halt),
                };
                match waits {
                    Ok(None) => {}
                    Ok(Some(until)) => match self.wait(&row, until).await? {
                        true => continue,
                        false => return Ok(()),
                    },
                    Err(halt) => return self.halt(row, halt).await,
                }
            }
            row.tries = row.tries.saturating_add(1);
            // Before anything is done elsewhere it stands here that it is being tried.
            if !self.keep(&row).await? {
                return Ok(());
            }
            let step = row.step;
            let turn = match self.turn(row.clone()).await {
                Ok(turn) => turn,
                Err(halt) => return self.halt(row, halt).await,
            };
            let went = match step {
                RotationStep::Create => self.create(&turn).await.map(|value| Went::On(Some(value))),
                RotationStep::Verify => self.verify(&turn).await.map(|()| Went::On(None)),
                RotationStep::Activate => self.activate(&turn).await.map(|()| Went::There),
                RotationStep::Retire => self.retire(&turn).await.map(|()| Went::On(None)),
            };
            let next = match went {
                Ok(Went::On(value)) => self.advance(turn, value).await?,
                Ok(Went::There) => self.store.rotation(&row.account, &row.id).await?,
                Err(halt) => return self.halt(row, halt).await,
            };
            match next {
                Some(next) if next.claim == row.claim && next.ended_at.is_none() => row = next,
                _ => return Ok(()),
            }
        }
    }

    /// Waits until then, if that is soon; else leaves the rotation to whoever comes then, and tells so by `false`.
    async fn wait(&self, row: &RotationRow, until: Timestamp) -> Result<bool, Error> {
        let left = clock::until(until);
        if left <= SOON {
            tokio::time::sleep(left).await;
            return Ok(true);
        }
        let waiting = RotationRow { next_at: Some(until), claim: None, ..row.clone() };
        self.keep_for(&waiting, row.claim.clone()).await?;
        Ok(false)
    }

    /// What a rotation is about, as it is now.
    async fn turn(&self, row: RotationRow) -> Result<Turn, Halt> {
        let secret = self.store.secret(&row.account, &row.environment, &row.name).await?;
        let secret = secret.filter(|secret| secret.id == row.secret).ok_or(Halt::Lost)?;
        let rotator = self.store.rotator(&row.account, &row.secret).await?;
        let rotator = rotator.ok_or_else(|| Halt::Over("its rotator was removed".to_owned()))?;
        let is_current = secret.has_own_value() && secret.version == row.of_version;
        match row.step {
            RotationStep::Retire if is_current => {
                return Err(Halt::Over("the value before was made current again".to_owned()));
            }
            RotationStep::Retire => {}
            _ if is_current => {}
            _ => return Err(Halt::Over("another value was put meanwhile".to_owned())),
        }
        let settings = Settings::of(&rotator)?;
        Ok(Turn { row, secret, rotator, settings })
    }

    /// Keeps the value that a rotation has made. `false` if its claim is lost.
    pub(super) async fn keep_pending(&self, row: &RotationRow, value: &Value) -> Result<bool, Error> {
        // Held until it is written: another key must not come in between.
        let key = self.keyring.account(&self.store, &row.account).await?;
        let pending = key.encrypt_pending(&row.secret, &row.id, value);
        let (account, id, claim) = (row.account.clone(), row.id.clone(), row.claim.clone().unwrap_or_default());
        let kept = self
            .store
            .write(move |tx| {
                Box::pin(async move { Ok::<_, Error>(tx.keep_pending(&account, &id, &claim, &pending).await?) })
            })
            .await;
        drop(key);
        kept
    }

    /// Writes a rotation as it is, for its own claim. `false` if that is lost.
    async fn keep(&self, row: &RotationRow) -> Result<bool, Error> {
        self.keep_for(row, row.claim.clone()).await
    }

    async fn keep_for(&self, row: &RotationRow, claim: Option<String>) -> Result<bool, Error> {
        let row = row.clone();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    Ok::<_, Error>(tx.move_rotation(&row, claim.as_deref(), RotationStatus::Running).await?)
                })
            })
            .await
    }

    /// Writes that a step is done, with the value that it made. `None` if the rotation is over, or somebody else's.
    async fn advance(&self, turn: Turn, value: Option<Value>) -> Result<Option<RotationRow>, Error> {
        let now = clock::now();
        let Some(step) = turn.row.step.next() else { return self.finish(turn, now).await.map(|()| None) };
        let row = RotationRow { step, tries: 0, problem: None, step_at: now, ..turn.row };
        if let Some(value) = &value
            && !self.keep_pending(&row, value).await?
        {
            return Ok(None);
        }
        Ok(self.keep(&row).await?.then_some(row))
    }

    async fn finish(&self, turn: Turn, now: Timestamp) -> Result<(), Error> {
        let event = event(&turn, Action::RotationFinish);
        let event = match turn.row.new_version {
            Some(version) => event.detail("version", version),
            None => event,
        };
        let row = RotationRow { problem: None, ..ended(&turn.row, RotationStatus::Done, now) };
        let (claim, next) = (turn.row.claim, next_time(&turn.rotator, now));
        self.forget_marks(&row.id);
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if tx.move_rotation(&row, claim.as_deref(), RotationStatus::Running).await? {
                        tx.time_rotator(&row.account, &row.secret, next, None).await?;
                        tx.append_audit(&event).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Writes why a step is not done, and what follows from that.
    async fn halt(&self, row: RotationRow, halt: Halt) -> Result<(), Error> {
        let now = clock::now();
        let (problem, again) = match halt {
            Halt::Lost => return Ok(()),
            Halt::Over(why) => return self.give_up(row, why, now).await,
            Halt::Never(problem) => (problem, None),
            Halt::Again(problem) => (problem, again_after_millis(row.tries)),
            Halt::Error(error) => {
                tracing::error!(%error, rotation = row.id, step = row.step.as_str(), "a step of a rotation failed");
                ("the server failed: its log tells more".to_owned(), again_after_millis(row.tries))
            }
        };
        let problem: String = problem.chars().take(PROBLEM_CHARS).collect();
        match again {
            Some(pause) => {
                let next_at = Some(now.plus_millis(pause));
                let waiting = RotationRow { problem: Some(problem), next_at, claim: None, ..row.clone() };
                self.keep_for(&waiting, row.claim).await.map(drop)
            }
            None => self.fail(row, problem, now).await,
        }
    }

    /// The rotation waits for somebody: the account is told.
    async fn fail(&self, row: RotationRow, problem: String, now: Timestamp) -> Result<(), Error> {
        let failed = RotationRow {
            status: RotationStatus::Failed,
            problem: Some(problem.clone()),
            next_at: None,
            claim: None,
            ..row.clone()
        };
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if !tx.move_rotation(&failed, row.claim.as_deref(), RotationStatus::Running).await? {
                        return Ok(());
                    }
                    tx.time_rotator(&row.account, &row.secret, None, Some(now)).await?;
                    let Some(rotator) = tx.rotator(&row.account, &row.secret).await? else { return Ok(()) };
                    let caller = caller(&rotator, &row.id);
                    let event = caller.event_of(Action::RotationFail, &row.environment, row.name.as_str(), false);
                    let event = event.detail("rotation", &row.id).detail("step", row.step.as_str());
                    tx.append_audit(&event.detail("problem", &problem)).await?;
                    let data = json!({ "name": row.name, "environment": row.environment, "rotation": row.id,
                        "step": row.step.as_str(), "problem": problem });
                    webhooks::tell(tx, &row.account, WebhookEvent::RotationFailed, now, &data).await.map(drop)
                })
            })
            .await?;
        self.inner.told.notify_one();
        Ok(())
    }

    /// There is nothing to replace any more.
    async fn give_up(&self, row: RotationRow, why: String, now: Timestamp) -> Result<(), Error> {
        let over = RotationRow { problem: Some(why.clone()), ..ended(&row, RotationStatus::Cancelled, now) };
        self.forget_marks(&row.id);
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if !tx.move_rotation(&over, row.claim.as_deref(), RotationStatus::Running).await? {
                        return Ok(());
                    }
                    let Some(rotator) = tx.rotator(&row.account, &row.secret).await? else { return Ok(()) };
                    tx.time_rotator(&row.account, &row.secret, next_time(&rotator, now), None).await?;
                    let caller = caller(&rotator, &row.id);
                    let event = caller.event_of(Action::RotationCancel, &row.environment, row.name.as_str(), false);
                    let event = event.detail("rotation", &row.id).detail("step", row.step.as_str());
                    tx.append_audit(&event.detail("problem", why)).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Makes the new value where it is made.
    async fn create(&self, turn: &Turn) -> Result<Value, Halt> {
        match turn.rotator.kind {
            RotatorKind::Function => self.function_creates(turn).await,
            RotatorKind::Postgres => self.postgres_creates(turn).await,
        }
    }

    /// Tries whether the new value works.
    async fn verify(&self, turn: &Turn) -> Result<(), Halt> {
        match turn.rotator.kind {
            RotatorKind::Function => self.function_verifies(turn).await,
            RotatorKind::Postgres => self.postgres_verifies(turn).await,
        }
    }

    /// Ends the value before where it was made.
    async fn retire(&self, turn: &Turn) -> Result<(), Halt> {
        match turn.rotator.kind {
            RotatorKind::Function => self.function_retires(turn).await,
            RotatorKind::Postgres => self.postgres_retires(turn).await,
        }
    }

    /// The value that the rotation holds.
    pub(super) async fn pending(&self, turn: &Turn) -> Result<Value, Halt> {
        Ok(self.held_value(turn).await?.ok_or(Error::Broken("a rotation holds no value"))?)
    }

    /// The same, if it holds one yet.
    pub(super) async fn held_value(&self, turn: &Turn) -> Result<Option<Value>, Halt> {
        let key = self.keyring.account(&self.store, &turn.row.account).await?;
        // As this key made it: another may have come since the row was read.
        let row = self.store.rotation(&turn.row.account, &turn.row.id).await?.ok_or(Halt::Lost)?;
        let held = row.pending.map(|pending| key.decrypt_pending(&row.secret, &row.id, &pending));
        Ok(held.transpose().map_err(Error::from)?)
    }
}

/// An event of what a rotation came to.
fn event(turn: &Turn, action: Action) -> AuditEvent {
    let event = turn.caller().event_of(action, &turn.row.environment, turn.row.name.as_str(), false);
    event.detail("rotation", &turn.row.id)
}
