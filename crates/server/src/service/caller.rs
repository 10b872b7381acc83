//! Authorize and audit in the function that acts (invariant 8): a use case asks for a [`Permit`], and only a permit makes
//! the audit event that must be written with the change.

use domain::audit::{AuditEvent, Outcome};
use domain::{Action, Actor, EnvironmentName, RequestId, Timestamp, authorize};

use super::{Error, Service};
use crate::clock;

/// Who asks, in which request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) actor: Actor,
    pub(crate) request_id: RequestId,
}

impl Caller {
    /// The event of something that this caller did, or was kept from, without having asked: what a function does by itself.
    pub(super) fn event_of(
        &self,
        action: Action,
        environment: &EnvironmentName,
        resource: &str,
        denied: bool,
    ) -> AuditEvent {
        event(self, action, Some(environment), resource, if denied { Outcome::Denied } else { Outcome::Done })
    }
}

/// Leave to do one action.
#[derive(Debug, Clone)]
pub(crate) struct Permit {
    event: AuditEvent,
}

impl Permit {
    /// Leave for what an actor may always do, like taking back what it asked for itself. The caller of this has made sure
    /// that it is the actor's own.
    pub(super) fn own(caller: &Caller, action: Action, environment: Option<&EnvironmentName>, resource: &str) -> Self {
        Self { event: event(caller, action, environment, resource, Outcome::Done) }
    }

    /// The event of another action that this one brings about, by the same actor on the same resource.
    pub(super) fn beside(&self, action: Action) -> AuditEvent {
        let kind = action.as_str().split('.').next().unwrap_or_default().to_owned();
        let mut event = self.event.clone();
        event.action = action.as_str().to_owned();
        event.resource.kind = kind;
        event.salt = hex::encode(*envelope::random_bytes::<16>());
        event
    }

    /// The event of the action having happened to something whose name was found on the way.
    pub(super) fn done_to(self, resource: &str) -> AuditEvent {
        let mut event = self.event;
        event.resource.name = resource.to_owned();
        event
    }

    /// The same leave, with a detail for its event.
    pub(super) fn with(self, key: &str, text: impl ToString) -> Self {
        Self { event: self.event.detail(key, text) }
    }

    /// When the action was permitted; the action's own time.
    pub(crate) fn time(&self) -> Timestamp {
        self.event.time
    }

    /// Who acts, by name, as rows keep it.
    pub(crate) fn actor_name(&self) -> String {
        self.event.actor.name.clone()
    }

    /// The same leave for one thing among many.
    pub(crate) fn of(&self, resource: &str) -> Self {
        let mut event = self.event.clone();
        resource.clone_into(&mut event.resource.name);
        event.salt = hex::encode(*envelope::random_bytes::<16>());
        Self { event }
    }

    /// The event of the action having happened. Append it in the action's transaction.
    pub(crate) fn done(self) -> AuditEvent {
        self.event
    }
}

impl Service {
    /// Asks policy. A refusal is written to the audit log before it is returned.
    pub(crate) async fn permit(
        &self,
        caller: &Caller,
        action: Action,
        environment: Option<&EnvironmentName>,
        resource: &str,
    ) -> Result<Permit, Error> {
        match authorize(&caller.actor, action, environment) {
            Ok(()) => Ok(Permit { event: event(caller, action, environment, resource, Outcome::Done) }),
            Err(denied) => {
                self.audit_denied(caller, action, environment, resource).await?;
                Err(denied.into())
            }
        }
    }

    /// Writes a refusal to the audit log.
    pub(super) async fn audit_denied(
        &self,
        caller: &Caller,
        action: Action,
        environment: Option<&EnvironmentName>,
        resource: &str,
    ) -> Result<(), Error> {
        self.audit_denied_with(caller, action, environment, resource, &[]).await
    }

    /// As [`Service::audit_denied`], with details.
    pub(super) async fn audit_denied_with(
        &self,
        caller: &Caller,
        action: Action,
        environment: Option<&EnvironmentName>,
        resource: &str,
        details: &[(&str, &str)],
    ) -> Result<(), Error> {
        let event = event(caller, action, environment, resource, Outcome::Denied);
        let event = details.iter().fold(event, |event, (key, text)| event.detail(key, text));
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.append_audit(&event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }
}

fn event(
    caller: &Caller,
    action: Action,
    environment: Option<&EnvironmentName>,
    resource: &str,
    outcome: Outcome,
) -> AuditEvent {
    let salt = *envelope::random_bytes::<16>();
    let event = AuditEvent::new(&caller.actor, action, resource, outcome, clock::now(), &caller.request_id, salt);
    match environment {
        Some(environment) => event.environment(environment),
        None => event,
    }
}
