//! A package registry on this machine that has what `npm ci` brought, so that functions import real packages and no test
//! leaves the machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs, dead_code)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Serves packages until the test ends.
pub struct Registry {
    url: String,
}

impl Registry {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let own = url.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let own = own.clone();
                std::thread::spawn(move || answer(stream.unwrap(), &own));
            }
        });
        Self { url }
    }

    /// What the server's environment must say for deployments to import from here.
    pub fn variable(&self) -> (&str, &str) {
        ("NPM_CONFIG_REGISTRY", &self.url)
    }
}

fn folder(package: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("node_modules").join(package)
}

fn answer(stream: TcpStream, own: &str) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap_or(0) > 2 {
        line.clear();
    }
    let path =
        first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').replace("%2f", "/").replace("%2F", "/");
    let (status, body) = match path.strip_suffix(".tgz") {
        Some(package) if folder(package).is_dir() => ("200 OK", tarball(package)),
        None if folder(&path).is_dir() && !path.is_empty() => {
            ("200 OK", described(&path, own).to_string().into_bytes())
        }
        _ => ("404 Not Found", b"{}".to_vec()),
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let mut stream = stream;
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

fn described(package: &str, own: &str) -> Value {
    let text = std::fs::read_to_string(folder(package).join("package.json")).unwrap();
    let mut manifest: Value = serde_json::from_str(&text).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, &tarball(package));
    let integrity = format!("sha512-{}", STANDARD.encode(digest));
    manifest["dist"] = json!({ "tarball": format!("{own}{package}.tgz"), "integrity": integrity });
    let version = manifest["version"].as_str().unwrap().to_owned();
    json!({ "name": package, "dist-tags": { "latest": version }, "versions": { version: manifest } })
}

/// The same each time, as its digest must be.
fn tarball(package: &str) -> Vec<u8> {
    let output = Command::new("tar")
        .args(["--create", "--gzip", "--sort=name", "--mtime=2020-01-01", "--owner=0", "--group=0", "--numeric-owner"])
        .args(["--transform=s,^\\.,package,", "--directory"])
        .arg(folder(package))
        .arg(".")
        .env("GZIP", "-n")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
