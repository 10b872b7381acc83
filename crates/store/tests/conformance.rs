//! One suite on both databases: what each noun's reads and writes promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::collections::BTreeMap;

use common::*;
use domain::{
    AccountId, AccountName, Algorithm, Delivery, EnvironmentName, GroupName, HostPattern, Issuer, IssuerKeys,
    IssuerName, MemberName, ResponseGuard, Role, ScopeSet, SecretId, SecretName, SecretSelection, Settings,
};
use store::{
    AccountKeyRow, ActiveRow, DraftRow, EnvironmentRow, GroupRow, IdempotencyRow, IssuerRow, LoginCodeRow, MemberRow,
    PutView, SecretRow, Shared, SharingUser, Store, StoreError, StoredValue, TokenRow, ValueFacts,
};

macro_rules! on_both {
    ($($test:ident,)*) => {
        mod sqlite {$(
            #[tokio::test]
            async fn $test() {
                super::$test(crate::common::Database::sqlite()).await;
            }
        )*}
        mod postgres {$(
            #[tokio::test]
            async fn $test() {
                super::$test(crate::common::Database::postgres().await).await;
            }
        )*}
    };
}

on_both! {
    server_state, accounts, account_keys, environments, tokens, token_revocation, sessions, login_codes, secret_versions,
    secret_pages, secret_settings, slots_and_shared_values, deleting_an_environment, functions, deleting_a_function, invocations_and_logs, pruning, idempotency,
    other_accounts_reach_nothing, members_and_groups, issuers, logs_within_their_bytes, settings, drafts,
}

async fn server_state(db: Database) {
    let store = db.open().await;
    assert_eq!(store.server_state("k").await, Ok(None));
    assert_eq!(tx!(store, |tx| tx.put_server_state_if_absent("k", &[0, 255]).await), Ok(vec![0, 255]));
    assert_eq!(tx!(store, |tx| tx.put_server_state_if_absent("k", &[7]).await), Ok(vec![0, 255]));
    assert_eq!(store.server_state("k").await, Ok(Some(vec![0, 255])));
}

async fn accounts(db: Database) {
    let store = db.open().await;
    for name in ["zeta", "a-b", "ab"] {
        account(&store, name).await;
    }
    let row = account_row("zeta");
    assert_eq!(store.account(&row.id).await, Ok(Some(row.clone())));
    assert_eq!(store.account_by_name(&row.name).await, Ok(Some(row.clone())));
    assert_eq!(store.account(&account_id("nobody")).await, Ok(None));
    let names = |rows: Vec<store::AccountRow>| rows.into_iter().map(|row| row.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(store.accounts(None, 2).await.unwrap()), ["a-b", "ab"], "by bytes");
    let after = AccountName::parse("ab").unwrap();
    assert_eq!(names(store.accounts(Some(&after), 2).await.unwrap()), ["zeta"]);
    let mut same_name = row;
    same_name.id = account_id("other");
    assert_eq!(tx!(store, |tx| tx.insert_account(&same_name).await), Err(StoreError::Conflict));
}

async fn account_keys(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    assert_eq!(store.current_account_key(&id).await, Ok(None));
    let key = |key_id: &str, created_at, current| AccountKeyRow {
        account: account_id("acc"),
        key_id: key_id.to_owned(),
        wrapped: key_id.as_bytes().to_vec(),
        created_at: time(created_at),
        current,
    };
    for row in [key("k1", 1, true), key("k2", 2, true), key("k3", 3, false)] {
        tx!(store, |tx| tx.insert_account_key(&row).await).unwrap();
    }
    assert_eq!(store.current_account_key(&id).await, Ok(Some(key("k2", 2, true))));
    assert_eq!(store.account_key(&id, "k1").await, Ok(Some(key("k1", 1, false))));
    assert_eq!(store.account_keys(&id).await, Ok(vec![key("k1", 1, false), key("k2", 2, true), key("k3", 3, false)]));
    assert_eq!(tx!(store, |tx| tx.insert_account_key(&key("k1", 9, true)).await), Err(StoreError::Conflict));
    assert_eq!(store.current_account_key(&id).await, Ok(Some(key("k2", 2, true))), "the failed one changed nothing");
    let mut orphan = key("k1", 1, true);
    orphan.account = account_id("nobody");
    assert_eq!(tx!(store, |tx| tx.insert_account_key(&orphan).await), Err(StoreError::Missing));
}

async fn environments(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let row = |name: &str| EnvironmentRow { name: environment(name), created_at: time(1) };
    assert_eq!(store.environments(&id).await, Ok(vec![row("production"), row("test")]));
    assert_eq!(store.environment(&id, &environment("test")).await, Ok(Some(row("test"))));
    assert_eq!(store.environment(&id, &environment("staging")).await, Ok(None));
    assert_eq!(store.count_environments(&id).await, Ok(2));
    let again = id.clone();
    assert_eq!(tx!(store, |tx| tx.insert_environment(&again, &row("test")).await), Err(StoreError::Conflict));
}

async fn tokens(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let mut limited = token_row(&id, "t2");
    limited.environments = Some(Vec::new());
    limited.scopes = ScopeSet::parse(["secrets:read"]).unwrap();
    limited.expires_at = None;
    for row in [token_row(&id, "t1"), limited.clone()] {
        tx!(store, |tx| tx.insert_token(&row).await).unwrap();
    }
    assert_eq!(store.token_by_hash("hash-of-t2").await, Ok(Some(limited.clone())), "an empty list stays an empty list");
    assert_eq!(store.token_by_hash("hash-of-t9").await, Ok(None));
    assert_eq!(store.token(&id, "t1").await, Ok(Some(token_row(&id, "t1"))));
    assert_eq!(store.tokens(&id, None, 1).await, Ok(vec![token_row(&id, "t1")]));
    assert_eq!(store.tokens(&id, Some("t1"), 9).await, Ok(vec![limited]));
    let mut same_hash = token_row(&id, "t3");
    same_hash.hash = "hash-of-t1".to_owned();
    assert_eq!(tx!(store, |tx| tx.insert_token(&same_hash).await), Err(StoreError::Conflict));
    let touch = async |at| {
        let id = id.clone();
        tx!(store, |tx| tx.touch_token(&id, "t1", time(at)).await)
    };
    assert_eq!(touch(100_000).await, Ok(true));
    assert_eq!(touch(159_999).await, Ok(false), "less than a minute later");
    assert_eq!(store.token(&id, "t1").await.unwrap().unwrap().last_used_at, Some(time(100_000)));
    assert_eq!(touch(160_001).await, Ok(true));
}

