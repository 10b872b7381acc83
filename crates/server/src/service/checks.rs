//! Checking whether a credential works, by the harmless request that the catalogue knows for it.
//!
//! The value goes to its provider's host and nowhere else: only if it has the form that is known of it, and, where it is
//! brokered, only if the host is one of the secret's own. The event is written before the value leaves.

use std::time::Instant;

use domain::catalogue::{self, Probe, Provider, Secret, Verdict};
use domain::{AccountId, Action, Delivery, EnvironmentName, HostPattern, SecretName, Value, limits};
use runtime::{ProbeAnswer, ProbeError, ProbeRequest};

use super::caller::Permit;
use super::rates::Rate;
use super::secrets::environment_or_production;
use super::share::open;
use super::{Caller, Error, Service};
use crate::wire;

/// How often an account may have values checked.
pub(super) const RATE: Rate = Rate { per_minute: limits::CHECKS_PER_MINUTE, at_once: limits::CHECKS_PER_MINUTE };

/// A value, and the hosts it is limited to.
struct Held {
    value: Value,
    hosts: Option<Vec<HostPattern>>,
}

/// Why a value is not sent.
struct Skip {
    reason: &'static str,
    detail: String,
    provider: Option<&'static Provider>,
}

type Known = (&'static Provider, &'static Secret, &'static Probe);

impl Service {
    /// Asks the secret's provider whether its current value works.
    pub(crate) async fn check_secret(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&str>,
    ) -> Result<wire::Check, Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        let permit = self.permit(caller, Action::SecretCheck, Some(&environment), name.as_str()).await?;
        let account = &caller.actor.account;
        let held = self.held(account, &environment, &name).await?.ok_or(Error::not_found("secret"))?;
        let known = by_name(&name, &held.value);
        self.check(permit, account, &environment, Some(&name), held, known).await
    }

    /// As [`Service::check_secret`], for a value that is not stored.
    pub(crate) async fn check_value(
        &self,
        caller: &Caller,
        provider: &str,
        input: wire::CheckValue,
    ) -> Result<wire::Check, Error> {
        let name = input.name.as_deref().map(SecretName::parse).transpose()?;
        let environment = environment_or_production(input.environment.as_deref())?;
        let resource = name.as_ref().map_or("", SecretName::as_str);
        let permit = self.permit(caller, Action::SecretCheck, Some(&environment), resource).await?;
        let account = &caller.actor.account;
        self.environment(account, &environment).await?;
        let provider = catalogue::find(provider).ok_or(Error::not_found("provider"))?;
        let held = Held { value: Value::new(input.value.take())?, hosts: None };
        let known = by_provider(provider, name.as_ref(), &held.value);
        self.check(permit, account, &environment, name.as_ref(), held, known).await
    }

    async fn check(
        &self,
        permit: Permit,
        account: &AccountId,
        environment: &EnvironmentName,
        name: Option<&SecretName>,
        held: Held,
        known: Result<Known, Skip>,
    ) -> Result<wire::Check, Error> {
        self.checks.take(account, 1, Instant::now())?;
        let broker = self.broker.as_ref().map_err(|why| Error::NoRuntime(why.clone()))?;
        let planned = match known {
            Ok((provider, _, probe)) => match self.others(account, environment, name, provider, probe).await? {
                Ok(others) => request(provider, probe, &held, &others),
                Err(skip) => Err(skip),
            },
            Err(skip) => Err(skip),
        };
        let event = permit.done();
        let event = match &planned {
            Ok((provider, request)) => event.detail("provider", &provider.id).detail("host", request.host()),
            Err(skip) => event.detail("not_sent", skip.reason),
        };
        // What leaves must be on record before it does.
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.append_audit(&event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(match planned {
            Ok((provider, request)) => {
                let host = request.host().to_owned();
                told(provider, host, broker.probe(request).await)
            }
            Err(skip) => wire::Check {
                verdict: Verdict::Unknown.as_str().to_owned(),
                reason: skip.reason.to_owned(),
                detail: skip.detail,
                provider: skip.provider.map(|provider| provider.id.clone()),
                host: None,
                status: None,
            },
        })
    }

    async fn held(
        &self,
        account: &AccountId,
        environment: &EnvironmentName,
        name: &SecretName,
    ) -> Result<Option<Held>, Error> {
        let key = self.keyring.account(&self.store, account).await?;
        let Some(stored) = self.store.current_value(account, environment, name).await? else { return Ok(None) };
        let value = open(&key, environment, &stored)?;
        let hosts = (stored.delivery == Delivery::Brokered).then_some(stored.hosts);
        Ok(Some(Held { value, hosts }))
    }

    /// The provider's other secrets that the request needs, as they stand in the same environment. One for `A_KEY_TEST`
    /// is looked for as `AN_ID_TEST` first.
    async fn others(
        &self,
        account: &AccountId,
        environment: &EnvironmentName,
        name: Option<&SecretName>,
        provider: &'static Provider,
        probe: &'static Probe,
    ) -> Result<Result<Vec<(&'static str, Held)>, Skip>, Error> {
        let ending = name.map_or("", |name| ending(provider, name));
        let mut found = Vec::new();
        for needed in probe.needs() {
            let one = provider.secrets.iter().find(|secret| secret.names.iter().any(|own| own.as_str() == needed));
            let Some(one) = one else { return Err(Error::Broken("a probe needs what is no secret")) };
            let named = one.names.iter().filter_map(|own| SecretName::parse(&format!("{own}{ending}")).ok());
            let mut held = None;
            for candidate in named.chain(one.names.iter().cloned()) {
                held = self.held(account, environment, &candidate).await?;
                if held.is_some() {
                    break;
                }
            }
            match held.filter(|held| one.fits(held.value.expose())) {
                Some(held) => found.push((needed, held)),
                None => {
                    return Ok(Err(Skip {
                        reason: "other_secret_missing",
                        detail: format!("the request that checks it needs {needed} too: put that in {environment}"),
                        provider: Some(provider),
                    }));
                }
            }
        }
        Ok(Ok(found))
    }
}

/// What follows one of the provider's names: `_TEST` of `STRIPE_SECRET_KEY_TEST`.
fn ending<'n>(provider: &Provider, name: &'n SecretName) -> &'n str {
    let names = provider.secrets.iter().flat_map(|secret| &secret.names);
    names.filter_map(|own| name.as_str().strip_prefix(own.as_str())).min_by_key(|rest| rest.len()).unwrap_or_default()
}

