//! Pages of functions. What a function printed or was called with is shown as text, with nothing in it that acts.

pub(super) mod detail;
pub(super) mod invocation;
pub(super) mod list;
mod parts;