async fn token_revocation(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let (token, kept) = (token_row(&id, "t1"), token_row(&id, "t2"));
    let sessions =
        [session_row(&id, "s1", Some("t1")), session_row(&id, "s2", Some("t2")), session_row(&id, "s3", None)];
    let code = LoginCodeRow {
        hash: "code".to_owned(),
        account: id.clone(),
        token_id: Some("t1".to_owned()),
        name: "link".to_owned(),
        scopes: ScopeSet::admin(),
        environments: None,
        expires_at: time(1000),
    };
    tx!(store, |tx| {
        tx.insert_token(&token).await?;
        tx.insert_token(&kept).await?;
        for session in &sessions {
            tx.insert_session(session).await?;
        }
        tx.insert_login_code(&code).await
    })
    .unwrap();
    let revoke = async |at| {
        let id = id.clone();
        tx!(store, |tx| tx.revoke_token(&id, "t1", time(at)).await)
    };
    assert_eq!(revoke(50).await, Ok(true));
    assert_eq!(revoke(60).await, Ok(false));
    assert_eq!(store.token(&id, "t1").await.unwrap().unwrap().revoked_at, Some(time(50)));
    assert_eq!(store.token(&id, "t2").await.unwrap().unwrap().revoked_at, None);
    assert_eq!(store.session_by_hash("hash-of-s1").await, Ok(None), "revoking ends the token's sessions");
    assert!(store.session_by_hash("hash-of-s2").await.unwrap().is_some());
    assert!(store.session_by_hash("hash-of-s3").await.unwrap().is_some());
    assert_eq!(tx!(store, |tx| tx.take_login_code("code", time(51)).await), Ok(None), "and its login links");
}

async fn sessions(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let row = session_row(&id, "s1", None);
    let (first, again) = (row.clone(), row.clone());
    tx!(store, |tx| tx.insert_session(&first).await).unwrap();
    assert_eq!(store.session_by_hash("hash-of-s1").await, Ok(Some(row)));
    assert_eq!(tx!(store, |tx| tx.insert_session(&again).await), Err(StoreError::Conflict));
    let unknown_token = session_row(&id, "s2", Some("nobody"));
    assert_eq!(tx!(store, |tx| tx.insert_session(&unknown_token).await), Err(StoreError::Missing));
    let delete = async || {
        let id = id.clone();
        tx!(store, |tx| tx.delete_session(&id, "s1").await)
    };
    assert_eq!((delete().await, delete().await), (Ok(true), Ok(false)));
    let (early, mut late) = (session_row(&id, "s3", None), session_row(&id, "s4", None));
    late.expires_at = time(1001);
    tx!(store, |tx| {
        tx.insert_session(&early).await?;
        tx.insert_session(&late).await
    })
    .unwrap();
    assert_eq!(tx!(store, |tx| tx.prune_sessions(time(1000)).await), Ok(1));
    assert!(store.session_by_hash("hash-of-s4").await.unwrap().is_some());
}

async fn login_codes(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let code = |hash: &str| LoginCodeRow {
        hash: hash.to_owned(),
        account: account_id("acc"),
        token_id: None,
        name: "link".to_owned(),
        scopes: ScopeSet::operator(),
        environments: Some(vec![environment("test")]),
        expires_at: time(1000),
    };
    assert_eq!(code("x").account, id);
    for hash in ["c1", "c2", "c3"] {
        let code = code(hash);
        tx!(store, |tx| tx.insert_login_code(&code).await).unwrap();
    }
    assert_eq!(tx!(store, |tx| tx.take_login_code("c1", time(999)).await), Ok(Some(code("c1"))));
    assert_eq!(tx!(store, |tx| tx.take_login_code("c1", time(999)).await), Ok(None), "works once");
    assert_eq!(tx!(store, |tx| tx.take_login_code("c2", time(1000)).await), Ok(None), "expired");
    assert_eq!(tx!(store, |tx| tx.prune_sessions(time(1000)).await), Ok(1), "c3; the others are gone");
}

async fn secret_versions(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let first = secret_row(&id, "production", "API_KEY");
    let secret = first.id.clone();
    let row = first.clone();
    tx!(store, |tx| tx.insert_secret(&row, b"one").await).unwrap();
    assert_eq!(store.secret(&id, &first.environment, &first.name).await, Ok(Some(first.clone())));

    let view = async |account: &AccountId, env: &str, name: &str| {
        let (account, env, name) = (account.clone(), environment(env), secret_name(name));
        tx!(store, |tx| tx.put_view(&account, &env, &name).await)
    };
    let seen = Some((first.clone(), 2));
    assert_eq!(
        view(&id, "production", "API_KEY").await,
        Ok(PutView { environment: true, requested: false, secret: seen, sharers: Vec::new() })
    );
    assert_eq!(
        view(&id, "production", "OTHER").await,
        Ok(PutView { environment: true, requested: false, secret: None, sharers: Vec::new() })
    );
    assert_eq!(
        view(&id, "nowhere", "API_KEY").await,
        Ok(PutView { environment: false, requested: false, secret: None, sharers: Vec::new() })
    );
    assert_eq!(view(&account_id("nobody"), "production", "API_KEY").await, Err(StoreError::Missing));

    let put = async |version: u64, ciphertext: &'static [u8]| {
        let mut row = first.clone();
        row.version = version;
        row.mask = format!("mask {version}");
        row.facts.fingerprint = Some(vec![u8::try_from(version).unwrap(); 32]);
        row.facts.note = format!("note {version}");
        row.facts.rotate_by = None;
        row.updated_at = time(100 + i64::try_from(version).unwrap());
        row.updated_by = "ann".to_owned();
        tx!(store, |tx| tx.add_version(&row, ciphertext).await)
    };
    assert_eq!(store.next_version(&id, &secret).await, Ok(Some(2)));
    assert_eq!(put(2, b"two").await, Ok(()));
    assert_eq!(put(3, b"three").await, Ok(()));
    assert_eq!(put(3, b"again").await, Err(StoreError::Conflict));
    assert_eq!(put(5, b"gap").await, Err(StoreError::Conflict));
    let now = store.secret(&id, &first.environment, &first.name).await.unwrap().unwrap();
    assert_eq!((now.version, now.mask.as_str(), now.updated_by.as_str()), (3, "mask 3", "ann"));
    assert_eq!((now.facts.note.as_str(), now.facts.rotate_by, now.value_at), ("note 3", None, time(103)));
    assert_eq!((now.facts.fingerprint, now.revision), (Some(vec![3; 32]), 2), "the first is no change");
    assert_eq!((now.created_at, now.updated_at), (time(100), time(103)));

    let activate = async |version, at| {
        let (id, secret) = (id.clone(), secret.clone());
        tx!(store, |tx| tx.activate_version(&id, &secret, version, time(at), "bob").await)
    };
    let destroy = async |version, at| {
        let (id, secret) = (id.clone(), secret.clone());
        tx!(store, |tx| tx.destroy_version(&id, &secret, version, time(at)).await)
    };
    assert_eq!(destroy(3, 200).await, Ok(false), "it is the current one");
    assert_eq!(activate(1, 210).await, Ok(true));
    assert_eq!(activate(9, 211).await, Ok(false), "there is none");
    assert_eq!(destroy(3, 220).await, Ok(true));
    assert_eq!(destroy(3, 230).await, Ok(false), "it is gone");
    assert_eq!(activate(3, 240).await, Ok(false), "it is gone");
    let now = store.secret(&id, &first.environment, &first.name).await.unwrap().unwrap();
    assert_eq!(
        (now.version, now.mask, now.updated_by, now.updated_at),
        (1, first.mask.clone(), "bob".into(), time(210))
    );
    assert_eq!((now.facts, now.value_at, now.revision), (first.facts.clone(), time(100), 3));
    assert_eq!(store.next_version(&id, &secret).await, Ok(Some(4)), "numbers are never reused");
    assert_eq!(put(4, b"four").await, Ok(()));

    let versions = store.versions(&id, &secret, None, 9).await.unwrap();
    let numbers: Vec<_> = versions.iter().map(|v| (v.version, v.destroyed_at.map(|t| t.as_millis()))).collect();
    assert_eq!(numbers, [(4, None), (3, Some(220)), (2, None), (1, None)]);
    assert_eq!((versions[1].mask.as_str(), versions[1].created_at), ("mask 3", time(103)), "what is known stays");
    assert_eq!((versions[1].facts.note.as_str(), &versions[1].facts.fingerprint), ("note 3", &None), "no fingerprint");
    let page = store.versions(&id, &secret, Some(3), 1).await.unwrap();
    assert_eq!(page, versions[2..3]);
    assert_eq!(store.version(&id, &secret, 2).await, Ok(Some(versions[2].clone())));
    assert_eq!(store.version(&id, &secret, 9).await, Ok(None));
    assert_eq!(store.ciphertext(&id, &secret, 2).await, Ok(Some(b"two".to_vec())));
    assert_eq!(store.ciphertext(&id, &secret, 3).await, Ok(None), "destroyed");
    assert_eq!(store.ciphertext(&id, &secret, 9).await, Ok(None), "there is none");

    let (account, gone) = (id.clone(), secret.clone());
    assert_eq!(tx!(store, |tx| tx.delete_secret(&account, &gone).await), Ok(true));
    let (account, gone) = (id.clone(), secret.clone());
    assert_eq!(tx!(store, |tx| tx.delete_secret(&account, &gone).await), Ok(false));
    assert_eq!(store.versions(&id, &secret, None, 9).await, Ok(Vec::new()));
    assert_eq!(store.ciphertext(&id, &secret, 2).await, Ok(None));
    assert_eq!(store.next_version(&id, &secret).await, Ok(None));
    assert_eq!(put(5, b"five").await, Err(StoreError::Missing));
}