fn by_name(name: &SecretName, value: &Value) -> Result<Known, Skip> {
    let named = catalogue::secrets_for_name(name);
    let Some((provider, _)) = named.first() else {
        let detail = "the catalogue does not know whose a secret of this name is".to_owned();
        return Err(Skip { reason: "no_probe", detail, provider: None });
    };
    choose(provider, &named, value)
}

fn by_provider(provider: &'static Provider, name: Option<&SecretName>, value: &Value) -> Result<Known, Skip> {
    let named: Vec<_> = name.map(catalogue::secrets_for_name).unwrap_or_default();
    let named: Vec<_> = named.into_iter().filter(|(whose, _)| whose.id == provider.id).collect();
    if !named.is_empty() {
        return choose(provider, &named, value);
    }
    let all: Vec<_> = provider.secrets.iter().map(|secret| (provider, secret)).collect();
    choose(provider, &all, value)
}

/// The first that can be checked and whose form the value has.
fn choose(
    provider: &'static Provider,
    candidates: &[(&'static Provider, &'static Secret)],
    value: &Value,
) -> Result<Known, Skip> {
    let known = candidates.iter().filter_map(|(whose, secret)| Some((*whose, *secret, secret.probe.as_ref()?)));
    let known: Vec<Known> = known.collect();
    if known.is_empty() {
        let detail = format!("no harmless request is known that checks such a secret of {}", provider.name);
        return Err(Skip { reason: "no_probe", detail, provider: Some(provider) });
    }
    let fitting = known.into_iter().find(|(_, secret, _)| secret.fits(value.expose()));
    fitting.ok_or_else(|| Skip {
        reason: "wrong_format",
        detail: format!("it has not the form that {} gives its keys, so it was not sent there", provider.name),
        provider: Some(provider),
    })
}

fn request(
    provider: &'static Provider,
    probe: &'static Probe,
    held: &Held,
    others: &[(&'static str, Held)],
) -> Result<(&'static Provider, ProbeRequest<'static>), Skip> {
    let skip = |reason, detail| Skip { reason, detail, provider: Some(provider) };
    let values: Vec<_> =
        others.iter().map(|(name, held)| (*name, &held.value)).chain([("value", &held.value)]).collect();
    let request = ProbeRequest::new(probe, &values).map_err(|error| skip(error.code, error.detail))?;
    let (host, port) = (request.host(), request.port());
    let may = |held: &Held| held.hosts.as_ref().is_none_or(|own| own.iter().any(|own| own.matches_tls(host, port)));
    if !may(held) || !others.iter().all(|(_, held)| may(held)) {
        let detail = format!("it would be checked at {host}, which is none of the hosts that it may be sent to");
        return Err(skip("host_not_of_secret", detail));
    }
    Ok((provider, request))
}

/// The provider's answer in words.
fn told(provider: &Provider, host: String, answer: Result<ProbeAnswer, ProbeError>) -> wire::Check {
    let (verdict, reason, detail, status) = match answer {
        Err(error) => (Verdict::Unknown, error.code, error.detail, None),
        Ok(ProbeAnswer { verdict, status }) => {
            let (reason, detail) = match (verdict, status) {
                (Verdict::Valid, _) => ("accepted", format!("{host} accepts it")),
                (Verdict::Invalid, _) => ("refused", format!("{host} refuses it")),
                (_, 403) => ("forbidden", format!("{host} knows it perhaps, but does not let it ask this")),
                (_, 429) => ("rate_limited", format!("{host} has been asked too often")),
                (_, 300..=399) => ("redirect", format!("{host} sends the request elsewhere, where it does not go")),
                (_, 500..) => ("server_error", format!("{host} fails at the moment")),
                (_, status) if status < 300 => ("unclear_answer", format!("the answer of {host} does not tell")),
                _ => ("other_status", format!("{host} answered in a way that does not tell")),
            };
            (verdict, reason, detail, Some(status))
        }
    };
    let (verdict, reason) = (verdict.as_str().to_owned(), reason.to_owned());
    wire::Check { verdict, reason, detail, provider: Some(provider.id.clone()), host: Some(host), status }
}
