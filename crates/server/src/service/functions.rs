//! Functions: deploy, roll back, list, get, delete.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::overlap::previous_of;
use domain::{AccountId, Action, EnvironmentName, FunctionName, SecretName, SecretSelection, limits};
use runtime::Source;
use store::{ActiveRow, DeploymentRow, FunctionRow};

use super::caller::{Caller, Permit};
use super::deployment::{Checked, StoredLimits, Wanted, check, texts};
use super::imports;
use super::members::check_group;
use super::publish::MayPublish;
use super::references::references;
use super::rotator::end_those_of;
use super::secrets::{environment_or_production, unknown_environment};
use super::{Error, Service, new_id, paging, show};
use crate::wire::{self, Page};

impl Service {
    /// Bundles and stores a new deployment and makes it active. Invocations that start after this returned run it.
    pub(crate) async fn deploy_function(
        &self,
        caller: &Caller,
        name: &str,
        input: wire::PutFunction,
    ) -> Result<wire::Deployment, Error> {
        self.deploy(caller, name, input, true).await
    }

    /// As [`Service::deploy_function`]. With `activate` unset the deployment waits to be made active.
    pub(super) async fn deploy(
        &self,
        caller: &Caller,
        name: &str,
        input: wire::PutFunction,
        activate: bool,
    ) -> Result<wire::Deployment, Error> {
        let name = FunctionName::parse(name)?;
        let environment = environment_or_production(input.environment.as_deref())?;
        let permit = self.permit(caller, Action::FunctionDeploy, Some(&environment), name.as_str()).await?;
        let resource = name.to_string();
        let checked = check(caller, name, environment, input)?;
        self.environment(&checked.account, &checked.environment).await?;
        let bundler = &self.functions()?.bundler;
        imports::check(&checked.source.files)?;
        let bundle = bundler.bundle(&checked.source).await?;
        if bundle.code.len() > limits::BUNDLE_BYTES {
            return Err(runtime::BundleError::TooLarge { bytes: bundle.code.len(), limit: limits::BUNDLE_BYTES }.into());
        }
        let (account, environment) = (checked.account.clone(), checked.environment.clone());
        // Parsing a large bundle takes longer than other requests on this thread should wait.
        let parsed = tokio::task::spawn_blocking(move || {
            let reads = Reads::of(&checked.source, &bundle.code);
            (checked, bundle, reads)
        });
        let (checked, bundle, reads) = parsed.await.map_err(|_| Error::Broken("a deployment could not be parsed"))?;
        let may_publish = MayPublish::of(caller, &environment);
        let stored = self
            .store
            .write(move |tx| {
                Box::pin(async move { checked.store(tx, permit, bundle, reads, (activate, may_publish)).await })
            })
            .await;
        let (function, deployment, missing) = self.published(caller, &environment, &resource, stored).await?;
        if !activate {
            return Ok(show::deployment(&function.name, &deployment, Vec::new(), missing));
        }
        self.active_changed(&account, &environment);
        Ok(show::deployment(&function.name, &deployment, vec![environment.to_string()], missing))
    }

