//! The tools: what each is called, takes and gives. What they do is `call`'s.

use std::sync::{Arc, LazyLock};

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema;
use crate::wire;

/// Which provider is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FindProvider {
    /// A name such as `SendGrid`, an id, a category such as `email`, or a secret's name such as `STRIPE_SECRET_KEY`.
    pub(super) query: String,
}

/// Providers that fit, best first.
#[derive(Serialize, ToSchema)]
pub(super) struct Providers {
    pub(super) providers: Vec<wire::Provider>,
}

/// Which secrets are meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListSecrets {
    /// Only this environment; all if left out.
    pub(super) environment: Option<String>,
    /// The `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// Which secrets are looked at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Health {
    /// Only this environment; all if left out.
    pub(super) environment: Option<String>,
}

/// Which secret is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneSecret {
    /// The secret's name.
    pub(super) name: String,
    /// `production` if left out.
    pub(super) environment: Option<String>,
}

// `value` never gets here: it was taken out of the message (`frame`), and this only tells that something else stood in its
// place.
/// What to store.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PutSecret {
    /// A descriptive name, such as `SENDGRID_API_KEY`: `[A-Z_][A-Z0-9_]*`.
    pub(super) name: String,
    /// The value, exactly as the user gave it.
    #[serde(default, rename = "value")]
    #[schema(value_type = String, required = true)]
    pub(super) _value: Option<serde::de::IgnoredAny>,
    /// `production` if left out.
    pub(super) environment: Option<String>,
    /// What a person should know about it; no value.
    pub(super) note: Option<String>,
    /// `env`, or `brokered`: functions get a placeholder, and the value only goes to the hosts of its provider.
    pub(super) delivery: Option<String>,
}

/// Which secret to delete.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteSecret {
    /// The secret's name.
    pub(super) name: String,
    /// `production` if left out.
    pub(super) environment: Option<String>,
    /// The secret's name once more, when the user has said that it shall be deleted.
    pub(super) confirm: String,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
pub(super) struct Deleted {
    pub(super) name: String,
    pub(super) environment: String,
    /// Whether it is gone.
    pub(super) deleted: bool,
    /// What it waits for, where the account asks a person first. When that is `approved`, call again with the same
    /// arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) confirmation: Option<Confirmation>,
}

/// A person's yes or no.
#[derive(Serialize, ToSchema)]
pub(super) struct Confirmation {
    pub(super) id: String,
    /// `pending` or `declined`.
    pub(super) status: String,
    /// The page where a person who is logged in answers. Give it to the user.
    pub(super) url: String,
    /// Until when it can be answered and used.
    pub(super) expires_at: String,
}

/// Which secret request is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneRequest {
    /// Its id, as `request_secret` gave it.
    pub(super) id: String,
}

/// What to deploy.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Deploy {
    /// The function's name: small letters, digits and dashes.
    pub(super) name: String,
    /// TypeScript or JavaScript of a single file. Secrets are read by `Deno.env.get("NAME")`; values never stand in code.
    pub(super) source: Option<String>,
    /// Instead of `source`: text by relative path, with `index.ts` as the one that is run.
    pub(super) files: Option<std::collections::BTreeMap<String, String>>,
    /// `production` if left out.
    pub(super) environment: Option<String>,
    /// `authenticated` (if left out), `group:NAME` or `public`: anybody on the network.
    pub(super) access: Option<String>,
    /// The names of the secrets that it gets; those that the code reads if left out.
    pub(super) secrets: Option<Vec<String>>,
    /// Hosts that it may send requests to, such as `api.sendgrid.com`; every public host if left out.
    pub(super) egress: Option<Vec<String>>,
}

/// What to send to a function.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Invoke {
    /// The function.
    pub(super) name: String,
    /// `production` if left out.
    pub(super) environment: Option<String>,
    /// `POST` if left out.
    pub(super) method: Option<String>,
    /// Below the function's own path, such as `/orders?limit=1`; nothing if left out.
    pub(super) path: Option<String>,
    /// Headers by name.
    pub(super) headers: Option<std::collections::BTreeMap<String, String>>,
    /// The body.
    pub(super) body: Option<String>,
}

/// What a function answered, with the values of its secrets hidden.
#[derive(Serialize, ToSchema)]
pub(super) struct Invoked {
    pub(super) notice: String,
    /// The invocation's id: `read_logs` takes it.
    pub(super) invocation: String,
    /// Absent if there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    pub(super) headers: std::collections::BTreeMap<String, String>,
    /// At most 64 KiB of it.
    pub(super) body: String,
    /// Whether there was more of it.
    pub(super) truncated: bool,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failed: Option<String>,
}

/// Which deployment to make active again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RollBack {
    /// The function.
    pub(super) name: String,
    /// The number of an earlier deployment.
    pub(super) number: u64,
    /// `production` if left out.
    pub(super) environment: Option<String>,
}

/// Which functions are meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListFunctions {
    /// Only those that are active in this environment; all if left out, which a token that is limited to environments cannot.
    pub(super) environment: Option<String>,
    /// The `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// Which function is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneFunction {
    /// The function.
    pub(super) name: String,
}

/// Which log lines are meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Logs {
    /// The function.
    pub(super) name: String,
    /// Only of this invocation. A token that is limited to environments must say which.
    pub(super) invocation: Option<String>,
    /// The newest so many, 1 to 200; 50 if left out.
    pub(super) limit: Option<u32>,
}

/// Which events are meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Audit {
    /// Only this action, such as `secret.put`.
    pub(super) action: Option<String>,
    /// Only on this secret or function.
    pub(super) resource: Option<String>,
    /// The `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// The tools whose clients may show a link.