async fn secret_pages(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    // Where languages order otherwise: digits, capitals, underscore.
    let names = ["A", "A1", "AB", "AZ", "A_B", "_A"];
    for name in names.iter().rev() {
        for env in ["test", "production"] {
            let row = secret_row(&id, env, name);
            let ciphertext = format!("{env} {name}");
            tx!(store, |tx| tx.insert_secret(&row, ciphertext.as_bytes()).await).unwrap();
        }
    }
    let mut expected: Vec<_> = names.iter().map(|name| ("production".to_owned(), (*name).to_owned())).collect();
    expected.extend(names.iter().map(|name| ("test".to_owned(), (*name).to_owned())));
    let mut seen: Vec<(String, String)> = Vec::new();
    loop {
        let last = seen.last().map(|(env, name)| (environment(env), secret_name(name)));
        let after = last.as_ref().map(|(env, name)| (env, name));
        let page = store.secrets(&id, None, after, 5).await.unwrap();
        assert!(page.len() <= 5);
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|row| (row.environment.to_string(), row.name.to_string())));
    }
    assert_eq!(seen, expected);
    let (test, a1) = (environment("test"), secret_name("A1"));
    let page = store.secrets(&id, Some(&test), Some((&test, &a1)), 3).await.unwrap();
    let page: Vec<_> = page.iter().map(|row| (row.environment.as_str(), row.name.as_str())).collect();
    assert_eq!(page, [("test", "AB"), ("test", "AZ"), ("test", "A_B")]);
    assert_eq!(store.secrets(&id, Some(&test), None, 500).await.unwrap().len(), names.len());
    assert_eq!(store.count_secrets(&id).await, Ok(12));

    let values = store.current_values(&id, &test).await.unwrap();
    assert_eq!(values.iter().map(|value| value.name.as_str()).collect::<Vec<_>>(), names);
    let expected = StoredValue {
        secret: SecretId::new("acc/test/A1"),
        environment: test.clone(),
        name: a1,
        version: 1,
        delivery: Delivery::Env,
        hosts: vec![HostPattern::parse("api.example.com").unwrap()],
        publishable: true,
        ciphertext: b"test A1".to_vec(),
        user: None,
    };
    assert_eq!(values[1], expected);
}

async fn secret_settings(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let mut row = secret_row(&id, "production", "A");
    let (first, mut again, mut elsewhere) = (row.clone(), row.clone(), row.clone());
    tx!(store, |tx| tx.insert_secret(&first, b"x").await).unwrap();
    again.id = SecretId::new("another id");
    assert_eq!(tx!(store, |tx| tx.insert_secret(&again, b"x").await), Err(StoreError::Conflict));
    elsewhere.id = SecretId::new("elsewhere");
    elsewhere.environment = environment("staging");
    assert_eq!(tx!(store, |tx| tx.insert_secret(&elsewhere, b"x").await), Err(StoreError::Missing));

    row.hosts = Vec::new();
    row.note = String::new();
    row.rotate_after_days = None;
    row.facts.note = "other".to_owned();
    row.facts.rotate_by = None;
    row.updated_at = time(500);
    row.updated_by = "ann".to_owned();
    let changed = row.clone();
    row.revision = 1;
    assert_eq!(tx!(store, |tx| tx.update_secret(&changed).await), Ok(true));
    assert_eq!(store.secret(&id, &row.environment, &row.name).await, Ok(Some(row.clone())));
    let mut unknown = row.clone();
    unknown.id = SecretId::new("unknown");
    assert_eq!(tx!(store, |tx| tx.update_secret(&unknown).await), Ok(false));

    for (at, expected) in [(600, 600), (550, 600), (700, 700)] {
        let (id, names) = (id.clone(), [row.name.clone(), secret_name("GONE")]);
        tx!(store, |tx| tx.touch_secrets(&id, &environment("production"), &names, time(at)).await).unwrap();
        let now = store.secret(&row.account, &row.environment, &row.name).await.unwrap().unwrap();
        assert_eq!(now.last_used_at, Some(time(expected)));
        assert_eq!(now.updated_at, time(500), "using is not changing");
    }
}

