//! Secret requests: asking people for values, and answering. Whoever asks learns how it ended and nothing else.

use std::time::Duration;

use domain::webhook::WebhookEvent;
use domain::{
    AccountId, Action, EnvironmentName, Invalid, SecretName, SecretRequestStatus, catalogue, check_reason, limits,
};
use reqwest::Url;
use serde_json::json;
use store::{RequesterRow, SecretRequestRow};
use tokio::time::{Instant, sleep_until};

use super::caller::Permit;
use super::put::PutInput;
use super::secrets::{environment_or_production, unknown_environment};
use super::{Caller, Error, Service, new_id, overlap, paging, show, webhooks};
use crate::clock;
use crate::wire::{self, Page};

/// How long a request can be answered.
const OPEN_DAYS: i64 = 7;
/// How often a waiting reader looks for what another node has done.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);
const OBTAIN_URL_BYTES: usize = 2_048;

/// A request as whoever may answer it sees it.
pub(crate) struct Asked {
    pub(crate) request: wire::SecretRequest,
    /// What kind of actor asks: `token`, `session`, …
    pub(crate) requester_kind: String,
    pub(crate) status: SecretRequestStatus,
    /// What is stored under the name now.
    pub(crate) current: Option<wire::Secret>,
    /// Functions that are active in the environment and read the name.
    pub(crate) functions: Vec<String>,
    /// The hosts of the name's provider, where the value can be kept out of functions: of a secret that is new.
    pub(crate) hosts: Vec<String>,
}

/// What a person enters.
pub(crate) struct Entered {
    pub(crate) value: String,
    /// Although it looks wrong.
    pub(crate) anyway: bool,
    /// Functions get a placeholder, and the value goes to its provider's hosts only.
    pub(crate) brokered: bool,
}

/// What became of a value that was entered.
pub(crate) enum Fulfilled {
    /// It is the secret's now.
    Stored,
    /// It looks wrong; nothing was stored.
    Warned(Vec<catalogue::Finding>),
}

impl Service {
    /// Asks for a secret; `false` if the caller has asked for it already and nobody has answered.
    pub(crate) async fn create_secret_request(
        &self,
        caller: &Caller,
        input: wire::CreateSecretRequest,
    ) -> Result<(wire::SecretRequest, bool), Error> {
        let name = SecretName::parse(&input.name)?;
        let environment = environment_or_production(input.environment.as_deref())?;
        let permit = self.permit(caller, Action::SecretRequestCreate, Some(&environment), name.as_str()).await?;
        let reason = check_reason(&input.reason)?;
        let obtain_url = input.obtain_url.as_deref().map(obtain_url).transpose()?;
        let row = SecretRequestRow {
            id: new_id(),
            account: caller.actor.account.clone(),
            environment,
            name,
            reason,
            obtain_url,
            status: SecretRequestStatus::Pending,
            requester: requester(caller),
            created_at: permit.time(),
            expires_at: permit.time().plus_days(OPEN_DAYS),
            resolved_at: None,
            resolved_by: None,
            told_at: None,
        };
        let link = show::secret_request(&row, &self.sites).url;
        let (row, created) =
            self.store.write(move |tx| Box::pin(async move { ask(tx, permit, row, link).await })).await?;
        self.inner.told.notify_one();
        Ok((show::secret_request(&row, &self.sites), created))
    }

    /// Requests, newest first; with `open`, those that can still be answered.
    pub(crate) async fn list_secret_requests(
        &self,
        caller: &Caller,
        environment: Option<&str>,
        open: bool,
        cursor: Option<&str>,
        rows: u32,
    ) -> Result<Page<wire::SecretRequest>, Error> {
        let environment = environment.map(EnvironmentName::parse).transpose()?;
        self.permit(caller, Action::SecretRequestList, environment.as_ref(), "").await?;
        let account = &caller.actor.account;
        let open_at = open.then(clock::now);
        let found = self.store.secret_requests(account, environment.as_ref(), open_at, cursor, rows + 1);
        let mut found = found.await?;
        let next_cursor = paging::cut(&mut found, rows, |last| last.id.clone());
        let items = found.iter().map(|row| show::secret_request(row, &self.sites)).collect();
        Ok(Page { items, next_cursor })
    }

    /// One request. Waits up to `wait` for a pending one to end.
    pub(crate) async fn get_secret_request(
        &self,
        caller: &Caller,
        id: &str,
        wait: Duration,
    ) -> Result<wire::SecretRequest, Error> {
        let mut row = self.readable_request(caller, id).await?;
        let end = Instant::now() + wait;
        while standing(&row) == SecretRequestStatus::Pending && Instant::now() < end {
            // Asked for before the row is read again, so that nothing that happens in between is missed.
            let answered = self.inner.answered.notified();
            row = self.request_row(&caller.actor.account, id).await?;
            if standing(&row) != SecretRequestStatus::Pending {
                break;
            }
            tokio::select! {
                () = answered => {}
                () = sleep_until(end.min(Instant::now() + LOOK_AGAIN)) => {}
                () = self.stopping.cancelled() => break,
            }
        }
        Ok(show::secret_request(&row, &self.sites))
    }

