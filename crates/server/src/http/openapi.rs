//! The OpenAPI 3.1 document, generated from the handlers. A test diffs it with the committed one.

use axum::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, Info, License, OpenApi};

/// Adds what is not in the handlers: title, licence, and that every operation needs a token.
pub(super) fn finish(mut document: OpenApi) -> OpenApi {
    document.info = Info::new("Tresor", env!("CARGO_PKG_VERSION"));
    document.info.description = Some(
        "Secrets and the functions that use them. No operation returns a value but `inject_environment`, to tokens made for \
         that alone. Errors are RFC 9457 problem documents."
            .to_owned(),
    );
    document.info.license = Some(License::new("Apache-2.0"));
    let bearer =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("trs_ and 48 hexadecimal digits").build();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    document.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    document
}

/// `/openapi.json`.
pub(super) async fn serve(document: OpenApi) -> Json<OpenApi> {
    Json(document)
}
