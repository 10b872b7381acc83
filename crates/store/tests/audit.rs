//! The audit log on both databases, checked against trees built independently of the store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::*;
use domain::AccountId;
use domain::audit::merkle::{empty_root, leaf_hash, verify_consistency, verify_inclusion};
use domain::audit::{AuditEvent, Frontier, Hash};
use store::{AuditFilter, Store, StoreError};

#[tokio::test]
async fn sqlite() {
    suite(Database::sqlite()).await;
}

#[tokio::test]
async fn postgres() {
    suite(Database::postgres().await).await;
}

const EVENTS: u64 = 600;

async fn suite(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    assert_eq!(store.audit_head(&id).await, Ok((0, empty_root())));
    assert_eq!(store.audit_head(&account_id("nobody")).await, Ok((0, empty_root())));
    let stranger = event(&account_id("nobody"), "secret.put", "A", 0);
    assert_eq!(tx!(store, |tx| tx.append_audit(&stranger).await), Err(StoreError::Missing));

    // Two logs grow side by side; roots of the first are remembered at every size.
    let mut frontier = Frontier::default();
    let mut roots = vec![frontier.root()];
    let mut leaves = Vec::new();
    for start in (0..EVENTS).step_by(100) {
        let events: Vec<_> = (start..start + 100).map(|n| numbered(&id, n)).collect();
        for event in &events {
            leaves.push(leaf_hash(event.to_json().as_bytes()));
            frontier.append(*leaves.last().unwrap());
            roots.push(frontier.root());
        }
        let interleaved = event(&other, "token.create", "x", start);
        let indexes = tx!(store, |tx| {
            let mut indexes = Vec::new();
            for event in &events {
                indexes.push(tx.append_audit(event).await?);
            }
            tx.append_audit(&interleaved).await?;
            Ok::<_, StoreError>(indexes)
        });
        assert_eq!(indexes, Ok((start..start + 100).collect()));
        assert_eq!(store.audit_head(&id).await, Ok((start + 100, frontier.root())));
    }
    assert_eq!(store.audit_head(&other).await.unwrap().0, 6);
    let stored = db.dump().await.iter().filter(|line| line.starts_with("audit_nodes: ")).count();
    assert_eq!(stored, 2, "of 600 leaves, two complete subtrees of level 8");

    export(&store, &id, &leaves).await;
    lists(&store, &id).await;
    inclusion(&store, &id, &leaves, &roots).await;
    consistency(&store, &id, &roots).await;
    checkpoints(&store, &id).await;

    // A hole in the log is told, not proved over.
    db.raw("DELETE FROM audit_events WHERE account = 'acc' AND idx = 300").await;
    let corrupt = Err(StoreError::Corrupt { what: "audit log" });
    assert_eq!(store.inclusion_proof(&id, 301, EVENTS).await, corrupt);
}

fn numbered(id: &AccountId, n: u64) -> AuditEvent {
    event(id, if n.is_multiple_of(10) { "secret.put" } else { "function.invoke" }, &format!("R{}", n % 7), n)
}

async fn export(store: &Store, id: &AccountId, leaves: &[Hash]) {
    let mut rows = Vec::new();
    loop {
        let page = store.audit_events_from(id, rows.len() as u64, 256).await.unwrap();
        if page.is_empty() {
            break;
        }
        rows.extend(page);
    }
    assert_eq!(rows.len(), leaves.len());
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(row.index, n as u64);
        assert_eq!(row.body, numbered(id, n as u64).to_json());
        assert_eq!((row.leaf, leaf_hash(row.body.as_bytes())), (leaves[n], leaves[n]));
    }
}

