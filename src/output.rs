//! All that the program prints: results to stdout, everything else to stderr, colour only where a terminal wants it.
//!
//! Two promises are kept here: with `--json`, stdout holds the API's JSON and stderr a problem document; and no text that a
//! server or a function wrote reaches a terminal with control characters in it.

use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::ColorChoice;
use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;
use server::wire::Problem;

use crate::failure::{Done, Failure};

/// How this run prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

/// Bold red: errors.
const RED: Style = AnsiColor::Red.on_default().bold();
/// Cyan: hints.
const CYAN: Style = AnsiColor::Cyan.on_default();
/// Yellow: warnings.
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();

impl Output {
    pub(crate) fn new(json: bool, color: ColorChoice) -> Self {
        let choice = match color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        Self { json }
    }

    /// Whether `--json` was given.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result: `value` as JSON, or what `human` makes of it. The text is to end without a newline.
    pub(crate) fn show<T: Serialize>(self, value: &T, human: impl FnOnce(&T) -> String) -> Done {
        let text = if self.json { json(value)? } else { human(value) };
        if text.is_empty() { Ok(()) } else { self.line(&text) }
    }

    /// Prints one line, already clean, to stdout.
    pub(crate) fn line(self, text: &str) -> Done {
        written(writeln!(anstream::stdout(), "{text}"))
    }

    /// Prints text as it is, for results that are text themselves.
    pub(crate) fn text(self, text: &str) -> Done {
        written(anstream::stdout().write_all(text.as_bytes()))
    }

    /// Says something beside the result to a person; nothing with `--json`.
    pub(crate) fn note(self, text: &str) {
        if !self.json {
            // Notes are not the result: a closed stderr must not fail the command.
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }

    /// Says what to do next; nothing with `--json`.
    pub(crate) fn hint(self, text: &str) {
        self.note(&format!("{CYAN}hint:{CYAN:#} {text}"));
    }

    /// Says what is risky, with `--json` too.
    pub(crate) fn warn(self, text: &str) {
        let _ = writeln!(anstream::stderr(), "{YELLOW}warning:{YELLOW:#} {text}");
    }

    /// Prints a line of JSON to stderr: for what belongs to a result whose body is on stdout.
    pub(crate) fn aside<T: Serialize>(self, value: &T) -> Done {
        let _ = writeln!(anstream::stderr(), "{}", json(value)?);
        Ok(())
    }

    /// Asks a yes-or-no question; anything but yes is no.
    pub(crate) fn confirm(self, question: &str) -> Done<bool> {
        let mut stderr = anstream::stderr();
        let _ = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
        let mut answer = String::new();
        std::io::stdin()
            .read_line(&mut answer)
            .map_err(|error| Failure::failed("stdin", format!("could not read the answer: {error}")))?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Prints a failure to stderr and gives its exit code.
    pub(crate) fn fail(self, failure: &Failure) -> ExitCode {
        if failure.problem.code == CLOSED {
            return ExitCode::SUCCESS;
        }
        let text = if self.json { failure_json(failure) } else { failure_text(failure) };
        // With stderr closed the exit code still tells.
        let _ = writeln!(anstream::stderr(), "{text}");
        ExitCode::from(failure.exit as u8)
    }

    /// A writer for a body that arrives piece by piece.
    pub(crate) fn body(self) -> Body {
        Body { filter: std::io::stdout().is_terminal().then(Vec::new) }
    }
}

fn failure_json(failure: &Failure) -> String {
    /// RFC 9457 lets a problem have members of its own.
    #[derive(Serialize)]
    struct Hinted<'a> {
        #[serde(flatten)]
        problem: &'a Problem,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<&'a str>,
    }
    json(&Hinted { problem: &failure.problem, hint: failure.hint.as_deref() }).unwrap_or_default()
}

fn failure_text(failure: &Failure) -> String {
    let problem = &failure.problem;
    let mut text = format!("{RED}error:{RED:#} {}", lines(&problem.detail));
    for field in &problem.errors {
        let place = match (field.line, field.column) {
            (Some(line), Some(column)) => format!(":{line}:{column}"),
            (Some(line), None) => format!(":{line}"),
            _ => String::new(),
        };
        let detail = format!("{}{place}: {}", field.field, field.detail);
        // With one field the server's sentence says the same already.
        if problem.detail.trim_end_matches('.') != detail.trim_end_matches('.') {
            let _ = write!(text, "\n  {}", lines(&detail));
        }
    }
    if let Some(hint) = &failure.hint {
        let _ = write!(text, "\n{CYAN}hint:{CYAN:#} {}", clean(hint));
    }
    text
}

/// A body on its way to stdout: bytes as they come into a pipe or file, cleaned text onto a terminal.
pub(crate) struct Body {
    /// The bytes of a character that has not ended yet; `None` passes everything on.
    filter: Option<Vec<u8>>,
}

impl Body {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Done {
        let mut stdout = std::io::stdout().lock();
        let result = match &mut self.filter {
            None => stdout.write_all(bytes),
            Some(pending) => {
                pending.extend_from_slice(bytes);
                stdout.write_all(take_text(pending).as_bytes())
            }
        };
        written(result.and_then(|()| stdout.flush()))
    }
}

/// Takes all whole characters out of `pending` as text fit for a terminal.
fn take_text(pending: &mut Vec<u8>) -> String {
    let bytes = std::mem::take(pending);
    let mut text = String::new();
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        text.push_str(&lines(chunk.valid()));
        let invalid = chunk.invalid();
        let unfinished = std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
        if chunks.peek().is_none() && unfinished {
            pending.extend_from_slice(invalid);
        } else if !invalid.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}

/// `value` as JSON in which no control character stands raw, not even those that JSON allows.
pub(crate) fn json<T: Serialize>(value: &T) -> Done<String> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::failed("internal", format!("could not write JSON: {error}")))?;
    Ok(text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if is_unsafe(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
        out
    }))
}

