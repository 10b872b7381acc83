//! Environments on the command line: values of their own and shared ones, clones, deletion, and structures that go from one to another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use support::TestServer;

#[test]
fn environments_keep_their_own_values() {
    let server = TestServer::start();
    let refused = server.run_with(&["secret", "put", "KEY", "-e", "test"], b"one-and-only-value-x");
    assert_eq!((refused.code, refused.stderr.contains("make it first")), (1, true), "{refused:?}");
    assert_eq!(
        server.run(&["environment", "put", "test"]).transcript(&server),
        "exit 0\nEnvironment test is there\n--"
    );
    // The references are the account's own.
    let listed = server.run(&["environment", "list", "--json"]).ok().json();
    let transcript = server.run(&["environment", "list"]).transcript(&server);
    let reference = |index: usize| listed["items"][index]["supabase_ref"].as_str().unwrap().to_owned();
    assert_eq!(
        transcript.replace(&reference(0), "REF").replace(&reference(1), "REF"),
        "exit 0\nNAME  CREATED  SUPABASE REF\nproduction  just now  REF\ntest  just now  REF\n--"
    );
    server.run_with(&["secret", "put", "KEY", "-e", "test"], b"one-and-only-value-x").ok();
    assert_eq!(server.run(&["secret", "get", "KEY"]).code, 4);
    assert_eq!(
        server.run(&["secret", "list", "--env", "production", "--json"]).ok().json()["items"].as_array().unwrap().len(),
        0
    );
    assert_eq!(server.run(&["secret", "list", "--json"]).ok().json()["items"][0]["environment"], "test");
}

#[test]
fn environments_share_are_cloned_and_deleted() {
    let server = TestServer::start();
    let said = |args: &[&str]| server.run(args).transcript(&server);
    server.run(&["environment", "put", "test"]).ok();
    server.run_with(&["secret", "put", "KEY"], b"one-and-only-value-x").ok();
    server.run_with(&["secret", "put", "OTHER"], b"one-and-other-value-x").ok();
    let twice = server.run_with(&["secret", "put", "KEY", "-e", "test"], b"one-and-only-value-x").ok();
    assert_eq!(
        twice.stderr,
        "warning: the value is also that of KEY in production: give each environment its own, or share one on purpose\n"
    );
    assert_eq!(
        said(&["secret", "share", "KEY", "-e", "test"]),
        "exit 0\nKEY in test uses the value of production: one-****ue-x\n--"
    );
    assert_eq!(
        said(&["environment", "clone", "production", "test"]),
        "exit 0\nPending in test: OTHER\n--\nhint: put their values: tresor secret put NAME -e ENV; see tresor secret matrix"
    );
    assert_eq!(
        said(&["environment", "clone", "production", "test"]),
        "exit 0\ntest has every name of production already\n--"
    );
    assert_eq!(
        said(&["secret", "matrix"]),
        "exit 0\nNAME  PRODUCTION  TEST\nKEY  one-****ue-x  one-****ue-x of production\nOTHER  one-****ue-x  pending\n--"
    );
    assert!(said(&["secret", "get", "KEY", "-e", "test"]).contains("shared from  production"));
    assert!(said(&["secret", "get", "OTHER", "-e", "test"]).contains("value  none yet"));
    assert!(said(&["secret", "list", "-e", "test"]).contains("OTHER  test  pending  -"));
    for args in [
        &["secret", "matrix"][..],
        &["secret", "share", "KEY", "-e", "test"],
        &["environment", "clone", "production", "qa"],
    ] {
        let done = server.run(&[args, &["--json"]].concat()).ok();
        assert!(done.json().is_object() && done.stderr.is_empty(), "{args:?} {done:?}");
    }
    assert_eq!(server.run(&["secret", "share", "KEY"]).code, 2, "where to is to be said");
    assert_eq!(
        said(&["environment", "delete", "test"]),
        "exit 2\n--\nerror: Delete the environment test? Its 2 secrets go with it. \
         There is no terminal to answer on, so nothing was done.\nhint: add --yes if you are sure"
    );
    server.run(&["secret", "share", "KEY", "-e", "qa", "--from", "production"]).ok();
    server.run_with(&["secret", "put", "OTHER", "-e", "test"], b"one-and-test-value-x").ok();
    server.run(&["secret", "share", "OTHER", "-e", "qa", "--from", "test"]).ok();
    let refused = server.run(&["environment", "delete", "test", "--yes"]);
    assert_eq!((refused.code, refused.stderr.contains("qa uses its value of OTHER")), (5, true), "{refused:?}");
    assert_eq!(
        said(&["environment", "delete", "test", "--anyway", "--yes"]),
        "exit 0\n--\nDeleted the environment test"
    );
    assert!(said(&["secret", "list", "-e", "qa"]).contains("OTHER  qa  pending  -"));
    assert_eq!(server.run(&["environment", "delete", "production", "--yes"]).code, 1);
}

#[test]
fn structures_are_exported_and_imported() {
    let (server, other) = (TestServer::start(), TestServer::start());
    server.run_with(&["secret", "put", "KEY", "--note", "of ann"], b"one-and-only-value-x").ok();
    server
        .run_with(&["secret", "put", "HOOK_KEY", "--delivery", "brokered", "--host", "a.example"], b"other-value-x")
        .ok();
    let yaml = server.run(&["secret", "export", "--format", "yaml"]).ok().stdout;
    assert_eq!(
        yaml,
        "environments:\n  - production\nsecrets:\n  - name: HOOK_KEY\n    delivery: brokered\n    environment: production\n    \
         hosts:\n      - a.example\n  - name: KEY\n    delivery: env\n    environment: production\n    note: \"of ann\"\nstructure: 1\n"
    );
    let said = |args: &[&str], text: &str| other.run_with(args, text.as_bytes()).transcript(&other);
    let import = ["secret", "import", "--structure", "-"];
    assert_eq!(
        said(&[&import[..], &["--dry-run"]].concat(), &yaml),
        "exit 0\nWould be pending: HOOK_KEY in production, KEY in production\n--"
    );
    assert_eq!(
        said(&import, &yaml),
        "exit 0\nPending: HOOK_KEY in production, KEY in production\n--\n\
         hint: put their values: tresor secret put NAME -e ENV; see tresor secret matrix"
    );
    assert_eq!(
        said(&[&import[..], &["-e", "test"]].concat(), &yaml).lines().nth(1),
        Some("Made the environments test")
    );
    let json = server.run(&["secret", "export", "-e", "production"]).ok().stdout;
    assert_eq!(said(&import, &json), "exit 0\nThere already: HOOK_KEY in production, KEY in production\n--");
    let read = other.run(&["secret", "export", "-e", "production", "--json"]).ok().json();
    assert_eq!(read, serde_json::from_str::<serde_json::Value>(&json).unwrap(), "round");
    let wrong = other.run_with(&import, b"KEY=one-and-only-value-x");
    assert_eq!((wrong.code, wrong.stderr.contains("one-and-only")), (1, false), "{wrong:?}");
}
