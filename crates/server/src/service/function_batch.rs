//! Deployments by tools that send a function's files and little else: what they do not say stays as the active deployment
//! has it, so that no such tool widens who may call a function or where it may send. Also several at once, and in one
//! environment only.

use std::collections::BTreeMap;

use domain::{Access, Action, EgressPolicy, EnvironmentName, FunctionName, SecretSelection};
use store::{ActiveDeployment, ActiveRow, DeploymentRow, FunctionRow};

use super::deployment::{StoredLimits, texts};
use super::members::check_group;
use super::publish::MayPublish;
use super::rotator::end_those_of;
use super::{Caller, Error, Service};
use crate::wire;

/// What such a tool sends.
pub(crate) struct Upload {
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) entry: String,
    /// Whether callers must be known; `None`: as it is, or else they must.
    pub(crate) authenticated: Option<bool>,
}

/// A function with the deployment that is active in an environment.
pub(crate) struct ActiveFunction {
    pub(crate) function: FunctionRow,
    pub(crate) deployment: DeploymentRow,
}

impl Service {
    /// Deploys `upload` with the settings of the active deployment. With `activate` unset it only waits, until
    /// [`Service::activate_deployments`].
    pub(crate) async fn deploy_upload(
        &self,
        caller: &Caller,
        name: &str,
        environment: &EnvironmentName,
        upload: Upload,
        activate: bool,
    ) -> Result<wire::Deployment, Error> {
        let parsed = FunctionName::parse(name)?;
        self.permit(caller, Action::FunctionDeploy, Some(environment), name).await?;
        let account = &caller.actor.account;
        let active = match self.store.function(account, &parsed).await? {
            Some(_) => self.store.active_deployment(account, environment, &parsed).await?,
            None => None,
        };
        let access = access(active.as_ref().map(|active| &active.access), upload.authenticated);
        let mut input = active.map_or_else(|| Ok(wire::PutFunction::default()), settings)?;
        input.access = Some(access.to_string());
        input.files = Some(upload.files);
        input.entry = Some(upload.entry);
        input.environment = Some(environment.to_string());
        self.deploy(caller, name, input, activate).await
    }

    /// Makes deployments active, all of them or none: what [`Service::deploy_upload`] has left waiting.
    pub(crate) async fn activate_deployments(
        &self,
        caller: &Caller,
        environment: &EnvironmentName,
        wanted: &[(String, u64)],
    ) -> Result<Vec<ActiveFunction>, Error> {
        let mut permitted = Vec::with_capacity(wanted.len());
        for (name, number) in wanted {
            let name = FunctionName::parse(name)?;
            let permit = self.permit(caller, Action::FunctionDeploy, Some(environment), name.as_str()).await?;
            permitted.push((name, *number, permit));
        }
        let (account, target) = (caller.actor.account.clone(), environment.clone());
        let may_publish = MayPublish::of(caller, environment);
        let done = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let mut done = Vec::with_capacity(permitted.len());
                    for (name, number, permit) in permitted {
                        let function = tx.function(&account, &name).await?.ok_or(Error::not_found("function"))?;
                        let found = tx.deployment(&account, &function.id, number).await?;
                        let deployment = found.ok_or(Error::not_found("deployment"))?;
                        check_group(tx, &account, &deployment.access).await?;
                        may_publish.check(tx, &function, &target, &deployment.access).await?;
                        let row = ActiveRow {
                            function_id: function.id.clone(),
                            environment: target.clone(),
                            number,
                            updated_at: permit.time(),
                        };
                        tx.set_active(&account, &row).await?;
                        let event = permit.done().detail("number", number).detail("digest", &deployment.digest);
                        tx.append_audit(&event.detail("access", &deployment.access)).await?;
                        done.push(ActiveFunction { function, deployment });
                    }
                    Ok::<_, Error>(done)
                })
            })
            .await;
        let active = self.published(caller, environment, "", done).await?;
        self.active_changed(&caller.actor.account, environment);
        Ok(active)
    }

    /// The functions that are active in an environment, by name.
    pub(crate) async fn active_functions(
        &self,
        caller: &Caller,
        environment: &EnvironmentName,
    ) -> Result<Vec<ActiveFunction>, Error> {
        self.permit(caller, Action::FunctionList, Some(environment), "").await?;
        let account = &caller.actor.account;
        let mut active = Vec::new();
        for (name, deployment) in self.store.active_deployments(account, environment).await? {
            // It may have been deleted meanwhile.
            if let Some(function) = self.store.function(account, &name).await? {
                active.push(ActiveFunction { function, deployment });
            }
        }
        Ok(active)
    }

    /// Deletes a function in one environment; with its deployments and records, if that was the last in which it was active.
    pub(crate) async fn delete_function_in(
        &self,
        caller: &Caller,
        name: &str,
        environment: &EnvironmentName,
    ) -> Result<(), Error> {
        let name = FunctionName::parse(name)?;
        let permit = self.permit(caller, Action::FunctionDelete, Some(environment), name.as_str()).await?;
        let (account, target) = (caller.actor.account.clone(), environment.clone());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let function = tx.function(&account, &name).await?.ok_or(Error::not_found("function"))?;
                    if !tx.clear_active(&account, &function.id, &target).await? {
                        return Err(Error::not_found("function"));
                    }
                    let last = tx.active(&account, &function.id).await?.is_empty();
                    let mut rotated = Vec::new();
                    if last {
                        rotated = end_those_of(tx, &account, &function.id, permit.time()).await?;
                        tx.delete_function(&account, &function.id).await?;
                    }
                    let event = permit.done().detail("everywhere", last);
                    let event = if rotated.is_empty() { event } else { event.detail("rotators", rotated.join(", ")) };
                    tx.append_audit(&event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.active_changed(&caller.actor.account, environment);
        Ok(())
    }
}

