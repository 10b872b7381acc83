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

/// Leave to do one action.
#[derive(Debug, Clone)]
pub(crate) struct Permit {
    event: AuditEvent,
}

impl Permit {
    /// When the action was permitted; the action's own time.
    pub(crate) fn time(&self) -> Timestamp {
        self.event.time
    }

    /// Who acts, by name, as rows keep it.
    pub(crate) fn actor_name(&self) -> String {
        self.event.actor.name.clone()
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
        let event = |outcome| {
            let salt = *envelope::random_bytes::<16>();
            let event =
                AuditEvent::new(&caller.actor, action, resource, outcome, clock::now(), &caller.request_id, salt);
            match environment {
                Some(environment) => event.environment(environment),
                None => event,
            }
        };
        match authorize(&caller.actor, action, environment) {
            Ok(()) => Ok(Permit { event: event(Outcome::Done) }),
            Err(denied) => {
                let event = event(Outcome::Denied);
                self.store
                    .write(move |tx| {
                        Box::pin(async move {
                            tx.append_audit(&event).await?;
                            Ok::<_, Error>(())
                        })
                    })
                    .await?;
                Err(denied.into())
            }
        }
    }
}
