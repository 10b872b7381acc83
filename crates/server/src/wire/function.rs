//! Functions, deployments, invocations and logs over HTTP.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A function.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Function {
    /// Its name, as in its URL.
    pub name: String,
    /// Its path at the gateway, for the environment `production`.
    pub path: String,
    /// What is active where.
    pub active: Vec<ActiveDeployment>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// When it was last deployed or rolled back.
    pub updated_at: String,
}

/// Which deployment an environment runs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ActiveDeployment {
    /// The environment.
    pub environment: String,
    /// The deployment's number.
    pub number: u64,
    /// `public`, `authenticated` or `group:NAME`.
    pub access: String,
}

/// A function with its deployments and source.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FunctionDetail {
    /// The function.
    #[serde(flatten)]
    pub function: Function,
    /// Values of secrets that the active deployments were found to return to their callers, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returned: Vec<ReturnedValue>,
    /// Newest first.
    pub deployments: Vec<Deployment>,
    /// The deployment that `files` are of: the one that was asked for, or else the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_of: Option<u64>,
    /// Its source, by path.
    pub files: BTreeMap<String, String>,
}

/// A function returned the value of a secret to its caller, or would have.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReturnedValue {
    /// Whose value it is.
    pub secret: String,
    /// In which environment.
    pub environment: String,
    /// Which deployment did it.
    pub deployment: u64,
    /// The response was not let out, or ended before the value.
    pub blocked: bool,
    /// When it was noticed; it is told at most once an hour.
    pub time: String,
    /// The invocation.
    pub invocation: String,
}

/// An immutable, numbered bundle with its settings.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Deployment {
    /// The function.
    pub function: String,
    /// Its number; never reused.
    pub number: u64,
    /// SHA-256 of the bundle, in hex.
    pub digest: String,
    /// `public`, `authenticated` or `group:NAME`.
    pub access: String,
    /// Which secrets it gets.
    pub secrets: Secrets,
    /// From which pages it may be called; absent if it answers browsers itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cors_origins: Vec<String>,
    /// Where it may send requests: `["public"]`, `["none"]`, or hosts.
    pub egress: Vec<String>,
    /// The TCP endpoints it declares.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tcp: Vec<String>,
    /// What is done with responses that hold a value of its secrets: `report` or `block`; absent if it is as the account has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_guard: Option<String>,
    /// The environments where it is active.
    pub active_in: Vec<String>,
    /// Names that the code reads and that have no value for it in the environment it was just made active in. Found by
    /// parsing; told by deploy and rollback only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_secrets: Vec<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Who deployed it.
    pub created_by: String,
}

/// Which of the environment's secrets a function gets: `"all"`, or a list of names (an empty list is none). A deploy also
/// takes `"referenced"`: the names that the code and its packages read, as a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Secrets {
    /// `"all"`; in a deploy also `"referenced"`.
    Word(String),
    /// Names.
    Names(Vec<String>),
}

/// Deploys a function: `source` for one file, or `files` with `entry`.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutFunction {
    /// TypeScript or JavaScript.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Text by relative path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<BTreeMap<String, String>>,
    /// The path in `files` that is run; `index.ts` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Who may invoke it: `public`, `authenticated` (who has a token with `functions:invoke`, or a JWT of an issuer that the
    /// account trusts) or `group:NAME` (those of them in a group); `authenticated` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
    /// All if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Secrets>,
    /// Origins of web pages that may call it (CORS): `["*"]`, or `["https://app.example.com", …]`, at most 50. The gateway
    /// then answers what browsers ask in advance; if left out, the function has to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors_origins: Option<Vec<String>>,
    /// Where it may send requests: `["public"]` is every public host, `["none"]` no host, else hosts as in `hosts` of a
    /// secret, at every port if they name none; at most 100. Public if left out. Private networks are never reached, but
    /// those that the operator allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress: Option<Vec<String>>,
    /// TCP endpoints, `host:port`, that it connects to by other ways than HTTP; at most 10. They must be within `egress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Vec<String>>,
    /// What is done with responses that hold a value of its secrets: `report` or `block`. The stricter of this and the
    /// account's setting holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_guard: Option<String>,
    /// Where it becomes active; `production` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Longest time of one invocation, from request to the end of the response: 1 to 900 seconds; 150 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// Largest JavaScript heap: 32 to 4,096 MiB; 256 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// Most processor time of one invocation: 1 to 900 seconds; 30 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<u32>,
    /// Largest response: 1 to 4,096 MiB; 100 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_mib: Option<u32>,
    /// Most invocations at once; the rest wait in line: 1 to 1,000; 200 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

/// Activates an older deployment.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// The deployment's number.
    pub number: u64,
    /// `production` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// One request that a worker handled.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Invocation {
    /// Its id, as in the response header `x-tresor-invocation`.
    pub id: String,
    /// The function.
    pub function: String,
    /// The environment.
    pub environment: String,
    /// The deployment's number.
    pub deployment: u64,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// From the request's arrival to the end of the response.
    pub duration_ms: f64,
    /// The HTTP status the caller got.
    pub status: u16,
    /// `ok`, `error`, `timeout`, …
    pub outcome: String,
    /// Whether a worker had to be started for it.
    pub cold: bool,
    /// The worker's id.
    pub worker: String,
    /// Who called.
    pub actor: InvocationActor,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path after the function's name, without the query.
    pub path: String,
    /// The version of each secret that the worker held.
    pub versions: BTreeMap<String, u64>,
    /// What went wrong, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A request that a function sent, or tried to send: where and how much, never a value, a path or a query.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Egress {
    /// When it ended; RFC 3339, UTC.
    pub time: String,
    /// The invocation it was sent in; absent of tunnels, and of what was sent in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation: Option<String>,
    /// `fetch`, `websocket`, `tunnel` (`CONNECT`: of `node:http` and the like) or `tcp` (a declared endpoint).
    pub via: String,
    /// The host; values of the function's secrets in it are redacted.
    pub host: String,
    /// The port.
    pub port: u16,
    /// `GET`, `POST`, …, or `OTHER`.
    pub method: String,
    /// The status that the host answered with, or why there is none: `opened` (a tunnel), `host_not_allowed`,
    /// `address_not_public`, `placeholder_refused`, `connect_failed`, `tls_failed`, `abandoned`, …
    pub outcome: String,
    /// Bytes of the request's body; of a tunnel, all that were sent.
    pub request_bytes: u64,
    /// Bytes of the answer's body; of a tunnel, all that came.
    pub response_bytes: u64,
    /// From its beginning to its end.
    pub duration_ms: f64,
    /// Brokered secrets whose values the broker put in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// Who called a function.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InvocationActor {
    /// `token`, `session` or `anonymous`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// One line that a function printed, redacted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// RFC 3339, UTC.
    pub time: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// The invocation that printed it; absent for what was printed while the code loaded, or by no request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation: Option<String>,
    /// The text.
    pub text: String,
}