/// The active deployment's settings as a deploy would say them. Names every field, so that a new one is not forgotten.
fn settings(active: ActiveDeployment) -> Result<wire::PutFunction, Error> {
    let ActiveDeployment {
        function_id: _,
        number: _,
        digest: _,
        access: _,
        secrets,
        limits_json,
        cors_origins,
        egress,
        tcp,
        response_guard,
    } = active;
    let StoredLimits { timeout_seconds, memory_mib, cpu_seconds, response_mib, concurrency } =
        serde_json::from_str(&limits_json).map_err(|_| Error::Broken("a deployment's limits do not read back"))?;
    let secrets = match secrets {
        SecretSelection::All => wire::Secrets::Word("all".to_owned()),
        SecretSelection::Only(names) => wire::Secrets::Names(names.iter().map(ToString::to_string).collect()),
    };
    let origins: Vec<_> = cors_origins.iter().map(str::to_owned).collect();
    Ok(wire::PutFunction {
        source: None,
        files: None,
        entry: None,
        access: None,
        secrets: Some(secrets),
        cors_origins: Some(origins),
        egress: Some(match egress {
            EgressPolicy::Public => vec!["public".to_owned()],
            EgressPolicy::None => vec!["none".to_owned()],
            EgressPolicy::Hosts(hosts) => hosts.iter().map(ToString::to_string).collect(),
        }),
        tcp: Some(texts(&tcp)),
        response_guard: response_guard.map(|guard| guard.as_str().to_owned()),
        environment: None,
        timeout_seconds: Some(timeout_seconds),
        memory_mib: Some(memory_mib),
        cpu_seconds: Some(cpu_seconds),
        response_mib: Some(response_mib),
        concurrency: Some(concurrency),
    })
}

/// A group stays the group, where no more is said than that callers must be known.
fn access(active: Option<&Access>, authenticated: Option<bool>) -> Access {
    match (authenticated, active) {
        (Some(false), _) => Access::Public,
        (Some(true), Some(Access::Public) | None) => Access::Authenticated,
        (Some(true) | None, Some(active)) => active.clone(),
        (None, None) => Access::default(),
    }
}

#[cfg(test)]
mod tests {
    use domain::Access;

    use super::access;

    #[test]
    fn a_tool_that_knows_yes_and_no_opens_no_group() {
        let group = Access::parse("group:staff").unwrap();
        for (active, authenticated, expected) in [
            (None, None, Access::Authenticated),
            (None, Some(true), Access::Authenticated),
            (None, Some(false), Access::Public),
            (Some(&Access::Public), None, Access::Public),
            (Some(&Access::Public), Some(true), Access::Authenticated),
            (Some(&Access::Authenticated), None, Access::Authenticated),
            (Some(&group), Some(true), group.clone()),
            (Some(&group), None, group.clone()),
            (Some(&group), Some(false), Access::Public),
        ] {
            assert_eq!(access(active, authenticated), expected, "{active:?} {authenticated:?}");
        }
    }
}
