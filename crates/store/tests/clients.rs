//! Programs that act for an account, on both databases: a code and a refresh token are used once, and an end ends all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::*;
use domain::ScopeSet;
use store::{ClientCodeRow, ClientGrantRow, ClientTokenKind, ClientTokenRow, StoreError};

#[tokio::test]
async fn on_sqlite() {
    clients(Database::sqlite()).await;
}

#[tokio::test]
async fn on_postgres() {
    clients(Database::postgres().await).await;
}

async fn clients(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    let grant = ClientGrantRow {
        id: "g1".to_owned(),
        account: id.clone(),
        client_id: "https://client.example/x".to_owned(),
        name: "Client".to_owned(),
        scopes: ScopeSet::of_a_client(),
        environments: Some(vec![environment("production")]),
        created_at: time(10),
        created_by: "admin".to_owned(),
        revoked_at: None,
        last_used_at: None,
    };
    let nobodys = ClientGrantRow { account: account_id("nobody"), ..grant.clone() };
    assert_eq!(tx!(store, |tx| tx.insert_client_grant(&nobodys).await), Err(StoreError::Missing));
    for row in [grant.clone(), ClientGrantRow { id: "g2".to_owned(), environments: None, ..grant.clone() }] {
        tx!(store, |tx| tx.insert_client_grant(&row).await).unwrap();
    }
    assert_eq!(store.client_grant(&id, "g1").await, Ok(Some(grant.clone())));
    assert_eq!(store.client_grant(&other, "g1").await, Ok(None), "another account's is not there");
    let held = async |limit: u32| {
        store.client_grants(&id, limit).await.unwrap().into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!((held(9).await, held(1).await), (vec!["g2".to_owned(), "g1".to_owned()], vec!["g2".to_owned()]));

    let code = ClientCodeRow {
        hash: "c".to_owned(),
        account: id.clone(),
        grant_id: "g1".to_owned(),
        redirect_uri: "https://client.example/cb".to_owned(),
        challenge: "x".repeat(43),
        expires_at: time(20),
        used_at: None,
    };
    let inserted = code.clone();
    tx!(store, |tx| tx.insert_client_code(&inserted).await).unwrap();
    assert_eq!(store.client_code("c").await, Ok(Some(code.clone())));
    assert_eq!(tx!(store, |tx| tx.use_client_code("c", time(11)).await), Ok(true));
    assert_eq!(tx!(store, |tx| tx.use_client_code("c", time(12)).await), Ok(false), "once");
    assert_eq!(store.client_code("c").await, Ok(Some(ClientCodeRow { used_at: Some(time(11)), ..code })));

    let token = |hash: &str, grant: &str, kind, expires_at| ClientTokenRow {
        hash: hash.to_owned(),
        account: id.clone(),
        grant_id: grant.to_owned(),
        kind,
        expires_at: time(expires_at),
        used_at: None,
    };
    let (access, refresh) = (ClientTokenKind::Access, ClientTokenKind::Refresh);
    for row in [token("a", "g1", access, 30), token("r", "g1", refresh, 90), token("b", "g2", access, 90)] {
        tx!(store, |tx| tx.insert_client_token(&row).await).unwrap();
    }
    assert_eq!(store.client_token("a", access).await, Ok(Some(token("a", "g1", access, 30))));
    assert_eq!(store.client_token("a", refresh).await, Ok(None), "one kind is not the other");
    assert_eq!(tx!(store, |tx| tx.use_client_token("r", time(13)).await), Ok(true));
    assert_eq!(tx!(store, |tx| tx.use_client_token("r", time(14)).await), Ok(false), "once");

    let (touched, later) = (id.clone(), id.clone());
    tx!(store, |tx| tx.touch_client_grant(&touched, "g1", time(100)).await).unwrap();
    tx!(store, |tx| tx.touch_client_grant(&later, "g1", time(101)).await).unwrap();
    assert_eq!(store.client_grant(&id, "g1").await.unwrap().unwrap().last_used_at, Some(time(100)));

    let (foreign, own, again) = (other.clone(), id.clone(), id.clone());
    assert_eq!(tx!(store, |tx| tx.revoke_client_grant(&foreign, "g1", time(40)).await), Ok(false));
    assert_eq!(tx!(store, |tx| tx.revoke_client_grant(&own, "g1", time(40)).await), Ok(true));
    assert_eq!(tx!(store, |tx| tx.revoke_client_grant(&again, "g1", time(41)).await), Ok(false));
    assert_eq!(store.client_grant(&id, "g1").await.unwrap().unwrap().revoked_at, Some(time(40)));
    assert_eq!((store.client_token("a", access).await, store.client_code("c").await), (Ok(None), Ok(None)));
    assert_eq!(held(9).await, ["g2"]);

    tx!(store, |tx| tx.prune_clients(time(50)).await).unwrap();
    assert_eq!(store.client_grant(&id, "g1").await, Ok(None), "nothing is left of it");
    assert!(store.client_token("b", access).await.unwrap().is_some(), "what still works stays");
    tx!(store, |tx| tx.prune_clients(time(91)).await).unwrap();
    assert_eq!(held(9).await, Vec::<String>::new());
}
