//! Giving an environment's values to a process outside: on record, in one write, before any value is decrypted.

use std::collections::BTreeSet;

use domain::{Action, Delivery, EnvironmentName, Invalid, SecretName, Value, limits};
use store::StoredValue;

use super::share::open;
use super::variables::{Variable, variables};
use super::{Caller, Error, Service};
use crate::wire;

/// What a process gets.
pub(crate) struct Injection {
    pub(crate) environment: EnvironmentName,
    pub(crate) secrets: Vec<(SecretName, u64, Value)>,
    /// What it does not get.
    pub(crate) brokered: Vec<SecretName>,
}

impl Service {
    /// The values of an environment, for a token that is for exactly that. If the event cannot be written, nobody gets them.
    pub(crate) async fn inject(
        &self,
        caller: &Caller,
        environment: &str,
        input: wire::Inject,
    ) -> Result<Injection, Error> {
        let environment = EnvironmentName::parse(environment)?;
        let permit = self.permit(caller, Action::SecretInject, Some(&environment), "").await?;
        let command = command(input.command)?;
        let only = input.only.map(|names| only(&names)).transpose()?;
        self.environment(&caller.actor.account, &environment).await?;
        let key = self.keyring.account(&self.store, &caller.actor.account).await?;
        let (account, place) = (caller.actor.account.clone(), environment.clone());
        let (given, brokered) = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let current = tx.current_values(&account, &place).await?;
                    let previous = tx.previous_values(&account, &place, permit.time()).await?;
                    check(&current, only.as_deref().unwrap_or_default())?;
                    let wanted = |name: &SecretName| only.as_ref().is_none_or(|only| only.contains(name));
                    let (given, brokered): (Vec<_>, Vec<_>) = variables(current, previous, wanted)
                        .into_iter()
                        .partition(|variable| variable.stored.delivery == Delivery::Env);
                    let names: BTreeSet<_> = given.iter().map(|variable| variable.stored.name.clone()).collect();
                    let names: Vec<_> = names.into_iter().collect();
                    let versions =
                        given.iter().map(|variable| format!("{}:{}", variable.name, variable.stored.version));
                    let event = permit.done();
                    let now = event.time;
                    let event = event
                        .detail("command", command)
                        .detail("count", names.len())
                        .detail("secrets", versions.collect::<Vec<_>>().join(" "));
                    tx.append_audit(&event).await?;
                    if !names.is_empty() {
                        tx.touch_secrets(&account, &place, &names, now).await?;
                    }
                    Ok::<_, Error>((given, brokered))
                })
            })
            .await?;
        let mut secrets = Vec::with_capacity(given.len());
        for Variable { name, stored } in given {
            secrets.push((name, stored.version, open(&key, &environment, &stored)?));
        }
        let brokered = brokered.into_iter().map(|variable| variable.name).collect();
        Ok(Injection { environment, secrets, brokered })
    }
}

fn command(text: String) -> Result<String, Invalid> {
    let usable = (1..=limits::COMMAND_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let rule = || {
        format!("must be the name of a program: 1 to {} characters without control characters", limits::COMMAND_CHARS)
    };
    if usable { Ok(text) } else { Err(Invalid::new("command", "command_invalid", rule())) }
}

fn only(names: &[String]) -> Result<Vec<SecretName>, Invalid> {
    let parse = |(index, name): (usize, &String)| SecretName::parse(name).map_err(|invalid| at(index, invalid));
    names.iter().enumerate().map(parse).collect()
}

fn at(index: usize, invalid: Invalid) -> Invalid {
    Invalid { field: format!("only[{index}]"), ..invalid }
}

/// Whether each of `only` is there, and may be given to a process outside.
fn check(current: &[StoredValue], only: &[SecretName]) -> Result<(), Error> {
    for (index, name) in only.iter().enumerate() {
        let rule = match current.iter().find(|value| value.name == *name) {
            None => Invalid::new("", "secret_unknown", "there is no such secret in this environment"),
            Some(value) if value.delivery == Delivery::Brokered => Invalid::new(
                "",
                "secret_brokered",
                "is brokered: its value never leaves the server but toward its hosts",
            ),
            Some(_) => continue,
        };
        return Err(at(index, rule).into());
    }
    Ok(())
}
