//! OAuth 2.1 as clients of `/mcp` meet it: what this server says of itself (RFC 9728, RFC 8414), registration (RFC 7591),
//! tokens and their revocation (RFC 7009). The consent of a person is `ui`'s.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use domain::token::{self, Kind};
use domain::{Denied, Scope, ScopeSet};
use reqwest::Url;
use serde_json::{Value, json};

use super::auth::{bearer, request_id};
use super::body;
use super::problem::ApiError;
use crate::service::{Caller, Error, OauthError, Registration, Service, TokenRequest};

/// Of a request to an endpoint that takes no token.
const LIMIT: usize = 16 * 1024;
const OF_RESOURCE: &str = "/.well-known/oauth-protected-resource";
const OF_SERVER: &str = "/.well-known/oauth-authorization-server";

/// The endpoints that programs call.
pub(crate) fn router() -> Router<Service> {
    Router::new()
        .route(OF_RESOURCE, get(resource))
        // Where clients look first: after the resource's own path.
        .route("/.well-known/oauth-protected-resource/mcp", get(resource))
        .route(OF_SERVER, get(server))
        .route("/oauth/register", post(register))
        .route("/oauth/token", post(tokens))
        .route("/oauth/revoke", post(revoke))
}

/// Whoever calls `/mcp`: by a token of the account, or, which is `true`, by one that a client got for it.
pub(crate) async fn caller(service: &Service, parts: &axum::http::request::Parts) -> Result<(Caller, bool), Response> {
    let mut by_client = false;
    let found = match bearer(parts) {
        Ok(Some(text)) if token::well_formed(Kind::ClientAccess, text) => {
            by_client = true;
            service.authenticate_client(text).await
        }
        Ok(Some(text)) => service.authenticate(text).await,
        Ok(None) => {
            let detail = "This needs a token: send it as `Authorization: Bearer trs_…`, or get one as the WWW-Authenticate header says.";
            return Err(challenge(service, ApiError::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)));
        }
        Err(error) => return Err(challenge(service, error)),
    };
    let actor = found.map_err(|error| challenge(service, ApiError::from(error)))?;
    Ok((Caller { actor, request_id: request_id(parts) }, by_client))
}

/// Tells a client which scopes it should ask a person for, to do what it was refused (RFC 6750, 3.1). Before revision 2026-07-28 of the protocol
/// clients ask for just those, so that they must be told those that they have too.
pub(crate) fn step_up(service: &Service, headers: &HeaderMap, has: &ScopeSet, lacks: Scope) -> Response {
    let revision = headers.get("mcp-protocol-version").map_or(&b""[..], HeaderValue::as_bytes);
    let asks_for_more = revision >= &b"2026-07-28"[..];
    let scopes = if asks_for_more { ScopeSet::default() } else { has.clone() }.with(lacks).to_text();
    let error = ApiError::from(Error::Denied(Denied::Scope(lacks)));
    let said = format!(
        "Bearer error=\"insufficient_scope\", scope=\"{scopes}\", resource_metadata=\"{}\", error_description=\"{}\"",
        metadata(service),
        error.detail()
    );
    let mut response = error.into_response();
    if let Ok(said) = HeaderValue::from_str(&said) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, said);
    }
    response
}

fn metadata(service: &Service) -> String {
    format!("{}{OF_RESOURCE}/mcp", service.sites().url())
}

/// Tells where to get a token (RFC 9728, 5.1).
fn challenge(service: &Service, error: ApiError) -> Response {
    let unauthenticated = error.status() == StatusCode::UNAUTHORIZED;
    let mut response = error.into_response();
    let said =
        format!("Bearer resource_metadata=\"{}\", scope=\"{}\"", metadata(service), ScopeSet::of_a_client().to_text());
    if let Ok(said) = HeaderValue::from_str(&said)
        && unauthenticated
    {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, said);
    }
    response
}

fn scopes() -> Vec<&'static str> {
    ScopeSet::for_clients().iter().map(Scope::as_str).collect()
}

