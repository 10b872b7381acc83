//! Rows as the API shows them. Nothing here has a value to show.

use domain::catalogue::Finding;
use domain::supabase::project_ref;
use domain::{AccountId, ActorKind, EgressPolicy, FunctionName, IssuerKeys, SecretSelection, Timestamp};
use store::{
    AccountRow, DeploymentRow, EgressRow, EnvironmentRow, FunctionRow, GroupRow, InvocationRow, IssuerRow, LogRow,
    MemberRow, SecretRequestRow, SecretRow, TokenRow, VersionRow,
};

use super::deployment::texts;
use super::functions::{Active, Uses};
use super::secret_requests::standing;
use crate::clock;
use crate::sites::Sites;
use crate::wire;

fn time(time: Timestamp) -> String {
    time.to_string()
}

pub(super) fn secret(row: &SecretRow, uses: &Uses) -> wire::Secret {
    wire::Secret {
        name: row.name.to_string(),
        environment: row.environment.to_string(),
        state: state(row).to_owned(),
        shared_from: row.shared.as_ref().map(|shared| shared.environment.to_string()),
        version: row.version,
        mask: row.mask.clone(),
        delivery: row.delivery.as_str().to_owned(),
        hosts: row.hosts.clone(),
        publishable: row.facts.publishable,
        note: row.note.clone(),
        rotate_after_days: row.rotate_after_days,
        rotate_by: row.facts.rotate_by.map(time),
        overlap: row.overlap.map(|overlap| overlap.to_string()),
        previous: row
            .previous
            .as_ref()
            .filter(|previous| previous.until > clock::now())
            .map(|previous| wire::PreviousVersion { version: previous.version, until: time(previous.until) }),
        value_at: time(row.value_at),
        findings: row.facts.findings.split_whitespace().map(|code| code.trim_start_matches('~').to_owned()).collect(),
        created_at: time(row.created_at),
        created_by: row.created_by.clone(),
        updated_at: time(row.updated_at),
        updated_by: row.updated_by.clone(),
        last_used_at: row.last_used_at.map(time),
        functions: uses.of(&row.environment, &row.name),
    }
}

/// What there is under a name.
pub(super) fn state(row: &SecretRow) -> &'static str {
    match (row.version, &row.shared) {
        (0, _) => "pending",
        (_, Some(_)) => "shared",
        (_, None) => "set",
    }
}

pub(super) fn version(row: &VersionRow, current: u64) -> wire::SecretVersion {
    wire::SecretVersion {
        version: row.version,
        mask: row.mask.clone(),
        current: row.version == current,
        note: row.facts.note.clone(),
        rotate_by: row.facts.rotate_by.map(time),
        created_at: time(row.created_at),
        created_by: row.created_by.clone(),
        destroyed_at: row.destroyed_at.map(time),
    }
}

pub(super) fn warning(finding: &Finding) -> wire::Warning {
    wire::Warning {
        code: finding.code.to_owned(),
        severity: finding.severity.as_str().to_owned(),
        // What is said of a name is a sentence already.
        detail: match finding.code {
            "browser_exposed_name" => finding.detail.clone(),
            _ => format!("the value {}", finding.detail),
        },
        suggestion: finding.suggestion.as_ref().map(ToString::to_string),
    }
}

pub(super) fn secret_request(row: &SecretRequestRow, sites: &Sites) -> wire::SecretRequest {
    wire::SecretRequest {
        id: row.id.clone(),
        url: format!("{}/requests/{}", sites.url(), row.id),
        status: standing(row).as_str().to_owned(),
        name: row.name.to_string(),
        environment: row.environment.to_string(),
        reason: row.reason.clone(),
        obtain_url: row.obtain_url.clone(),
        created_at: time(row.created_at),
        created_by: row.requester.name.clone(),
        expires_at: time(row.expires_at),
        resolved_at: row.resolved_at.map(time),
    }
}

pub(super) fn environment(account: &AccountId, row: &EnvironmentRow) -> wire::Environment {
    wire::Environment {
        name: row.name.to_string(),
        supabase_ref: project_ref(account, &row.name),
        created_at: time(row.created_at),
    }
}

pub(super) fn account(row: &AccountRow) -> wire::Account {
    wire::Account { name: row.name.to_string(), created_at: time(row.created_at) }
}

pub(super) fn token(row: &TokenRow) -> wire::Token {
    wire::Token {
        id: row.id.clone(),
        name: row.name.to_string(),
        scopes: row.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        environments: row.environments.as_ref().map(|names| names.iter().map(ToString::to_string).collect()),
        member: row.member.as_ref().map(ToString::to_string),
        created_at: time(row.created_at),
        created_by: row.created_by.clone(),
        expires_at: row.expires_at.map(time),
        revoked_at: row.revoked_at.map(time),
        last_used_at: row.last_used_at.map(time),
    }
}

pub(super) fn member(row: &MemberRow, groups: Vec<String>) -> wire::Member {
    let (issuer, subject) = row.subject.clone().unzip();
    wire::Member {
        name: row.name.to_string(),
        role: row.role.as_str().to_owned(),
        issuer: issuer.map(|issuer| issuer.to_string()),
        subject,
        groups,
        created_at: time(row.created_at),
        created_by: row.created_by.clone(),
    }
}

