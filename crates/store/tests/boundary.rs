//! What the crate is not allowed to become.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

/// Ciphertexts are opaque here because nothing that could open them is linked (DESIGN §3), directly or by another crate.
#[test]
fn store_cannot_decrypt() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = std::process::Command::new(cargo)
        .args(["tree", "--package", "store", "--edges", "normal,build", "--prefix", "none", "--offline", "--locked"])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "--format", "{p}"])
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    let linked = |name: &str| tree.lines().any(|line| line.starts_with(&format!("{name} v")));
    assert!(linked("store") && linked("domain") && linked("sqlx"), "{}", String::from_utf8_lossy(&output.stderr));
    for forbidden in ["envelope", "runtime", "server"] {
        assert!(!linked(forbidden), "store links {forbidden}");
    }
}

/// The two schemas differ in the names of types only.
#[test]
fn both_schemas_say_the_same() {
    let migrations = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let statements = |database: &str, file: &std::ffi::OsStr| -> String {
        let text = std::fs::read_to_string(migrations.join(database).join(file)).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("--"));
        lines.map(|line| line.split(" -- ").next().unwrap().trim_end().to_owned() + "\n").collect()
    };
    let files = |database: &str| {
        let entries = std::fs::read_dir(migrations.join(database)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(files("sqlite"), files("postgres"));
    for file in files("sqlite") {
        let translated = statements("sqlite", &file)
            .replace(" INTEGER", " BIGINT")
            .replace(" BLOB", " BYTEA")
            .replace(" TEXT", " TEXT COLLATE \"C\"")
            .replace("\n) STRICT;", "\n);")
            .replace("\n) STRICT, WITHOUT ROWID;", "\n);");
        assert_eq!(translated, statements("postgres", &file), "{file:?}");
    }
}
