//! Why a caller gets no worker.

use std::time::Duration;

use crate::worker::{BootError, Exit};

/// Why there is no worker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError<E> {
    /// The function failed while it was loaded.
    #[error("the function failed while it was loaded: {message}")]
    BootFailed {
        /// The error and its stack, redacted and mapped to the source.
        message: String,
    },
    /// The function did not get ready.
    #[error("the function was not ready within {} s", limit.as_secs_f64())]
    BootTimeout {
        /// The limit.
        limit: Duration,
    },
    /// The function's module serves nothing.
    #[error(
        "the function has no handler: call Deno.serve(handler), or `export default` a function or an object with `fetch`"
    )]
    NoHandler,
    /// All workers are in use.
    #[error("all {limit} workers are in use")]
    TooManyWorkers {
        /// The configured number.
        limit: usize,
    },
    /// The process could not be started.
    #[error("the worker's process could not be started: {reason}")]
    Spawn {
        /// What the system said.
        reason: String,
    },
    /// The runtime shuts down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The assignment could not be loaded.
    #[error("the function could not be prepared")]
    Load(E),
}

impl<E> From<BootError> for WorkerError<E> {
    fn from(error: BootError) -> Self {
        match error {
            BootError::Threw(message) => Self::BootFailed { message },
            // Boots are only ever stopped by a shutdown; their timeouts have a variant of their own.
            BootError::Died(Exit::Stopped) => Self::ShuttingDown,
            BootError::Died(exit) => Self::BootFailed { message: format!("its worker ended: {exit}") },
            BootError::Timeout(limit) => Self::BootTimeout { limit },
            BootError::NoHandler => Self::NoHandler,
            BootError::Spawn(reason) => Self::Spawn { reason },
        }
    }
}
