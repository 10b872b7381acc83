//! Secrets of a project.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::http::body::JsonBody;
use crate::http::extract::Path;
use crate::http::problem::ApiResult;
use crate::service::{Caller, Service};
use crate::wire::RawValue;

/// A secret that is set.
#[derive(Deserialize)]
pub(super) struct NewSecret {
    name: String,
    value: RawValue,
}

/// A secret in a list.
#[derive(Serialize)]
pub(super) struct ListedSecret {
    name: String,
    /// A digest of the value; the name is Supabase's.
    value: String,
    updated_at: String,
}

/// `GET /v1/projects/{ref}/secrets`
pub(super) async fn list(
    State(service): State<Service>,
    caller: Caller,
    Path(reference): Path<String>,
) -> ApiResult<Json<Vec<ListedSecret>>> {
    let environment = service.environment_of_ref(&caller, &reference).await?;
    let digests = service.secret_digests(&caller, &environment).await?.into_iter();
    let listed = digests.map(|secret| ListedSecret {
        name: secret.name.to_string(),
        value: secret.digest,
        updated_at: secret.updated_at,
    });
    Ok(Json(listed.collect()))
}

/// `POST /v1/projects/{ref}/secrets`: puts all of them, or none.
pub(super) async fn set(
    State(service): State<Service>,
    caller: Caller,
    Path(reference): Path<String>,
    JsonBody(secrets): JsonBody<Vec<NewSecret>>,
) -> ApiResult<StatusCode> {
    let environment = service.environment_of_ref(&caller, &reference).await?;
    let secrets = secrets.into_iter().map(|secret| (secret.name, secret.value.take())).collect();
    service.put_secrets(&caller, &environment, secrets).await?;
    Ok(StatusCode::CREATED)
}

/// `DELETE /v1/projects/{ref}/secrets`: deletes all of them, or none.
pub(super) async fn unset(
    State(service): State<Service>,
    caller: Caller,
    Path(reference): Path<String>,
    JsonBody(names): JsonBody<Vec<String>>,
) -> ApiResult<StatusCode> {
    let environment = service.environment_of_ref(&caller, &reference).await?;
    service.delete_secrets(&caller, &environment, &names).await?;
    Ok(StatusCode::OK)
}
