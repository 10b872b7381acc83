//! Every operation of the API: how to ask for it, and what it needs. The OpenAPI document of the running server says
//! which there are: one without an entry here fails every test that goes over all of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::{Answer, Client, str};

/// What requests name.
#[derive(Debug, Clone)]
pub struct Names {
    pub secret: String,
    pub environment: String,
    pub function: String,
    pub token: String,
    /// Of a secret request.
    pub request: String,
    /// Of a member, a group and an issuer.
    pub people: String,
    pub invocation: String,
    pub rotation: String,
    /// A name for what is made.
    pub new: String,
}

/// One operation.
pub struct Operation {
    pub id: &'static str,
    /// The scope it needs; `None`: any token may.
    pub scope: Option<&'static str>,
    /// As the audit log names it; empty where nothing is permitted or refused.
    pub action: &'static str,
    request: fn(&Names) -> (String, Option<Value>),
}

macro_rules! operations {
    ($($id:literal, $scope:expr, $action:literal, |$n:ident| $path:expr, $body:expr;)*) => {
        pub const OPERATIONS: &[Operation] = &[$(Operation { id: $id, scope: $scope, action: $action, request: |$n| ($path, $body) },)*];
    };
}

/// A value that no mask shows anything of.
pub const VALUE: &str = "hunter2";
pub const SOURCE: &str = "Deno.serve(() => new Response('ok'));";

