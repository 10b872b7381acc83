//! Giving an environment's values to a process outside: on record, in one write, before any value is decrypted.

use domain::{Action, Delivery, EnvironmentName, Invalid, SecretName, Value, limits};
use store::StoredValue;

use super::share::open;
use super::{Caller, Error, Service, overlap};
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
        let (given, brokered, previous) = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let stored = tx.current_values(&account, &place).await?;
                    let previous = tx.previous_values(&account, &place, permit.time()).await?;
                    let mut previous = overlap::named(previous, stored.iter().map(|value| &value.name));
                    let (given, brokered) = choose(stored, only.as_deref())?;
                    let names: Vec<_> = given.iter().map(|value| value.name.clone()).collect();
                    previous.retain(|(_, value)| names.contains(&value.name));
                    let versions = given.iter().map(|value| (&value.name, value.version));
                    let versions = versions.chain(previous.iter().map(|(name, value)| (name, value.version)));
                    let versions = versions.map(|(name, version)| format!("{name}:{version}"));
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
                    Ok::<_, Error>((given, brokered, previous))
                })
            })
            .await?;
        let mut secrets = Vec::with_capacity(given.len());
        for stored in given {
            let value = open(&key, &environment, &stored)?;
            secrets.push((stored.name, stored.version, value));
        }
        let previous = overlap::opened(&key, &environment, previous)?;
        secrets.extend(previous.into_iter().map(|opened| (opened.name, opened.version, opened.value)));
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

/// What is given, and what would be if it were not brokered.
fn choose(stored: Vec<StoredValue>, only: Option<&[SecretName]>) -> Result<(Vec<StoredValue>, Vec<SecretName>), Error> {
    for (index, name) in only.into_iter().flatten().enumerate() {
        let rule = match stored.iter().find(|value| value.name == *name) {
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
    let wanted = |value: &StoredValue| only.is_none_or(|only| only.contains(&value.name));
    let (given, brokered): (Vec<_>, Vec<_>) =
        stored.into_iter().filter(wanted).partition(|value| value.delivery == Delivery::Env);
    Ok((given, brokered.into_iter().map(|value| value.name).collect()))
}