async fn slots_and_shared_values(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let (production, test) = (environment("production"), environment("test"));
    let source = secret_row(&id, "production", "A");
    let slot = SecretRow {
        version: 0,
        mask: String::new(),
        facts: ValueFacts::default(),
        delivery: Delivery::Brokered,
        ..secret_row(&id, "test", "A")
    };
    let (first, open) = (source.clone(), slot.clone());
    tx!(store, |tx| {
        tx.insert_secret(&first, b"one").await?;
        tx.insert_slot(&open, 7).await
    })
    .unwrap();
    let get = async |name: &str| store.secret(&id, &environment(name), &source.name).await.unwrap().unwrap();
    assert_eq!(get("test").await, slot, "a slot has no value");
    assert!(!slot.has_own_value() && source.has_own_value());
    assert_eq!(store.current_values(&id, &test).await, Ok(Vec::new()));
    assert_eq!(store.current_value(&id, &test, &source.name).await, Ok(None));
    assert_eq!(store.next_version(&id, &slot.id).await, Ok(Some(7)));

    let share = async |from: &SecretId, at| {
        let (id, user, from) = (id.clone(), slot.id.clone(), from.clone());
        tx!(store, |tx| tx.share_secret(&id, &user, &from, b"tag", time(at), "ann").await)
    };
    assert_eq!(share(&source.id, 300).await, Ok(true));
    let shared = get("test").await;
    assert_eq!((shared.version, shared.mask.as_str(), shared.revision), (1, "sk-p****z789", 1));
    assert_eq!(shared.shared, Some(Shared { id: source.id.clone(), environment: production.clone() }));
    assert_eq!((shared.delivery, &shared.facts, shared.value_at), (source.delivery, &source.facts, time(100)));
    assert!(!shared.has_own_value());
    let user = Some(SharingUser { secret: slot.id.clone(), tag: b"tag".to_vec() });
    let expected = StoredValue {
        secret: source.id.clone(),
        environment: production.clone(),
        name: source.name.clone(),
        version: 1,
        delivery: Delivery::Env,
        hosts: vec![HostPattern::parse("api.example.com").unwrap()],
        publishable: true,
        ciphertext: b"one".to_vec(),
        user,
    };
    assert_eq!(store.current_values(&id, &test).await, Ok(vec![expected.clone()]));
    assert_eq!(store.current_value(&id, &test, &source.name).await, Ok(Some(expected)));
    assert_eq!(store.sharers(&id, &source.id).await, Ok(vec![test.clone()]));
    let (account, env, name) = (id.clone(), production.clone(), source.name.clone());
    let view = tx!(store, |tx| tx.put_view(&account, &env, &name).await).unwrap();
    assert_eq!(view.sharers, std::slice::from_ref(&test));

    // A new version of the one is a new value of the other; a use of the other is one of the value.
    let (account, mut second) = (id.clone(), source.clone());
    second.version = 2;
    second.updated_at = time(400);
    tx!(store, |tx| {
        tx.add_version(&second, b"two").await?;
        tx.touch_secrets(&account, &environment("test"), &[second.name.clone()], time(500)).await
    })
    .unwrap();
    assert_eq!((get("test").await.version, get("test").await.value_at), (2, time(400)));
    let used = (get("test").await.last_used_at, get("production").await.last_used_at);
    assert_eq!(used, (Some(time(500)), Some(time(500))));

    // A value of its own ends the sharing, and so does an older one of its own.
    let mut own = slot.clone();
    (own.version, own.mask) = (7, "own".to_owned());
    own.facts.fingerprint = Some(vec![9; 32]);
    tx!(store, |tx| tx.add_version(&own, b"own").await).unwrap();
    assert_eq!((get("test").await.shared, get("test").await.version), (None, 7));
    assert_eq!(share(&source.id, 600).await, Ok(true));
    assert_eq!(get("test").await.mask, "sk-p****z789");
    let (account, user) = (id.clone(), slot.id.clone());
    assert_eq!(tx!(store, |tx| tx.activate_version(&account, &user, 7, time(700), "bob").await), Ok(true));
    assert_eq!((get("test").await.shared, get("test").await.mask), (None, "own".to_owned()));
    assert_eq!(store.sharers(&id, &source.id).await, Ok(Vec::new()));

    // Who uses the value of one that is gone has none, rather than an old one of its own.
    assert_eq!(share(&SecretId::new("gone"), 800).await, Ok(true));
    assert_eq!((get("test").await.version, get("test").await.mask), (0, String::new()));
    assert_eq!(store.current_values(&id, &test).await, Ok(Vec::new()));

    let other = secret_row(&id, "production", "B");
    tx!(store, |tx| tx.insert_secret(&other, b"one").await).unwrap();
    let found = store.secrets_with_value(&id, &[7; 32], 9).await.unwrap();
    assert_eq!(found, [(production.clone(), secret_name("A")), (production.clone(), secret_name("B"))]);
    assert_eq!(store.secrets_with_value(&id, &[9; 32], 9).await, Ok(Vec::new()), "not current any more");
    let names = async |environments: Option<&[EnvironmentName]>, after: Option<&str>| {
        let after = after.map(secret_name);
        let names = store.secret_names(&id, environments, after.as_ref(), 9).await.unwrap();
        names.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(None, None).await, ["A", "B"]);
    assert_eq!(names(Some(&[test]), None).await, ["A"]);
    assert_eq!(names(Some(&[]), None).await, [] as [&str; 0]);
    assert_eq!(names(None, Some("A")).await, ["B"]);
}

async fn deleting_an_environment(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let (kept, gone) = (secret_row(&id, "production", "A"), secret_row(&id, "test", "A"));
    let function = function_row(&id, "mail");
    let user = SecretRow { version: 0, ..secret_row(&id, "production", "B") };
    let source = secret_row(&id, "test", "B");
    let source_id = source.id.clone();
    let limited = |name: &str, environments: &[&str]| TokenRow {
        environments: Some(environments.iter().map(|name| environment(name)).collect()),
        ..token_row(&account_id("acc"), name)
    };
    let tokens = [
        token_row(&id, "all"),
        limited("both", &["production", "test"]),
        limited("one", &["test"]),
        limited("other", &["contest"]),
    ];
    tx!(store, |tx| {
        tx.insert_secret(&kept, b"kept").await?;
        tx.insert_secret(&gone, b"gone").await?;
        tx.insert_secret(&source, b"shared").await?;
        tx.insert_slot(&user, 3).await?;
        tx.share_secret(&user.account, &user.id, &source.id, b"tag", time(200), "ann").await?;
        tx.insert_function(&function).await?;
        for token in &tokens {
            tx.insert_token(token).await?;
        }
        Ok::<_, StoreError>(())
    })
    .unwrap();
    deploy(&store, deployment_row("acc/mail", "d1"), &id).await.unwrap();
    for env in ["production", "test"] {
        set_active(&store, &id, "acc/mail", env, 1, 300).await.unwrap();
    }
    let shared = (environment("production"), secret_name("B"));
    assert_eq!(store.sharers_of(&id, &environment("test")).await, Ok(vec![shared]));
    let share = store.shares(&id).await.unwrap().pop().unwrap();
    assert_eq!((share.source, share.environment.as_str(), share.name.as_str()), (source_id, "production", "B"));
    let rows = ["production", "test"].map(|env| store::InvocationRow {
        id: format!("of-{env}"),
        environment: environment(env),
        ..invocation_row(&id, "acc/mail", "x", 100)
    });
    let logs = ["production", "test"].map(|env| log_row(&id, "acc/mail", Some(&format!("of-{env}")), 1, 100));
    let session = session_row(&id, "s1", None);
    let draft = DraftRow {
        account: id.clone(),
        session_id: "s1".to_owned(),
        id: "d1".to_owned(),
        environment: environment("test"),
        format: "dotenv".to_owned(),
        ciphertext: vec![0],
        expires_at: time(900),
    };
    tx!(store, |tx| {
        tx.insert_session(&session).await?;
        tx.put_draft(&draft).await?;
        tx.insert_invocations(&rows).await?;
        tx.add_to_hours(&rows).await?;
        tx.insert_logs(&logs).await
    })
    .unwrap();
    let delete = async || {
        let id = id.clone();
        tx!(store, |tx| tx.delete_environment(&id, &environment("test")).await)
    };
    assert_eq!(delete().await, Ok(true));
    assert_eq!(delete().await, Ok(false));
    assert_eq!(store.environment(&id, &environment("test")).await, Ok(None));
    let left = store.secrets(&id, None, None, 9).await.unwrap();
    assert_eq!(left.iter().map(|row| (row.name.as_str(), row.version)).collect::<Vec<_>>(), [("A", 1), ("B", 0)]);
    assert_eq!(store.shares(&id).await, Ok(Vec::new()));
    assert_eq!(store.draft(&id, "s1").await, Ok(None));
    let recorded = store.invocations(&id, "acc/mail", None, None, 9).await.unwrap();
    assert_eq!(recorded.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["of-production"]);
    let said = store.function_logs(&id, "acc/mail", 9).await.unwrap();
    assert_eq!(said.iter().map(|row| row.invocation.as_deref()).collect::<Vec<_>>(), [Some("of-production")]);
    let tallies = async |place: Option<&EnvironmentName>| {
        let found = store.function_tallies(&id, &["acc/mail"], place, time(0)).await.unwrap();
        found.get("acc/mail").map(|(tally, _)| tally.invocations)
    };
    assert_eq!((tallies(None).await, tallies(Some(&environment("test"))).await), (Some(1), None));
    assert_eq!(store.active(&id, "acc/mail").await.unwrap().len(), 1);
    let left = async |token: &str| store.token(&id, token).await.unwrap().unwrap().environments;
    assert_eq!(left("all").await, None, "whoever may go everywhere still may");
    assert_eq!(left("both").await, Some(vec![environment("production")]));
    assert_eq!(left("one").await, Some(Vec::new()), "nowhere, rather than everywhere");
    assert_eq!(left("other").await, Some(vec![environment("contest")]));
}

