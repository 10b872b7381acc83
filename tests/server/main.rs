//! The server as its callers meet it: the real binary, real HTTP, real Deno, one data folder for each test.
//!
//! `api` and `operations` are the means; every other module holds one group of promises (DESIGN §4 by number).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/registry.rs"]
mod registry;

mod api;
mod database;
mod operations;
mod process;
mod providers;
mod scan;
mod upstream;

mod access;
mod ambiguous;
mod audit;
mod bad_input;
mod bad_source;
mod browser;
mod canary;
mod connections;
mod cors;
mod durability;
mod egress;
mod endpoints;
mod environments;
mod functions;
mod guard;
mod health;
mod http2;
mod import;
mod inject;
mod integrations;
mod isolation;
mod key_provider;
mod key_rotation;
mod keys;
mod mcp;
mod mcp_confirm;
mod mcp_elicit;
mod mcp_hostile;
mod oauth;
mod oauth_scope;
mod openapi;
mod overlap;
mod overlap_names;
mod pains;
mod postgres;
mod postgres_user;
mod refused;
mod reminders;
mod rotation;
mod rotations;
mod rotator;
mod rotator_postgres;
mod rotator_steps;
mod scanning;
mod sdks;
mod secret_requests;
mod settings;
mod shared_check;
mod sharing;
mod structure;
mod supabase;
mod versions;
mod webhook_keys;
mod webhooks;
