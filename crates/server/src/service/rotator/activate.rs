//! The step that makes the new value current: a put like any other, in one write with the rotation's own progress.

use domain::rotation::{RotationStatus, RotationStep};
use domain::{Action, Value};
use store::RotationRow;

use super::run::{Halt, Turn};
use crate::service::caller::Permit;
use crate::service::put::{PutInput, Stored, check};
use crate::service::{Error, Service};

impl Service {
    /// Puts the new value, unless another one was put since. When this returns, no invocation that starts later sees the value
    /// before, but by the overlap of the secret.
    pub(super) async fn activate(&self, turn: &Turn) -> Result<(), Halt> {
        let value: Value = self.pending(turn).await?;
        let (caller, row) = (turn.caller(), turn.row.clone());
        let key = self.keyring.account(&self.store, &row.account).await?;
        let input = PutInput { version_note: Some(note(turn)), ..PutInput::default() };
        let checked = check(&caller, row.name.clone(), row.environment.clone(), value, input, &key)?;
        let permit = Permit::own(&caller, Action::SecretPut, Some(&row.environment), row.name.as_str());
        let permit = permit.with("rotation", &row.id);
        let (account, environment, id) = (row.account.clone(), row.environment.clone(), row.id.clone());
        let put = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let now = permit.time();
                    let current = tx.secret(&row.account, &row.environment, &row.name).await?;
                    let current = current.filter(|current| current.id == row.secret).ok_or(Halt::Lost)?;
                    if current.version != row.of_version || !current.has_own_value() {
                        return Err(Halt::Over("another value was put meanwhile".to_owned()));
                    }
                    if checked.is_stored(&current) {
                        return Err(Halt::Never("the new value is the one that is current".to_owned()));
                    }
                    let stored = checked.store(tx, permit, &key).await?;
                    let next = RotationRow {
                        step: RotationStep::Retire,
                        tries: 0,
                        problem: None,
                        pending: None,
                        new_version: Some(stored.row.version),
                        step_at: now,
                        ..row.clone()
                    };
                    match tx.move_rotation(&next, row.claim.as_deref(), RotationStatus::Running).await? {
                        true => Ok(stored),
                        // Nothing of it stands.
                        false => Err(Halt::Lost),
                    }
                })
            })
            .await;
        let Stored { row, sharers, .. } = put.map_err(|halt| match halt {
            // A rule that the value breaks is one that it breaks the next time too.
            Halt::Error(error @ (Error::Invalid(_) | Error::Limit { .. })) => Halt::Never(told(&error)),
            halt => halt,
        })?;
        self.value_changed(&account, &environment, &sharers);
        self.inner.answered.notify_waiters();
        self.mark(&account, &id, sharers.into_iter().chain([environment]), row.previous.map(|previous| previous.until));
        Ok(())
    }
}

fn told(error: &Error) -> String {
    match error {
        Error::Invalid(fields) => fields
            .first()
            .map(|field| format!("the new value breaks a rule: {}: {}", field.field, field.detail))
            .unwrap_or_default(),
        other => other.to_string(),
    }
}

/// What the new version says of itself.
fn note(turn: &Turn) -> String {
    match &turn.rotator.function {
        Some((_, name)) => format!("Rotated by the function {name}"),
        None => "Rotated in PostgreSQL".to_owned(),
    }
}