operations! {
    "put_secret", Some("secrets:write"), "secret.put", |n| format!("/api/v1/secrets/{}", n.secret), Some(json!({ "value": VALUE, "environment": n.environment }));
    "import_secrets", Some("secrets:write"), "secret.import", |n| "/api/v1/secrets/import".to_owned(), Some(json!({ "format": "dotenv", "text": format!("{}={VALUE}", n.secret), "environment": n.environment }));
    "list_secrets", Some("secrets:read"), "secret.list", |n| format!("/api/v1/secrets?environment={0}&cursor={0}:{1}", n.environment, n.secret), None;
    "get_secret_health", Some("secrets:read"), "secret.list", |n| format!("/api/v1/secrets/health?environment={}", n.environment), None;
    "get_secret", Some("secrets:read"), "secret.get", |n| format!("/api/v1/secrets/{}?environment={}", n.secret, n.environment), None;
    "list_secret_versions", Some("secrets:read"), "secret.get", |n| format!("/api/v1/secrets/{}/versions?environment={}", n.secret, n.environment), None;
    "activate_secret", Some("secrets:write"), "secret.activate", |n| format!("/api/v1/secrets/{}/activate", n.secret), Some(json!({ "version": 1, "environment": n.environment }));
    "get_rotator", Some("secrets:read"), "rotator.get", |n| format!("/api/v1/secrets/{}/rotator?environment={}", n.secret, n.environment), None;
    "put_rotator", Some("secrets:write"), "rotator.put", |n| format!("/api/v1/secrets/{}/rotator", n.secret), Some(json!({ "kind": "function", "function": n.function, "environment": n.environment }));
    "delete_rotator", Some("secrets:write"), "rotator.delete", |n| format!("/api/v1/secrets/{}/rotator?environment={}", n.secret, n.environment), None;
    "rotate_secret", Some("secrets:write"), "rotation.start", |n| format!("/api/v1/secrets/{}/rotate", n.secret), Some(json!({ "environment": n.environment }));
    "list_rotations", Some("secrets:read"), "rotation.list", |n| format!("/api/v1/secrets/{}/rotations?environment={}", n.secret, n.environment), None;
    "get_rotation", Some("secrets:read"), "rotation.list", |n| format!("/api/v1/secrets/{}/rotations/{}?environment={}", n.secret, n.rotation, n.environment), None;
    "retry_rotation", Some("secrets:write"), "rotation.retry", |n| format!("/api/v1/secrets/{}/rotations/{}/retry", n.secret, n.rotation), Some(json!({ "environment": n.environment }));
    "cancel_rotation", Some("secrets:write"), "rotation.cancel", |n| format!("/api/v1/secrets/{}/rotations/{}/cancel", n.secret, n.rotation), Some(json!({ "environment": n.environment }));
    "check_secret", Some("secrets:write"), "secret.check", |n| format!("/api/v1/secrets/{}/check", n.secret), Some(json!({ "environment": n.environment }));
    "check_value", Some("secrets:write"), "secret.check", |n| "/api/v1/providers/stripe/check".to_owned(), Some(json!({ "value": VALUE, "name": n.secret, "environment": n.environment }));
    "change_secret", Some("secrets:write"), "secret.put", |n| format!("/api/v1/secrets/{}", n.secret), Some(json!({ "note": "other", "environment": n.environment }));
    "get_secret_matrix", Some("secrets:read"), "secret.list", |n| format!("/api/v1/secrets/matrix?cursor={}", n.secret), None;
    "export_secret_structure", Some("secrets:read"), "secret.list", |n| format!("/api/v1/secrets/structure?environment={}", n.environment), None;
    "import_secret_structure", Some("secrets:write"), "secret.import", |n| "/api/v1/secrets/structure".to_owned(), Some(json!({ "text": format!(r#"{{"structure":1,"environments":[],"secrets":[{{"name":"SLOT","environment":"{}"}}]}}"#, n.environment), "environment": n.environment }));
    "share_secret", Some("secrets:write"), "secret.share", |n| format!("/api/v1/secrets/{}/share", n.secret), Some(json!({ "environment": n.environment, "from": "test" }));
    "destroy_secret_version", Some("secrets:write"), "secret.destroy", |n| format!("/api/v1/secrets/{}/destroy", n.secret), Some(json!({ "version": 1, "environment": n.environment }));
    "delete_secret", Some("secrets:write"), "secret.delete", |n| format!("/api/v1/secrets/{}?environment={}", n.secret, n.environment), None;
    "get_scan", Some("secrets:scan"), "secret.scan", |n| format!("/api/v1/scan?environment={}", n.environment), None;
    "find_digests", Some("secrets:scan"), "secret.scan", |n| "/api/v1/scan".to_owned(), Some(json!({ "digests": ["00".repeat(16)], "environment": n.environment }));
    "list_providers", None, "", |n| format!("/api/v1/providers?q={}", n.secret), None;
    "get_provider", None, "", |_n| "/api/v1/providers/stripe".to_owned(), None;
    "suggest_providers", None, "", |_n| "/api/v1/providers/suggest".to_owned(), Some(json!({ "value": VALUE }));
    "create_secret_request", Some("secrets:request"), "secret_request.create", |n| "/api/v1/secret-requests".to_owned(), Some(json!({ "name": n.secret, "reason": "to test", "environment": n.environment }));
    "list_secret_requests", Some("secrets:read"), "secret_request.list", |n| format!("/api/v1/secret-requests?environment={}", n.environment), None;
    "get_secret_request", Some("secrets:read"), "secret_request.get", |n| format!("/api/v1/secret-requests/{}", n.request), None;
    "decline_secret_request", Some("secrets:write"), "secret_request.decline", |n| format!("/api/v1/secret-requests/{}/decline", n.request), None;
    "cancel_secret_request", Some("secrets:write"), "secret_request.cancel", |n| format!("/api/v1/secret-requests/{}/cancel", n.request), None;
    "deploy_function", Some("functions:write"), "function.deploy", |n| format!("/api/v1/functions/{}", n.function), Some(json!({ "source": SOURCE, "environment": n.environment }));
    "list_functions", Some("functions:read"), "function.list", |n| format!("/api/v1/functions?cursor={}", n.function), None;
    "get_function", Some("functions:read"), "function.get", |n| format!("/api/v1/functions/{}", n.function), None;
    "rollback_function", Some("functions:write"), "function.rollback", |n| format!("/api/v1/functions/{}/rollback", n.function), Some(json!({ "number": 1, "environment": n.environment }));
    "delete_function", Some("functions:write"), "function.delete", |n| format!("/api/v1/functions/{}", n.function), None;
    "list_invocations", Some("functions:read"), "invocation.list", |n| format!("/api/v1/functions/{}/invocations?environment={}&cursor=9999999999999:{}", n.function, n.environment, n.invocation), None;
    "get_invocation_logs", Some("functions:read"), "invocation.list", |n| format!("/api/v1/functions/{}/invocations/{}/logs", n.function, n.invocation), None;
    "get_function_logs", Some("functions:read"), "invocation.list", |n| format!("/api/v1/functions/{}/logs", n.function), None;
    "list_egress", Some("functions:read"), "invocation.list", |n| format!("/api/v1/functions/{}/egress?invocation={}", n.function, n.invocation), None;
    "tail_function_logs", Some("functions:read"), "invocation.list", |n| format!("/api/v1/functions/{}/logs/tail", n.function), None;
    "create_token", Some("tokens:write"), "token.create", |n| "/api/v1/tokens".to_owned(), Some(json!({ "name": n.new, "scopes": ["secrets:read"], "environments": [n.environment] }));
    "list_tokens", Some("tokens:read"), "token.list", |n| format!("/api/v1/tokens?cursor={}", n.token), None;
    "revoke_token", Some("tokens:write"), "token.revoke", |n| format!("/api/v1/tokens/{}", n.token), None;
    "list_members", Some("members:read"), "member.list", |n| format!("/api/v1/members?cursor={}", n.people), None;
    "put_member", Some("members:write"), "member.put", |n| format!("/api/v1/members/{}", n.people), Some(json!({ "role": "user" }));
    "delete_member", Some("members:write"), "member.delete", |n| format!("/api/v1/members/{}", n.people), None;
    "list_groups", Some("members:read"), "group.list", |_n| "/api/v1/groups".to_owned(), None;
    "put_group", Some("members:write"), "group.put", |n| format!("/api/v1/groups/{}", n.people), Some(json!({ "members": [] }));
    "delete_group", Some("members:write"), "group.delete", |n| format!("/api/v1/groups/{}", n.people), None;
    "list_issuers", Some("members:read"), "issuer.list", |_n| "/api/v1/issuers".to_owned(), None;
    "put_issuer", Some("members:write"), "issuer.put", |n| format!("/api/v1/issuers/{}", n.people), Some(json!({ "issuer": "https://i.example", "audience": "a", "algorithms": ["HS256"], "secret": n.secret }));
    "delete_issuer", Some("members:write"), "issuer.delete", |n| format!("/api/v1/issuers/{}", n.people), None;
    "get_settings", Some("settings:read"), "settings.get", |_n| "/api/v1/settings".to_owned(), None;
    "get_account_key", Some("settings:read"), "key.get", |_n| "/api/v1/key".to_owned(), None;
    "rotate_account_key", Some("settings:write"), "key.rotate", |_n| "/api/v1/key/rotate".to_owned(), None;
    "put_settings", Some("settings:write"), "settings.put", |_n| "/api/v1/settings".to_owned(), Some(json!({ "response_guard": "block" }));
    "list_webhooks", Some("settings:read"), "webhook.list", |_n| "/api/v1/webhooks".to_owned(), None;
    "put_webhook", Some("settings:write"), "webhook.put", |n| format!("/api/v1/webhooks/{}", n.people), Some(json!({ "url": "https://hooks.invalid/x", "events": ["secret_request.created"] }));
    "test_webhook", Some("settings:write"), "webhook.test", |n| format!("/api/v1/webhooks/{}/test", n.people), None;
    "rotate_webhook", Some("settings:write"), "webhook.rotate", |n| format!("/api/v1/webhooks/{}/rotate", n.people), Some(json!({}));
    "delete_webhook", Some("settings:write"), "webhook.delete", |n| format!("/api/v1/webhooks/{}", n.people), None;
    "list_walls", Some("accounts:write"), "wall.list", |_n| "/api/v1/walls".to_owned(), None;
    "list_environments", None, "", |_n| "/api/v1/environments".to_owned(), None;
    "put_environment", Some("environments:write"), "environment.put", |n| format!("/api/v1/environments/{}", n.environment), None;
    "inject_environment", Some("secrets:inject"), "secret.inject", |n| format!("/api/v1/environments/{}/inject", n.environment), Some(json!({ "command": "npm" }));
    "clone_environment", Some("environments:write"), "environment.clone", |n| format!("/api/v1/environments/{}/clone", n.environment), Some(json!({ "to": n.new }));
    "delete_environment", Some("environments:write"), "environment.delete", |n| format!("/api/v1/environments/{}", n.environment), None;
    "create_login_link", Some("sessions:write"), "session.create", |_n| "/api/v1/login-links".to_owned(), None;
    "create_account", Some("accounts:write"), "account.create", |n| "/api/v1/accounts".to_owned(), Some(json!({ "name": n.new }));
    "list_accounts", Some("accounts:write"), "account.list", |_n| "/api/v1/accounts".to_owned(), None;
    "list_audit", Some("audit:read"), "audit.list", |n| format!("/api/v1/audit?resource={}", n.secret), None;
    "get_audit_checkpoint", Some("audit:read"), "audit.list", |_n| "/api/v1/audit/checkpoint".to_owned(), None;
    "get_audit_proof", Some("audit:read"), "audit.list", |_n| "/api/v1/audit/proof?index=0&size=1".to_owned(), None;
    "export_audit", Some("audit:read"), "audit.list", |_n| "/api/v1/audit/export".to_owned(), None;
}

/// An operation that the document has and this file knows.
pub struct Documented {
    pub operation: &'static Operation,
    pub method: String,
    /// Whether the request names an environment that limits who may do it.
    pub takes_environment: bool,
}

impl Documented {
    /// The request as `caller`.
    pub fn request(&self, caller: &Client, names: &Names) -> reqwest::RequestBuilder {
        let (path, body) = (self.operation.request)(names);
        let request = caller.request(&self.method, &path).header("sec-tresor-no-browsers", "1");
        match body {
            Some(body) => request.json(&body),
            None => request,
        }
    }

    pub async fn ask(&self, caller: &Client, names: &Names) -> Answer {
        caller.send(self.request(caller, names)).await
    }

    /// What leaves no event even when it is refused changes nothing.
    pub fn changes(&self) -> bool {
        self.method != "GET" && !self.operation.action.is_empty()
    }
}

/// Every operation of the server's own document.
pub async fn documented(client: &Client) -> Vec<Documented> {
    let document = client.without_token().get("/openapi.json").await.expect(200).json();
    let mut known: BTreeMap<&str, &'static Operation> =
        OPERATIONS.iter().map(|operation| (operation.id, operation)).collect();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            let id = str(&described["operationId"]);
            let operation = known
                .remove(id)
                .unwrap_or_else(|| panic!("{method} {path} ({id}) has no entry in operations.rs: add one"));
            let schema = &described["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let schema = schema.as_str().and_then(|reference| document.pointer(reference.trim_start_matches('#')));
            let in_body = schema.is_some_and(|schema| schema["properties"].get("environment").is_some());
            let in_query = described["parameters"]
                .as_array()
                .is_some_and(|all| all.iter().any(|parameter| parameter["name"] == "environment"));
            let takes_environment = in_body || in_query || path.starts_with("/api/v1/environments/");
            found.push(Documented { operation, method: method.to_uppercase(), takes_environment });
        }
    }
    assert!(known.is_empty(), "operations.rs has entries that the document does not have: {:?}", known.keys());
    found
}
