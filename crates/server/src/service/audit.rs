//! The audit log's reading side: list, checkpoint, proofs, export.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::audit::export::Trailer;
use domain::audit::merkle::verify_consistency;
use domain::audit::{Checkpoint, Frontier, VerifierKey};
use domain::{AccountId, Action, Invalid, Timestamp};
use store::AuditFilter;

use super::secrets::cursor_invalid;
use super::{Caller, Error, Service, paging};
use crate::wire::{self, Page};

/// Which events to list.
#[derive(Debug, Default)]
pub(crate) struct AuditQuery {
    pub(crate) cursor: Option<String>,
    pub(crate) rows: u32,
    pub(crate) action: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) resource: Option<String>,
    /// Not from before this time.
    pub(crate) since: Option<Timestamp>,
    /// From before this time.
    pub(crate) until: Option<Timestamp>,
}

impl Service {
    /// Events, newest first.
    pub(crate) async fn list_audit(&self, caller: &Caller, query: AuditQuery) -> Result<Page<wire::AuditEntry>, Error> {
        self.permit(caller, Action::AuditList, None, "").await?;
        let account = &caller.actor.account;
        let mut before = query.cursor.map(|cursor| cursor.parse::<u64>().map_err(|_| cursor_invalid())).transpose()?;
        if let Some(until) = query.until {
            let end = self.store.audit_index_at(account, until).await?;
            before = Some(before.map_or(end, |before| before.min(end)));
        }
        let from = match query.since {
            Some(since) => self.store.audit_index_at(account, since).await?,
            None => 0,
        };
        let filter = AuditFilter {
            action: query.action,
            actor: query.actor,
            resource_kind: None,
            resource_name: query.resource,
            from,
        };
        let mut found = self.store.audit_events(account, &filter, before, query.rows + 1).await?;
        let next_cursor = paging::cut(&mut found, query.rows, |last| last.index.to_string());
        let items = found
            .into_iter()
            .map(|row| {
                let event =
                    serde_json::from_str(&row.body).map_err(|_| Error::Broken("an audit event does not read back"))?;
                Ok(wire::AuditEntry { index: row.index, event })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Page { items, next_cursor })
    }

    /// The tree head of now, signed.
    pub(crate) async fn audit_checkpoint(&self, caller: &Caller) -> Result<wire::SignedCheckpoint, Error> {
        self.permit(caller, Action::AuditList, None, "").await?;
        self.sign_head(&caller.actor.account).await
    }

    /// Signs the head, after proving that it continues what was signed last: a log must never sign two histories.
    pub(crate) async fn sign_head(&self, account: &AccountId) -> Result<wire::SignedCheckpoint, Error> {
        let key = self.verifier_key(account);
        let (size, root) = self.store.audit_head(account).await?;
        let last = self.store.last_checkpoint(account).await?;
        if let Some((_, note)) = &last {
            let last = Checkpoint::verify(note, &key)
                .map_err(|_| Error::Broken("the last signed checkpoint does not verify"))?;
            if last.size == size && last.root == root {
                return Ok(wire::SignedCheckpoint { size, checkpoint: note.clone(), verifier_key: key.to_string() });
            }
            let continues = last.size <= size && {
                let proof = self.store.consistency_proof(account, last.size, size).await?.unwrap_or_default();
                verify_consistency(last.size, &last.root, size, &root, &proof)
            };
            if !continues {
                return Err(Error::Broken(
                    "the audit log does not continue its last signed checkpoint: it was changed from outside",
                ));
            }
        }
        let checkpoint = Checkpoint { origin: key.origin().to_owned(), size, root };
        let note = checkpoint.note(&key, &self.server.audit.sign(checkpoint.body().as_bytes()));
        let (account, signed) = (account.clone(), note.clone());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.insert_checkpoint(&account, size, &signed).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(wire::SignedCheckpoint { size, checkpoint: note, verifier_key: key.to_string() })
    }

    fn verifier_key(&self, account: &AccountId) -> VerifierKey {
        VerifierKey::new(&format!("tresor/{}/{account}", self.server.id), self.server.audit.public_key())
    }

    /// The proof that leaf `index` is in the tree of `size`.
    pub(crate) async fn inclusion_proof(
        &self,
        caller: &Caller,
        index: u64,
        size: u64,
    ) -> Result<wire::AuditProof, Error> {
        self.permit(caller, Action::AuditList, None, "").await?;
        let proof = self.store.inclusion_proof(&caller.actor.account, index, size).await?;
        let hashes = proof
            .ok_or_else(|| Invalid::new("size", "out_of_range", "must be above `index` and at most the log's size"))?;
        Ok(wire::AuditProof { hashes: hashes.iter().map(|hash| STANDARD.encode(hash)).collect() })
    }

    /// The proof that the tree of `old` leaves is a beginning of the tree of `new`.
    pub(crate) async fn consistency_proof(
        &self,
        caller: &Caller,
        old: u64,
        new: u64,
    ) -> Result<wire::AuditProof, Error> {
        self.permit(caller, Action::AuditList, None, "").await?;
        let proof = self.store.consistency_proof(&caller.actor.account, old, new).await?;
        let hashes = proof
            .ok_or_else(|| Invalid::new("new", "out_of_range", "must be at least `old` and at most the log's size"))?;
        Ok(wire::AuditProof { hashes: hashes.iter().map(|hash| STANDARD.encode(hash)).collect() })
    }

    /// Hashes every stored event anew and compares with the signed checkpoint. Returns how many events it covers.
    pub(crate) async fn verify_audit(&self, caller: &Caller) -> Result<u64, Error> {
        let signed = self.audit_checkpoint(caller).await?;
        let key = self.verifier_key(&caller.actor.account);
        let checkpoint = Checkpoint::verify(&signed.checkpoint, &key)
            .map_err(|_| Error::Broken("the checkpoint does not verify"))?;
        let mut frontier = Frontier::default();
        while frontier.size() < checkpoint.size {
            let rows = self.export_rows(&caller.actor.account, frontier.size(), checkpoint.size).await?;
            if rows.is_empty() {
                return Err(Error::Broken("audit events are missing"));
            }
            for body in rows {
                frontier.append(domain::audit::merkle::leaf_hash(body.as_bytes()));
            }
        }
        if frontier.root() == checkpoint.root {
            Ok(checkpoint.size)
        } else {
            Err(Error::Broken("the audit events are not those that were signed"))
        }
    }

    /// The first lines of an export of everything up to a fresh checkpoint: see [`Service::export_rows`] for the rest.
    pub(crate) async fn begin_export(&self, caller: &Caller) -> Result<(AccountId, u64, String), Error> {
        let signed = self.audit_checkpoint(caller).await?;
        let trailer = Trailer { checkpoint: signed.checkpoint, verifier_key: signed.verifier_key };
        let trailer = serde_json::to_string(&trailer).unwrap_or_default();
        Ok((caller.actor.account.clone(), signed.size, trailer))
    }

    /// Up to 1,000 events from index `from`, below `size`, as they are hashed.
    pub(crate) async fn export_rows(&self, account: &AccountId, from: u64, size: u64) -> Result<Vec<String>, Error> {
        let rows = u32::try_from(size.saturating_sub(from).min(1_000)).unwrap_or(1_000);
        Ok(self.store.audit_events_from(account, from, rows).await?.into_iter().map(|row| row.body).collect())
    }
}
