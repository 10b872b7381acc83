//! The style sheet, the script and the icon. They are part of the binary; their address names their content, so browsers
//! keep them for good and never keep an old one.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// One embedded file.
pub(super) struct Asset {
    file: &'static str,
    kind: &'static str,
    text: &'static str,
    hash: LazyLock<String>,
}

macro_rules! asset {
    ($name:ident, $file:literal, $kind:literal, $($part:literal),+) => {
        pub(super) static $name: Asset = Asset {
            file: $file,
            kind: $kind,
            text: concat!($(include_str!($part)),+),
            hash: LazyLock::new(|| domain::token::hash(concat!($(include_str!($part)),+)).chars().take(16).collect()),
        };
    };
}

asset!(
    STYLE,
    "app.css",
    "text/css; charset=utf-8",
    "assets/css/tokens.css",
    "assets/css/base.css",
    "assets/css/frame.css",
    "assets/css/parts.css",
    "assets/css/lists.css",
    "assets/css/forms.css",
    "assets/css/code.css"
);
asset!(SCRIPT, "app.js", "text/javascript; charset=utf-8", "assets/app.js");
asset!(ICON, "icon.svg", "image/svg+xml", "assets/icon.svg");

impl Asset {
    /// Its address.
    pub(super) fn url(&self) -> String {
        format!("/assets/{}/{}", *self.hash, self.file)
    }
}

/// `GET /assets/{hash}/{file}`
pub(super) async fn serve(Path((hash, file)): Path<(String, String)>) -> Response {
    let asset = [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.file == file && *asset.hash == hash);
    match asset {
        Some(asset) => {
            let headers =
                [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (headers, asset.text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
