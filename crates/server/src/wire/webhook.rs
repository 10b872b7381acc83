//! Webhooks over HTTP. The key that messages are signed with is in one answer, when it is made, and in no other.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::secret::given;

/// A place that is told of things.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// `[a-z][a-z0-9-]*`.
    pub name: String,
    /// Where messages are sent.
    pub url: String,
    /// What it is told, for example `secret_request.created`.
    pub events: Vec<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Who made it.
    pub created_by: String,
    /// When it last took a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<String>,
    /// Since when it takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<String>,
    /// Why it did not take the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Since when it is told nothing, because it failed for five days, or said that it is gone. A put enables it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
    /// How many messages wait.
    pub waiting: u64,
    /// Until when messages are signed with the key before too, after another was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<String>,
}

/// A webhook, and, if that was just made, its key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PutWebhookAnswer {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// The key that messages are signed with, `whsec_…`, as the Standard Webhooks specification has it. It is shown this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<String>,
}

/// Makes a webhook, or changes and enables one.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutWebhook {
    /// An https address of the internet, or of a network that the operator allowed.
    pub url: String,
    /// What it is to be told: some of `secret.due_soon`, `secret.overdue`, `secret.value_returned` and `secret_request.created`.
    pub events: Vec<String>,
}

/// Gives a webhook another key.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateWebhook {
    /// For how long messages are signed with the key before too: `90s`, `10m`, `24h` or `7d`, at most 30 days. Left out: a day. `null`: the key
    /// before is out of use at once.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub overlap: Option<Option<String>>,
}

/// What came of a message that was sent to try a webhook.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WebhookTest {
    /// Whether it was taken: the answer's status was 2xx.
    pub taken: bool,
    /// In words.
    pub detail: String,
    /// The status of the answer, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}
