//! `tresor run` with real processes: what they get, what passes through, and who is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::io::{BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use support::{Finished, TestServer, run};

const VALUE: &str = "my-own-canary-0123456789-canary";

/// A server with secrets in `test`, and a token that may run with them.
struct Site {
    server: TestServer,
    token: String,
}

impl Site {
    fn start() -> Self {
        let server = TestServer::start();
        server.run(&["environment", "put", "test"]).ok();
        server.run_with(&["secret", "put", "A_KEY", "-e", "test"], VALUE.as_bytes()).ok();
        server.run_with(&["secret", "put", "B_KEY", "-e", "test"], b"line one\nline two").ok();
        let token = server.run(&["token", "create", "local", "--scope", "secrets:inject", "-e", "test"]).ok();
        Self { token: token.stdout.trim().to_owned(), server }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.server.cli(&[&["run", "-e", "test"], args].concat());
        command.env("TRESOR_TOKEN", &self.token).env("TRESOR_TOKEN_FILE_OLD", "x");
        command
    }

    fn run(&self, args: &[&str]) -> Finished {
        run(self.command(args), None)
    }
}

#[test]
fn a_command_finds_its_environments_secrets() {
    let site = Site::start();
    let shown = site.run(&["--", "sh", "-c", "printf '%s|%s|%s' \"$A_KEY\" \"$B_KEY\" \"${TRESOR_URL:+url}\"; exit 7"]);
    assert_eq!(
        (shown.code, shown.stdout.as_str(), shown.stderr.as_str()),
        (7, &*format!("{VALUE}|line one\nline two|url"), "")
    );
    // The token is not the command's to have, whatever its variable is called.
    let environment = site.run(&["--", "env"]).ok().stdout;
    assert!(environment.contains("A_KEY=") && !environment.contains("TRESOR_TOKEN"), "{environment}");
    let only = site.run(&["--only", "B_KEY", "--", "env"]).ok().stdout;
    assert!(only.contains("B_KEY=") && !only.contains("A_KEY="), "{only}");
    let echoed = run(site.command(&["cat"]), Some(b"typed in"));
    assert_eq!((echoed.code, echoed.stdout.as_str()), (0, "typed in"), "stdin is the command's");

    let mut shadowed = site.command(&["--", "sh", "-c", "echo $A_KEY"]);
    let kept = run(shadowed.env("A_KEY", "mine").take(), None).ok();
    assert!(kept.stdout == "mine\n" && kept.stderr.contains("A_KEY; --override"), "{kept:?}");
    let mut shadowed = site.command(&["--override", "--", "sh", "-c", "echo $A_KEY"]);
    assert_eq!(run(shadowed.env("A_KEY", "mine").take(), None).ok().stdout, format!("{VALUE}\n"));

    let log = site.server.run(&["audit", "list", "--action", "secret.inject", "--json"]).ok().json();
    let details: Vec<_> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["event"]["details"]["command"].as_str().unwrap())
        .collect();
    assert_eq!(details, ["sh", "sh", "cat", "env", "env", "sh"]);
    assert!(!log.to_string().contains("exit 7"), "arguments are nobody's business: {log}");
}

/// `Command` is built by reference; this hands it on by value.
trait Take {
    fn take(&mut self) -> Self;
}

impl Take for Command {
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new("true"))
    }
}

#[test]
fn exit_codes_and_signals_pass() {
    let site = Site::start();
    for redact in [false, true] {
        let flags: &[&str] = if redact { &["--redact", "--"] } else { &["--"] };
        let with = |rest: &[&str]| site.command(&[flags, rest].concat());
        assert_eq!(run(with(&["sh", "-c", "exit 42"]), None).code, 42);
        let killed = with(&["sh", "-c", "kill -9 $$"]).status().unwrap();
        // In the command's place it is the command that was killed; between, the code says so as shells do.
        assert_eq!((killed.code(), killed.signal()), if redact { (Some(137), None) } else { (None, Some(9)) });
        assert_eq!(run(with(&["no-such-program-anywhere"]), None).code, 127);
        assert_eq!(run(with(&["/"]), None).code, 126);
        for (signal, name) in
            [(Signal::TERM, "TERM"), (Signal::INT, "INT"), (Signal::HUP, "HUP"), (Signal::USR1, "USR1")]
        {
            let script = format!("trap 'echo got {name}; exit 9' {name}; echo ready; sleep 600 & wait");
            let mut child = with(&["sh", "-c", &script]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap());
            assert_eq!(line(&mut lines), "ready\n", "output comes at once");
            send(&child, signal);
            assert_eq!(line(&mut lines), format!("got {name}\n"));
            assert_eq!(child.wait().unwrap().code(), Some(9), "redact: {redact}");
        }
    }
}

