//! Pages of settings: what holds for the account, who may do what in it.

pub(super) mod environments;
mod frame;
pub(super) mod general;
pub(super) mod issuers;
pub(super) mod people;
pub(super) mod programs;
pub(super) mod server;
pub(super) mod tokens;
