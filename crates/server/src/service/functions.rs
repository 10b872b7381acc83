//! Functions: deploy, roll back, list, get, delete.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{
    Access, AccountId, Action, CorsOrigins, EgressPolicy, Endpoint, EnvironmentName, FunctionName, Invalid, SecretName,
    SecretSelection, limits,
};
use runtime::Source;
use serde::{Deserialize, Serialize};
use store::{ActiveRow, DeploymentRow, FunctionRow};

use super::caller::{Caller, Permit};
use super::imports;
use super::members::check_group;
use super::references::references;
use super::secrets::{environment_or_production, unknown_environment};
use super::{Error, Service, new_id, paging, show};
use crate::wire::{self, Page};

/// A deployment's limits, as the database keeps them.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct StoredLimits {
    pub(super) timeout_seconds: u32,
    pub(super) memory_mib: u32,
    #[serde(default = "cpu_seconds")]
    pub(super) cpu_seconds: u32,
    #[serde(default = "response_mib")]
    pub(super) response_mib: u32,
    #[serde(default = "concurrency")]
    pub(super) concurrency: u32,
}

// What deployments have that did not say.
fn cpu_seconds() -> u32 {
    30
}

fn response_mib() -> u32 {
    100
}

fn concurrency() -> u32 {
    200
}

struct Checked {
    account: AccountId,
    name: FunctionName,
    environment: EnvironmentName,
    access: Access,
    secrets: Wanted,
    limits: StoredLimits,
    cors_origins: CorsOrigins,
    egress: EgressPolicy,
    tcp: Vec<Endpoint>,
    source: Source,
}

/// Which secrets the deployment asks for.
enum Wanted {
    Fixed(SecretSelection),
    /// Those that the code reads, as found when it is deployed.
    Referenced,
}

impl Service {
    /// Bundles and stores a new deployment and makes it active. Invocations that start after this returned run it.
    pub(crate) async fn deploy_function(
        &self,
        caller: &Caller,
        name: &str,
        input: wire::PutFunction,
    ) -> Result<wire::Deployment, Error> {
        let name = FunctionName::parse(name)?;
        let environment = environment_or_production(input.environment.as_deref())?;
        let permit = self.permit(caller, Action::FunctionDeploy, Some(&environment), name.as_str()).await?;
        let checked = check(caller, name, environment, input)?;
        self.environment(&checked.account, &checked.environment).await?;
        let bundler = &self.functions()?.bundler;
        imports::check(&checked.source.files)?;
        let bundle = bundler.bundle(&checked.source).await?;
        if bundle.code.len() > limits::BUNDLE_BYTES {
            return Err(runtime::BundleError::TooLarge { bytes: bundle.code.len(), limit: limits::BUNDLE_BYTES }.into());
        }
        let (account, environment) = (checked.account.clone(), checked.environment.clone());
        let reads = Reads::of(&checked.source, &bundle.code);
        let (function, deployment, missing) =
            self.store.write(move |tx| Box::pin(async move { checked.store(tx, permit, bundle, reads).await })).await?;
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
        let (function, deployment, missing) = self
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
            .await?;
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
                    tx.delete_function(&account, &function.id).await?;
                    tx.append_audit(&permit.done()).await?;
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
            deployments: shown.collect(),
            files_of,
            files,
        })
    }

    async fn active_in(&self, account: &AccountId, name: &FunctionName, number: u64) -> Result<Vec<String>, Error> {
        Ok(environments_of(&self.active(account, None).await?, name, number))
    }

    async fn gateway_base(&self, caller: &Caller) -> Result<String, Error> {
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
    fn active_changed(&self, account: &AccountId, environment: &EnvironmentName) {
        self.inner.active.forget();
        self.secrets_changed(account, environment);
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
        tx.set_active(&self.account, &active).await?;
        let event = permit
            .done()
            .detail("number", deployment.number)
            .detail("digest", &deployment.digest)
            .detail("access", &deployment.access);
        let event = event.detail("cors_origins", deployment.cors_origins.to_text());
        let event = event.detail("egress", deployment.egress.to_text()).detail("tcp", texts(&deployment.tcp).join(","));
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
        if !deployment.secrets.includes(&name) || tx.secret(account, environment, &name).await?.is_none() {
            missing.push(name.to_string());
        }
    }
    Ok(missing)
}