async fn deploy(store: &Store, row: store::DeploymentRow, account: &domain::AccountId) -> Result<u64, StoreError> {
    let account = account.clone();
    tx!(store, |tx| {
        tx.insert_bundle_if_absent(&account, &row.digest, row.digest.as_bytes()).await?;
        let files = BTreeMap::from([("index.ts".to_owned(), "code \"ü\" \0".to_owned())]);
        tx.insert_deployment(&account, &row, &files).await
    })
}

async fn set_active(
    store: &Store,
    account: &domain::AccountId,
    function: &str,
    env: &str,
    number: u64,
    at: i64,
) -> Result<(), StoreError> {
    let account = account.clone();
    let row =
        ActiveRow { function_id: function.to_owned(), environment: environment(env), number, updated_at: time(at) };
    tx!(store, |tx| tx.set_active(&account, &row).await)
}

async fn functions(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    for name in ["mail", "a-b", "ab"] {
        let row = function_row(&id, name);
        tx!(store, |tx| tx.insert_function(&row).await).unwrap();
    }
    let mut same_name = function_row(&id, "mail");
    same_name.id = "other".to_owned();
    assert_eq!(tx!(store, |tx| tx.insert_function(&same_name).await), Err(StoreError::Conflict));
    let mail = function_row(&id, "mail");
    assert_eq!(store.function(&id, &mail.name).await, Ok(Some(mail.clone())));
    assert_eq!(store.count_functions(&id).await, Ok(3));
    let page = store.functions(&id, Some(&function_name("a-b")), 5).await.unwrap();
    assert_eq!(page.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["ab", "mail"]);

    let production = environment("production");
    assert_eq!(store.active_deployment(&id, &production, &mail.name).await, Ok(None));
    for (number, digest) in [(1, "d1"), (2, "d2"), (3, "d1")] {
        assert_eq!(deploy(&store, deployment_row(&mail.id, digest), &id).await, Ok(number));
    }
    assert_eq!(deploy(&store, deployment_row("unknown", "d1"), &id).await, Err(StoreError::Missing));
    let (account, no_bundle) = (id.clone(), deployment_row(&mail.id, "d9"));
    let no_bundle = tx!(store, |tx| tx.insert_deployment(&account, &no_bundle, &BTreeMap::new()).await);
    assert_eq!(no_bundle, Err(StoreError::Missing));

    let mut second = deployment_row(&mail.id, "d2");
    second.number = 2;
    assert_eq!(store.deployment(&id, &mail.id, 2).await, Ok(Some(second.clone())));
    assert_eq!(store.deployment(&id, &mail.id, 4).await, Ok(None), "the one without a bundle took no number");
    let numbers = |rows: Vec<store::DeploymentRow>| rows.iter().map(|row| row.number).collect::<Vec<_>>();
    assert_eq!(numbers(store.deployments(&id, &mail.id, None, 2).await.unwrap()), [3, 2]);
    assert_eq!(numbers(store.deployments(&id, &mail.id, Some(2), 9).await.unwrap()), [1]);
    let files = store.deployment_files(&id, &mail.id, 1).await.unwrap().unwrap();
    assert_eq!(files, BTreeMap::from([("index.ts".to_owned(), "code \"ü\" \0".to_owned())]));
    assert_eq!(store.bundle(&id, "d1").await, Ok(Some(b"d1".to_vec())));
    assert_eq!(store.bundle(&id, "d9").await, Ok(None));

    assert_eq!(set_active(&store, &id, &mail.id, "production", 1, 300).await, Ok(()));
    assert_eq!(set_active(&store, &id, &mail.id, "test", 3, 310).await, Ok(()));
    assert_eq!(set_active(&store, &id, &mail.id, "production", 2, 320).await, Ok(()));
    assert_eq!(set_active(&store, &id, &mail.id, "production", 7, 330).await, Err(StoreError::Missing));
    assert_eq!(set_active(&store, &id, &mail.id, "staging", 2, 340).await, Err(StoreError::Missing));
    let active = store.active_deployment(&id, &production, &mail.name).await.unwrap().unwrap();
    assert_eq!((active.function_id, active.number, active.digest), (mail.id.clone(), 2, "d2".to_owned()));
    assert_eq!((active.access, active.secrets), (second.access.clone(), second.secrets.clone()));
    let active = store.active(&id, &mail.id).await.unwrap();
    let active: Vec<_> = active.iter().map(|row| (row.environment.as_str(), row.number)).collect();
    assert_eq!(active, [("production", 2), ("test", 3)]);
    assert_eq!(store.active_deployments(&id, &production).await, Ok(vec![(mail.name.clone(), second)]));
    assert_eq!(store.function(&id, &mail.name).await.unwrap().unwrap().updated_at, time(320));
}

