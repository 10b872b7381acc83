//! A real server for tests: the built binary on a free port and a data folder of its own, ended with the test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub
)]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The binary under test.
pub const TRESOR: &str = env!("CARGO_BIN_EXE_tresor");

/// How long anything that should happen may take on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Variables that would reach into the tests from outside.
const FOREIGN: [&str; 13] = [
    "TRESOR_URL",
    "TRESOR_TOKEN",
    "TRESOR_TOKEN_FILE",
    "TRESOR_CONFIG",
    "TRESOR_DATA",
    "TRESOR_LISTEN",
    "TRESOR_DATABASE_URL",
    "TRESOR_PUBLIC_URL",
    "TRESOR_LOG",
    "TRESOR_LOG_FILTER",
    "NO_COLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
];

/// `tresor ARGS…` with nothing of the tester's own settings: home, state and current folder are `home`.
pub fn tresor(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(TRESOR);
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
        .args(args)
        .current_dir(home)
        .env("HOME", home)
        .env("XDG_DATA_HOME", home.join("data-home"))
        .env("XDG_STATE_HOME", home.join("state-home"))
        .stdin(Stdio::null());
    command
}

/// What a finished command left.
#[derive(Debug)]
pub struct Finished {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Exit code, stdout and stderr together, without what differs from run to run: addresses, ids, tokens and ages
    /// become words, and columns two spaces.
    pub fn transcript(&self, server: &TestServer) -> String {
        let text = format!("exit {}\n{}--\n{}", self.code, self.stdout, self.stderr);
        let text = text.replace(&server.url(), "URL").replace(server.home().to_str().unwrap(), "HOME");
        let lines = ages(&text)
            .lines()
            .map(|line| {
                let line = line.split(' ').map(word).collect::<Vec<_>>().join(" ");
                line.trim_start_matches(' ')
                    .split("  ")
                    .map(str::trim)
                    .filter(|cell| !cell.is_empty())
                    .collect::<Vec<_>>()
                    .join("  ")
            })
            .collect::<Vec<_>>();
        lines.join("\n")
    }

