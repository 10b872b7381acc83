//! Secrets: versions, pages, settings, shared values, and what goes with an environment, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::*;
use domain::{AccountId, Delivery, EnvironmentName, HostPattern, SecretId};
use store::{DraftRow, PutView, SecretRow, Shared, SharingUser, StoreError, StoredValue, TokenRow, ValueFacts};

on_both! {
    secret_versions, secret_pages, secret_settings, slots_and_shared_values, deleting_an_environment,
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
        tx!(store, |tx| tx.put_view(&account, &env, &name, None).await)
    };
    let seen = Some((first.clone(), 2));
    assert_eq!(
        view(&id, "production", "API_KEY").await,
        Ok(PutView { environment: true, requested: false, secret: seen, sharers: Vec::new(), repeated: false })
    );
    assert_eq!(
        view(&id, "production", "OTHER").await,
        Ok(PutView { environment: true, requested: false, secret: None, sharers: Vec::new(), repeated: false })
    );
    assert_eq!(
        view(&id, "nowhere", "API_KEY").await,
        Ok(PutView { environment: false, requested: false, secret: None, sharers: Vec::new(), repeated: false })
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
    let view = tx!(store, |tx| tx.put_view(&account, &env, &name, None).await).unwrap();
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
    let stranger = common::account(&store, "stranger").await;
    let repeated = async |account: &AccountId, name: &str, value: u8| {
        let (account, env, name) = (account.clone(), production.clone(), secret_name(name));
        tx!(store, |tx| tx.put_view(&account, &env, &name, Some(&[value; 32])).await).unwrap().repeated
    };
    assert!(repeated(&id, "A", 7).await && repeated(&id, "B", 7).await && repeated(&id, "NEW", 7).await);
    assert!(!repeated(&id, "A", 9).await && !repeated(&id, "NEW", 9).await, "not current any more");
    assert!(!repeated(&id, "NEW", 8).await && !repeated(&stranger, "A", 7).await);
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
