//! What a deployment asks for, checked: access, secrets, limits, egress and source. No store and no bundler here.

use std::collections::BTreeMap;

use domain::{
    Access, AccountId, CorsOrigins, EgressPolicy, Endpoint, EnvironmentName, FunctionName, Invalid, ResponseGuard,
    SecretName, SecretSelection, limits,
};
use runtime::Source;
use serde::{Deserialize, Serialize};

use super::Error;
use super::caller::Caller;
use crate::wire;

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

pub(super) struct Checked {
    pub(super) account: AccountId,
    pub(super) name: FunctionName,
    pub(super) environment: EnvironmentName,
    pub(super) access: Access,
    pub(super) secrets: Wanted,
    pub(super) limits: StoredLimits,
    pub(super) cors_origins: CorsOrigins,
    pub(super) egress: EgressPolicy,
    pub(super) tcp: Vec<Endpoint>,
    pub(super) response_guard: Option<ResponseGuard>,
    pub(super) source: Source,
}

/// Which secrets the deployment asks for.
pub(super) enum Wanted {
    Fixed(SecretSelection),
    /// Those that the code reads, as found when it is deployed.
    Referenced,
}

pub(super) fn check(
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
    let response_guard = input.response_guard.as_deref().map(ResponseGuard::parse).transpose()?;
    let account = caller.actor.account.clone();
    Ok(Checked {
        account,
        name,
        environment,
        access,
        secrets,
        limits,
        cors_origins,
        egress,
        tcp,
        response_guard,
        source,
    })
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
