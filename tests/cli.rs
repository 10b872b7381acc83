//! Transcripts of the command line against a real server: exit code, stdout and stderr together.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::net::TcpListener;
use std::process::Command;

use support::{TestServer, run, tresor};

const CANARY: &str = "sk-proj-canary-0123456789-canary";

#[test]
fn the_life_of_a_secret() {
    let server = TestServer::start();
    let said = |args: &[&str]| server.run(args).transcript(&server);
    let put = |args: &[&str], value: &str| server.run_with(args, value.as_bytes()).transcript(&server);

    assert_eq!(said(&["secret", "list"]), "exit 0\n--\nNo secrets yet. Put one: tresor secret put NAME");
    assert_eq!(
        put(&["secret", "put", "OPENAI_API_KEY"], "sk-proj-abc123xyz789\n"),
        "exit 0\nStored OPENAI_API_KEY in production as version 1: sk-p****z789\n--\n\
         warning: the value has not the form of key of a project or service account of OpenAI"
    );
    assert_eq!(
        put(
            &[
                "secret",
                "put",
                "OPENAI_API_KEY",
                "--note",
                "for \u{1b}[31mchat",
                "--rotate-after-days",
                "90",
                "--version-note",
                "the\u{7} old one leaked"
            ],
            "sk-proj-abc123xyz000"
        ),
        "exit 0\nStored OPENAI_API_KEY in production as version 2: sk-p****z000\n--\n\
         warning: the value has not the form of key of a project or service account of OpenAI"
    );
    assert_eq!(
        said(&["secret", "list"]),
        "exit 0\nNAME  ENVIRONMENT  MASK  VERSION  UPDATED  LAST USED\nOPENAI_API_KEY  production  sk-p****z000  2  just now  never\n--"
    );
    // The note's escape is shown and does not reach the terminal.
    assert_eq!(
        said(&["secret", "get", "OPENAI_API_KEY"]),
        "exit 0\nname  OPENAI_API_KEY\nenvironment  production\nmask  sk-p****z000\nversion  2\ndelivery  env\nnote  for \\u{1b}[31mchat\n\
         rotate  after 90 days\ncreated  just now by admin\nupdated  just now by admin\nlast used  never\nfunctions  none\n--"
    );
    assert_eq!(
        said(&["secret", "versions", "OPENAI_API_KEY"]),
        "exit 0\nVERSION  MASK  CREATED  BY  STATE  NOTE\n2  sk-p****z000  just now  admin  current  the\\u{7} old one leaked\n1  sk-p****z789  just now  admin  -  -\n--"
    );
    assert_eq!(
        said(&["secret", "activate", "OPENAI_API_KEY", "1"]),
        "exit 0\nActivated version 1 of OPENAI_API_KEY in production\n--"
    );
    assert!(
        put(&["secret", "put", "OPENAI_API_KEY"], "sk-proj-abc123xyz789")
            .starts_with("exit 0\nOPENAI_API_KEY in production has this value already, as version 1: sk-p****z789\n--"),
    );
    assert!(
        put(&["secret", "put", "OPENAI_API_KEY", "--note", ""], "sk-proj-abc123xyz789")
            .contains("as version 1: sk-p****z789; its settings changed\n--"),
    );
    assert_eq!(
        said(&[
            "secret",
            "put",
            "OPENAI_API_KEY",
            "--keep-value",
            "--rotate-after-days",
            "0",
            "--rotate-by",
            "2031-02-03"
        ]),
        "exit 0\nChanged the settings of OPENAI_API_KEY in production\n--"
    );
    let changed = server.run(&["secret", "get", "OPENAI_API_KEY", "--json"]).ok().json();
    assert_eq!(
        (changed.get("rotate_after_days"), changed["rotate_by"].as_str()),
        (None, Some("2031-02-03T23:59:59.000Z"))
    );
    assert_eq!(server.run(&["secret", "put", "OPENAI_API_KEY", "--keep-value", "--host", "x.example"]).code, 2);
    assert_eq!(
        said(&["secret", "destroy", "OPENAI_API_KEY", "2"]),
        "exit 2\n--\nerror: Destroy version 2 of OPENAI_API_KEY in production? Its value is gone for good then. \
         There is no terminal to answer on, so nothing was done.\nhint: add --yes if you are sure"
    );
    assert_eq!(
        said(&["secret", "destroy", "OPENAI_API_KEY", "2", "--yes"]),
        "exit 0\nDestroyed version 2 of OPENAI_API_KEY in production\n--"
    );
    assert!(said(&["secret", "versions", "OPENAI_API_KEY"]).contains("2  sk-p****z000  just now  admin  destroyed"));
    assert!(
        said(&["secret", "activate", "OPENAI_API_KEY", "2"]).starts_with("exit 5\n--\nerror: version 2 was destroyed")
    );

    assert_eq!(
        said(&["secret", "delete", "OPENAI_API_KEY"]),
        "exit 2\n--\nerror: Delete OPENAI_API_KEY in production with all its versions? No function names it in its source. \
         There is no terminal to answer on, so nothing was done.\nhint: add --yes if you are sure"
    );
    assert_eq!(server.run(&["secret", "get", "OPENAI_API_KEY"]).code, 0);
    assert_eq!(said(&["secret", "delete", "OPENAI_API_KEY", "--yes"]), "exit 0\n--\nDeleted OPENAI_API_KEY");
    assert_eq!(
        said(&["secret", "get", "OPENAI_API_KEY"]),
        "exit 4\n--\nerror: there is no secret of this name in this account."
    );
}

