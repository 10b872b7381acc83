//! Transcripts of `tresor secret import` against a real server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use support::TestServer;

const CANARY: &str = "my-own-canary-0123456789-canary";

fn write(server: &TestServer, name: &str, bytes: &[u8]) {
    std::fs::write(server.home().join(name), bytes).unwrap();
}

#[test]
fn a_file_is_looked_at_and_then_imported() {
    let server = TestServer::start();
    let said = |args: &[&str]| server.run(args).transcript(&server);
    let env = format!("# mine\nexport API_KEY='{CANARY}'\nPASSWORD=abc#1\n");
    write(&server, ".env", env.as_bytes());
    assert_eq!(
        said(&["secret", "import", ".env", "--dry-run"]),
        "exit 0\nLINE  NAME  STATUS  MASK  NOTE\n2  API_KEY  new  my-o****nary  -\n\
         3  PASSWORD  new  ****  the value ends before an unquoted #; put it in quotes if the # belongs to it\n\
         Would import into production: 2 new, 0 changed, 0 the same, 0 rejected\n--"
    );
    // Without a terminal only --yes says yes, and the preview has been shown.
    let asked = server.run(&["secret", "import", ".env"]);
    assert_eq!(asked.code, 2, "{asked:?}");
    assert!(asked.stderr.contains("API_KEY") && asked.stderr.contains("Store 2 secrets in production?"), "{asked:?}");
    assert_eq!(server.run(&["secret", "list", "--json"]).ok().json()["items"], serde_json::json!([]));

    let done = server.run(&["secret", "import", ".env", "--yes", "--json"]).ok().json();
    assert_eq!((&done["new"], &done["dry_run"]), (&2.into(), &false.into()));
    assert_eq!(
        said(&["secret", "import", ".env", "-y"]),
        "exit 0\nLINE  NAME  STATUS  MASK  NOTE\n2  API_KEY  same  my-o****nary  -\n\
         3  PASSWORD  same  ****  the value ends before an unquoted #; put it in quotes if the # belongs to it\n\
         Imported into production: 0 new, 0 changed, 2 the same, 0 rejected\n--"
    );
    server.run(&["environment", "put", "test"]).ok();
    let piped = server.run_with(&["secret", "import", "-", "-e", "test", "--yes"], br#"{"A": "1"}"#).ok();
    assert!(piped.stdout.contains("Imported into test: 1 new"), "JSON is recognised: {piped:?}");
}

#[test]
fn files_of_other_machines_and_formats() {
    let server = TestServer::start();
    let utf16 = |text: &str| {
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect::<Vec<_>>()
    };
    write(&server, "windows.env", &utf16("A_KEY=one\r\nB_KEY=\"zwei\r\ndrei\"\r\n"));
    write(&server, "values.yml", b"C_KEY: three\n");
    write(&server, "export.json", br#"[{"key":"D_KEY","value":"four"}]"#);
    write(&server, "bom.env", b"\xef\xbb\xbfE_KEY=five\r\n");
    for (file, new) in [("windows.env", 2), ("values.yml", 1), ("export.json", 1), ("bom.env", 1)] {
        let done = server.run(&["secret", "import", file, "--yes", "--json"]).ok().json();
        assert_eq!(done["new"], new, "{file}: {done}");
    }
    let names: Vec<_> = server.run(&["secret", "list", "--json"]).ok().json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|secret| secret["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["A_KEY", "B_KEY", "C_KEY", "D_KEY", "E_KEY"]);
}

#[test]
fn errors_name_the_line_and_never_the_text() {
    let server = TestServer::start();
    write(&server, "bad.env", format!("GOOD=1\nLD_{CANARY}=x\n{CANARY}\nPATH={CANARY}\nx.y={CANARY}\n").as_bytes());
    let refused = server.run(&["secret", "import", "bad.env", "--yes"]);
    assert_eq!(
        refused.transcript(&server),
        "exit 1\n--\nerror: 4 lines are rejected, so nothing was imported: correct the file, or leave such lines out by `skip_rejected`.\n\
         text:2: must be capital letters, digits and underscores and not start with a digit, like STRIPE_SECRET_KEY\n\
         text:3: is neither NAME=value nor a comment; a value of several lines must stand in quotes\n\
         text:4: PATH is reserved: it decides which programs run; choose another name\n\
         text:5: must be capital letters, digits and underscores and not start with a digit, like STRIPE_SECRET_KEY\n\
         hint: --dry-run shows every line; --skip-rejected stores the others"
    );
    let skipped = server.run(&["secret", "import", "bad.env", "--yes", "--skip-rejected"]).ok();
    assert!(skipped.stdout.contains("1 new, 0 changed, 0 the same, 4 rejected"), "{skipped:?}");
    write(&server, "bytes.env", format!("A={CANARY}\0").as_bytes());
    write(&server, "bad.json", format!("{{\"A\": {CANARY}}}").as_bytes());
    for (args, code, says) in [
        (&["secret", "import", "bytes.env", "-y"][..], 1, "must be text in UTF-8"),
        (&["secret", "import", "bad.json", "-y"], 1, "line 1, column"),
        (&["secret", "import", "bad.env", "-y", "--format", "toml"], 1, "must be `dotenv`, `json` or `yaml`"),
        (&["secret", "import", "none.env", "-y"], 1, "could not read none.env"),
        (&["secret", "import", "bad.env", "-e", "nowhere", "-y"], 1, "make it first"),
        (&["secret", "import", "bad.env", "--delivery", "post", "-y"], 1, "delivery"),
    ] {
        let refused = server.run(args);
        assert!(refused.code == code && refused.stderr.contains(says), "{refused:?}");
        assert!(!format!("{refused:?}").contains(CANARY), "{refused:?}");
    }
}
