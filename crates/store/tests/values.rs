//! Values of many secrets at once, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::*;

#[tokio::test]
async fn sqlite() {
    suite(Database::sqlite()).await;
}

#[tokio::test]
async fn postgres() {
    suite(Database::postgres().await).await;
}

async fn suite(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    for (account, env, name, versions) in
        [(&id, "production", "A", 4_u64), (&id, "test", "A", 1), (&id, "test", "B", 2), (&other, "test", "A", 1)]
    {
        let first = secret_row(account, env, name);
        for version in 1..=versions {
            let row = store::SecretRow { version, ..first.clone() };
            let ciphertext = version.to_string();
            match version {
                1 => tx!(store, |tx| tx.insert_secret(&row, ciphertext.as_bytes()).await).unwrap(),
                _ => tx!(store, |tx| tx.add_version(&row, ciphertext.as_bytes()).await).map(drop).unwrap(),
            }
        }
    }
    let a = secret_row(&id, "production", "A");
    tx!(store, |tx| {
        tx.activate_version(&a.account, &a.id, 1, time(7), "ci").await?;
        tx.destroy_version(&a.account, &a.id, 3, time(8)).await
    })
    .unwrap();
    let read = async |newest: u32, limit: u32| {
        let mut found: Vec<store::VersionValue> = Vec::new();
        loop {
            let after = found.last().map(|last| (last.secret.clone(), last.version));
            let after = after.as_ref().map(|(secret, version)| (secret, *version));
            let page = store.newest_values(&id, newest, after, limit).await.unwrap();
            if page.is_empty() {
                let line = |value: &store::VersionValue| {
                    assert_eq!(value.ciphertext, value.version.to_string().as_bytes());
                    format!(
                        "{}/{} {}{}",
                        value.environment,
                        value.name,
                        value.version,
                        if value.current { "*" } else { "" }
                    )
                };
                return found.iter().map(line).collect::<Vec<_>>();
            }
            found.extend(page);
        }
    };
    for limit in [1, 2, 100] {
        assert_eq!(read(0, limit).await, ["production/A 1*", "test/A 1*", "test/B 2*"]);
        assert_eq!(read(2, limit).await, ["production/A 1*", "production/A 4", "test/A 1*", "test/B 1", "test/B 2*"]);
        assert_eq!(
            read(9, limit).await,
            ["production/A 1*", "production/A 2", "production/A 4", "test/A 1*", "test/B 1", "test/B 2*"]
        );
    }

    // Under another key: of one account, and of what is not destroyed.
    let new = |version, text: &[u8]| store::NewCiphertext {
        secret: secret_row(&id, "production", "A").id,
        version,
        ciphertext: text.to_vec(),
        fingerprint: vec![3; 32],
        mask: "new".to_owned(),
    };
    let renew = async |account: &domain::AccountId, new: store::NewCiphertext| {
        let account = account.clone();
        tx!(store, |tx| tx.renew_ciphertext(&account, &new).await)
    };
    assert_eq!(renew(&id, new(1, b"1 anew")).await, Ok(()));
    assert_eq!(renew(&id, new(3, b"no")).await, Err(store::StoreError::Missing));
    assert_eq!(renew(&id, new(9, b"no")).await, Err(store::StoreError::Missing));
    assert_eq!(renew(&other, new(1, b"no")).await, Err(store::StoreError::Missing));
    let row = store.secret(&id, &environment("production"), &secret_name("A")).await.unwrap().unwrap();
    assert_eq!((row.mask.as_str(), row.facts.fingerprint, row.version), ("new", Some(vec![3; 32]), 1));
    let value = store.current_value(&id, &environment("production"), &secret_name("A")).await.unwrap().unwrap();
    assert_eq!(value.ciphertext, b"1 anew");
}