#[test]
fn settings_of_the_account() {
    let server = TestServer::start();
    let said = |args: &[&str]| server.run(args).transcript(&server);
    assert_eq!(
        said(&["settings", "get"]),
        "exit 0\nresponse guard  report\nconversation values  allow\nconfirmations  never\nrotate after days  never\n--"
    );
    assert_eq!(
        said(&["settings", "put", "--response-guard", "block"]),
        "exit 0\nresponse guard  block\nconversation values  allow\nconfirmations  never\nrotate after days  never\n--"
    );
    assert_eq!(
        server.run(&["settings", "get", "--json"]).ok().json(),
        serde_json::json!({ "response_guard": "block", "conversation_values": "allow", "confirmations": "never", "rotate_after_days": "never" })
    );
    assert_eq!(
        said(&["settings", "put", "--response-guard", "warn"]),
        "exit 1\n--\nerror: response_guard: must be `report`, `block` or `off`."
    );
    assert_eq!(server.run(&["settings", "put"]).code, 2);
}

#[test]
fn if_version_guards_against_the_changes_of_others() {
    let server = TestServer::start();
    let put = |version: &str| {
        let value = format!("{CANARY}-{version}");
        server.run_with(&["secret", "put", "KEY", "--if-version", version], value.as_bytes())
    };
    assert_eq!(put("1").code, 4);
    put("0").ok();
    assert_eq!(put("0").code, 5);
    put("1").ok();
    let late = put("1").transcript(&server);
    assert_eq!(
        late,
        "exit 5\n--\nerror: KEY in production is at version 2, not 1\nhint: someone changed it: look at it with `tresor secret get`, then repeat"
    );
}

#[test]
fn a_value_on_the_command_line_is_refused_and_not_repeated() {
    let server = TestServer::start();
    let assigned = format!("KEY={CANARY}");
    let (long, dashed) = (format!("--value={CANARY}"), format!("-----BEGIN {CANARY}"));
    for args in [
        &["secret", "put", "KEY", CANARY][..],
        &["secret", "put", "KEY", CANARY, "-e", "production"],
        &["secret", "put", "KEY", "--value", CANARY],
        &["secret", "put", "KEY", &long],
        &["secret", "put", "KEY", &dashed],
        &["secret", "put", "KEY", "--note", "x", "--rotate-after-days", CANARY],
        &["secret", "put", &assigned],
        &["--json", "secret", "put", "KEY", CANARY],
        &["secret", "put", "KEY", &dashed, "--json"],
        &["provider", "suggest", CANARY],
        &["provider", "suggest", &dashed],
        &["provider", "check", "stripe", CANARY],
    ] {
        let refused = server.run_with(args, b"");
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{args:?} {refused:?}");
        assert!(
            !refused.stderr.contains("canary") && refused.stderr.contains("values are not taken from the command line"),
            "{refused:?}"
        );
        if args.contains(&"--json") {
            let problem: serde_json::Value = serde_json::from_str(&refused.stderr).unwrap();
            assert_eq!(problem["code"], "value_in_argv");
        }
    }
    assert!(server.run(&["secret", "put", "--help"]).ok().stdout.contains("never taken from the command line"));
}