    /// One request, for a person who may answer it.
    pub(crate) async fn asked(&self, caller: &Caller, id: &str) -> Result<Asked, Error> {
        let row = self.request_row(&caller.actor.account, id).await;
        let environment = row.as_ref().ok().map(|row| &row.environment);
        self.permit(caller, Action::SecretRequestGet, environment, "").await?;
        let row = row?;
        let account = &caller.actor.account;
        let uses = self.functions_using(account, Some(&row.environment)).await?;
        let current = self.store.secret(account, &row.environment, &row.name).await?;
        let hosts = if current.is_none() { provider_hosts(&row.name) } else { Vec::new() };
        Ok(Asked {
            hosts,
            request: show::secret_request(&row, &self.sites),
            requester_kind: row.requester.kind.clone(),
            status: standing(&row),
            current: current.as_ref().map(|secret| show::secret(secret, &uses)),
            functions: uses.of(&row.environment, &row.name),
        })
    }

    /// Stores the value that a request asks for. Nothing is stored if it cannot be answered any more, or if the value
    /// looks wrong and the caller did not say `anyway`.
    pub(crate) async fn fulfil_secret_request(
        &self,
        caller: &Caller,
        id: &str,
        entered: Entered,
    ) -> Result<Fulfilled, Error> {
        let Entered { value, anyway, brokered } = entered;
        // Zeroized by what checks it; until then it must not be lost to an early return.
        let mut value = zeroize::Zeroizing::new(value);
        let row = self.request_row(&caller.actor.account, id).await;
        let environment = row.as_ref().ok().map(|row| &row.environment);
        self.permit(caller, Action::SecretRequestFulfil, environment, "").await?;
        let row = row?;
        open(&row)?;
        let mut findings = catalogue::review(&row.name, &value, Some(&row.environment));
        findings.retain(|finding| finding.severity == catalogue::Severity::Warning);
        if !anyway && !value.is_empty() && !findings.is_empty() {
            return Ok(Fulfilled::Warned(findings));
        }
        let hosts = if brokered { provider_hosts(&row.name) } else { Vec::new() };
        let (delivery, hosts) =
            if hosts.is_empty() { (None, None) } else { (Some("brokered".to_owned()), Some(hosts)) };
        let input = PutInput {
            value: std::mem::take(&mut *value),
            environment: Some(row.environment.to_string()),
            delivery,
            hosts,
            ..PutInput::default()
        };
        self.put_for(caller, row.name.as_str(), input, Some(row.id)).await?;
        Ok(Fulfilled::Stored)
    }

    /// Says no to a request.
    pub(crate) async fn decline_secret_request(&self, caller: &Caller, id: &str) -> Result<wire::SecretRequest, Error> {
        let row = self.request_row(&caller.actor.account, id).await;
        let environment = row.as_ref().ok().map(|row| &row.environment);
        let resource = row.as_ref().map_or("", |row| row.name.as_str());
        let permit = self.permit(caller, Action::SecretRequestDecline, environment, resource).await?;
        self.resolve(row?, permit, SecretRequestStatus::Declined).await
    }

    /// Takes a request back. Whoever made it may; others need the scope.
    pub(crate) async fn cancel_secret_request(&self, caller: &Caller, id: &str) -> Result<wire::SecretRequest, Error> {
        let row = self.request_row(&caller.actor.account, id).await;
        let permit = match &row {
            Ok(row) if row.requester == requester(caller) => {
                Permit::own(caller, Action::SecretRequestCancel, Some(&row.environment), row.name.as_str())
            }
            row => {
                let environment = row.as_ref().ok().map(|row| &row.environment);
                let resource = row.as_ref().map_or("", |row| row.name.as_str());
                self.permit(caller, Action::SecretRequestCancel, environment, resource).await?
            }
        };
        self.resolve(row?, permit, SecretRequestStatus::Cancelled).await
    }

