//! Values of secrets that the response guard found in what functions return: the account is told, and not without end.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::{Instant, SystemTime};

use domain::audit::{AuditEvent, Outcome};
use domain::webhook::WebhookEvent;
use domain::{AccountId, Action, Actor, ActorKind, FunctionName, RequestId, SecretName};
use runtime::{LogLine, Stream};
use serde_json::json;
use store::AuditFilter;

use super::functions::Active;
use super::{Call, Caller, Error, Service, webhooks};
use crate::jobs::News;
use crate::metrics::GuardLabels;
use crate::wire;

/// Events that are looked at for what to show with a function: more than there can be of it in an hour.
const EVENTS: u32 = 50;

/// How often webhooks are told that a function returns a certain value: once an hour, on all nodes together.
const AGAIN_MILLIS: i64 = 60 * 60 * 1000;
/// The detail of an event that webhooks were told of.
const TOLD: &str = "webhooks";
/// Most events of a secret and a function that are looked at for one that was told: of one node there are not more than twenty in an hour.
const RECENT: u32 = 1_000;

/// Appends an event that [`Service::tell_returned`] made, and tells webhooks. `true` if they have something to tell.
pub(crate) async fn record(tx: &mut store::Tx, event: AuditEvent) -> Result<bool, Error> {
    let (account, now, secret, function) =
        (event.account.clone(), event.time, event.resource.name.clone(), event.actor.name.clone());
    let filter = AuditFilter {
        action: Some(event.action.clone()),
        actor: Some(function.clone()),
        resource_name: Some(secret.clone()),
        from: tx.audit_index_at(&account, now.plus_millis(-AGAIN_MILLIS)).await?,
        ..AuditFilter::default()
    };
    for row in tx.audit_events(&account, &filter, None, RECENT).await? {
        let earlier: AuditEvent =
            serde_json::from_str(&row.body).map_err(|_| Error::Broken("an audit event does not read back"))?;
        if earlier.environment == event.environment && earlier.details.contains_key(TOLD) {
            tx.append_audit(&event).await?;
            return Ok(false);
        }
    }
    let data = json!({ "name": secret, "environment": event.environment, "function": function,
        "deployment": event.details.get("deployment").and_then(|number| number.parse::<u64>().ok()),
        "blocked": event.outcome == Outcome::Denied, "invocation": event.request_id });
    let told = webhooks::tell(tx, &account, WebhookEvent::SecretValueReturned, now, &data).await?;
    tx.append_audit(&if told { event.detail(TOLD, "told") } else { event }).await?;
    Ok(told)
}

impl Service {
    /// Counts that a response held a value, and says so in the function's log. The event is for the audit log, if this is news.
    pub(super) fn tell_returned(&self, call: &Call, secret: &SecretName, blocked: bool) -> Option<AuditEvent> {
        let key = call.key();
        self.metrics
            .guarded
            .get_or_create(&GuardLabels { outcome: if blocked { "blocked" } else { "reported" } })
            .inc();
        let place = (key.account.clone(), key.environment.clone(), key.function.clone());
        let what = format!("{secret} {} {blocked}", key.deployment);
        let news =
            self.inner.returned.lock().unwrap_or_else(PoisonError::into_inner).news(&place, &what, Instant::now());
        if news == News::Old {
            return None;
        }
        let did = if blocked { "was not let out" } else { "went out all the same" };
        let line = LogLine {
            key: Arc::new(key.clone()),
            worker: "".into(),
            invocation: Some(call.id().to_owned()),
            stream: Stream::Stderr,
            time: SystemTime::now(),
            text: format!(
                "[the response holds the value of {secret}, and {did}; if everyone may see it, mark it as publishable]"
            ),
        };
        if !self.recorder.log(line) {
            self.metrics.unrecorded.inc();
        }
        let name = key.function.to_string();
        let actor = Actor { kind: ActorKind::Function, name, ..Actor::anonymous(key.account.clone()) };
        let caller = Caller { actor, request_id: RequestId::new(call.id()) };
        let event = caller.event_of(Action::SecretReturn, &key.environment, secret.as_str(), blocked);
        Some(event.detail("deployment", key.deployment))
    }

    /// Which values the function's active deployments were found to return, the latest first.
    pub(super) async fn values_returned(
        &self,
        account: &AccountId,
        name: &FunctionName,
        active: &[Active],
    ) -> Result<Vec<wire::ReturnedValue>, Error> {
        let filter = AuditFilter {
            action: Some(Action::SecretReturn.as_str().to_owned()),
            actor: Some(name.to_string()),
            ..AuditFilter::default()
        };
        let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
        for row in self.store.audit_events(account, &filter, None, EVENTS).await? {
            let event: AuditEvent =
                serde_json::from_str(&row.body).map_err(|_| Error::Broken("an audit event does not read back"))?;
            let (Some(environment), Ok(secret)) = (event.environment, SecretName::parse(&event.resource.name)) else {
                continue;
            };
            let deployment = event.details.get("deployment").and_then(|number| number.parse().ok()).unwrap_or(0);
            let runs = active.iter().any(|one| {
                let own = one.function == *name && one.environment == environment;
                // Numbers begin anew where a function was deleted.
                own && one.deployment.number == deployment && one.deployment.created_at <= event.time
            });
            // What was marked since, or deleted, is nobody's worry any more.
            if !runs || !seen.insert((secret.clone(), environment.clone())) {
                continue;
            }
            let worry =
                self.store.secret(account, &environment, &secret).await?.is_some_and(|row| !row.facts.publishable);
            if worry {
                found.push(wire::ReturnedValue {
                    secret: secret.to_string(),
                    environment: environment.to_string(),
                    deployment,
                    blocked: event.outcome == Outcome::Denied,
                    time: event.time.to_string(),
                    invocation: event.request_id.to_string(),
                });
            }
        }
        Ok(found)
    }
}
