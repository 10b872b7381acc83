//! What people and pipes type in: a value, a confirmation, the body of an invocation. A value is never taken from the
//! command line and is zeroized as soon as it was sent.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use domain::{SecretName, Value, import, limits};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::failure::{Done, Failure};
use crate::output::Output;

/// The value of a secret; see [`any_value`].
pub(crate) fn value(name: &SecretName) -> Done<Value> {
    any_value(&format!("Value of {name}"))
}

/// A value: from a hidden prompt if stdin is a terminal, else all of stdin without one newline at its end.
pub(crate) fn any_value(prompt: &str) -> Done<Value> {
    let read = |error: std::io::Error| Failure::failed("stdin", format!("could not read the value: {error}"));
    if std::io::stdin().is_terminal() {
        let typed = rpassword::prompt_password(format!("{prompt} (not shown; one line): ")).map_err(read)?;
        return Ok(Value::new(typed)?);
    }
    // Room for a value at its limit, its newline, and one byte more to see that it is too long: the buffer never moves,
    // so no copy of it stays behind.
    let room = limits::VALUE_BYTES + 3;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    std::io::stdin().take(room as u64).read_to_end(&mut bytes).map_err(read)?;
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    Ok(Value::from_bytes(std::mem::take(&mut *bytes))?)
}

/// `{"value": …}` with what else the request holds. The buffer does not grow, which would leave copies behind.
pub(crate) fn with_value(value: &Value, more: &impl Serialize) -> Done<Zeroizing<Vec<u8>>> {
    #[derive(Serialize)]
    struct Body<'a, T> {
        value: &'a str,
        #[serde(flatten)]
        more: &'a T,
    }
    let others = serde_json::to_vec(more).map_or(0, |bytes| bytes.len());
    let mut bytes = Zeroizing::new(Vec::with_capacity(6 * value.expose().len() + others + 16));
    // serde_json's own error could quote what it was writing.
    serde_json::to_writer(&mut *bytes, &Body { value: value.expose(), more })
        .map_err(|_| Failure::failed("internal", "could not write the request"))?;
    Ok(bytes)
}

/// A file of secrets, or stdin for `-`, as text. It may be in UTF-16, as Windows tools write it.
pub(crate) fn secrets_file(path: &Path) -> Done<Zeroizing<String>> {
    // As above: one byte more than the limit, to see that it is too long.
    let room = limits::IMPORT_BYTES + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room + 1));
    let read = if path == Path::new("-") {
        std::io::stdin().take(room as u64).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(room as u64).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::file("read", path, &error))?;
    import::decode(&bytes)
        .map_err(|invalid| Failure::failed(invalid.code, format!("{} {}", path.display(), invalid.detail)))
}

/// Asks before something is deleted. Without a terminal to ask on, only `--yes` says yes.
pub(crate) fn confirm(output: Output, yes: bool, question: &str) -> Done {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "confirmation_needed",
            format!("{question} There is no terminal to answer on, so nothing was done."),
        )
        .hint("add --yes if you are sure"));
    }
    match output.confirm(question)? {
        true => Ok(()),
        false => Err(Failure::failed("not_confirmed", "nothing was done")),
    }
}

/// A body: text, `@file`, or `-` for stdin.
pub(crate) fn body(data: &str) -> Done<Vec<u8>> {
    match data.strip_prefix('@') {
        Some(path) => std::fs::read(path).map_err(|error| Failure::file("read", Path::new(path), &error)),
        None if data == "-" => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .map_err(|error| Failure::failed("stdin", format!("could not read stdin: {error}")))?;
            Ok(bytes)
        }
        None => Ok(data.as_bytes().to_vec()),
    }
}