pub(super) fn group(row: &GroupRow, functions: Vec<String>) -> wire::Group {
    wire::Group {
        name: row.name.to_string(),
        members: row.members.iter().map(ToString::to_string).collect(),
        functions,
        created_at: time(row.created_at),
        created_by: row.created_by.clone(),
    }
}

pub(super) fn issuer(row: &IssuerRow) -> wire::Issuer {
    let issuer = &row.issuer;
    let mut settings = wire::PutIssuer {
        issuer: issuer.issuer.clone(),
        audience: issuer.audience.clone(),
        algorithms: issuer.algorithms.iter().map(|algorithm| algorithm.as_str().to_owned()).collect(),
        groups_claim: issuer.groups_claim.clone(),
        environments: issuer.environments.as_ref().map(|names| names.iter().map(ToString::to_string).collect()),
        ..wire::PutIssuer::default()
    };
    match &issuer.keys {
        IssuerKeys::JwksUrl(url) => settings.jwks_url = Some(url.clone()),
        IssuerKeys::Jwks(text) => settings.jwks = serde_json::from_str(text).ok(),
        IssuerKeys::Secret(name) => settings.secret = Some(name.to_string()),
    }
    wire::Issuer {
        name: issuer.name.to_string(),
        settings,
        created_at: time(row.created_at),
        created_by: row.created_by.clone(),
    }
}

/// `base` is the gateway path of the account's functions.
pub(super) fn function(row: &FunctionRow, active: &[Active], base: &str) -> wire::Function {
    let own = active.iter().filter(|deployment| deployment.function == row.name);
    let shown = own.map(|deployment| wire::ActiveDeployment {
        environment: deployment.environment.to_string(),
        number: deployment.deployment.number,
        access: deployment.deployment.access.to_string(),
    });
    wire::Function {
        name: row.name.to_string(),
        path: format!("{base}/{}", row.name),
        active: shown.collect(),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    }
}

pub(super) fn deployment(
    function: &FunctionName,
    row: &DeploymentRow,
    active_in: Vec<String>,
    missing_secrets: Vec<String>,
) -> wire::Deployment {
    let secrets = match &row.secrets {
        SecretSelection::All => wire::Secrets::Word("all".to_owned()),
        SecretSelection::Only(names) => wire::Secrets::Names(names.iter().map(ToString::to_string).collect()),
    };
    wire::Deployment {
        function: function.to_string(),
        number: row.number,
        digest: row.digest.clone(),
        access: row.access.to_string(),
        secrets,
        cors_origins: row.cors_origins.iter().map(str::to_owned).collect(),
        egress: egress(&row.egress),
        tcp: texts(&row.tcp),
        response_guard: row.response_guard.map(|guard| guard.as_str().to_owned()),
        active_in,
        missing_secrets,
        created_at: time(row.created_at),
        created_by: row.created_by.clone(),
    }
}

/// A policy in the API's words.
fn egress(policy: &EgressPolicy) -> Vec<String> {
    match policy {
        EgressPolicy::Public => vec!["public".to_owned()],
        EgressPolicy::None => vec!["none".to_owned()],
        EgressPolicy::Hosts(hosts) => hosts.iter().map(ToString::to_string).collect(),
    }
}

pub(super) fn invocation(function: &FunctionName, row: &InvocationRow) -> wire::Invocation {
    wire::Invocation {
        id: row.id.clone(),
        function: function.to_string(),
        environment: row.environment.to_string(),
        deployment: row.deployment,
        started_at: time(row.started_at),
        duration_ms: row.duration_us as f64 / 1_000.0,
        status: row.status,
        outcome: row.outcome.clone(),
        cold: row.cold,
        worker: row.worker.clone(),
        actor: wire::InvocationActor { kind: row.actor_kind.clone(), name: row.actor_name.clone() },
        method: row.method.clone(),
        path: row.path.clone(),
        versions: row.versions.versions(),
        error: row.error.clone(),
    }
}

pub(super) fn log_line(row: &LogRow) -> wire::LogLine {
    wire::LogLine {
        time: time(row.time),
        stream: row.stream.clone(),
        invocation: row.invocation.clone(),
        text: row.text.clone(),
    }
}

pub(super) fn egress_row(row: &EgressRow) -> wire::Egress {
    wire::Egress {
        time: time(row.time),
        invocation: row.invocation.clone(),
        via: row.via.clone(),
        host: row.host.clone(),
        port: row.port,
        method: row.method.clone(),
        outcome: row.outcome.clone(),
        request_bytes: row.request_bytes,
        response_bytes: row.response_bytes,
        duration_ms: row.duration_us as f64 / 1_000.0,
        secrets: row.secrets.split(' ').filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect(),
    }
}

/// The word for an actor's kind, as the audit log writes it.
pub(super) fn actor_kind(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::Token => "token",
        ActorKind::Session => "session",
        ActorKind::Setup => "setup",
        ActorKind::Anonymous => "anonymous",
        ActorKind::Jwt => "jwt",
        ActorKind::Function => "function",
        ActorKind::Rotator => "rotator",
    }
}
