//! Values of secrets that the response guard found in what functions return: the account is told, and not without end.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::{Instant, SystemTime};

use domain::audit::AuditEvent;
use domain::{AccountId, Action, Actor, ActorKind, FunctionName, RequestId, SecretName};
use runtime::{LogLine, Stream};
use store::AuditFilter;

use super::functions::Active;
use super::{Call, Caller, Error, Service};
use crate::jobs::News;
use crate::metrics::GuardLabels;
use crate::wire;

/// Events that are looked at for what to show with a function: more than there can be of it in an hour.
const EVENTS: u32 = 50;

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
                    blocked: event.outcome == domain::audit::Outcome::Denied,
                    time: event.time.to_string(),
                    invocation: event.request_id.to_string(),
                });
            }
        }
        Ok(found)
    }
}
