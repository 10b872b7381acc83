//! `tresor audit`: what it proves offline, and what it remembers of a server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::fs;
use std::path::Path;

use support::{TestServer, run, tresor};

fn put(server: &TestServer, name: &str) {
    server.run_with(&["secret", "put", name], b"sk-proj-abc123xyz789").ok();
}

#[test]
fn an_export_is_checked_without_the_server() {
    let mut server = TestServer::start();
    put(&server, "FIRST");
    let older = server.home().join("older.txt");
    let kept = server.run(&["audit", "checkpoint"]).ok();
    fs::write(&older, &kept.stdout).unwrap();
    fs::write(server.home().join("older.json"), server.run(&["audit", "checkpoint", "--json"]).ok().stdout).unwrap();
    let key = kept.stderr.lines().find_map(|line| line.strip_prefix("verifier key: ")).unwrap().to_owned();
    fs::write(server.home().join("key"), format!("{key}\n")).unwrap();
    put(&server, "SECOND");
    let exported = server.run(&["audit", "export", "log.jsonl"]).ok();
    assert!(exported.stdout.is_empty() && exported.stderr.contains("Wrote log.jsonl"));
    assert_eq!(
        server.run(&["audit", "export"]).ok().stdout.lines().count(),
        fs::read_to_string(server.home().join("log.jsonl")).unwrap().lines().count()
    );
    server.kill_hard();

    let verify = |args: &[&str]| run(server.cli(&[&["audit", "verify"], args].concat()), None);
    let bare = verify(&["log.jsonl"]).ok();
    assert!(
        bare.stdout.contains("Proved:")
            && bare.stdout.contains("Not proved:")
            && bare.stdout.contains("--key")
            && bare.stdout.contains("--checkpoint"),
        "{bare:?}"
    );
    let full = verify(&["log.jsonl", "--key", "@key", "--checkpoint", "older.txt"]).ok();
    assert!(
        full.stdout.contains("the key you gave")
            && full.stdout.contains("the checkpoint you kept")
            && !full.stdout.contains("Not proved"),
        "{full:?}"
    );
    verify(&["log.jsonl", "--key", &key]).ok();
    assert!(
        verify(&["log.jsonl", "--checkpoint", "older.json", "--json"]).ok().json()["not_proved"]
            .as_array()
            .unwrap()
            .is_empty()
    );

    let lines: Vec<String> =
        fs::read_to_string(server.home().join("log.jsonl")).unwrap().lines().map(str::to_owned).collect();
    let trailer = lines.len() - 1;
    let refused = |what: &str, lines: &[String], says: &str| {
        fs::write(server.home().join("bad.jsonl"), lines.join("\n")).unwrap();
        let refused = verify(&["bad.jsonl"]);
        assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{what}");
        assert!(
            refused.stderr.contains("error: the audit log was not proved") && refused.stderr.contains(says),
            "{what}: {}",
            refused.stderr
        );
    };
    let mut changed = lines.clone();
    changed[trailer - 1] = changed[trailer - 1].replace("SECOND", "HARMLESS");
    refused("an event was changed", &changed, "one was changed");
    let mut swapped = lines.clone();
    swapped.swap(1, 2);
    refused("events were swapped", &swapped, "reordered");
    refused("an event was dropped", &[&lines[..1], &lines[2..]].concat(), "removed or added");
    refused("the end was cut", &lines[..trailer], "no checkpoint at its end");
    let mut signed = lines.clone();
    signed[trailer] = signed[trailer].replacen("\\n", "\\n1", 1);
    refused("the checkpoint was changed", &signed, "signature");
    refused("not an export", &["hello".to_owned()], "not an export");

    let other = TestServer::start();
    let foreign =
        other.run(&["audit", "checkpoint", "--json"]).ok().json()["verifier_key"].as_str().unwrap().to_owned();
    assert_eq!(verify(&["log.jsonl", "--key", &foreign]).code, 1);
    assert_eq!(verify(&["log.jsonl", "--key", "nonsense"]).code, 2);
    assert_eq!(verify(&["missing.jsonl"]).code, 1);
}

