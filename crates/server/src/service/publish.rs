//! Making a function public: a scope of its own, so that who may deploy code does not decide by that who may call it.

use domain::{Access, Action, Denied, EnvironmentName, authorize};
use store::FunctionRow;

use super::rotator::keeps_private;
use super::{Caller, Error, Service};

/// Whether the caller may make functions public, to be asked in the write that makes a deployment active.
#[derive(Clone, Copy)]
pub(super) struct MayPublish(bool);

impl MayPublish {
    pub(super) fn of(caller: &Caller, environment: &EnvironmentName) -> Self {
        Self(authorize(&caller.actor, Action::FunctionPublish, Some(environment)).is_ok())
    }

    /// Refuses what would open a function that is not public in `environment`. One that is public stays so. None that makes values
    /// of secrets may be public.
    pub(super) async fn check(
        self,
        tx: &mut store::Tx,
        function: &FunctionRow,
        environment: &EnvironmentName,
        access: &Access,
    ) -> Result<(), Error> {
        keeps_private(tx, function, environment, access).await?;
        if self.0 || *access != Access::Public {
            return Ok(());
        }
        let active = tx.active_deployment(&function.account, environment, &function.name).await?;
        match active {
            Some(active) if active.access == Access::Public => Ok(()),
            _ => Err(Denied::Scope(Action::FunctionPublish.scope()).into()),
        }
    }
}

impl Service {
    /// Writes to the audit log what [`MayPublish::check`] refused in a write.
    pub(super) async fn published<T>(
        &self,
        caller: &Caller,
        environment: &EnvironmentName,
        resource: &str,
        done: Result<T, Error>,
    ) -> Result<T, Error> {
        if matches!(done, Err(Error::Denied(_))) {
            self.audit_denied(caller, Action::FunctionPublish, Some(environment), resource).await?;
        }
        done
    }
}