pub(super) const DELETE_SECRET: &str = "delete_secret";
/// Likewise.
pub(super) const REQUEST_SECRET: &str = "request_secret";
/// The tool whose messages hold a value.
pub(super) const PUT_SECRET: &str = "put_secret";

/// What a tool does to the world, as clients are told.
enum Does {
    /// What was there before is gone.
    Ends,
    /// It reads, and asks nobody outside.
    Reads,
    /// It reads or runs something that may reach services outside.
    Reaches { read_only: bool },
    /// It adds, and what was there before stays or can be had again.
    Adds,
}

fn tool(
    name: &'static str,
    title: &str,
    what: &'static str,
    takes: Arc<JsonObject>,
    gives: Arc<JsonObject>,
    does: Does,
) -> Tool {
    let hints = ToolAnnotations::with_title(title);
    let hints = match does {
        Does::Reads => hints.read_only(true).idempotent(true).open_world(false),
        Does::Reaches { read_only } => hints.read_only(read_only).destructive(false).open_world(true),
        Does::Ends => hints.read_only(false).destructive(true).idempotent(true).open_world(false),
        Does::Adds => hints.read_only(false).destructive(false).open_world(false),
    };
    let mut tool = Tool::new(name, what, takes);
    tool.title = Some(title.to_owned());
    tool.output_schema = Some(gives);
    tool.annotations = Some(hints);
    tool
}

/// Every tool, in the order in which an integration uses them.
pub(super) static ALL: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    use Does::{Adds, Ends, Reaches, Reads};
    vec![
        tool(
            "find_provider",
            "Look up a provider",
            "What credentials a service has, under which names to store them, where a person gets one, and which hosts they go to.",
            schema::of::<FindProvider>(),
            schema::of::<Providers>(),
            Reads,
        ),
        tool(
            "list_secrets",
            "List secrets",
            "Names, masks and metadata of the account's secrets. Values cannot be read by any tool.",
            schema::of::<ListSecrets>(),
            schema::page::<wire::Secret>(),
            Reads,
        ),
        tool(
            "get_secret",
            "Describe a secret",
            "Mask, metadata and users of one secret, never its value. Fails if there is none of that name.",
            schema::of::<OneSecret>(),
            schema::of::<wire::Secret>(),
            Reads,
        ),
        tool(
            "secret_health",
            "See what should be done about secrets",
            "What is missing, overdue, badly formatted, stored twice, exposed by its name or unused, and what to do about it.",
            schema::of::<Health>(),
            schema::of::<wire::SecretHealth>(),
            Reads,
        ),
        tool(
            "check_secret",
            "Check a secret with its provider",
            "Sends a harmless request to the secret's provider to learn whether its value works.",
            schema::of::<OneSecret>(),
            schema::of::<wire::Check>(),
            Reaches { read_only: true },
        ),
        tool(
            REQUEST_SECRET,
            "Ask a person for a secret",
            "Asks the user to enter a credential on a page of Tresor. Use it whenever one is needed: you learn that it was stored, never the value. Do not ask for values in the conversation.",
            schema::of::<wire::CreateSecretRequest>(),
            schema::of::<wire::SecretRequest>(),
            Adds,
        ),
        tool(
            "get_secret_request",
            "See what became of a request",
            "Waits up to 20 seconds for the answer to a secret request and tells its status.",
            schema::of::<OneRequest>(),
            schema::of::<wire::SecretRequest>(),
            Reads,
        ),
        tool(
            PUT_SECRET,
            "Store a secret that you were told",
            "Stores a credential that the user has already given in this conversation; use request_secret for any other. It is marked as seen by an assistant: advise the user to have a new one made by the provider and to enter that in Tresor. Never repeat the value.",
            schema::of::<PutSecret>(),
            schema::of::<wire::StoredSecret>(),
            Adds,
        ),
        tool(
            DELETE_SECRET,
            "Delete a secret",
            "Deletes a secret with all its versions, for good. Ask the user first. Some accounts want a person's yes on a page of Tresor: then the answer has its link, and the same call works once when it was given.",
            schema::of::<DeleteSecret>(),
            schema::of::<Deleted>(),
            Ends,
        ),
        tool(
            "deploy_function",
            "Deploy a function",
            "Bundles code, stores it as a new deployment and makes it active. `missing_secrets` names what the code reads and does not get: ask for those with `request_secret`.",
            schema::of::<Deploy>(),
            schema::of::<wire::Deployment>(),
            Adds,
        ),
        tool(
            "invoke_function",
            "Try a function",
            "Sends one request to a function and shows its answer, with the values of its secrets hidden.",
            schema::of::<Invoke>(),
            schema::of::<Invoked>(),
            Reaches { read_only: false },
        ),
        tool(
            "read_logs",
            "Read a function's log",
            "The newest lines a function printed, with the values of its secrets hidden.",
            schema::of::<Logs>(),
            schema::page::<wire::LogLine>(),
            Reads,
        ),
        tool(
            "list_functions",
            "List functions",
            "The account's functions and what is active where.",
            schema::of::<ListFunctions>(),
            schema::page::<wire::Function>(),
            Reads,
        ),
        tool(
            "get_function",
            "Describe a function",
            "A function's deployments and the source of the newest.",
            schema::of::<OneFunction>(),
            schema::of::<wire::FunctionDetail>(),
            Reads,
        ),
        tool(
            "rollback_function",
            "Roll a function back",
            "Makes an earlier deployment active again.",
            schema::of::<RollBack>(),
            schema::of::<wire::Deployment>(),
            Adds,
        ),
        tool(
            "list_audit",
            "Read the audit log",
            "Who did what in the account, newest first.",
            schema::of::<Audit>(),
            schema::page::<wire::AuditEntry>(),
            Reads,
        ),
    ]
});
