//! What tools do: each is a call of the service, as the caller, under the caller's scopes. Nothing here permits anything.

use std::time::Duration;

use domain::Invalid;
use rmcp::model::JsonObject;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::data;
use super::tools::{
    Audit, Confirmation, DELETE_SECRET, DeleteSecret, Deleted, Deploy, FindProvider, Health, Invoke, Invoked,
    ListFunctions, ListSecrets, Logs, OneFunction, OneRequest, OneSecret, PUT_SECRET, Providers, PutSecret,
    REQUEST_SECRET, RollBack,
};
use crate::http::problem::ApiError;
use crate::service::{AuditQuery, Caller, Error, OnceInput, PutInput, Service, Shown, Wished};
use crate::wire;

/// Rows of one page: an assistant reads all of it.
const ROWS: u32 = 50;
/// Providers that are told in full.
const PROVIDERS: usize = 5;
/// How long a look at a secret request waits.
pub(super) const WAIT: Duration = Duration::from_secs(20);

/// What is asked of a tool.
pub(super) struct Asked<'a> {
    pub(super) tool: &'a str,
    pub(super) arguments: JsonObject,
    /// Of `put_secret`.
    pub(super) value: Option<Zeroizing<String>>,
}

/// Calls a tool. `None` if there is none of that name.
pub(super) async fn call(service: &Service, caller: &Caller, asked: Asked<'_>) -> Option<Result<Value, ApiError>> {
    let given = asked.arguments;
    Some(match asked.tool {
        "find_provider" => {
            with(given, async |it: FindProvider| {
                let found = service.list_providers(caller, &it.query).items;
                let providers = found.iter().take(PROVIDERS).map(|found| service.get_provider(caller, &found.id));
                Ok(Providers { providers: providers.collect::<Result<_, _>>()? })
            })
            .await
        }
        "list_secrets" => {
            with(given, async |it: ListSecrets| {
                service.list_secrets(caller, it.environment.as_deref(), it.cursor.as_deref(), ROWS).await
            })
            .await
        }
        "get_secret" => {
            with(given, async |it: OneSecret| {
                Ok(service.get_secret(caller, &it.name, it.environment.as_deref()).await?.0)
            })
            .await
        }
        "secret_health" => {
            with(given, async |it: Health| service.secret_health(caller, it.environment.as_deref(), None).await).await
        }
        "check_secret" => {
            with(given, async |it: OneSecret| service.check_secret(caller, &it.name, it.environment.as_deref()).await)
                .await
        }
        REQUEST_SECRET => {
            with(given, async |it: wire::CreateSecretRequest| Ok(service.create_secret_request(caller, it).await?.0))
                .await
        }
        "get_secret_request" => {
            with(given, async |it: OneRequest| service.get_secret_request(caller, &it.id, WAIT).await).await
        }
        PUT_SECRET => with(given, async |it: PutSecret| put(service, caller, it, asked.value).await).await,
        DELETE_SECRET => with(given, async |it: DeleteSecret| delete(service, caller, it).await).await,
        "deploy_function" => {
            with(given, async |it: Deploy| {
                let name = it.name.clone();
                service.deploy_function(caller, &name, deployment(it)).await
            })
            .await
        }
        "invoke_function" => with(given, async |it: Invoke| invoke(service, caller, it).await).await,
        "read_logs" => {
            with(given, async |it: Logs| {
                let rows = it.limit.unwrap_or(50).clamp(1, 200);
                let Some(invocation) = &it.invocation else {
                    return service.function_logs(caller, &it.name, rows).await;
                };
                let mut page = service.invocation_logs(caller, &it.name, invocation).await?;
                let more = page.items.len().saturating_sub(rows as usize);
                page.items.drain(..more);
                Ok(page)
            })
            .await
        }
        "list_functions" => {
            with(given, async |it: ListFunctions| match &it.environment {
                Some(environment) => service.functions_in(caller, environment).await,
                None => service.list_functions(caller, it.cursor.as_deref(), ROWS).await,
            })
            .await
        }
        "get_function" => with(given, async |it: OneFunction| service.get_function(caller, &it.name, None).await).await,
        "rollback_function" => {
            with(given, async |it: RollBack| {
                service.rollback_function(caller, &it.name, it.number, it.environment.as_deref()).await
            })
            .await
        }
        "list_audit" => {
            with(given, async |it: Audit| {
                let query = AuditQuery {
                    cursor: it.cursor,
                    rows: ROWS,
                    action: it.action,
                    resource: it.resource,
                    ..AuditQuery::default()
                };
                service.list_audit(caller, query).await
            })
            .await
        }
        _ => return None,
    })
}

