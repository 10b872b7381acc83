//! Why a command failed: what to print, and the exit code that scripts read. Nothing here may hold a value.

use server::wire::{FieldProblem, Problem};

/// The exit codes of the contract; `tresor --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was refused or did not work.
    Failed = 1,
    /// The command line is wrong; clap uses the same number.
    Usage = 2,
    /// No token, a token that does not work, or one that may not do this.
    Denied = 3,
    /// There is no such thing.
    NotFound = 4,
    /// It exists already, or someone else changed it.
    Conflict = 5,
    /// The command to run could not be started; as shells have it.
    CannotRun = 126,
    /// There is no such command; as shells have it.
    NoCommand = 127,
    /// No server answered. `EX_UNAVAILABLE` of sysexits.h.
    Unreachable = 69,
}

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// What happened, with its fields, as the server said it or in the same shape.
    pub(crate) problem: Box<Problem>,
    /// What to do next.
    pub(crate) hint: Option<String>,
}

/// What a command returns.
pub(crate) type Done<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure that this program found itself. Its problem has status 0 and no request id, since no server was asked.
    pub(crate) fn new(exit: Exit, code: &str, what: impl Into<String>) -> Self {
        let title = match exit {
            Exit::Failed => "Failed",
            Exit::Usage => "Usage",
            Exit::Denied => "Not authorized",
            Exit::NotFound => "Not found",
            Exit::Conflict => "Conflict",
            Exit::CannotRun | Exit::NoCommand => "Not started",
            Exit::Unreachable => "Server unreachable",
        };
        let problem = Problem {
            kind: format!("urn:tresor:problem:{code}"),
            title: title.to_owned(),
            status: 0,
            code: code.to_owned(),
            detail: what.into(),
            request_id: String::new(),
            errors: Vec::new(),
        };
        Self { exit, problem: Box::new(problem), hint: None }
    }

    pub(crate) fn failed(code: &str, what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, code, what)
    }

    pub(crate) fn usage(code: &str, what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, code, what)
    }

    /// A file that could not be read or written.
    pub(crate) fn file(verb: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::failed("file", format!("could not {verb} {}: {error}", path.display()))
    }

    /// An error of another library, with its causes.
    pub(crate) fn caused(code: &str, error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Many errors repeat their cause in their own words.
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            source = cause.source();
        }
        Self::failed(code, text)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What a server refused.
    pub(crate) fn from_problem(problem: Problem) -> Self {
        let (exit, hint) = match problem.status {
            401 => (
                Exit::Denied,
                Some(
                    "set TRESOR_TOKEN, or name a file that holds a token with --token-file; `tresor doctor` tells more"
                        .to_owned(),
                ),
            ),
            403 => (
                Exit::Denied,
                Some(
                    "use a token that may do this; an admin makes one with `tresor token create NAME --scope SCOPE`"
                        .to_owned(),
                ),
            ),
            404 => (Exit::NotFound, None),
            409 => (Exit::Conflict, None),
            412 => (Exit::Conflict, Some("look at what is there now with `tresor secret get`, then repeat".to_owned())),
            503 => (Exit::Failed, Some("`tresor doctor` tells what the server lacks".to_owned())),
            500..=599 => (Exit::Failed, Some(format!("look for request {} in the server's log", problem.request_id))),
            _ => (Exit::Failed, None),
        };
        Self { exit, problem: Box::new(problem), hint }
    }
}

impl From<domain::Invalid> for Failure {
    fn from(invalid: domain::Invalid) -> Self {
        let mut failure = Self::failed(invalid.code, format!("{}: {}.", invalid.field, invalid.detail));
        failure.problem.errors = vec![FieldProblem {
            field: invalid.field,
            code: invalid.code.to_owned(),
            detail: invalid.detail,
            line: None,
            column: None,
        }];
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::{Exit, Failure};

    #[test]
    fn statuses_have_their_exit_codes() {
        let exit = |status| {
            let mut problem = *Failure::failed("x", "x").problem;
            problem.status = status;
            Failure::from_problem(problem).exit
        };
        assert_eq!([401, 403, 404, 409, 412, 422, 500, 503].map(exit).map(|exit| exit as u8), [3, 3, 4, 5, 5, 1, 1, 1]);
        assert_eq!(Exit::Unreachable as u8, 69);
    }
}