    /// The result, after checking that it is a success.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    /// stdout as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

fn ages(text: &str) -> String {
    let mut text = text.to_owned();
    for unit in ["second", "minute"] {
        for count in (1..60).rev() {
            let plural = if count == 1 { "" } else { "s" };
            text = text.replace(&format!("{count} {unit}{plural} ago"), "just now");
        }
    }
    text
}

fn word(word: &str) -> &str {
    let hex = |text: &str| text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match word {
        word if hex(word) => "ID",
        word if word.strip_prefix("trs_").is_some_and(hex) => "TOKEN",
        word => word,
    }
}

/// Runs a command to its end, with `input` as its stdin if there is any.
pub fn run(mut command: Command, input: Option<&[u8]>) -> Finished {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().unwrap();
    if let Some(input) = input {
        // A command may refuse before it reads all of it.
        let _ = child.stdin.take().unwrap().write_all(input);
    }
    let output = child.wait_with_output().unwrap();
    Finished {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A running server.
pub struct TestServer {
    child: Child,
    home: tempfile::TempDir,
    data: PathBuf,
    ready: serde_json::Value,
}

impl TestServer {
    /// Starts one on embedded defaults.
    pub fn start() -> Self {
        Self::start_with(&[], &[])
    }

    /// Starts one with more arguments of `serve` and variables.
    pub fn start_with(args: &[&str], env: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        Self::launch(home, data, args, env)
    }

    /// Stops this server in whatever way `end` does, and starts another on the same data.
    pub fn restart(mut self, end: impl FnOnce(&mut Self), args: &[&str], env: &[(&str, &str)]) -> Self {
        end(&mut self);
        let home = std::mem::replace(&mut self.home, tempfile::tempdir().unwrap());
        let data = self.data.clone();
        drop(self);
        Self::launch(home, data, args, env)
    }

    /// Starts one that speaks TLS, which [`TestServer::http`] does not.
    pub fn start_tls(args: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        let mut all = vec!["--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0"];
        all.extend_from_slice(args);
        Self::spawn(home, &all, &[])
    }

    fn launch(home: tempfile::TempDir, data: PathBuf, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut all = vec!["--data", data.to_str().unwrap()];
        if !args.contains(&"--listen") {
            all.extend(["--listen", "127.0.0.1:0"]);
        }
        all.extend_from_slice(args);
        Self::launch_bare(home, &all, env)
    }

    /// Starts one with nothing but these arguments and variables; `home` is its current folder and HOME.
    pub fn launch_bare(home: tempfile::TempDir, args: &[&str], env: &[(&str, &str)]) -> Self {
        let server = Self::spawn(home, args, env);
        server.wait_until_healthy();
        server
    }

    /// Starts one; it has announced that it is ready.
    fn spawn(home: tempfile::TempDir, args: &[&str], env: &[(&str, &str)]) -> Self {
        let log = |name: &str| File::options().create(true).append(true).open(home.path().join(name)).unwrap();
        let mut command = tresor(home.path(), &["serve", "--json"]);
        command.args(args).envs(env.iter().copied()).stdout(Stdio::piped()).stderr(log("stderr.log"));
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        // The announcement is one JSON object; it ends where it parses, or stdout ends because the server did.
        let ready = loop {
            if stdout.read_line(&mut text).unwrap() == 0 {
                let _ = child.wait();
                panic!(
                    "the server did not start: {}",
                    std::fs::read_to_string(home.path().join("stderr.log")).unwrap()
                );
            }
            if let Ok(ready) = serde_json::from_str::<serde_json::Value>(&text) {
                break ready;
            }
        };
        let mut copy = log("stdout.log");
        copy.write_all(text.as_bytes()).unwrap();
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut copy));
        let token_file = home.path().join(ready["admin_token_file"].as_str().unwrap());
        Self { child, data: token_file.parent().unwrap().to_owned(), home, ready }
    }

    fn wait_until_healthy(&self) {
        let end = Instant::now() + DEADLINE;
        while !self.http("GET", "/healthz", &[], b"").starts_with("HTTP/1.1 200") {
            assert!(Instant::now() < end, "the server is not healthy: {}", self.stderr_text());
        }
    }

    /// Whether the server found a Deno, so that functions can run.
    pub fn has_deno(&self) -> bool {
        self.ready["deno"].is_string()
    }

    /// How to reach it, without a slash at its end.
    pub fn url(&self) -> String {
        self.ready["url"].as_str().unwrap().to_owned()
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.url().split_once("://").unwrap().1.to_owned()
    }

    /// The token that the first start made.
    pub fn admin_token(&self) -> String {
        std::fs::read_to_string(self.data.join("admin-token")).unwrap().trim().to_owned()
    }

    /// The login link of the first start.
    pub fn login_link(&self) -> Option<String> {
        self.ready["login_link"].as_str().map(str::to_owned)
    }

    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    /// HOME and current folder of the server and its commands.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// `tresor ARGS…` as a client of this server, with the admin token found in the data folder.
    pub fn cli(&self, args: &[&str]) -> Command {
        let mut command = tresor(self.home.path(), args);
        command.env("TRESOR_URL", self.url()).env("TRESOR_DATA", &self.data);
        command
    }

    /// Runs [`TestServer::cli`] to its end.
    pub fn run(&self, args: &[&str]) -> Finished {
        run(self.cli(args), None)
    }

    /// As [`TestServer::run`], with `input` as stdin.
    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Finished {
        run(self.cli(args), Some(input))
    }

    /// One HTTP/1.1 request by hand; the raw response, or nothing if there is none.
    pub fn http(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let Ok(mut stream) = TcpStream::connect(self.address()) else { return String::new() };
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.address(),
            body.len()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let mut response = Vec::new();
        let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.write_all(body));
        let _ = stream.read_to_end(&mut response);
        String::from_utf8_lossy(&response).into_owned()
    }

    /// File that holds what the server printed to stdout.
    pub fn stdout_log(&self) -> PathBuf {
        self.home.path().join("stdout.log")
    }

    /// File that holds the server's log.
    pub fn stderr_log(&self) -> PathBuf {
        self.home.path().join("stderr.log")
    }

    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.stderr_log()).unwrap()).into_owned()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits for the end.
    pub fn kill_hard(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits for the end. The exit code.
    pub fn stop(&mut self) -> i32 {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < end, "the server does not stop: {}", self.stderr_text());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.kill_hard();
    }
}