async fn deleting_a_function(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    for name in ["mail", "shop"] {
        let row = function_row(&id, name);
        tx!(store, |tx| tx.insert_function(&row).await).unwrap();
        deploy(&store, deployment_row(&format!("acc/{name}"), "shared"), &id).await.unwrap();
        deploy(&store, deployment_row(&format!("acc/{name}"), name), &id).await.unwrap();
        set_active(&store, &id, &format!("acc/{name}"), "production", 2, 300).await.unwrap();
        let invocation = invocation_row(&id, &format!("acc/{name}"), name, 400);
        let log = log_row(&id, &format!("acc/{name}"), Some(name), 1, 400);
        tx!(store, |tx| {
            tx.insert_invocations(&[invocation]).await?;
            tx.insert_logs(&[log]).await
        })
        .unwrap();
    }
    set_active(&store, &id, "acc/shop", "test", 1, 300).await.unwrap();
    let clear = async |account: &AccountId, at: &'static str| {
        let account = account.clone();
        tx!(store, |tx| tx.clear_active(&account, "acc/shop", &environment(at)).await)
    };
    assert_eq!((clear(&account_id("other"), "test").await, clear(&id, "test").await), (Ok(false), Ok(true)));
    assert_eq!(clear(&id, "test").await, Ok(false));
    assert_eq!(store.active(&id, "acc/shop").await.unwrap().len(), 1, "production keeps it");
    let delete = async || {
        let id = id.clone();
        tx!(store, |tx| tx.delete_function(&id, "acc/mail").await)
    };
    assert_eq!(delete().await, Ok(true));
    assert_eq!(delete().await, Ok(false));
    assert_eq!(store.function(&id, &function_name("mail")).await, Ok(None));
    assert_eq!(store.deployments(&id, "acc/mail", None, 9).await, Ok(Vec::new()));
    assert_eq!(store.active(&id, "acc/mail").await, Ok(Vec::new()));
    assert_eq!(store.bundle(&id, "mail").await, Ok(None), "nothing uses it");
    assert!(store.bundle(&id, "shared").await.unwrap().is_some(), "the other function uses it");
    assert_eq!(store.invocation(&id, "mail").await, Ok(None));
    assert_eq!(store.function_logs(&id, "acc/mail", 9).await, Ok(Vec::new()));
    assert!(store.invocation(&id, "shop").await.unwrap().is_some());
    assert_eq!(store.invocation_logs(&id, "shop", 9).await.unwrap().len(), 1);
    let shop = store.active_deployment(&id, &environment("production"), &function_name("shop")).await.unwrap().unwrap();
    assert_eq!(shop.number, 2);
    assert_eq!(shop.secrets, SecretSelection::Only([secret_name("A"), secret_name("B")].into()));

    // An invocation may end after its function was deleted: its line must not cost the others theirs.
    let late = [invocation_row(&id, "acc/mail", "late", 500), invocation_row(&id, "acc/shop", "next", 500)];
    let lines = [log_row(&id, "acc/mail", None, 1, 500), log_row(&id, "acc/shop", None, 2, 500)];
    tx!(store, |tx| {
        tx.insert_invocations(&late).await?;
        tx.insert_logs(&lines).await
    })
    .unwrap();
    assert_eq!(store.invocation(&id, "late").await, Ok(None));
    assert!(store.invocation(&id, "next").await.unwrap().is_some());
    assert_eq!(store.function_logs(&id, "acc/shop", 9).await.unwrap().len(), 2);
}

