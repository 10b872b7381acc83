//! `tresor serve`: where settings come from, what it says when it starts, and when it cannot.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use support::{TestServer, run, tresor};

#[test]
fn a_flag_beats_a_variable_beats_the_file() {
    let start = |args: &[&str], env: &[(&str, &str)]| {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("tresor.toml"), "data = \"of-file\"\nlisten = \"127.0.0.1:0\"\nlog = \"json\"\n")
            .unwrap();
        let server = TestServer::launch_bare(home, args, env);
        let folder = server.data_dir().file_name().unwrap().to_str().unwrap().to_owned();
        let json = server.stderr_text().lines().all(|line| line.starts_with('{'));
        (folder, json, server)
    };
    let (folder, json, server) = start(&[], &[]);
    assert_eq!((folder.as_str(), json), ("of-file", true), "{}", server.stderr_text());
    // Clients find the admin token by the same file.
    let mut command = tresor(server.home(), &["secret", "list"]);
    command.env("TRESOR_URL", server.url());
    run(command, None).ok();

    let (folder, json, server) = start(&[], &[("TRESOR_DATA", "of-variable"), ("TRESOR_LOG", "text")]);
    assert_eq!((folder.as_str(), json), ("of-variable", false), "{}", server.stderr_text());
    let (folder, json, _server) =
        start(&["--data", "of-flag", "--log", "json"], &[("TRESOR_DATA", "of-variable"), ("TRESOR_LOG", "text")]);
    assert_eq!((folder.as_str(), json), ("of-flag", true));
}

#[test]
fn without_settings_the_data_lies_in_the_users_data_folder() {
    let server = TestServer::launch_bare(tempfile::tempdir().unwrap(), &["--listen", "127.0.0.1:0"], &[]);
    assert_eq!(server.data_dir(), server.home().join("data-home/tresor"));
}

#[test]
fn a_wrong_file_is_named_with_its_key() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("other.toml");
    fs::write(&path, "# comment\nlisen = \"127.0.0.1:0\"\n").unwrap();
    let refused = run(tresor(home.path(), &["serve", "--config", "other.toml"]), None);
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    assert!(refused.stderr.starts_with("error: other.toml: line 2: unknown field `lisen`"), "{refused:?}");
    fs::write(&path, "database_url = \"postgres://u:hunter2@h/d\"\nport = 1\n").unwrap();
    let refused = run(tresor(home.path(), &["serve", "--config", "other.toml"]), None);
    assert!(
        refused.code == 2 && refused.stderr.contains("`port`") && !refused.stderr.contains("hunter2"),
        "{refused:?}"
    );
    assert_eq!(run(tresor(home.path(), &["serve", "--config", "missing.toml"]), None).code, 1);
    assert!(!home.path().join("data-home").exists());
}

#[test]
fn the_first_start_says_all_that_is_needed() {
    let home = tempfile::tempdir().unwrap();
    let mut child = tresor(home.path(), &["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut said = Vec::new();
    for line in lines {
        let last = line.contains("tresor secret put");
        said.push(line);
        if last {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let said = said.join("\n");
    let token_file = home.path().join("data-home/tresor/admin-token");
    for part in [
        "is ready at http://127.0.0.1:",
        token_file.to_str().unwrap(),
        "database     sqlite",
        "functions    ",
        "/login?code=",
        "export TRESOR_URL=http://127.0.0.1:",
    ] {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
}

#[test]
fn a_taken_address_is_an_error_with_a_way_out() {
    let server = TestServer::start();
    let other = tempfile::tempdir().unwrap();
    let refused = run(tresor(other.path(), &["serve", "--listen", &server.address()]), None);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert!(refused.stderr.contains("cannot listen on") && refused.stderr.contains("--listen"), "{refused:?}");
    assert_eq!(run(tresor(other.path(), &["serve", "--listen", "nowhere"]), None).code, 2);
}
