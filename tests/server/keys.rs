//! Keys at rest: where they lie, who may read them, what happens without them, and what a ciphertext is good for.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use crate::api::{App, refuses_to_start};
use crate::database::Database;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_their_owners_alone() {
    let app = App::start();
    app.admin().put_secret("KEY", "value").await;
    let data = app.server.data_dir();
    assert_eq!(mode(data), 0o700);
    for file in ["root.key", "admin-token", "tresor.db", "tresor.db-wal", "tresor.db-shm"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    // A folder that was open to others is closed.
    std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut app = app.restart(|server| assert_eq!(server.stop(), 0), &[]);
    assert_eq!(mode(app.server.data_dir()), 0o700);
    // A key that others could have read is not used in silence.
    assert_eq!(app.server.stop(), 0);
    let key = app.server.data_dir().join("root.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = refuses_to_start(&app.server);
    assert!(refused.code != 0 && refused.stderr.contains("chmod 600"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_root_key_a_server_does_not_start() {
    let mut app = App::start();
    app.admin().put_secret("KEY", "the value that must be there again").await;
    app.admin()
        .deploy("show", "Deno.serve(() => new Response(Deno.env.get('KEY')))", json!({ "access": "public" }))
        .await;
    assert_eq!(app.server.stop(), 0);
    let key = app.server.data_dir().join("root.key");
    let saved = std::fs::read_to_string(&key).unwrap();
    let digits = saved.trim_end().rsplit_once(' ').unwrap().1;
    let other = saved.replace(digits, &hex::encode([7; 32]));

    std::fs::remove_file(&key).unwrap();
    for (what, content, says) in [
        ("no key", None, "is missing: put the backup"),
        ("another key", Some(other.as_str()), "does not fit this database"),
        ("an empty file", Some(""), "is empty"),
        ("something else", Some("not a key\n"), "does not hold"),
        ("half a key", Some(&saved[..60]), "does not hold"),
    ] {
        if let Some(content) = content {
            std::fs::write(&key, content).unwrap();
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        let refused = refuses_to_start(&app.server);
        assert!(
            refused.code != 0 && refused.stderr.contains(says) && refused.stderr.contains("root.key"),
            "{what}: {refused:?}"
        );
        assert!(
            !refused.stderr.contains(digits) && !refused.stderr.contains(&hex::encode([7; 32])),
            "{what}: {refused:?}"
        );
        assert_eq!(key.exists(), content.is_some(), "{what}: a key was made");
        if let Some(content) = content {
            assert_eq!(std::fs::read_to_string(&key).unwrap(), content, "{what}: the file was changed");
        }
    }
    std::fs::write(&key, &saved).unwrap();
    let app = app.restart(|_| {}, &[]);
    assert_eq!(
        app.anonymous().get("/functions/v1/show").await.expect(200).text(),
        "the value that must be there again"
    );
}

/// Invariant 4.
#[tokio::test(flavor = "multi_thread")]
async fn a_ciphertext_in_another_row_does_not_decrypt() {
    const VERSIONS: &str =
        "UPDATE secret_versions SET ciphertext = (SELECT other.ciphertext FROM secret_versions AS other WHERE";
    let id = |account: &str, environment: &str, name: &str| {
        format!(
            "(SELECT secrets.id FROM secrets JOIN accounts ON accounts.id = secrets.account WHERE accounts.name = '{account}' AND environment = '{environment}' AND secrets.name = '{name}')"
        )
    };
    let (first, second) = (id("default", "production", "FIRST"), id("default", "production", "SECOND"));
    let (test, foreign) = (id("default", "test", "FIRST"), id("other", "production", "FIRST"));
    for (what, sql) in [
        ("another secret's", format!("{VERSIONS} other.secret_id = {second} AND other.version = 1) WHERE secret_id = {first} AND version = 2")),
        ("an older version's", format!("{VERSIONS} other.secret_id = {first} AND other.version = 1) WHERE secret_id = {first} AND version = 2")),
        ("another environment's", format!("{VERSIONS} other.secret_id = {test} AND other.version = 1) WHERE secret_id = {first} AND version = 2")),
        ("another account's", format!("{VERSIONS} other.secret_id = {foreign} AND other.version = 1) WHERE secret_id = {first} AND version = 2")),
        ("a changed", format!("UPDATE secret_versions SET ciphertext = CAST(substr(ciphertext, 1, length(ciphertext) - 1) || x'00' AS BLOB) WHERE secret_id = {first} AND version = 2")),
        ("an empty", format!("UPDATE secret_versions SET ciphertext = x'' WHERE secret_id = {first} AND version = 2")),
        ("another key's", "UPDATE account_keys SET wrapped = (SELECT other.wrapped FROM account_keys AS other WHERE other.account <> account_keys.account) WHERE account = (SELECT id FROM accounts WHERE name = 'default')".to_owned()),
    ] {
        let app = App::start();
        let admin = app.admin();
        admin.put("/api/v1/environments/test", json!({})).await.expect(201);
        admin.put("/api/v1/secrets/FIRST", json!({ "value": "plaintext-test", "environment": "test" })).await.expect(201);
        app.account("other").await.put_secret("FIRST", "plaintext-other").await;
        for (name, value) in [("FIRST", "plaintext-older"), ("FIRST", "plaintext-first"), ("SECOND", "plaintext-second")] {
            admin.put_secret(name, value).await;
        }
        admin.deploy("show", "Deno.serve(() => Response.json(Deno.env.toObject()))", json!({})).await;
        assert_eq!(admin.get("/functions/v1/show").await.expect(200).json()["FIRST"], "plaintext-first");
        // Stopped, so that neither a worker nor an opened key hides what is in the database.
        let app = app.restart(|server| assert_eq!(server.stop(), 0), &[]);
        let admin = app.admin();
        let mut database = Database::open(&app.server).await;
        database.change(1, &sql).await;
        database.close().await;
        let answer = admin.get("/functions/v1/show").await;
        answer.problem(500, "internal");
        assert!(!answer.text().contains("plaintext"), "{what} ciphertext gave {}", answer.text());
        let recorded = admin.invocations("show", 2).await;
        assert_eq!((&recorded[0]["status"], &recorded[0]["outcome"]), (&json!(500), &json!("internal")), "{what}");
        assert!(app.server.stderr_text().contains("does not decrypt"), "{what}: the operator learns nothing");
    }
}