async fn invocations_and_logs(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let function = function_row(&id, "mail");
    tx!(store, |tx| tx.insert_function(&function).await).unwrap();
    // More than fit in one statement, two of each time.
    let mut rows: Vec<_> =
        (0..70).map(|n| invocation_row(&id, "acc/mail", &format!("i{n:02}"), 1000 + n / 2)).collect();
    rows[3].error = Some("broke\0off".to_owned());
    rows[3].cold = false;
    rows[4].environment = environment("test");
    let mut lines: Vec<_> = (0..150).map(|n| log_row(&id, "acc/mail", Some("i03"), n, 1001)).collect();
    lines.push(log_row(&id, "acc/mail", None, 150, 900));
    lines[5].text = "a\0b".to_owned();
    let (invocations, logs) = (rows.clone(), lines.clone());
    tx!(store, |tx| {
        tx.insert_invocations(&invocations).await?;
        tx.insert_logs(&logs).await?;
        tx.insert_invocations(&[]).await
    })
    .unwrap();
    rows[3].error = Some("broke\u{fffd}off".to_owned());
    lines[5].text = "a\u{fffd}b".to_owned();
    assert_eq!(store.invocation(&id, "i03").await, Ok(Some(rows[3].clone())));
    let mut seen = Vec::new();
    loop {
        let last = seen.last().map(|row: &store::InvocationRow| (row.started_at, row.id.clone()));
        let before = last.as_ref().map(|(time, id)| (*time, id.as_str()));
        let page = store.invocations(&id, "acc/mail", None, before, 9).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    seen.reverse();
    assert_eq!(seen, rows);
    let in_test = store.invocations(&id, "acc/mail", Some(&environment("test")), None, 500).await.unwrap();
    assert_eq!(in_test.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["i04"]);
    assert_eq!(store.invocation_logs(&id, "i03", 500).await.unwrap(), lines[..150]);
    assert_eq!(store.invocation_logs(&id, "i03", 10).await.unwrap(), lines[..10]);
    assert_eq!(store.function_logs(&id, "acc/mail", 3).await.unwrap(), lines[147..150], "the newest, in order");
    assert_eq!(store.function_logs(&id, "acc/mail", 500).await.unwrap()[0], lines[150]);
    let again = rows[0].clone();
    assert_eq!(tx!(store, |tx| tx.insert_invocations(&[again]).await), Err(StoreError::Conflict));

    // What versions they had is kept once, however many had them, and goes when none is left.
    let sets = async || db.dump().await.iter().filter(|line| line.starts_with("version_sets:")).count();
    assert_eq!(sets().await, 1);
    const HOUR: i64 = 3_600_000;
    let late = store::InvocationRow {
        id: "late".to_owned(),
        started_at: time(3 * HOUR),
        versions: r#"{"A":2}"#.to_owned(),
        ..rows[1].clone()
    };
    let inserted = late.clone();
    tx!(store, |tx| tx.insert_invocations(&[inserted]).await).unwrap();
    assert_eq!(store.invocation(&id, "late").await, Ok(Some(late)));
    assert_eq!(store.invocation(&id, "i01").await, Ok(Some(rows[1].clone())));
    assert_eq!(sets().await, 2);
    for (oldest, left) in [(0, 2), (2 * HOUR, 1), (4 * HOUR, 1), (4 * HOUR + 1, 0)] {
        let id = id.clone();
        tx!(store, |tx| tx.prune_version_sets(&id, time(oldest)).await).unwrap();
        assert_eq!(sets().await, left, "{oldest}");
    }
}

async fn pruning(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    for name in ["mail", "shop"] {
        let function = function_row(&id, name);
        let function_id = function.id.clone();
        let rows: Vec<_> =
            (0..10).map(|n| invocation_row(&id, &function_id, &format!("{name}{n}"), 1000 + n)).collect();
        let lines: Vec<_> =
            (0..10).map(|n| log_row(&id, &function_id, Some(&format!("{name}{n}")), 1, 1000 + n)).collect();
        tx!(store, |tx| {
            tx.insert_function(&function).await?;
            tx.insert_invocations(&rows).await?;
            tx.insert_logs(&lines).await
        })
        .unwrap();
    }
    let prune = async |oldest, keep| {
        let id = id.clone();
        let pruned = tx!(store, |tx| tx.prune_invocations(&id, "acc/mail", time(oldest), keep).await);
        pruned.map(|(gone, more)| {
            assert!(!more, "so few go at once");
            gone
        })
    };
    let left = async || {
        let rows = store.invocations(&id, "acc/mail", None, None, 99).await.unwrap();
        let lines = store.function_logs(&id, "acc/mail", 99).await.unwrap();
        assert_eq!(rows.len(), lines.len());
        rows.last().map(|row| row.id.clone())
    };
    assert_eq!(prune(1002, 100).await, Ok(2), "by age");
    assert_eq!(left().await.as_deref(), Some("mail2"));
    assert_eq!(prune(0, 5).await, Ok(3), "by number");
    assert_eq!(left().await.as_deref(), Some("mail5"));
    assert_eq!(prune(1008, 5).await, Ok(3), "age where that takes more");
    assert_eq!(prune(0, 5).await, Ok(0));
    assert_eq!(prune(2000, 5).await, Ok(2));
    assert_eq!(left().await, None);
    assert_eq!(
        store.invocations(&id, "acc/shop", None, None, 99).await.unwrap().len(),
        10,
        "the other function's stay"
    );
    assert_eq!(store.function_logs(&id, "acc/shop", 99).await.unwrap().len(), 10);

    // Many go in slices, so that other writes come between.
    let row = store.invocations(&id, "acc/shop", None, None, 1).await.unwrap().remove(0);
    let line = store.function_logs(&id, "acc/shop", 1).await.unwrap().remove(0);
    let rows: Vec<_> = (0..2_300).map(|n| store::InvocationRow { id: format!("many{n}"), ..row.clone() }).collect();
    let lines: Vec<_> =
        (0..2_300).map(|n| store::LogRow { seq: n, time: time(n.try_into().unwrap()), ..line.clone() }).collect();
    tx!(store, |tx| {
        tx.insert_invocations(&rows).await?;
        tx.insert_logs(&lines).await
    })
    .unwrap();
    let mut gone = Vec::new();
    loop {
        let id = id.clone();
        let (some, more) = tx!(store, |tx| tx.prune_invocations(&id, "acc/shop", time(i64::MAX), 1).await).unwrap();
        gone.push(some);
        if !more {
            break;
        }
    }
    assert_eq!(gone, [1_000, 1_000, 310]);
    assert_eq!(store.function_logs(&id, "acc/shop", 1).await, Ok(vec![]));
}

async fn drafts(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    let token = token_row(&id, "t1");
    let sessions = [session_row(&id, "s1", Some("t1")), session_row(&id, "s2", None)];
    tx!(store, |tx| {
        tx.insert_token(&token).await?;
        for session in &sessions {
            tx.insert_session(session).await?;
        }
        Ok::<_, StoreError>(())
    })
    .unwrap();
    let draft = |session: &str, name: &str, expires| DraftRow {
        account: account_id("acc"),
        session_id: session.to_owned(),
        id: name.to_owned(),
        environment: environment("test"),
        format: "dotenv".to_owned(),
        ciphertext: vec![0, 255],
        expires_at: time(expires),
    };
    let put = async |row: DraftRow| tx!(store, |tx| tx.put_draft(&row).await);
    for row in [draft("s1", "d1", 10), draft("s1", "d2", 20), draft("s2", "d3", 30)] {
        put(row).await.unwrap();
    }
    assert_eq!(put(draft("s3", "d4", 10)).await, Err(StoreError::Missing), "of no session");
    assert_eq!(
        store.draft(&id, "s1").await,
        Ok(Some(draft("s1", "d2", 20))),
        "a later one takes the place of an earlier"
    );
    assert_eq!(store.draft(&other, "s1").await, Ok(None));
    let delete = async |account: &AccountId, draft: &'static str| {
        let account = account.clone();
        tx!(store, |tx| tx.delete_draft(&account, "s1", draft).await)
    };
    assert_eq!((delete(&id, "d1").await, delete(&other, "d2").await), (Ok(false), Ok(false)));
    assert_eq!(delete(&id, "d2").await, Ok(true));
    put(draft("s1", "d5", 20)).await.unwrap();
    assert_eq!(tx!(store, |tx| tx.prune_drafts(time(20)).await), Ok(1));
    assert_eq!(
        (store.draft(&id, "s1").await, store.draft(&id, "s2").await.map(|row| row.is_some())),
        (Ok(None), Ok(true))
    );
    put(draft("s1", "d6", 90)).await.unwrap();
    let revoked = id.clone();
    tx!(store, |tx| tx.revoke_token(&revoked, "t1", time(5)).await).unwrap();
    assert_eq!(store.draft(&id, "s1").await, Ok(None), "it ends with its session");
}

