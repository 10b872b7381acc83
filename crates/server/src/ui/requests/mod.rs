//! Pages of secret requests: what was asked for, and the form where a person answers. A value goes in and never comes back.

pub(super) mod answer;
pub(super) mod confirm;
pub(super) mod list;
mod parts;
