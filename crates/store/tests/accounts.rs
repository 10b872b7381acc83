//! Accounts and what belongs to them but secrets and functions, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::*;
use domain::{
    AccountId, AccountName, Algorithm, GroupName, Issuer, IssuerKeys, IssuerName, MemberName, ResponseGuard, Role,
    ScopeSet, SecretName, Settings,
};
use store::{
    AccountKeyRow, DraftRow, EnvironmentRow, GroupRow, IdempotencyRow, IssuerRow, LoginCodeRow, MemberRow, StoreError,
};

on_both! {
    server_state, accounts, account_keys, environments, tokens, token_revocation, sessions, login_codes, drafts, idempotency, members_and_groups, issuers, settings,
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

/// A write of one account that is given one thing.
macro_rules! change {
    ($store:expr, $account:expr, $method:ident, $thing:expr) => {{
        let (account, thing) = ($account.clone(), ($thing).clone());
        tx!($store, |tx| tx.$method(&account, &thing).await)
    }};
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