    async fn resolve(
        &self,
        row: SecretRequestRow,
        permit: Permit,
        status: SecretRequestStatus,
    ) -> Result<wire::SecretRequest, Error> {
        let (account, id) = (row.account.clone(), row.id.clone());
        let row = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    if !tx.resolve_secret_request(&account, &id, status, permit.time(), &permit.actor_name()).await? {
                        let row = tx.secret_request(&account, &id).await?.ok_or(Error::not_found(NOUN))?;
                        return Err(Error::RequestEnded(standing(&row)));
                    }
                    tx.append_audit(&permit.done().detail("secret_request", &id)).await?;
                    tx.secret_request(&account, &id).await?.ok_or(Error::not_found(NOUN))
                })
            })
            .await?;
        self.inner.answered.notify_waiters();
        Ok(show::secret_request(&row, &self.sites))
    }

    /// The caller's own request, or another's with the scope.
    async fn readable_request(&self, caller: &Caller, id: &str) -> Result<SecretRequestRow, Error> {
        let row = self.request_row(&caller.actor.account, id).await;
        match &row {
            Ok(row) if row.requester == requester(caller) => {}
            row => {
                let environment = row.as_ref().ok().map(|row| &row.environment);
                self.permit(caller, Action::SecretRequestGet, environment, "").await?;
            }
        }
        row
    }

    async fn request_row(&self, account: &AccountId, id: &str) -> Result<SecretRequestRow, Error> {
        self.store.secret_request(account, id).await?.ok_or(Error::not_found(NOUN))
    }
}

const NOUN: &str = "secret request";

async fn ask(
    tx: &mut store::Tx,
    permit: Permit,
    row: SecretRequestRow,
    link: String,
) -> Result<(SecretRequestRow, bool), Error> {
    let now = permit.time();
    if tx.environment(&row.account, &row.environment).await?.is_none() {
        return Err(unknown_environment().into());
    }
    // Nobody could answer it.
    overlap::name(tx, &row.account, &row.environment, &row.name).await?;
    let earlier = tx.newest_secret_request(&row.account, &row.requester, &row.environment, &row.name).await?;
    if let Some(earlier) = earlier.filter(|earlier| open(earlier).is_ok()) {
        return Ok((earlier, false));
    }
    if tx.count_open_secret_requests(&row.account, now).await? >= limits::SECRET_REQUESTS_PENDING {
        let detail = format!(
            "an account holds at most {} secret requests that nobody answered: answer or cancel one",
            limits::SECRET_REQUESTS_PENDING
        );
        return Err(Error::Limit { code: "too_many_secret_requests", detail });
    }
    tx.insert_secret_request(&row).await?;
    // What whoever asks wrote is for the page, where it stands as theirs.
    let data = json!({ "id": row.id, "name": row.name, "environment": row.environment, "url": link,
        "requester": row.requester.name, "expires_at": row.expires_at });
    webhooks::tell(tx, &row.account, WebhookEvent::SecretRequestCreated, now, &data).await?;
    tx.append_audit(&permit.done().detail("secret_request", &row.id)).await?;
    Ok((row, true))
}

/// The hosts that our own catalogue gives a confidential key of that name; none if it knows none.
fn provider_hosts(name: &SecretName) -> Vec<String> {
    let known = catalogue::for_name(name).filter(|(_, secret)| secret.kind == catalogue::Kind::Secret);
    known.map(|(_, secret)| secret.ready_hosts().map(str::to_owned).collect()).unwrap_or_default()
}

/// How it stands now, and not only as it is stored.
pub(super) fn standing(row: &SecretRequestRow) -> SecretRequestStatus {
    row.status.at(clock::now(), row.expires_at)
}

fn open(row: &SecretRequestRow) -> Result<(), Error> {
    match standing(row) {
        SecretRequestStatus::Pending => Ok(()),
        ended => Err(Error::RequestEnded(ended)),
    }
}

/// The caller as a request keeps it.
pub(super) fn requester(caller: &Caller) -> RequesterRow {
    let actor = &caller.actor;
    RequesterRow { kind: show::actor_kind(actor.kind).to_owned(), id: actor.id.clone(), name: actor.name.clone() }
}

/// A link that people are to follow: nothing but `https`, and no name and password before the host to mistake for it.
fn obtain_url(text: &str) -> Result<String, Invalid> {
    let invalid = |rule: &str| Invalid::new("obtain_url", "obtain_url_invalid", rule);
    if text.len() > OBTAIN_URL_BYTES {
        return Err(invalid("must be at most 2,048 bytes"));
    }
    let url = Url::parse(text).map_err(|_| invalid("must be an https URL"))?;
    let plain = url.username().is_empty() && url.password().is_none();
    if url.scheme() != "https" || !url.has_host() || !plain {
        return Err(invalid("must be an https URL without a user name"));
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::obtain_url;

    #[test]
    fn links_lead_where_they_seem_to() {
        assert_eq!(obtain_url("https://app.sendgrid.com/keys").as_deref(), Ok("https://app.sendgrid.com/keys"));
        let long = format!("https://a.example/{}", "x".repeat(2_048));
        for bad in [
            "http://app.sendgrid.com",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://app.sendgrid.com@evil.example/",
            "https://:x@evil.example/",
            "//evil.example",
            "https://",
            "",
            &long,
        ] {
            assert!(obtain_url(bad).is_err_and(|error| error.code == "obtain_url_invalid"), "{bad}");
        }
    }
}
