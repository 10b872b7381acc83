//! Rotation by a function of the account: it is asked for each step, by the server itself, and answers what came of it.
//!
//! The function makes the value, so it must know it; whether it is told the values that are current and before is another matter. It
//! is if it has them anyway, in its environment, or if whoever set the rotator said so.

use domain::rotation::RotationStep;
use domain::{Access, AccountName, Delivery, Value};
use envelope::Binding;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::run::{Halt, Turn};
use crate::service::invoke::{Asked, Target, Unanswered};
use crate::service::share::open;
use crate::service::{Error, Service};

/// What the function is sent.
#[derive(Serialize)]
struct Question<'a> {
    step: &'a str,
    /// The same at each try, so that a provider can know a repetition by it.
    rotation: &'a str,
    secret: &'a str,
    environment: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<&'a str>,
}

#[derive(Deserialize)]
struct Created {
    value: String,
}

#[derive(Deserialize)]
struct Verified {
    valid: bool,
}

/// Not needed, says a function.
const NOT_IMPLEMENTED: u16 = 501;

impl Service {
    pub(super) async fn function_creates(&self, turn: &Turn) -> Result<Value, Halt> {
        let (status, body) = self.ask(turn, None).await?;
        succeeded(turn, status)?;
        let unfit = |why: &str| Halt::Never(format!("the function's answer to create {why}"));
        let created: Created = serde_json::from_slice(&body).map_err(|_| unfit("is not {\"value\": \"…\"}"))?;
        Value::new(created.value).map_err(|invalid| unfit(&format!("has a value that {}", invalid.detail)))
    }

    pub(super) async fn function_verifies(&self, turn: &Turn) -> Result<(), Halt> {
        let pending = self.pending(turn).await?;
        let (status, body) = self.ask(turn, Some(pending)).await?;
        if status == NOT_IMPLEMENTED {
            return Ok(());
        }
        succeeded(turn, status)?;
        let answer: Verified = serde_json::from_slice(&body)
            .map_err(|_| Halt::Never("the function's answer to verify is not {\"valid\": true}".to_owned()))?;
        // What was just made may take a while to work everywhere.
        if answer.valid {
            Ok(())
        } else {
            Err(Halt::Again("the function says that the new value does not work".to_owned()))
        }
    }

    pub(super) async fn function_retires(&self, turn: &Turn) -> Result<(), Halt> {
        let (status, _) = self.ask(turn, None).await?;
        if status == NOT_IMPLEMENTED { Ok(()) } else { succeeded(turn, status) }
    }

    /// Asks the function for the rotation's step.
    async fn ask(&self, turn: &Turn, pending: Option<Value>) -> Result<(u16, Zeroizing<Vec<u8>>), Halt> {
        let (row, rotator) = (&turn.row, &turn.rotator);
        let (_, function) = rotator.function.clone().ok_or(Error::Broken("a rotator has no function"))?;
        let account = self.store.account(&row.account).await?.ok_or(Error::not_found("account"))?;
        let account = AccountName::parse(account.name.as_str()).map_err(Error::from)?;
        let target = Target { account, environment: row.environment.clone(), function };
        let inactive = || Halt::Again(format!("the function {} is not active in {}", target.function, row.environment));
        let route = self.route(&target).await.map_err(|error| match error {
            Error::NotFound { .. } => inactive(),
            error => error.into(),
        })?;
        if *route.access() == Access::Public {
            return Err(Halt::Never(format!("the function {} is public", target.function)));
        }
        let has_it = turn.secret.delivery == Delivery::Env && route.injects(&row.name);
        let (current, previous) =
            if has_it || turn.settings.give_value { self.known_values(turn).await? } else { (None, None) };
        let shown =
            |value: &'_ Option<Value>| value.as_ref().map(|value| value.expose().to_owned()).map(Zeroizing::new);
        let texts = [shown(&current), shown(&pending), shown(&previous)];
        let [current_text, pending_text, previous_text] =
            texts.each_ref().map(|text| text.as_ref().map(|text| text.as_str()));
        let question = Question {
            step: row.step.as_str(),
            rotation: &row.id,
            secret: row.name.as_str(),
            environment: row.environment.as_str(),
            current: current_text,
            pending: pending_text,
            previous: previous_text,
        };
        let body = serde_json::to_string(&question).map_err(|_| Error::Broken("a rotator's request"))?;
        let told = [current, pending, previous].into_iter().flatten().map(|value| (row.name.clone(), value));
        let asked = Asked {
            purpose: format!("rotation {} {}", row.id, row.step.as_str()).into(),
            actor: turn.caller().actor,
            told: told.collect(),
            silent: row.step == RotationStep::Create,
            body: body.into(),
        };
        self.invoke_apart(&target, &route, asked).await.map_err(|unanswered| match unanswered {
            Unanswered::Why(why) => Halt::Again(format!("the function {} {why}", target.function)),
            Unanswered::Service(error) => error.into(),
        })
    }

    /// The value that is current and, once that is the new one, the one before.
    async fn known_values(&self, turn: &Turn) -> Result<(Option<Value>, Option<Value>), Halt> {
        let row = &turn.row;
        let key = self.keyring.account(&self.store, &row.account).await?;
        let current = self.store.current_value(&row.account, &row.environment, &row.name).await?;
        let current = current.map(|stored| open(&key, &row.environment, &stored)).transpose()?;
        if row.step != RotationStep::Retire {
            return Ok((current, None));
        }
        let previous = self.store.ciphertext(&row.account, &row.secret, row.of_version).await?;
        let binding = Binding { secret: &row.secret, environment: &row.environment, version: row.of_version };
        let previous =
            previous.map(|ciphertext| key.decrypt(&binding, &ciphertext)).transpose().map_err(Error::from)?;
        Ok((current, previous))
    }
}

fn succeeded(turn: &Turn, status: u16) -> Result<(), Halt> {
    match status {
        200..=299 => Ok(()),
        _ => Err(Halt::Again(format!("the function answered {} with status {status}", turn.row.step.as_str()))),
    }
}
