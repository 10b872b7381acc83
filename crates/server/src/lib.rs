//! The only meeting point of store, keys and runtime.
//!
//! Shows [`Config`], [`serve`] and the API's [`wire`] types; everything else is private. Inside, `http`, `ui` and `jobs`
//! call `service`, which calls store, envelope and runtime: handlers hold no policy and no SQL, services know no status codes.
#![forbid(unsafe_code)]

mod clock;
mod config;
mod http;
mod jobs;
mod listener;
mod mcp;
mod metrics;
mod serve;
mod service;
mod sites;
mod tls;
mod ui;
pub mod wire;

pub use config::{Config, Ready, TlsFiles};
pub use runtime::RequiredWalls;
pub use serve::{ServeError, serve};

/// The OpenAPI document of this build, as `/openapi.json` serves it.
pub fn openapi() -> String {
    http::document().to_pretty_json().unwrap_or_default()
}