/// Reads what was given, acts, and writes what came of it so that it can be shown.
async fn with<T: DeserializeOwned, R: Serialize>(
    given: JsonObject,
    act: impl AsyncFnOnce(T) -> Result<R, Error>,
) -> Result<Value, ApiError> {
    let input = read(given).map_err(ApiError::from)?;
    act(input).await.map(shown).map_err(ApiError::from)
}

/// Through the API's own reader, whose errors quote nothing of what was sent.
pub(super) fn read<T: DeserializeOwned>(given: JsonObject) -> Result<T, Invalid> {
    crate::http::body::parse(&serde_json::to_vec(&given).unwrap_or_default())
}

/// What came of a call, so that it can be shown.
pub(super) fn shown(done: impl Serialize) -> Value {
    let mut value = data::visible(serde_json::to_value(done).unwrap_or_default());
    if let Some(fields) = value.as_object_mut() {
        fields.insert("notice".to_owned(), json!(data::NOTICE));
    }
    value
}

async fn put(
    service: &Service,
    caller: &Caller,
    it: PutSecret,
    value: Option<Zeroizing<String>>,
) -> Result<wire::StoredSecret, Error> {
    let value = value.ok_or_else(|| Invalid::new("value", "json_invalid", "must be given, as text"))?;
    let input = PutInput { environment: it.environment, delivery: it.delivery, note: it.note, ..PutInput::default() };
    Ok(service.put_seen_secret(caller, &it.name, value, input).await?.stored)
}

pub(super) async fn delete(service: &Service, caller: &Caller, it: DeleteSecret) -> Result<Deleted, Error> {
    if it.confirm != it.name {
        let rule = "must be the secret's name once more: ask the user before you give it";
        return Err(Invalid::new("confirm", "confirm_differs", rule).into());
    }
    let environment = it.environment.as_deref();
    let confirmation = match service.delete_secret_confirmed(caller, &it.name, environment).await? {
        Wished::Done => None,
        Wished::Waits(waits) => Some(Confirmation {
            id: waits.id,
            status: waits.status.as_str().to_owned(),
            url: waits.url,
            expires_at: waits.expires_at,
        }),
    };
    let environment = it.environment.unwrap_or_else(|| "production".to_owned());
    Ok(Deleted { name: it.name, environment, deleted: confirmation.is_none(), confirmation })
}

fn deployment(it: Deploy) -> wire::PutFunction {
    wire::PutFunction {
        source: it.source,
        files: it.files,
        environment: it.environment,
        access: it.access,
        // Not all of them, as for people: what an assistant writes gets what it names.
        secrets: Some(it.secrets.map_or_else(|| wire::Secrets::Word("referenced".to_owned()), wire::Secrets::Names)),
        egress: it.egress,
        ..wire::PutFunction::default()
    }
}

async fn invoke(service: &Service, caller: &Caller, it: Invoke) -> Result<Invoked, Error> {
    let headers = it.headers.unwrap_or_default();
    let lines: Vec<_> =
        headers.iter().map(|(name, text)| format!("{name}: {}", text.replace(['\r', '\n'], " "))).collect();
    let input = OnceInput {
        environment: it.environment,
        method: it.method.unwrap_or_else(|| "POST".to_owned()),
        path: it.path.unwrap_or_default(),
        headers: lines.join("\n"),
        body: it.body.unwrap_or_default(),
    };
    let once = service.invoke_once(caller, &it.name, input).await?;
    let mut invoked = Invoked {
        notice: data::NOTICE.to_owned(),
        invocation: once.id,
        status: None,
        headers: Default::default(),
        body: String::new(),
        truncated: false,
        failed: None,
    };
    match once.answer {
        Err(why) => invoked.failed = Some(why),
        Ok(answer) => {
            invoked.status = Some(answer.status);
            invoked.headers = answer.headers.into_iter().collect();
            (invoked.body, invoked.truncated) = match answer.body {
                Shown::Text(text, more) => (text, more),
                Shown::Bytes(count, more) => (format!("({count} bytes that are no text)"), more),
            };
        }
    }
    Ok(invoked)
}