#[test]
fn values_that_break_a_rule_are_refused_without_repeating_them() {
    let server = TestServer::start();
    let large = CANARY.repeat(3_000);
    for (value, rule) in [
        (b"".as_slice(), "must not be empty"),
        (b"\n", "must not be empty"),
        (b"\r\n", "must not be empty"),
        (b"sk-canary\0", "NUL"),
        (b"sk-canary\xff", "UTF-8"),
        (large.as_bytes(), "at most 65536 bytes"),
    ] {
        let refused = server.run_with(&["secret", "put", "KEY"], value);
        assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{rule}");
        assert!(refused.stderr.contains(rule) && !refused.stderr.contains("canary"), "{rule}: {}", refused.stderr);
    }
    // Only one newline is taken off, and a value at the limit fits with it.
    server.run_with(&["secret", "put", "KEY"], b"\n\n").ok();
    server.run_with(&["secret", "put", "KEY"], format!("{}\r\n", "\u{1}".repeat(65_536)).as_bytes()).ok();
    for name in ["key", "LD_PRELOAD", "1KEY", ".."] {
        assert_eq!(server.run_with(&["secret", "put", name], b"x").code, 1, "{name}");
    }
}

#[test]
fn json_on_every_command_that_prints() {
    let server = TestServer::start();
    let put = server.run_with(&["secret", "put", "KEY", "--json"], b"sk-proj-abc123xyz789").ok();
    assert_eq!((put.json()["mask"].as_str(), put.stderr.as_str()), (Some("sk-p****z789"), ""));
    for args in [
        &["secret", "list"][..],
        &["secret", "get", "KEY"],
        &["secret", "versions", "KEY"],
        &["secret", "activate", "KEY", "1"],
        &["secret", "put", "KEY", "--keep-value", "--note", "x"],
        &["function", "list"],
        &["environment", "list"],
        &["environment", "put", "test"],
        &["audit", "list"],
        &["audit", "checkpoint"],
        &["audit", "verify"],
        &["token", "create", "ci", "--scope", "secrets:read"],
        &["token", "list"],
        &["account", "create", "team"],
        &["account", "list"],
        &["login"],
    ] {
        let done = server.run(&[args, &["--json"]].concat()).ok();
        assert!(done.json().is_object() && done.stderr.is_empty(), "{args:?} {done:?}");
    }
    let gone = server.run(&["--json", "secret", "get", "NOPE"]);
    let problem: serde_json::Value = serde_json::from_str(&gone.stderr).unwrap();
    assert_eq!(
        (gone.code, gone.stdout.as_str(), problem["code"].as_str(), problem["status"].as_u64()),
        (4, "", Some("not_found"), Some(404))
    );
    assert_eq!(server.run(&["secret", "delete", "KEY", "--yes", "--json"]).ok().stderr, "");
}

