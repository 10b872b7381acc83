//! Pages of secrets. A value goes in by a form and never comes back: not in a list, not in a form that failed.

pub(super) mod add;
pub(super) mod bulk;
pub(super) mod delete;
pub(super) mod detail;
pub(super) mod export;
pub(super) mod fields;
pub(super) mod import;
pub(super) mod list;
pub(super) mod matrix;
pub(super) mod overlap;
mod rotation;
pub(super) mod rotator;
pub(super) mod share;