/// Control characters, and those that reorder the text around them.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text from elsewhere, fit for one line of a terminal: control characters are shown as escapes.
pub(crate) fn clean(text: &str) -> String {
    escape(text, |_| false)
}

/// As [`clean`], but lines and tabs stay.
pub(crate) fn lines(text: &str) -> String {
    escape(text, |c| matches!(c, '\n' | '\t'))
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if is_unsafe(c) && !keep(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        out
    })
}

const CLOSED: &str = "stdout_closed";

/// A reader that has seen enough (`| head`) is not a failure to speak of; any other unwritten result is.
fn written(result: std::io::Result<()>) -> Done {
    result.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::failed(CLOSED, "nobody reads the output any more"),
        _ => Failure::failed("stdout", format!("could not write the result: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::{clean, failure_text, json, lines, take_text};
    use crate::failure::Failure;

    #[test]
    fn nothing_from_elsewhere_drives_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\nc\u{9b}d\u{202e}"), "a\\u{1b}[2Jb\\nc\\u{9b}d\\u{202e}");
        assert_eq!(lines("a\n\tb\r"), "a\n\tb\\r");
        assert_eq!(json(&"a\u{1b}\u{9b}\u{202e}é").ok().as_deref(), Some("\"a\\u001b\\u009b\\u202eé\""));
    }

    #[test]
    fn a_body_in_pieces_keeps_its_characters() {
        let mut pending = "aé".as_bytes()[..2].to_vec();
        assert_eq!(take_text(&mut pending), "a");
        pending.extend_from_slice(&"é".as_bytes()[1..]);
        assert_eq!(take_text(&mut pending), "é");
        pending.extend_from_slice(b"\xff\x1b[0m\xf0\x9f");
        assert_eq!(take_text(&mut pending), "\u{fffd}\\u{1b}[0m");
        pending.extend_from_slice(b"\x98\x80!");
        assert_eq!(take_text(&mut pending), "\u{1f600}!");
        assert!(pending.is_empty());
    }

    #[test]
    fn an_error_says_each_field_once() {
        let failure = Failure::from(domain::Invalid::new("name", "x", "must be good")).hint("be good");
        let text = failure_text(&failure);
        assert!(text.contains("name: must be good.") && text.matches("must be good").count() == 1, "{text}");
    }
}