#[test]
fn tokens_are_shown_once_and_do_what_they_may() {
    let server = TestServer::start();
    server.run(&["environment", "put", "test"]).ok();
    let made = server.run(&["token", "create", "ci", "--scope", "secrets:read", "-e", "test", "--expires-in", "30d"]);
    let expected = "exit 0\nTOKEN\n--\nhint: this is the only time it is shown; keep it in a password manager or a file with mode 0600";
    assert_eq!(made.transcript(&server), expected);
    assert_eq!(
        server.run(&["token", "list"]).transcript(&server),
        "exit 0\nNAME  ID  MEMBER  SCOPES  ENVIRONMENTS  CREATED  LAST USED  STATE\nadmin  ID  -  admin accounts:write  all  just now  just now  works\n\
         ci  ID  -  secrets:read  test  just now  never  expires in 30 days\n--"
    );
    let token = made.stdout.trim();
    let as_ci = |args: &[&str]| {
        let mut command = server.cli(args);
        command.env("TRESOR_TOKEN", token);
        run(command, Some(b"some-value-of-a-secret"))
    };
    assert_eq!(as_ci(&["secret", "list", "-e", "test"]).code, 0);
    assert_eq!(as_ci(&["secret", "list"]).code, 3);
    let denied = as_ci(&["secret", "put", "KEY", "-e", "test"]);
    assert_eq!((denied.code, denied.stderr.contains("secrets:write")), (3, true), "{denied:?}");
    assert!(as_ci(&["doctor"]).stdout.contains("of TRESOR_TOKEN works"));

    let file = server.home().join("token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    assert_eq!(server.run(&["secret", "list", "-e", "test", "--token-file", file.to_str().unwrap()]).code, 0);

    let id = server.run(&["token", "list", "--json"]).json()["items"][1]["id"].as_str().unwrap().to_owned();
    assert_eq!(server.run(&["token", "revoke", &id]).transcript(&server), "exit 0\n--\nRevoked ID");
    assert_eq!(as_ci(&["secret", "list", "-e", "test"]).code, 3);
    assert!(server.run(&["token", "list"]).stdout.contains("revoked"));
    assert_eq!(server.run(&["token", "create", "x", "--scope", "everything"]).code, 1);
    assert_eq!(server.run(&["token", "create", "x", "--scope", "admin", "--expires-in", "soon"]).code, 2);
}

#[test]
fn who_has_no_token_or_a_broken_one_is_told_so() {
    let server = TestServer::start();
    let with = |token: Option<&str>| {
        let mut command = server.cli(&["secret", "list"]);
        command.env("TRESOR_DATA", server.home().join("elsewhere"));
        command.envs(token.map(|token| ("TRESOR_TOKEN", token)));
        run(command, None)
    };
    let none = with(None);
    assert_eq!((none.code, none.stderr.contains("hint: set TRESOR_TOKEN")), (3, true), "{none:?}");
    let token = server.admin_token();
    assert_eq!(with(Some(&token)).code, 0);
    let cut = with(Some(&token[..51]));
    assert_eq!(
        cut.transcript(&server),
        "exit 3\n--\nerror: TRESOR_TOKEN does not hold a token: it is mistyped or cut off\nhint: a token is trs_ and 48 hexadecimal characters"
    );
    assert!(!cut.stderr.contains(&token[4..20]));
}

#[test]
fn secrets_do_not_travel_in_clear() {
    let home = tempfile::tempdir().unwrap();
    let refused = run(tresor(home.path(), &["secret", "list", "--url", "http://vault.example.com"]), None);
    assert_eq!((refused.code, refused.stderr.contains("plain http")), (2, true), "{refused:?}");
    for url in ["ftp://x", "https://user:pw@x", "https://x/?q", "nonsense", "unix:/x"] {
        assert_eq!(run(tresor(home.path(), &["secret", "list", "--url", url]), None).code, 2, "{url}");
    }
}

#[test]
fn nobody_there() {
    let home = tempfile::tempdir().unwrap();
    // Taken and given back, so that nobody listens.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let gone = run(tresor(home.path(), &["secret", "list", "--url", &url]), None);
    assert_eq!((gone.code, gone.stdout.as_str()), (69, ""));
    assert!(
        gone.stderr.contains(&format!("could not reach a server at {url}"))
            && gone.stderr.contains("hint: start one with `tresor serve`"),
        "{gone:?}"
    );
    let gone = run(tresor(home.path(), &["doctor", "--url", &url, "--json"]), None);
    assert_eq!((gone.code, gone.json()["checks"][0]["ok"].as_bool()), (1, Some(false)));
}

#[test]
fn doctor_says_what_is_wrong_and_what_to_do() {
    let server = TestServer::start();
    let well = server.run(&["doctor"]).ok();
    assert_eq!(well.stdout.lines().filter(|line| line.starts_with("ok ")).count(), 5, "{well:?}");
    if cfg!(target_os = "linux") {
        assert!(well.stdout.contains("around functions stand: ") && well.stdout.contains("seccomp"), "{well:?}");
        assert!(well.stdout.contains("required: mount|landlock,net|seccomp"), "{well:?}");
    }

    let missing = server.home().join("no-deno");
    let server = server.restart(|server| assert_eq!(server.stop(), 0), &["--deno", missing.to_str().unwrap()], &[]);
    assert!(server.login_link().is_none() && !server.has_deno());
    let ill = server.run(&["doctor"]);
    assert_eq!(ill.code, 1);
    assert!(
        ill.stdout.contains("problem  ready")
            && ill.stdout.contains("TRESOR_DENO")
            && ill.stderr.contains("there is 1 problem"),
        "{ill:?}"
    );
}

/// A server that requires a wall which this machine does not have runs no function, and says so wherever someone would ask.
#[test]
fn without_a_required_wall_functions_do_not_run() {
    let server = TestServer::start();
    let walls = server.run(&["doctor", "--json"]).ok().json();
    let missing = |walls: &serde_json::Value| {
        let checks = walls["checks"].as_array().unwrap().clone();
        let named = checks.iter().filter_map(|check| check["detail"].as_str().unwrap().split_once(" does not stand: "));
        named.map(|(wall, _)| wall.to_owned()).collect::<Vec<_>>()
    };
    let Some(wall) = missing(&walls).first().cloned() else { return };
    let server =
        server.restart(|server| assert_eq!(server.stop(), 0), &["--require-walls", &format!("seccomp,{wall}")], &[]);
    assert!(!server.has_deno());
    let ill = server.run(&["doctor"]);
    assert!(
        ill.code == 1 && ill.stdout.contains("problem  ready") && ill.stdout.contains("TRESOR_REQUIRE_WALLS"),
        "{ill:?}"
    );
    assert!(ill.stdout.contains(&format!("{wall} does not stand")), "{ill:?}");
    std::fs::write(server.home().join("f.ts"), "Deno.serve(() => new Response('x'));").unwrap();
    let refused = server.run(&["function", "deploy", "f", "f.ts"]);
    assert!(refused.code != 0 && refused.stderr.contains(&format!("required and missing: {wall} (")), "{refused:?}");
    // Secrets are served all the same.
    server.run(&["secret", "list"]).ok();
    let wrong = run(tresor(server.home(), &["serve", "--require-walls", "moat"]), None);
    assert!(wrong.code == 2 && wrong.stderr.contains("\"moat\" is no wall"), "{wrong:?}");
}

#[test]
fn accounts_and_login() {
    let server = TestServer::start();
    let made = server.run(&["account", "create", "team"]).ok();
    assert!(made.stderr.contains("Made account team"), "{made:?}");
    assert_eq!(
        server.run(&["account", "list"]).transcript(&server),
        "exit 0\nNAME  CREATED\ndefault  just now\nteam  just now\n--"
    );
    assert_eq!(server.run(&["account", "create", "team"]).code, 5);
    let mut other = server.cli(&["account", "list"]);
    other.env("TRESOR_TOKEN", made.stdout.trim());
    assert_eq!(run(other, None).code, 3);
    let link = server.run(&["login"]).ok();
    assert!(
        link.stdout.starts_with(&format!("{}/login", server.url())) && link.stderr.contains("works once"),
        "{link:?}"
    );
}

#[test]
fn colour_only_where_it_is_wanted() {
    let server = TestServer::start();
    server.run_with(&["secret", "put", "KEY"], b"sk-proj-abc123xyz789").ok();
    assert!(!server.run(&["secret", "list"]).stdout.contains('\u{1b}'));
    assert!(server.run(&["secret", "list", "--color", "always"]).stdout.contains('\u{1b}'));
    let mut command = server.cli(&["secret", "get", "NOPE", "--color", "never"]);
    command.env("CLICOLOR_FORCE", "1");
    assert!(!run(command, None).stderr.contains('\u{1b}'));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let home = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = tresor(home.path(), &["completions", "bash"]);
    let output =
        command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[test]
fn completions_and_help() {
    let home = tempfile::tempdir().unwrap();
    let scripts: Vec<_> = ["bash", "zsh", "fish"]
        .iter()
        .map(|shell| run(tresor(home.path(), &["completions", shell]), None).ok().stdout)
        .collect();
    assert!(scripts.iter().all(|script| script.contains("rollback") && script.contains("tresor")));
    let path = home.path().join("tresor.bash");
    std::fs::write(&path, &scripts[0]).unwrap();
    let listed = Command::new("bash").args(["-c", "source \"$1\"; COMP_WORDS=(tresor secret ''); COMP_CWORD=2; _tresor tresor '' secret; echo \"${COMPREPLY[@]}\"", "bash"]).arg(&path).output().unwrap();
    assert!(String::from_utf8(listed.stdout).unwrap().contains("versions"));

    let help = run(tresor(home.path(), &["--help"]), None).ok().stdout;
    assert!(help.contains("69  no server answered") && help.contains("never taken from the command line"), "{help}");
    assert_eq!(
        run(tresor(home.path(), &["--version"]), None).ok().stdout,
        format!("tresor {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(run(tresor(home.path(), &["secret"]), None).code, 2);
    assert_eq!(run(tresor(home.path(), &["secrets"]), None).code, 2);
    // The variable's value can hold a password.
    let mut command = tresor(home.path(), &["serve", "--help"]);
    command.env("TRESOR_DATABASE_URL", "postgres://u:hunter2@h/d");
    let help = run(command, None).ok().stdout;
    assert!(help.contains("TRESOR_DATABASE_URL") && !help.contains("hunter2"), "{help}");
}

#[test]
fn the_account_key_is_shown_and_rotated() {
    let server = TestServer::start();
    server.run_with(&["secret", "put", "KEY"], b"one-and-only-value-x").ok();
    let before = server.run(&["key", "status", "--json"]).ok().json();
    assert_eq!(before["rotations"], 0);
    let refused = server.run(&["key", "rotate"]);
    assert_eq!((refused.code, refused.stderr.contains("--yes")), (2, true), "{refused:?}");
    let said = server.run(&["key", "rotate", "--yes"]).ok().stdout;
    let after = server.run(&["key", "status", "--json"]).ok().json();
    assert_eq!(said, format!("1 versions are encrypted with the new key {}\n", after["id"].as_str().unwrap()));
    assert_ne!(before["id"], after["id"]);
    let same = server.run_with(&["secret", "put", "KEY"], b"one-and-only-value-x").ok().stdout;
    assert!(same.contains("has this value already, as version 1"), "{same}");
}
