//! Pages of integrations: which services there are, what each needs, and a function to begin with.

pub(super) mod deploy;
pub(super) mod detail;
pub(super) mod list;
