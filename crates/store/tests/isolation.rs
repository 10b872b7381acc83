//! That nothing of one account is within reach of another, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::collections::BTreeMap;

use common::*;
use domain::SecretName;
use store::{AccountKeyRow, ActiveRow, IdempotencyRow, PutView, StoreError};

on_both! {
    other_accounts_reach_nothing,
}

/// `mallory` knows every id and name of `victim` and uses each.
async fn other_accounts_reach_nothing(db: Database) {
    let store = db.open().await;
    let victim = account(&store, "victim").await;
    let mallory = account(&store, "mallory").await;
    let (env, name, function) = (environment("production"), secret_name("KEY"), function_name("mail"));
    let secret = secret_row(&victim, "production", "KEY");
    let (token, session) = (token_row(&victim, "t1"), session_row(&victim, "s1", Some("t1")));
    let function_row = function_row(&victim, "mail");
    let invocation = invocation_row(&victim, "victim/mail", "i1", 1);
    let log = log_row(&victim, "victim/mail", Some("i1"), 1, 1);
    let key = AccountKeyRow {
        account: victim.clone(),
        key_id: "k1".to_owned(),
        wrapped: vec![1],
        created_at: time(1),
        current: true,
    };
    let answer = IdempotencyRow {
        account: victim.clone(),
        key: "key".to_owned(),
        fingerprint: Vec::new(),
        status: 200,
        body: String::new(),
        created_at: time(1),
    };
    let (row, owner) = (secret.clone(), victim.clone());
    let events = [event(&victim, "secret.put", "KEY", 1), event(&victim, "secret.put", "KEY", 2)];
    tx!(store, |tx| {
        tx.insert_account_key(&key).await?;
        tx.insert_secret(&row, b"one").await?;
        let mut second = row.clone();
        second.version = 2;
        tx.add_version(&second, b"two").await?;
        tx.insert_token(&token).await?;
        tx.insert_session(&session).await?;
        tx.insert_function(&function_row).await?;
        tx.insert_bundle_if_absent(&owner, "d1", b"code").await?;
        tx.insert_deployment(&owner, &deployment_row("victim/mail", "d1"), &BTreeMap::new()).await?;
        let active = ActiveRow {
            function_id: "victim/mail".to_owned(),
            environment: environment("production"),
            number: 1,
            updated_at: time(1),
        };
        tx.set_active(&owner, &active).await?;
        tx.insert_invocations(&[invocation]).await?;
        tx.insert_logs(&[log]).await?;
        tx.insert_idempotency(&answer).await?;
        for event in &events {
            tx.append_audit(event).await?;
        }
        tx.insert_checkpoint(&owner, 2, "note").await
    })
    .unwrap();
    // What versions an invocation had is mallory's own to say, whether or not the invocation is.
    let dump = async || {
        let mut lines = db.dump().await;
        lines.retain(|line| !line.starts_with(r#"version_sets: Text("mallory")"#));
        lines
    };
    let before = dump().await;
    let who = &mallory;

    assert_eq!(store.current_account_key(who).await, Ok(None));
    assert_eq!(store.account_key(who, "k1").await, Ok(None));
    assert_eq!(store.account_keys(who).await, Ok(Vec::new()));
    assert_eq!(store.token(who, "t1").await, Ok(None));
    assert_eq!(store.tokens(who, None, 9).await, Ok(Vec::new()));
    assert_eq!(store.secret(who, &env, &name).await, Ok(None));
    assert_eq!(store.secrets(who, None, None, 9).await, Ok(Vec::new()));
    assert_eq!(store.secrets(who, Some(&env), None, 9).await, Ok(Vec::new()));
    assert_eq!(store.count_secrets(who).await, Ok(0));
    assert_eq!(store.versions(who, &secret.id, None, 9).await, Ok(Vec::new()));
    assert_eq!(store.version(who, &secret.id, 1).await, Ok(None));
    assert_eq!(store.last_done(who, "secret.put", "secret", "KEY").await, Ok(None));
    assert_eq!(store.next_version(who, &secret.id).await, Ok(None));
    assert_eq!(store.ciphertext(who, &secret.id, 1).await, Ok(None));
    assert_eq!(store.current_values(who, &env).await, Ok(Vec::new()));
    assert_eq!(store.function(who, &function).await, Ok(None));
    assert_eq!(store.functions(who, None, 9).await, Ok(Vec::new()));
    assert_eq!(store.count_functions(who).await, Ok(0));
    assert_eq!(store.active(who, "victim/mail").await, Ok(Vec::new()));
    assert_eq!(store.active_deployments(who, &env).await, Ok(Vec::new()));
    assert_eq!(store.active_deployment(who, &env, &function).await, Ok(None));
    assert_eq!(store.deployments(who, "victim/mail", None, 9).await, Ok(Vec::new()));
    assert_eq!(store.deployment(who, "victim/mail", 1).await, Ok(None));
    assert_eq!(store.deployment_files(who, "victim/mail", 1).await, Ok(None));
    assert_eq!(store.bundle(who, "d1").await, Ok(None));
    assert_eq!(store.invocation(who, "i1").await, Ok(None));
    assert_eq!(store.invocations(who, "victim/mail", None, None, 9).await, Ok(Vec::new()));
    assert_eq!(store.invocation_logs(who, "i1", 9).await, Ok(Vec::new()));
    assert_eq!(store.function_logs(who, "victim/mail", 9).await, Ok(Vec::new()));
    assert_eq!(store.idempotency(who, "key").await, Ok(None));
    assert_eq!(store.audit_head(who).await.unwrap().0, 0);
    assert_eq!(store.audit_events(who, &Default::default(), None, 9).await, Ok(Vec::new()));
    assert_eq!(store.audit_events_from(who, 0, 9).await, Ok(Vec::new()));
    assert_eq!(store.inclusion_proof(who, 0, 2).await, Ok(None));
    assert_eq!(store.consistency_proof(who, 1, 2).await, Ok(None));
    assert_eq!(store.last_checkpoint(who).await, Ok(None));

    let mut stolen = secret.clone();
    stolen.account = mallory.clone();
    stolen.version = 3;
    let nothing = PutView { environment: true, requested: false, secret: None, sharers: Vec::new(), repeated: false };
    let (owner, env, key) = (mallory.clone(), env.clone(), name.clone());
    assert_eq!(tx!(store, |tx| tx.put_view(&owner, &env, &key, None).await), Ok(nothing));
    let (who, id) = (mallory.clone(), secret.id.clone());
    let refused = tx!(store, |tx| {
        let names = [SecretName::parse("KEY").unwrap()];
        let did = [
            tx.update_secret(&stolen).await?,
            tx.activate_version(&who, &id, 1, time(9), "m").await?,
            tx.destroy_version(&who, &id, 1, time(9)).await?,
            tx.delete_secret(&who, &id).await?,
            tx.revoke_token(&who, "t1", time(9)).await?,
            tx.touch_token(&who, "t1", time(9)).await?,
            tx.delete_session(&who, "s1").await?,
            tx.delete_function(&who, "victim/mail").await?,
        ];
        tx.touch_secrets(&who, &environment("production"), &names, time(9)).await?;
        tx.insert_invocations(&[invocation_row(&who, "victim/mail", "i2", 1)]).await?;
        tx.insert_logs(&[log_row(&who, "victim/mail", Some("i1"), 1, 1)]).await?;
        assert_eq!(tx.prune_invocations(&who, "victim/mail", time(i64::MAX), 1).await?, (0, false));
        Ok::<_, StoreError>(did)
    });
    assert_eq!(refused, Ok([false; 8]));
    let mut stolen = secret.clone();
    stolen.account = mallory.clone();
    stolen.version = 3;
    assert_eq!(tx!(store, |tx| tx.add_version(&stolen, b"x").await), Err(StoreError::Missing));
    assert_eq!(deploy(&store, deployment_row("victim/mail", "d1"), &mallory).await, Err(StoreError::Missing));
    assert_eq!(set_active(&store, &mallory, "victim/mail", "test", 1, 9).await, Err(StoreError::Missing));
    let foreign_token = session_row(&mallory, "s2", Some("t1"));
    assert_eq!(tx!(store, |tx| tx.insert_session(&foreign_token).await), Err(StoreError::Missing));
    assert_eq!(dump().await, before);
}
