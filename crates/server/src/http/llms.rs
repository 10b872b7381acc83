//! What an assistant reads that knows nothing of this server: `/llms.txt`, and the documents that it leads to. The same for
//! everybody, and public.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::service::Service;

const PAGES: [(&str, &str, &str); 5] = [
    ("/llms.txt", "text/plain; charset=utf-8", include_str!("llms.txt")),
    ("/docs/functions.md", MARKDOWN, include_str!("../../../../docs/functions.md")),
    ("/docs/api.md", MARKDOWN, include_str!("../../../../docs/api.md")),
    ("/docs/providers.md", MARKDOWN, include_str!("../../../../docs/providers.md")),
    ("/docs/assistants.md", MARKDOWN, include_str!("../../../../docs/assistants.md")),
];

const MARKDOWN: &str = "text/markdown; charset=utf-8";

pub(crate) fn router() -> Router<Service> {
    PAGES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        router.route(path, get(move || async move { ([(header::CONTENT_TYPE, kind)], text).into_response() }))
    })
}