async fn idempotency(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let row = IdempotencyRow {
        account: id.clone(),
        key: "key".to_owned(),
        fingerprint: vec![1, 2, 3],
        status: 201,
        body: "{}".to_owned(),
        created_at: time(100),
    };
    let (first, again) = (row.clone(), row.clone());
    tx!(store, |tx| tx.insert_idempotency(&first).await).unwrap();
    assert_eq!(tx!(store, |tx| tx.insert_idempotency(&again).await), Err(StoreError::Conflict));
    assert_eq!(store.idempotency(&id, "key").await, Ok(Some(row)));
    assert_eq!(tx!(store, |tx| tx.prune_idempotency(time(100)).await), Ok(0));
    assert_eq!(tx!(store, |tx| tx.prune_idempotency(time(101)).await), Ok(1));
    assert_eq!(store.idempotency(&id, "key").await, Ok(None));
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
    let nothing = PutView { environment: true, requested: false, secret: None, sharers: Vec::new() };
    let (owner, env, key) = (mallory.clone(), env.clone(), name.clone());
    assert_eq!(tx!(store, |tx| tx.put_view(&owner, &env, &key).await), Ok(nothing));
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

/// A write of one account that is given one thing.
macro_rules! change {
    ($store:expr, $account:expr, $method:ident, $thing:expr) => {{
        let (account, thing) = ($account.clone(), ($thing).clone());
        tx!($store, |tx| tx.$method(&account, &thing).await)
    }};
}

async fn logs_within_their_bytes(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let function = function_row(&id, "mail");
    let (of, row) = (function.id.clone(), function.clone());
    tx!(store, |tx| tx.insert_function(&row).await).unwrap();
    let rows: Vec<_> = (0..3_000u64)
        .map(|n| store::LogRow {
            account: id.clone(),
            function_id: of.clone(),
            invocation: None,
            seq: n,
            time: time(1_000 + i64::try_from(n).unwrap() / 2),
            stream: "stdout".to_owned(),
            text: "ü234".to_owned(), // five bytes
        })
        .collect();
    tx!(store, |tx| tx.insert_logs(&rows).await).unwrap();
    assert_eq!(store.logs_beyond(&id, &of, 3_000 * 15, 10).await, Ok(None));
    assert_eq!(store.logs_beyond(&id, "other", 0, 10).await, Ok(None));
    // The newest 1,000 fit; the one before them is of the same moment as none of them.
    let beyond = store.logs_beyond(&id, &of, 1_000 * 15, 10).await.unwrap().unwrap();
    assert_eq!(beyond, time(1_999));
    let mut more = true;
    while more {
        let (id, of) = (id.clone(), of.clone());
        more = tx!(store, |tx| tx.prune_logs(&id, &of, beyond.plus_millis(1)).await).unwrap();
    }
    let left = store.function_logs(&id, &of, 9_999).await.unwrap();
    assert_eq!((left.len(), left[0].seq), (1_000, 2_000));
}

async fn members_and_groups(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let name = |text: &str| MemberName::parse(text).unwrap();
    let member = |text: &str, subject: Option<&str>| MemberRow {
        name: name(text),
        role: Role::User,
        subject: subject.map(|subject| (IssuerName::parse("auth").unwrap(), subject.to_owned())),
        created_at: time(1),
        created_by: "admin".to_owned(),
    };
    for row in [member("anna", Some("1")), member("bela", None), member("cara", None)] {
        change!(store, id, put_member, &row).unwrap();
    }
    assert_eq!(change!(store, id, put_member, &member("bela", Some("1"))), Err(StoreError::Conflict));
    let mut changed = MemberRow { role: Role::Admin, created_at: time(9), ..member("bela", Some("2")) };
    change!(store, id, put_member, &changed).unwrap();
    changed.created_at = time(1);
    assert_eq!(store.member(&id, &name("bela")).await, Ok(Some(changed.clone())));
    let auth = IssuerName::parse("auth").unwrap();
    assert_eq!(store.member_by_subject(&id, &auth, "2").await, Ok(Some(changed.clone())));
    assert_eq!(store.member_by_subject(&id, &IssuerName::parse("other").unwrap(), "2").await, Ok(None));
    assert_eq!(store.count_members(&id).await, Ok(3));
    assert_eq!(store.members(&id, Some("anna"), 1).await, Ok(vec![changed]));

    let group = |text: &str, members: &[&str]| GroupRow {
        name: GroupName::parse(text).unwrap(),
        members: members.iter().map(|member| name(member)).collect(),
        created_at: time(1),
        created_by: "admin".to_owned(),
    };
    for row in [group("ops", &["cara", "anna"]), group("empty", &[]), group("ops", &["anna", "bela"])] {
        change!(store, id, put_group, &row).unwrap();
    }
    assert_eq!(store.groups(&id).await, Ok(vec![group("empty", &[]), group("ops", &["anna", "bela"])]));
    let stranger = change!(store, id, put_group, &group("ops", &["nobody"]));
    assert_eq!(stranger, Err(StoreError::Missing));
    assert_eq!(store.groups_of_member(&id, &name("bela")).await, Ok(vec![GroupName::parse("ops").unwrap()]));
    change!(store, id, delete_member, &name("anna")).unwrap();
    assert_eq!(store.groups(&id).await.unwrap()[1].members, [name("bela")]);
    change!(store, id, delete_group, &GroupName::parse("ops").unwrap()).unwrap();
    assert_eq!(store.has_group(&id, &GroupName::parse("ops").unwrap()).await, Ok(false));
    assert_eq!(store.has_group(&id, &GroupName::parse("empty").unwrap()).await, Ok(true));

    let mut token = token_row(&id, "t1");
    token.member = Some(name("bela"));
    let made = token.clone();
    tx!(store, |tx| tx.insert_token(&made).await).unwrap();
    assert_eq!(store.tokens_of_member(&id, &name("bela")).await, Ok(vec![token]));
    let of = id.clone();
    tx!(store, |tx| tx.revoke_token(&of, "t1", time(5)).await).unwrap();
    assert_eq!(store.tokens_of_member(&id, &name("bela")).await, Ok(vec![]));
}

async fn issuers(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let row = |name: &str, issuer: &str, keys: IssuerKeys| IssuerRow {
        issuer: Issuer {
            name: IssuerName::parse(name).unwrap(),
            issuer: issuer.to_owned(),
            audience: "functions".to_owned(),
            algorithms: vec![Algorithm::Rs256, Algorithm::EdDsa],
            keys,
            groups_claim: Some("groups".to_owned()),
            environments: Some(vec![environment("test")]),
        },
        created_at: time(1),
        created_by: "admin".to_owned(),
    };
    let (one, two) = (
        row("one", "https://1.example", IssuerKeys::JwksUrl("https://1.example/keys".to_owned())),
        row("two", "https://2.example", IssuerKeys::Secret(SecretName::parse("KEY").unwrap())),
    );
    for row in [&two, &one] {
        change!(store, id, put_issuer, row).unwrap();
    }
    assert_eq!(store.issuers(&id).await, Ok(vec![one.clone(), two.clone()]));
    let taken = row("three", "https://1.example", IssuerKeys::Jwks("{}".to_owned()));
    assert_eq!(change!(store, id, put_issuer, &taken), Err(StoreError::Conflict));
    let changed = IssuerRow { issuer: Issuer { environments: None, ..one.issuer.clone() }, ..one.clone() };
    change!(store, id, put_issuer, &changed).unwrap();
    assert_eq!(store.issuers(&id).await, Ok(vec![changed, two]));
    let member = MemberRow {
        name: MemberName::parse("anna").unwrap(),
        role: Role::User,
        subject: Some((one.issuer.name.clone(), "1".to_owned())),
        created_at: time(1),
        created_by: "admin".to_owned(),
    };
    change!(store, id, put_member, &member).unwrap();
    assert_eq!(change!(store, id, delete_issuer, &one.issuer.name), Ok(true));
    assert_eq!(change!(store, id, delete_issuer, &one.issuer.name), Ok(false));
    assert_eq!(
        store.member(&id, &member.name).await.unwrap().unwrap().subject,
        None,
        "another of its name inherits nothing"
    );
}

async fn settings(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    assert_eq!(store.settings(&id).await, Ok(Settings::default()));
    let put = async |account: &AccountId, name: &'static str, text: &'static str| {
        let account = account.clone();
        tx!(store, |tx| tx.put_setting(&account, name, text, time(1), "admin").await)
    };
    put(&id, "response_guard", "off").await.unwrap();
    put(&id, "response_guard", "block").await.unwrap();
    put(&id, "of_a_newer_program", "x").await.unwrap();
    assert_eq!(store.settings(&id).await, Ok(Settings { response_guard: ResponseGuard::Block, ..Settings::default() }));
    assert_eq!(store.settings(&other).await, Ok(Settings::default()));
    assert_eq!(put(&account_id("nobody"), "response_guard", "off").await, Err(StoreError::Missing));
    put(&id, "response_guard", "perhaps").await.unwrap();
    assert_eq!(store.settings(&id).await, Err(StoreError::Corrupt { what: "settings" }));
}