fn line(from: &mut impl std::io::BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn what_the_command_prints_is_cleaned_on_request() {
    let site = Site::start();
    // In two writes, in base64, and to both outputs; the rest is bytes as they are.
    let script = "printf 'key=%.9s' \"$A_KEY\"; printf '%s;' \"${A_KEY#?????????}\"; printf 'u:%s' \"$A_KEY\" | base64 -w0; \
                  printf '\\377\\000end'; echo \"$B_KEY\" >&2";
    let output = site.command(&["--redact", "--", "sh", "-c", script]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.starts_with("key=[redacted A_KEY];") && output.stdout.ends_with(b"\xff\0end"), "{stdout:?}");
    assert!(!stdout.contains("canary") && stdout.matches("[redacted A_KEY]").count() == 2, "{stdout:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "[redacted B_KEY]\n");

    // A prompt without an end of line is there before the answer.
    let mut asking = site.command(&["--redact", "--", "sh", "-c", "printf 'Sure? '; read a; echo \"said $a\""]);
    let mut child = asking.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut prompt = [0; 6];
    stdout.read_exact(&mut prompt).unwrap();
    assert_eq!(&prompt, b"Sure? ");
    stdin.write_all(b"yes\n").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), child.wait().unwrap().code()), ("said yes\n", Some(0)));

    // A process that was left behind and holds the output open does not hold this one.
    let left = site.run(&["--redact", "--", "sh", "-c", "sleep 600 & echo $!"]).ok();
    Command::new("kill").arg(left.stdout.trim()).status().unwrap();
    // A reader that has seen enough ends the command, as without.
    let mut endless = site.command(&["--redact", "--", "yes"]);
    let mut child = endless.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(128 + 13), "SIGPIPE");
}

#[test]
fn who_may_not_is_told_why_and_nothing_is_started() {
    let site = Site::start();
    let marker = site.server.home().join("started");
    let touch = ["--", "touch", marker.to_str().unwrap()];
    let refused = |command: Command, code: i32, says: &str| {
        let refused = run(command, None);
        assert!(refused.code == code && refused.stderr.contains(says), "{refused:?}");
        assert!(!marker.exists(), "the command was started: {refused:?}");
    };
    // The admin's own token, which is found in the data folder.
    let args = [&["run", "-e", "test"], touch.as_slice()].concat();
    refused(site.server.cli(&args), 3, "tresor token create NAME --scope secrets:inject -e test");
    let mut other = site.server.cli(&[&["run", "-e", "production"], touch.as_slice()].concat());
    refused(other.env("TRESOR_TOKEN", &site.token).take(), 3, "this token is not for the environment production");
    refused(site.command(&[&["--only", "NO_SUCH"], touch.as_slice()].concat()), 1, "there is no such secret");
    let mut open = site.command(&touch);
    refused(open.env("TRESOR_URL", "http://192.0.2.1:7200").args(["--insecure-http"]).take(), 2, "plain http");
    refused(site.server.cli(&["run", "--", "true"]), 2, "--environment");
    refused(site.server.cli(&["run", "-e", "test"]), 2, "<COMMAND>");

    let brokered = ["secret", "put", "C_KEY", "-e", "test", "--delivery", "brokered", "--host", "api.example.com"];
    site.server.run_with(&brokered, VALUE.as_bytes()).ok();
    let told = site.run(&["--", "env"]).ok();
    assert!(!told.stdout.contains("C_KEY") && told.stderr.contains("never leave the server: C_KEY"), "{told:?}");
}

/// Nothing is written to disk, and the command line of nobody holds a value.
#[test]
fn a_run_leaves_nothing_behind() {
    let site = Site::start();
    for flags in [&["--"][..], &["--redact", "--"]] {
        let mut child = site.command(&[flags, &["sh", "-c", "echo ready; read end"]].concat());
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        assert_eq!(line(&mut BufReader::new(child.stdout.take().unwrap())), "ready\n");
        let cmdline = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
        assert!(!String::from_utf8_lossy(&cmdline).contains(VALUE));
        if flags.len() == 2 {
            // What stays between the command and its output was not itself started with values.
            let environ = std::fs::read(format!("/proc/{}/environ", child.id())).unwrap();
            assert!(!String::from_utf8_lossy(&environ).contains(VALUE));
        }
        drop(child.stdin.take());
        child.wait().unwrap();
    }
    let mut folders = vec![site.server.home().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                files += 1;
                assert!(!bytes.windows(VALUE.len()).any(|window| window == VALUE.as_bytes()), "{}", path.display());
            }
        }
    }
    assert!(files > 3, "{files} files were looked at");
}