    /// Makes an older deployment active again.
    pub(crate) async fn rollback_function(
        &self,
        caller: &Caller,
        name: &str,
        number: u64,
        environment: Option<&str>,
    ) -> Result<wire::Deployment, Error> {
        let (name, environment) = (FunctionName::parse(name)?, environment_or_production(environment)?);
        let permit = self.permit(caller, Action::FunctionRollback, Some(&environment), name.as_str()).await?;
        let (account, target) = (caller.actor.account.clone(), environment.clone());
        let (resource, may_publish) = (name.to_string(), MayPublish::of(caller, &environment));
        let done = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    if tx.environment(&account, &target).await?.is_none() {
                        return Err(unknown_environment().into());
                    }
                    let function = tx.function(&account, &name).await?.ok_or(Error::not_found("function"))?;
                    let deployment =
                        tx.deployment(&account, &function.id, number).await?.ok_or(Error::not_found("deployment"))?;
                    check_group(tx, &account, &deployment.access).await?;
                    may_publish.check(tx, &function, &target, &deployment.access).await?;
                    let active = ActiveRow {
                        function_id: function.id.clone(),
                        environment: target,
                        number,
                        updated_at: permit.time(),
                    };
                    tx.set_active(&account, &active).await?;
                    tx.append_audit(&permit.done().detail("number", number).detail("digest", &deployment.digest))
                        .await?;
                    let missing = missing(tx, &account, &active.environment, &deployment).await?;
                    Ok::<_, Error>((function, deployment, missing))
                })
            })
            .await;
        let (function, deployment, missing) = self.published(caller, &environment, &resource, done).await?;
        self.active_changed(&caller.actor.account, &environment);
        let active_in = self.active_in(&caller.actor.account, &function.name, number).await?;
        Ok(show::deployment(&function.name, &deployment, active_in, missing))
    }

    /// Deletes a function with its deployments, invocations and logs, in every environment.
    pub(crate) async fn delete_function(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        let name = FunctionName::parse(name)?;
        let permit = self.permit(caller, Action::FunctionDelete, None, name.as_str()).await?;
        let account = caller.actor.account.clone();
        let environments = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let function = tx.function(&account, &name).await?.ok_or(Error::not_found("function"))?;
                    let rotated = end_those_of(tx, &account, &function.id, permit.time()).await?;
                    tx.delete_function(&account, &function.id).await?;
                    let event = permit.done();
                    let event = if rotated.is_empty() { event } else { event.detail("rotators", rotated.join(", ")) };
                    tx.append_audit(&event).await?;
                    Ok::<_, Error>(tx.environments(&account).await?)
                })
            })
            .await?;
        for environment in environments {
            self.active_changed(&caller.actor.account, &environment.name);
        }
        Ok(())
    }

    /// The account's functions by name.
    pub(crate) async fn list_functions(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
        rows: u32,
    ) -> Result<Page<wire::Function>, Error> {
        self.permit(caller, Action::FunctionList, None, "").await?;
        let account = &caller.actor.account;
        let after = cursor.map(FunctionName::parse).transpose()?;
        let mut found = self.store.functions(account, after.as_ref(), rows + 1).await?;
        let next_cursor = paging::cut(&mut found, rows, |last| last.name.to_string());
        let active = self.active(account, None).await?;
        let base = self.gateway_base(caller).await?;
        Ok(Page { items: found.iter().map(|row| show::function(row, &active, &base)).collect(), next_cursor })
    }

    /// The functions that are active in one environment, by name, as they are there.
    pub(crate) async fn functions_in(&self, caller: &Caller, environment: &str) -> Result<Page<wire::Function>, Error> {
        let environment = EnvironmentName::parse(environment)?;
        let found = self.active_functions(caller, &environment).await?;
        let active = self.active(&caller.actor.account, Some(&environment)).await?;
        let base = self.gateway_base(caller).await?;
        let items = found.iter().map(|row| show::function(&row.function, &active, &base)).collect();
        Ok(Page { items, next_cursor: None })
    }

    /// A function with its newest deployments and the source of deployment `number`, or else of the newest.
    pub(crate) async fn get_function(
        &self,
        caller: &Caller,
        name: &str,
        number: Option<u64>,
    ) -> Result<wire::FunctionDetail, Error> {
        let name = FunctionName::parse(name)?;
        self.permit(caller, Action::FunctionGet, None, name.as_str()).await?;
        let account = &caller.actor.account;
        let row = self.store.function(account, &name).await?.ok_or(Error::not_found("function"))?;
        let deployments = self.store.deployments(account, &row.id, None, limits::PAGE_ROWS).await?;
        let files_of = number.or(deployments.first().map(|newest| newest.number));
        let files = match files_of {
            Some(number) => {
                let files = self.store.deployment_files(account, &row.id, number).await?;
                files.ok_or(Error::not_found("deployment"))?
            }
            None => BTreeMap::new(),
        };
        let active = self.active(account, None).await?;
        let base = self.gateway_base(caller).await?;
        let shown = deployments.iter().map(|deployment| {
            let active_in = environments_of(&active, &name, deployment.number);
            show::deployment(&name, deployment, active_in, Vec::new())
        });
        Ok(wire::FunctionDetail {
            function: show::function(&row, &active, &base),
            returned: self.values_returned(account, &name, &active).await?,
            deployments: shown.collect(),
            files_of,
            files,
        })
    }

    async fn active_in(&self, account: &AccountId, name: &FunctionName, number: u64) -> Result<Vec<String>, Error> {
        Ok(environments_of(&self.active(account, None).await?, name, number))
    }

    pub(super) async fn gateway_base(&self, caller: &Caller) -> Result<String, Error> {
        let account = self.account_name(caller).await?;
        let default = account == domain::AccountName::default_account().as_str();
        Ok(if default { "/functions/v1".to_owned() } else { format!("/a/{account}/production/functions/v1") })
    }

    /// Which functions use which secret: by what is active, gets it and names it.
    pub(super) async fn functions_using(
        &self,
        account: &AccountId,
        environment: Option<&EnvironmentName>,
    ) -> Result<Uses, Error> {
        let Some(environment) = environment else { return Ok(Uses(Arc::new(self.active(account, None).await?))) };
        // Every put tells this; what is active seldom changes.
        let key = (account.clone(), environment.clone());
        let read = async { Ok::<_, Error>(Some(Arc::new(self.active(account, Some(environment)).await?))) };
        Ok(Uses(self.inner.active.get(key, read).await?.unwrap_or_default()))
    }

    /// To be called when another deployment, or none, is active, after the commit and before returning.
    pub(super) fn active_changed(&self, account: &AccountId, environment: &EnvironmentName) {
        self.inner.active.forget();
        self.renew_workers(account, environment);
    }

    /// What is active in one environment, or in all.
    pub(super) async fn active(
        &self,
        account: &AccountId,
        environment: Option<&EnvironmentName>,
    ) -> Result<Vec<Active>, Error> {
        let environments = match environment {
            Some(environment) => vec![environment.clone()],
            None => self.store.environments(account).await?.into_iter().map(|row| row.name).collect(),
        };
        let mut active = Vec::new();
        for environment in environments {
            for (function, deployment) in self.store.active_deployments(account, &environment).await? {
                active.push(Active { environment: environment.clone(), function, deployment });
            }
        }
        Ok(active)
    }
}