fn check(
    caller: &Caller,
    name: FunctionName,
    environment: EnvironmentName,
    input: wire::PutFunction,
) -> Result<Checked, Error> {
    let access = input.access.as_deref().map(Access::parse).transpose()?.unwrap_or_default();
    let secrets = match input.secrets {
        None => Wanted::Fixed(SecretSelection::All),
        Some(wire::Secrets::Word(word)) if word == "all" => Wanted::Fixed(SecretSelection::All),
        Some(wire::Secrets::Word(word)) if word == "referenced" => Wanted::Referenced,
        Some(wire::Secrets::Word(_)) => {
            return Err(Invalid::new(
                "secrets",
                "secrets_unknown",
                "must be \"all\", \"referenced\" or a list of names",
            )
            .into());
        }
        Some(wire::Secrets::Names(names)) => {
            let names = names.iter().map(|name| SecretName::parse(name)).collect::<Result<_, _>>()?;
            Wanted::Fixed(SecretSelection::Only(names))
        }
    };
    let source = source(input.source, input.files, input.entry)?;
    let limits = StoredLimits {
        timeout_seconds: within("timeout_seconds", input.timeout_seconds.unwrap_or(150), 1, 900)?,
        memory_mib: within("memory_mib", input.memory_mib.unwrap_or(256), 32, 4096)?,
        cpu_seconds: within("cpu_seconds", input.cpu_seconds.unwrap_or_else(cpu_seconds), 1, 900)?,
        response_mib: within("response_mib", input.response_mib.unwrap_or_else(response_mib), 1, 4096)?,
        concurrency: within("concurrency", input.concurrency.unwrap_or_else(concurrency), 1, 1000)?,
    };
    let cors_origins = CorsOrigins::parse(input.cors_origins.iter().flatten().map(String::as_str))?;
    let egress = match &input.egress {
        Some(words) => EgressPolicy::parse(words.iter().map(String::as_str))?,
        None => EgressPolicy::default(),
    };
    let tcp = endpoints(input.tcp.as_deref().unwrap_or_default(), &egress)?;
    let account = caller.actor.account.clone();
    Ok(Checked { account, name, environment, access, secrets, limits, cors_origins, egress, tcp, source })
}

fn endpoints(texts: &[String], egress: &EgressPolicy) -> Result<Vec<Endpoint>, Invalid> {
    if texts.len() > limits::ENDPOINTS {
        return Err(Invalid::new("tcp", "too_many_endpoints", format!("must be at most {}", limits::ENDPOINTS)));
    }
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let field = format!("tcp[{index}]");
        let endpoint = Endpoint::parse(text).map_err(|invalid| Invalid { field: field.clone(), ..invalid })?;
        if !egress.allows(endpoint.host(), endpoint.port()) {
            return Err(Invalid::new(field, "endpoint_outside_egress", "must be within `egress`"));
        }
        // In the worker each port is one endpoint's.
        if endpoints.iter().any(|other| other.port() == endpoint.port() && *other != endpoint) {
            return Err(Invalid::new(field, "endpoint_port_twice", "must not share its port with another host"));
        }
        if !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    Ok(endpoints)
}

/// Endpoints as people write them.
pub(super) fn texts(endpoints: &[Endpoint]) -> Vec<String> {
    endpoints.iter().map(ToString::to_string).collect()
}

fn within(field: &str, number: u32, least: u32, most: u32) -> Result<u32, Invalid> {
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(Invalid::new(field, "out_of_range", format!("must be {least} to {most}")))
    }
}

fn source(
    source: Option<String>,
    files: Option<BTreeMap<String, String>>,
    entry: Option<String>,
) -> Result<Source, Invalid> {
    let source = match (source, files) {
        (Some(text), None) => {
            let entry = entry.unwrap_or_else(|| "index.ts".to_owned());
            Source { files: BTreeMap::from([(entry.clone(), text)]), entry }
        }
        (None, Some(files)) => Source { files, entry: entry.unwrap_or_else(|| "index.ts".to_owned()) },
        _ => return Err(Invalid::new("source", "source_missing", "give either `source` or `files`")),
    };
    if !source.files.contains_key(&source.entry) {
        return Err(Invalid::new("entry", "entry_missing", "must be one of `files`"));
    }
    let bytes: usize = source.files.iter().map(|(path, text)| path.len() + text.len()).sum();
    if bytes > limits::BUNDLE_BYTES {
        return Err(Invalid::new(
            "files",
            "source_too_large",
            format!("must be at most {} bytes together", limits::BUNDLE_BYTES),
        ));
    }
    if source.files.values().all(|text| text.trim().is_empty()) {
        return Err(Invalid::new("source", "source_empty", "must not be empty"));
    }
    Ok(source)
}
