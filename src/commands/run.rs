//! `tresor run`: starts a command with an environment's secrets as its variables.
//!
//! The one place of this program that starts a process, since that is what it is for, and the one where values arrive: they
//! go from the answer to the process's environment, and never to a file. Without `--redact` the command takes this process's
//! place (`exec`), so signals, exit code, terminal and process id are its own. With it, this process stays between the
//! command and its output, hands signals on, and ends as the command did.

use std::ffi::OsStr;
use std::io::{ErrorKind, IsTerminal as _, Write};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use domain::redact::{Redactor, Stream};
use domain::{SecretName, Value};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use server::wire::{Inject, Injected, NO_BROWSERS};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::Context;
use crate::cli::Run;
use crate::client::segment;
use crate::credential;
use crate::failure::{Done, Exit, Failure};
use crate::output::clean;

/// How long the command's output is read on after its end, where a process that it left behind holds it open.
const AFTERMATH: Duration = Duration::from_secs(1);
/// Longest name that the audit log takes.
const NAME_CHARS: usize = domain::limits::COMMAND_CHARS;

type Secrets = Vec<(SecretName, Value)>;

pub(super) async fn run(context: &Context, args: Run) -> Done {
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(Failure::usage("command_missing", "there is no command to run"));
    };
    let secrets = secrets(context, &args, program).await?;
    let mut command = Command::new(program);
    command.args(arguments);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TRESOR_TOKEN")) {
        command.env_remove(name);
    }
    let (kept, given): (Vec<_>, Vec<_>) =
        secrets.iter().partition(|(name, _)| !args.overrides && std::env::var_os(name.as_str()).is_some());
    if !kept.is_empty() {
        let names: Vec<_> = kept.iter().map(|(name, _)| name.as_str()).collect();
        context.output.warn(&format!(
            "these are set already and stay as they are: {}; --override puts the secrets in their place",
            names.join(", ")
        ));
    }
    for (name, value) in given {
        command.env(name.as_str(), value.expose());
    }
    if !args.redact {
        // Comes back only if the command could not be started; the values go with this process's memory.
        return Err(not_started(program, &command.exec()));
    }
    let status = redacted(command, program, &secrets).await?;
    drop(secrets);
    // The contract is the command's own code, which no `Failure` can carry. Nothing is left to be cleaned up.
    std::process::exit(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}

async fn secrets(context: &Context, args: &Run, program: &OsStr) -> Done<Secrets> {
    let url = credential::server_url(&context.global)?;
    if url.scheme() == "http" && !credential::is_loopback(&url) {
        return Err(Failure::usage("http_insecure", "values are never taken over plain http from another machine")
            .hint("use https://, or an ssh tunnel to the server's loopback address"));
    }
    let client = context.client()?;
    let path = format!("/api/v1/environments/{}/inject", segment(&args.environment)?);
    let body = Inject { only: args.only.clone(), command: name_of(program) };
    let request = client.request(Method::POST, &path)?.header(NO_BROWSERS, "1").json(&body);
    let injected: Injected = client.answer(request).await.map_err(|failure| match failure.exit {
        Exit::Denied => failure.hint(format!(
            "values go only to tokens made for that: tresor token create NAME --scope secrets:inject -e {}; then set TRESOR_TOKEN",
            args.environment
        )),
        _ => failure,
    })?;
    if !injected.brokered.is_empty() {
        context.output.note(&format!(
            "Not given, since the values of brokered secrets never leave the server: {}",
            clean(&injected.brokered.join(", "))
        ));
    }
    // Checked again: whatever answers, no LD_PRELOAD comes in this way.
    let secret =
        |secret: server::wire::InjectedSecret| Ok((SecretName::parse(&secret.name)?, Value::new(secret.value.take())?));
    injected.secrets.into_iter().map(secret).collect()
}

/// The program's name without folders, as the audit log takes it.
fn name_of(program: &OsStr) -> String {
    let name = Path::new(program).file_name().unwrap_or(program).to_string_lossy();
    let name: String = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(NAME_CHARS).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

fn not_started(program: &OsStr, error: &std::io::Error) -> Failure {
    let (exit, code) = match error.kind() {
        ErrorKind::NotFound => (Exit::NoCommand, "command_not_found"),
        _ => (Exit::CannotRun, "command_not_started"),
    };
    Failure::new(exit, code, format!("could not start {}: {error}", clean(&program.to_string_lossy())))
}

/// Runs the command to its end with its output cleaned.
async fn redacted(mut command: Command, program: &OsStr, secrets: &Secrets) -> Done<ExitStatus> {
    let redactor = Redactor::new(secrets.iter().map(|(name, value)| (name, value, false)));
    // Before the start: a signal must not end this process and leave the command behind.
    let mut signals = listen()?;
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = tokio::process::Command::from(command).spawn().map_err(|error| not_started(program, &error))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let output = async {
        let stdout = stdout.map(|from| pump(from, &redactor, |bytes| whole(std::io::stdout(), bytes)));
        let stderr = stderr.map(|from| pump(from, &redactor, |bytes| whole(std::io::stderr(), bytes)));
        // Where nobody reads any more, the command is told by its own pipe.
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else { return };
        let _ = tokio::join!(stdout, stderr);
    };
    let mut output = std::pin::pin!(output);
    let mut drained = false;
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            Some(signal) = signals.recv() => {
                if let Some(pid) = pid {
                    // It has ended, and the next turn of the loop sees that.
                    let _ = kill_process(pid, signal);
                }
            }
            () = &mut output, if !drained => drained = true,
        }
    };
    if !drained {
        let _ = tokio::time::timeout(AFTERMATH, output).await;
    }
    status.map_err(|error| Failure::failed("command_lost", format!("could not wait for the command: {error}")))
}

/// The signals that this process is sent. Those of a terminal reach the command by themselves.
fn listen() -> Done<mpsc::Receiver<Signal>> {
    let (sender, receiver) = mpsc::channel(16);
    let on_terminal = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
    for (kind, number, of_terminal) in [
        (SignalKind::terminate(), Signal::TERM, false),
        (SignalKind::hangup(), Signal::HUP, false),
        (SignalKind::user_defined1(), Signal::USR1, false),
        (SignalKind::user_defined2(), Signal::USR2, false),
        (SignalKind::interrupt(), Signal::INT, true),
        (SignalKind::quit(), Signal::QUIT, true),
    ] {
        let mut stream = signal(kind)
            .map_err(|error| Failure::failed("signals", format!("could not listen to signals: {error}")))?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if !(of_terminal && on_terminal) && sender.send(number).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(receiver)
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    redactor: &Redactor,
    write: fn(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<()> {
    // A reader that is slow must not keep signals from the command.
    let write = async |bytes: Vec<u8>| {
        tokio::task::spawn_blocking(move || write(&bytes)).await.unwrap_or_else(|error| Err(error.into()))
    };
    let mut stream = Stream::new(redactor);
    let mut buffer = Zeroizing::new(vec![0; 16 * 1024]);
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        write(stream.push(buffer.get(..read).unwrap_or_default())).await?;
    }
    write(stream.finish()).await
}

fn whole(mut to: impl Write, bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::name_of;

    #[test]
    fn the_log_has_the_programs_name_only() {
        assert_eq!(name_of(OsStr::new("/usr/bin/npm")), "npm");
        assert_eq!(name_of(OsStr::new("a\u{1b}[2Jb")), "a\u{fffd}[2Jb");
        assert_eq!(name_of(OsStr::new("")), "-");
        assert_eq!(name_of(OsStr::new(&"x".repeat(500))).len(), 128);
    }
}
