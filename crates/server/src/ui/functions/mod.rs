//! Pages of functions. What a function printed, answered or was called with is shown as text, with nothing in it that acts.

pub(super) mod delete;
pub(super) mod deployments;
mod frame;
pub(super) mod invocation;
pub(super) mod invocations;
pub(super) mod list;
pub(super) mod log;
pub(super) mod overview;
mod parts;
pub(super) mod source;
mod stack;
pub(super) mod try_it;
