//! Proofs about an account's audit log, from the stored leaves and subtrees.

use std::ops::Range;

use domain::AccountId;
use domain::audit::merkle::{Node, consistency_ranges, decompose, fold, inclusion_ranges};
use domain::audit::{Frontier, Hash};
use sqlx::AnyConnection;

use crate::audit::{STORED_LEVELS, hash_column};
use crate::columns::{Columns, int};
use crate::{Result, StoreError};

/// A complete subtree's hash: over the stored hashes of the next stored level at or below it, at most 128 of them.
async fn node_hash(conn: &mut AnyConnection, account: &AccountId, node: Node) -> Result<Hash> {
    let height = node.level % STORED_LEVELS;
    let (level, first) = (node.level - height, node.index << height);
    let query = if level == 0 {
        sqlx::query("SELECT leaf AS hash FROM audit_events WHERE account = $1 AND idx >= $2 AND idx < $3 ORDER BY idx")
    } else {
        sqlx::query(
            "SELECT hash FROM audit_nodes WHERE account = $1 AND idx >= $2 AND idx < $3 AND level = $4 ORDER BY idx",
        )
    };
    let query = query.bind(account.as_str()).bind(int(first)).bind(int(first + (1 << height)));
    let query = if level == 0 { query } else { query.bind(i64::from(level)) };
    let rows = query.fetch_all(conn).await?;
    if rows.len() != 1 << height {
        return Err(StoreError::Corrupt { what: "audit log" });
    }
    let mut subtree = Frontier::default();
    for row in &rows {
        subtree.append(hash_column(row, "hash")?);
    }
    Ok(subtree.root())
}

async fn range_hashes(conn: &mut AnyConnection, account: &AccountId, ranges: Vec<Range<u64>>) -> Result<Vec<Hash>> {
    let mut hashes = Vec::with_capacity(ranges.len());
    for range in ranges {
        let mut nodes = Vec::new();
        for node in decompose(range) {
            nodes.push(node_hash(conn, account, node).await?);
        }
        hashes.push(fold(&nodes));
    }
    Ok(hashes)
}

async fn audit_size(conn: &mut AnyConnection, account: &AccountId) -> Result<u64> {
    let query = sqlx::query("SELECT size FROM audit_logs WHERE account = $1").bind(account.as_str());
    query.fetch_optional(conn).await?.map_or(Ok(0), |row| row.number("size"))
}

reads! {
    /// The proof that event `index` is in the log's first `size` events; `None` if it is not, or the log is shorter.
    pub async fn inclusion_proof(conn, account: &AccountId, index: u64, size: u64) -> Result<Option<Vec<Hash>>> {
        if index >= size || size > audit_size(conn, account).await? {
            return Ok(None);
        }
        range_hashes(conn, account, inclusion_ranges(index, size)).await.map(Some)
    }

    /// The proof that the log's first `old` events begin its first `new`; `None` if it is shorter than `new`, or `new`
    /// less than `old`.
    pub async fn consistency_proof(conn, account: &AccountId, old: u64, new: u64) -> Result<Option<Vec<Hash>>> {
        if old > new || new > audit_size(conn, account).await? {
            return Ok(None);
        }
        range_hashes(conn, account, consistency_ranges(old, new)).await.map(Some)
    }
}