async fn resource(State(service): State<Service>) -> Json<Value> {
    Json(
        json!({ "resource": service.mcp_resource(), "resource_name": "Tresor", "authorization_servers": [service.sites().url()],
        "scopes_supported": scopes(), "bearer_methods_supported": ["header"] }),
    )
}

async fn server(State(service): State<Service>) -> Json<Value> {
    let url = service.sites().url();
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/oauth/authorize"),
        "token_endpoint": format!("{url}/oauth/token"),
        "registration_endpoint": format!("{url}/oauth/register"),
        "revocation_endpoint": format!("{url}/oauth/revoke"),
        "scopes_supported": scopes(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "client_id_metadata_document_supported": true,
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn register(State(service): State<Service>, request: Request) -> Response {
    let bytes = match body::read(request.into_body(), LIMIT).await {
        Ok(bytes) => bytes,
        Err(error) => return error.into_response(),
    };
    let Ok(registration) = serde_json::from_slice::<Registration>(&bytes) else {
        let error = OauthError { error: "invalid_client_metadata", description: "must be JSON with redirect_uris" };
        return refused(&error);
    };
    match service.register_client(registration).await {
        Ok((client_id, kept)) => {
            let client = json!({ "client_id": client_id, "client_name": kept.client_name, "redirect_uris": kept.redirect_uris,
                "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "token_endpoint_auth_method": "none" });
            (StatusCode::CREATED, Json(client)).into_response()
        }
        Err(Error::Invalid(_)) => refused(&OauthError {
            error: "invalid_redirect_uri",
            description: "redirect_uris must be 1 to 10 of https, http of this machine, or a program's own scheme, without a fragment",
        }),
        Err(error) => ApiError::from(error).into_response(),
    }
}

async fn tokens(State(service): State<Service>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut fields = match form(body).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let mut take = |name: &str| fields.iter().position(|(key, _)| key == name).map(|at| fields.swap_remove(at).1);
    let request = TokenRequest {
        grant_type: take("grant_type").unwrap_or_default(),
        client_id: take("client_id").unwrap_or_default(),
        code: take("code").unwrap_or_default(),
        redirect_uri: take("redirect_uri").unwrap_or_default(),
        code_verifier: take("code_verifier").unwrap_or_default(),
        refresh_token: take("refresh_token").unwrap_or_default(),
        resource: take("resource"),
    };
    match service.issue_client_tokens(request, &request_id(&parts)).await {
        Ok(Ok(issued)) => {
            Json(json!({ "access_token": issued.access_token, "token_type": "Bearer", "expires_in": issued.expires_in,
            "refresh_token": issued.refresh_token, "scope": issued.scope }))
            .into_response()
        }
        Ok(Err(error)) => refused(&error),
        Err(error) => ApiError::from(error).into_response(),
    }
}

async fn revoke(State(service): State<Service>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let fields = match form(body).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let Some((_, text)) = fields.iter().find(|(key, _)| key == "token") else {
        return refused(&OauthError { error: "invalid_request", description: "needs the field token" });
    };
    match service.revoke_client_token(text, &request_id(&parts)).await {
        // Also where there was none: that is not for strangers to know.
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => ApiError::from(error).into_response(),
    }
}

fn refused(error: &OauthError) -> Response {
    let told = json!({ "error": error.error, "error_description": error.description });
    (StatusCode::BAD_REQUEST, Json(told)).into_response()
}

/// The fields of a form, none of which comes twice.
async fn form(body: Body) -> Result<Vec<(String, String)>, Response> {
    let bytes = body::read(body, LIMIT).await.map_err(IntoResponse::into_response)?;
    let invalid = || {
        refused(&OauthError { error: "invalid_request", description: "must be a form in which no field comes twice" })
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| invalid())?;
    let url = Url::parse(&format!("http://form/?{text}")).map_err(|_| invalid())?;
    let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let twice = fields.iter().enumerate().any(|(at, (key, _))| fields.iter().take(at).any(|(other, _)| other == key));
    if twice { Err(invalid()) } else { Ok(fields) }
}