#[test]
fn lists_filter_and_end() {
    let server = TestServer::start();
    put(&server, "FIRST");
    put(&server, "SECOND");
    assert_eq!(
        server.run(&["audit", "list", "--action", "secret.put", "--limit", "1"]).transcript(&server),
        "exit 0\nINDEX  TIME  ACTOR  ACTION  RESOURCE  ENVIRONMENT  OUTCOME  DETAILS\n5  just now  admin  secret.put  SECOND  production  done  delivery=env outcome=new version=1\n--"
    );
    assert_eq!(
        server.run(&["audit", "list", "--resource", "FIRST", "--json"]).ok().json()["items"].as_array().unwrap().len(),
        1
    );
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if item.file_type().unwrap().is_file() {
            fs::copy(item.path(), to.join(item.file_name())).unwrap();
        }
    }
}

#[test]
fn a_log_that_was_rolled_back_or_rewritten_is_found() {
    let mut server = TestServer::start();
    let first = server.run(&["audit", "verify"]).ok();
    assert!(first.stdout.contains("for the first time"), "{first:?}");
    // What somebody with the whole machine can do: put an older database back and go on from there.
    server.stop();
    let older = tempfile::tempdir().unwrap();
    copy(server.data_dir(), older.path());
    let address = server.address();
    let again = |server: TestServer| {
        let older = older.path().to_owned();
        let end = move |server: &mut TestServer| {
            server.stop();
            if older.join("tresor.db").exists() {
                fs::remove_dir_all(server.data_dir()).unwrap();
                copy(&older, server.data_dir());
            }
        };
        server.restart(end, &["--listen", &address], &[])
    };
    let server = again(server);
    put(&server, "FIRST");
    put(&server, "SECOND");
    let seen = server.run(&["audit", "verify"]).ok();
    assert!(seen.stdout.contains("this machine saw before") && !seen.stdout.contains("Not proved"), "{seen:?}");
    assert!(server.run(&["audit", "checkpoint"]).ok().stderr.contains("continues the"));

    let server = again(server);
    for command in ["verify", "checkpoint"] {
        let cut = server.run(&["audit", command]);
        assert!(cut.code == 1 && cut.stderr.contains("the end of the log was cut off"), "{cut:?}");
    }
    for name in ["OTHER", "MORE", "AND_MORE"] {
        put(&server, name);
    }
    for command in ["verify", "checkpoint"] {
        let forked = server.run(&["audit", command]);
        assert!(forked.code == 1 && forked.stderr.contains("the log was rewritten"), "{forked:?}");
    }
}

#[test]
fn a_log_never_seen_at_this_server_needs_a_word() {
    let server = TestServer::start();
    server.run(&["audit", "verify"]).ok();
    let token = server.run(&["account", "create", "team"]).ok().stdout;
    let as_team = |args: &[&str]| {
        let mut command = server.cli(args);
        command.env("TRESOR_TOKEN", token.trim());
        run(command, None)
    };
    let unknown = as_team(&["audit", "verify"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("--new-log"), "{unknown:?}");
    as_team(&["audit", "verify", "--new-log"]).ok();
    as_team(&["audit", "verify"]).ok();
    server.run(&["audit", "checkpoint"]).ok();

    let pins = fs::read_dir(server.home().join("state-home/tresor")).unwrap().next().unwrap().unwrap().path();
    fs::write(&pins, "{}x").unwrap();
    assert_eq!(server.run(&["audit", "verify"]).code, 1);
    let nowhere = tempfile::tempdir().unwrap();
    let mut homeless = tresor(nowhere.path(), &["audit", "verify"]);
    homeless
        .env("TRESOR_URL", server.url())
        .env("TRESOR_TOKEN", server.admin_token())
        .env_remove("HOME")
        .env_remove("XDG_STATE_HOME");
    assert!(run(homeless, None).stderr.contains("tresor audit export FILE"));
}