async fn lists(store: &Store, id: &AccountId) {
    let indexes = async |filter: AuditFilter, before, limit| {
        let rows = store.audit_events(id, &filter, before, limit).await.unwrap();
        rows.iter().map(|row| row.index).collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(indexes(AuditFilter::default(), None, 3).await, [599, 598, 597]);
    assert_eq!(indexes(AuditFilter::default(), Some(2), 9).await, [1, 0]);
    let puts = AuditFilter { action: text("secret.put"), ..Default::default() };
    assert_eq!(indexes(puts, Some(590), 2).await, [580, 570]);
    let actor = AuditFilter { actor: text("actor2"), ..Default::default() };
    assert_eq!(indexes(actor, None, 2).await, [599, 596]);
    let all = AuditFilter {
        action: text("secret.put"),
        actor: text("actor1"),
        resource_kind: text("secret"),
        resource_name: text("R3"),
        from: 0,
    };
    let expected: Vec<u64> = (0..EVENTS).rev().filter(|n| n.is_multiple_of(10) && n % 3 == 1 && n % 7 == 3).collect();
    assert!(expected.len() > 1);
    assert_eq!(indexes(all.clone(), None, 500).await, expected);
    let later = expected.iter().copied().filter(|index| *index >= expected[1]).collect::<Vec<_>>();
    assert_eq!(indexes(AuditFilter { from: expected[1], ..all }, None, 500).await, later);
    // By time: the first event that is not from before it.
    for index in [0, 1, 300, EVENTS - 1] {
        let at = numbered(id, index).time;
        assert_eq!(store.audit_index_at(id, at).await, Ok(index));
        assert_eq!(store.audit_index_at(id, at.plus_millis(1)).await, Ok(index + 1));
    }
    let done = store.last_done(id, "function.invoke", "function", "R4").await.unwrap().unwrap();
    assert_eq!(done, numbered(id, 592).to_json(), "599 was denied");
    assert_eq!(store.last_done(id, "function.invoke", "function", "R9").await, Ok(None));
}

async fn inclusion(store: &Store, id: &AccountId, leaves: &[Hash], roots: &[Hash]) {
    for size in [1, 2, 3, 255, 256, 257, 300, 511, 512, 513, 599, 600] {
        for index in [0, 1, 2, 127, 128, 254, 255, 256, 257, 299, 510, 511, 512, 513, 598, 599] {
            let proof = store.inclusion_proof(id, index, size).await.unwrap();
            assert_eq!(proof.is_some(), index < size);
            let Some(proof) = proof else { continue };
            let root = &roots[usize::try_from(size).unwrap()];
            let leaf = leaves[usize::try_from(index).unwrap()];
            assert!(verify_inclusion(leaf, index, size, &proof, root), "{index} in {size}");
            assert!(!verify_inclusion(leaf_hash(b"forged"), index, size, &proof, root));
        }
    }
    assert_eq!(store.inclusion_proof(id, 0, EVENTS + 1).await, Ok(None), "longer than the log");
}

async fn consistency(store: &Store, id: &AccountId, roots: &[Hash]) {
    let sizes = [0, 1, 2, 100, 255, 256, 257, 300, 511, 512, 513, 599, 600_u64];
    for old in sizes {
        for new in sizes {
            let proof = store.consistency_proof(id, old, new).await.unwrap();
            assert_eq!(proof.is_some(), old <= new);
            let Some(proof) = proof else { continue };
            let (old_root, new_root) = (&roots[usize::try_from(old).unwrap()], &roots[usize::try_from(new).unwrap()]);
            assert!(verify_consistency(old, old_root, new, new_root, &proof), "{old} to {new}");
        }
    }
    assert_eq!(store.consistency_proof(id, 1, EVENTS + 1).await, Ok(None), "longer than the log");
}

async fn checkpoints(store: &Store, id: &AccountId) {
    assert_eq!(store.last_checkpoint(id).await, Ok(None));
    for (size, note) in [(100, "first\nnote\n"), (600, "second"), (600, "another of the same size"), (300, "late")] {
        let id = id.clone();
        tx!(store, |tx| tx.insert_checkpoint(&id, size, note).await).unwrap();
    }
    assert_eq!(store.last_checkpoint(id).await, Ok(Some((600, "second".to_owned()))));
}