/// A deployment that is active in an environment.
pub(super) struct Active {
    pub(super) environment: EnvironmentName,
    pub(super) function: FunctionName,
    pub(super) deployment: DeploymentRow,
}

impl Active {
    /// For how long an invocation may run.
    pub(super) fn time_limit(&self) -> Result<Duration, Error> {
        let limits: StoredLimits = serde_json::from_str(&self.deployment.limits_json)
            .map_err(|_| Error::Broken("a deployment's limits do not read back"))?;
        Ok(Duration::from_secs(limits.timeout_seconds.into()))
    }
}

/// The active deployments of an account, asked for who uses a secret.
pub(super) struct Uses(Arc<Vec<Active>>);

impl Uses {
    pub(super) fn of(&self, environment: &EnvironmentName, secret: &SecretName) -> Vec<String> {
        let names_it = |deployment: &DeploymentRow| {
            deployment
                .referenced
                .iter()
                .flat_map(|words| words.split(' '))
                .any(|word| word.trim_start_matches('+') == secret.as_str())
        };
        let uses = |row: &&Active| {
            row.environment == *environment && row.deployment.secrets.includes(secret) && names_it(&row.deployment)
        };
        self.0.iter().filter(uses).map(|row| row.function.to_string()).collect()
    }
}

fn environments_of(active: &[Active], name: &FunctionName, number: u64) -> Vec<String> {
    active
        .iter()
        .filter(|row| row.function == *name && row.deployment.number == number)
        .map(|row| row.environment.to_string())
        .collect()
}

impl Checked {
    async fn store(
        self,
        tx: &mut store::Tx,
        permit: Permit,
        bundle: runtime::Bundle,
        reads: Reads,
        (activate, may_publish): (bool, MayPublish),
    ) -> Result<(FunctionRow, DeploymentRow, Vec<String>), Error> {
        let now = permit.time();
        check_group(tx, &self.account, &self.access).await?;
        let function = match tx.function(&self.account, &self.name).await? {
            Some(function) => function,
            None => {
                if tx.count_functions(&self.account).await? >= limits::FUNCTIONS_PER_ACCOUNT {
                    let detail = format!(
                        "an account holds at most {} functions: delete one you no longer use",
                        limits::FUNCTIONS_PER_ACCOUNT
                    );
                    return Err(Error::Limit { code: "too_many_functions", detail });
                }
                let row = FunctionRow {
                    id: new_id(),
                    account: self.account.clone(),
                    name: self.name,
                    created_at: now,
                    updated_at: now,
                };
                tx.insert_function(&row).await?;
                row
            }
        };
        let referenced = reads.to_text();
        let secrets = match self.secrets {
            Wanted::Fixed(selection) => selection,
            Wanted::Referenced => SecretSelection::Only(reads.all),
        };
        let mut deployment = DeploymentRow {
            function_id: function.id.clone(),
            number: 0,
            digest: bundle.digest,
            entry: self.source.entry,
            referenced: Some(referenced),
            access: self.access,
            secrets,
            limits_json: serde_json::to_string(&self.limits).unwrap_or_default(),
            cors_origins: self.cors_origins,
            egress: self.egress,
            tcp: self.tcp,
            response_guard: self.response_guard,
            created_at: now,
            created_by: permit.actor_name(),
        };
        tx.insert_bundle_if_absent(&self.account, &deployment.digest, bundle.code.as_bytes()).await?;
        deployment.number = tx.insert_deployment(&self.account, &deployment, &self.source.files).await?;
        let active = ActiveRow {
            function_id: function.id.clone(),
            environment: self.environment,
            number: deployment.number,
            updated_at: now,
        };
        let event = if activate {
            may_publish.check(tx, &function, &active.environment, &deployment.access).await?;
            tx.set_active(&self.account, &active).await?;
            permit.done()
        } else {
            permit.done().detail("active", false)
        };
        let event = event
            .detail("number", deployment.number)
            .detail("digest", &deployment.digest)
            .detail("access", &deployment.access);
        let event = event.detail("cors_origins", deployment.cors_origins.to_text());
        let event = event.detail("egress", deployment.egress.to_text()).detail("tcp", texts(&deployment.tcp).join(","));
        let event = match deployment.response_guard {
            Some(guard) => event.detail("response_guard", guard.as_str()),
            None => event,
        };
        tx.append_audit(&event.detail("secrets", deployment.secrets.to_text())).await?;
        let missing = missing(tx, &self.account, &active.environment, &deployment).await?;
        Ok((function, deployment, missing))
    }
}

/// The names that a function's code reads.
struct Reads {
    /// In its own files.
    own: BTreeSet<SecretName>,
    /// In its own files and in the packages that it imports.
    all: BTreeSet<SecretName>,
}

impl Reads {
    fn of(source: &Source, bundle: &str) -> Self {
        let own: BTreeSet<_> = source.files.iter().flat_map(|(path, text)| references(path, text)).collect();
        let all = references("bundle.js", bundle).into_iter().chain(own.iter().cloned()).collect();
        Self { own, all }
    }

    /// As the database keeps them: parted by spaces, those that only packages read with a `+` before.
    fn to_text(&self) -> String {
        let mark = |name: &SecretName| if self.own.contains(name) { name.to_string() } else { format!("+{name}") };
        self.all.iter().map(mark).collect::<Vec<_>>().join(" ")
    }
}

/// The names that the deployment's own files read and that it does not get in `environment`: packages read many names that
/// they can do without.
async fn missing(
    tx: &mut store::Tx,
    account: &AccountId,
    environment: &EnvironmentName,
    deployment: &DeploymentRow,
) -> Result<Vec<String>, Error> {
    let mut missing = Vec::new();
    let words = deployment.referenced.as_deref().unwrap_or_default().split(' ');
    for name in words.filter_map(|word| SecretName::parse(word).ok()) {
        // A value before is there now and then, where the current one is; code that reads it knows.
        let mut is_given = false;
        for name in [Some(&name), previous_of(&name).as_ref()].into_iter().flatten() {
            is_given |= deployment.secrets.includes(name)
                && tx.secret(account, environment, name).await?.is_some_and(|row| row.version > 0);
        }
        if !is_given {
            missing.push(name.to_string());
        }
    }
    Ok(missing)
}
